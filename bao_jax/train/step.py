"""One update: pure functions from a state and a batch to the next state.

Neither sees text, gyms or configs; `sft` and `rl` compile them.
"""

from typing import NamedTuple

import flax
import jax
import jax.numpy as jnp
import optax

from bao_jax import sharding
from bao_jax import types
from bao_jax.model import causal
from bao_jax.model import config as config_lib
from bao_jax.model import lora
from bao_jax.model import qwen3
from bao_jax.rl import logps as logps_lib
from bao_jax.rl import losses
from bao_jax.train import batch as batch_lib


@flax.struct.dataclass
class PolicyBatch:
  """What the policy loss needs of a `Batch`.

  Attributes:
    tokens: `[B, T]` int32.
    mask: `[B, T]` bool, True on sampled tokens of valid conversations.
    old_logps: `[B, T]` float32, under the policy that ratios compare with: the
      one that sampled, or after `catch_up` the one that the update begins with.
    advantages: `[B, T]` float32.
    ref_logps: `[B, T]` float32, under the reference; equal to `old_logps` where
      there is none.
  """

  tokens: jax.Array
  mask: jax.Array
  old_logps: jax.Array
  advantages: jax.Array
  ref_logps: jax.Array


class ModelFn(NamedTuple):
  """How log-probabilities are computed.

  Attributes:
    config: the model's shape.
    chunk: positions whose logits exist at a time.
    mesh: the devices; None for one.
  """

  config: config_lib.ModelConfig
  chunk: int = 128
  mesh: sharding.Mesh | None = None


def packed_logps(
    params: types.Params,
    batch: batch_lib.Packed,
    base: types.Params | None = None,
    *,
    model: ModelFn,
    temperature: float = 1.0,
    is_packed: bool = True,
) -> tuple[jax.Array, jax.Array]:
  """Computes `[B, T]` log-probabilities and entropies of the masked tokens.

  The other tokens get 0. The first token of a conversation is predicted by
  nothing: its entry would mean nothing, so no mask may hold it. Where `params`
  are adapters, `base` holds the frozen parameters beside them. `is_packed` is
  False where every row is one conversation, which takes less time on GPUs.
  """
  params = lora.attach(params, base, model.config.lora)
  constrain = sharding.constrainer(model.mesh)
  attend = causal.attend_fn(
      model.config, batch.segments, is_packed=is_packed, mesh=model.mesh
  )
  transformer = qwen3.Transformer(model.config, attend, constrain)
  hidden, _ = transformer.apply(
      {'params': params}, batch.tokens, batch.positions
  )

  def score(shared, hidden, tokens, mask):
    embedding, most = shared
    return logps_lib.chunked_logps(
        hidden,
        embedding,
        tokens,
        temperature=temperature,
        chunk=model.chunk,
        mask=mask,
        most=most,
    )

  embedding = qwen3.output_embedding(params)
  # Of all rows: devices have to agree when their loops end.
  most = jnp.max(jnp.sum(batch.mask[:, 1:], axis=1))
  return sharding.by_rows(score, model.mesh)(
      (embedding, most), hidden, batch.tokens, batch.mask
  )


def token_logps(
    params: types.Params,
    tokens: jax.Array,
    mask: jax.Array,
    base: types.Params | None = None,
    *,
    model: ModelFn,
    temperature: float = 1.0,
) -> tuple[jax.Array, jax.Array]:
  """Computes the same for one conversation per row, right-padded."""
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  batch = batch_lib.Packed(tokens, jnp.zeros_like(tokens), positions, mask)
  return packed_logps(
      params,
      batch,
      base,
      model=model,
      temperature=temperature,
      is_packed=False,
  )


def apply_gradients(
    state: types.TrainState,
    grads: types.Params,
    tx: optax.GradientTransformation,
) -> types.TrainState:
  """Takes one optimizer step."""
  updates, opt_state = tx.update(grads, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  return types.TrainState(state.step + 1, params, opt_state)


def supervised_step(
    state: types.TrainState,
    batch: batch_lib.Packed,
    base: types.Params | None = None,
    *,
    model: ModelFn,
    tx: optax.GradientTransformation,
) -> tuple[types.TrainState, types.Metrics]:
  """Imitates the masked tokens: minimizes their mean negative log-likelihood.

  L = -Σₜ mₜ log π(xₜ | x₍<t₎) / Σₜ mₜ

  The state's parameters are trained, those of `base` are not.
  """

  def loss_fn(params):
    logps, entropies = packed_logps(params, batch, base, model=model)
    return (
        -losses.masked_mean(logps, batch.mask),
        losses.masked_mean(entropies, batch.mask),
    )

  (loss, entropy), grads = jax.value_and_grad(loss_fn, has_aux=True)(
      state.params
  )
  metrics = {
      'sft/loss': loss,
      'sft/entropy': entropy,
      'sft/gradient_norm': optax.global_norm(grads),
  }
  return apply_gradients(state, grads, tx), metrics


class Objective(NamedTuple):
  """The policy loss: eq. 4 of the paper by default, which has no KL term.

  Attributes:
    clip_low: how far the ratio may fall below 1.
    clip_high: how far it may rise above 1.
    dual_clip: the bound on the ratio where the advantage is negative, or None.
    aggregation: 'token', 'sequence' or 'constant'.
    constant_tokens: what 'constant' divides a conversation's sum by.
    kl_estimator: 'k1', 'k2' or 'k3', of the divergence from the reference.
    kl_coef: its weight; 0 leaves the reference out.
  """

  clip_low: float = 0.2
  clip_high: float = 0.2
  dual_clip: float | None = None
  aggregation: str = 'token'
  constant_tokens: int = 512
  kl_estimator: str = 'k3'
  kl_coef: float = 0.0

  def loss(
      self,
      logps: jax.Array,
      batch: PolicyBatch,
      num_tokens: jax.Array,
      num_rows: jax.Array,
  ) -> jax.Array:
    """Computes the `[]` loss; the counts are those of the whole mini-batch."""
    token_losses = losses.clipped_losses(
        logps,
        batch.old_logps,
        batch.advantages,
        batch.mask,
        clip_low=self.clip_low,
        clip_high=self.clip_high,
        dual_clip=self.dual_clip,
    )
    if self.kl_coef:
      kl = {'k1': losses.kl_k1, 'k2': losses.kl_k2, 'k3': losses.kl_k3}
      token_losses += self.kl_coef * kl[self.kl_estimator](
          logps, batch.ref_logps, batch.mask
      )
    if self.aggregation == 'token':
      return losses.masked_mean(
          token_losses, batch.mask, denominator=num_tokens
      )
    if self.aggregation == 'sequence':
      return losses.sequence_mean(
          token_losses, batch.mask, denominator=num_rows
      )
    return losses.constant_mean(
        token_losses,
        batch.mask,
        max_tokens=self.constant_tokens,
        denominator=num_rows,
    )


def catch_up(
    batch: PolicyBatch, logps: jax.Array, *, max_weight: float
) -> tuple[PolicyBatch, types.Metrics]:
  """Makes a batch that an older policy sampled one to update a later policy on.

  Its ratios are then those to the later policy, and what an older one sampled
  more or less often than it weighs less or more; see
  `losses.truncated_weights`. Every surrogate is proportional to its advantage:
  so the weights go there.

  Args:
    batch: B conversations, `old_logps` those of the policy that sampled.
    logps: `[B, T]` log-probabilities under the policy to be updated.
    max_weight: the largest weight.

  Returns:
    The batch, and scalars: 'policy/weight_mean', of tokens;
    'policy/weight_truncated', the share of tokens that weigh the most;
    'policy/logp_mismatch' and 'policy/logp_mismatch_max', the mean and largest
    |log π - log π_old|, of which the lag is a part.
  """
  weights = losses.truncated_weights(
      logps, batch.old_logps, batch.mask, max_weight=max_weight
  )
  mean = lambda x: losses.masked_mean(x, batch.mask)
  gaps = jnp.where(batch.mask, jnp.abs(logps - batch.old_logps), 0.0)
  metrics = {
      'policy/weight_mean': mean(weights),
      'policy/weight_truncated': mean(weights >= max_weight),
      'policy/logp_mismatch': mean(gaps),
      'policy/logp_mismatch_max': jnp.max(gaps),
  }
  advantages = weights * jnp.where(batch.mask, batch.advantages, 0.0)
  return batch.replace(old_logps=logps, advantages=advantages), metrics


def policy_step(
    state: types.TrainState,
    batch: PolicyBatch,
    base: types.Params | None = None,
    *,
    model: ModelFn,
    tx: optax.GradientTransformation,
    objective: Objective,
    temperature: float,
    num_minibatches: int = 1,
    num_microbatches: int = 1,
) -> tuple[types.TrainState, types.Metrics]:
  """Takes one optimizer step per mini-batch.

  Args:
    state: what came out of the last step.
    batch: B conversations; the mini-batches are cut along B.
    base: the frozen parameters beside adapters, which are then the state's.
    model: how log-probabilities are computed.
    tx: the optimizer.
    objective: the loss.
    temperature: the one that the tokens were sampled with.
    num_minibatches: optimizer steps.
    num_microbatches: pieces whose gradients are added up within a mini-batch;
      the result does not depend on it.

  Returns:
    The next state, and metrics averaged over mini-batches, but for the
    mismatch of sampler and trainer, which is that of the first: later ones
    have moved away from the sampling policy on purpose.
  """
  constrain = sharding.constrainer(model.mesh)

  def cut(x, n):
    # Every piece lies on all devices.
    x = x.reshape((n, x.shape[0] // n) + x.shape[1:])
    return constrain(x, None, 'rows', *(None,) * (x.ndim - 2))

  split = lambda tree, n: jax.tree.map(lambda x: cut(x, n), tree)

  def update(state, minibatch):
    grads, metrics = _policy_gradient(
        state.params,
        split(minibatch, num_microbatches),
        base,
        model=model,
        objective=objective,
        temperature=temperature,
    )
    metrics['policy/gradient_norm'] = optax.global_norm(grads)
    return apply_gradients(state, grads, tx), metrics

  state, metrics = jax.lax.scan(update, state, split(batch, num_minibatches))
  gaps = {
      'policy/logp_mismatch': metrics.pop('policy/logp_gap')[0],
      'policy/logp_mismatch_max': metrics.pop('policy/logp_gap_max')[0],
  }
  return state, {**jax.tree.map(jnp.mean, metrics), **gaps}


def _policy_gradient(
    params, microbatches, base, *, model, objective, temperature
):
  """Adds up the gradients of the pieces of one mini-batch."""
  num_tokens = jnp.sum(microbatches.mask)
  num_rows = jnp.sum(jnp.any(microbatches.mask, axis=-1))

  def loss_fn(params, micro):
    logps, entropies = token_logps(
        params,
        micro.tokens,
        micro.mask,
        base,
        model=model,
        temperature=temperature,
    )
    loss = objective.loss(logps, micro, num_tokens, num_rows)
    metrics = losses.policy_metrics(
        logps,
        micro.old_logps,
        micro.advantages,
        entropies,
        micro.mask,
        clip_low=objective.clip_low,
        clip_high=objective.clip_high,
        denominator=num_tokens,
    )
    gap = jnp.where(micro.mask, jnp.abs(logps - micro.old_logps), 0.0)
    return loss, ({**metrics, 'policy/loss': loss}, jnp.max(gap))

  def add(total, micro):
    grads, metrics = jax.grad(loss_fn, has_aux=True)(params, micro)
    return jax.tree.map(jnp.add, total, grads), metrics

  zeros = jax.tree.map(jnp.zeros_like, params)
  grads, (metrics, gaps) = jax.lax.scan(add, zeros, microbatches)
  metrics = {name: jnp.sum(value) for name, value in metrics.items()}
  return grads, {**metrics, 'policy/logp_gap_max': jnp.max(gaps)}
