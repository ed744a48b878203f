"""Policy losses per token, ways to average them, and what to report.

Pure functions of arrays: none sees a model, a config or a device mesh. A loss
is built in two steps, so that the choices stay independent of each other:

  losses = clipped_losses(logps, old_logps, advantages, mask)    # [B, T]
  losses += 0.001 * kl_k3(logps, ref_logps, mask)
  loss = masked_mean(losses, mask, denominator=num_tokens)       # []

Every average takes an explicit `denominator`: give the number of the whole
batch, and the sum over micro-batches or devices equals the loss of the whole.
"""

import chex
import jax
import jax.numpy as jnp

from bao_jax import types

# exp(20) is finite in float32 with room to be multiplied and summed; a ratio
# that large carries no information that clipping would keep.
_MAX_LOG_RATIO = 20.0


def masked_mean(
    x: jax.Array,
    mask: jax.Array,
    *,
    denominator: jax.Array | float | None = None,
) -> jax.Array:
  """Averages `x` over the entries where `mask` is True; 0 if there are none.

  Of a loss this is the token mean: long conversations weigh more.

  Args:
    x: any shape; entries under the mask may be anything, NaN included.
    mask: bool, the shape of `x`.
    denominator: what to divide by; the number of True entries if None.

  Returns:
    `[]` the mean.
  """
  chex.assert_equal_shape([x, mask])
  if denominator is None:
    denominator = jnp.sum(mask)
  return jnp.sum(jnp.where(mask, x, 0.0)) / jnp.maximum(denominator, 1)


def sequence_mean(
    x: jax.Array,
    mask: jax.Array,
    *,
    denominator: jax.Array | float | None = None,
) -> jax.Array:
  """Averages over the tokens of each conversation, then over conversations.

  A token of a short conversation weighs more than one of a long one.

  Args:
    x: `[B, T]` values of tokens.
    mask: `[B, T]` bool, the tokens that count.
    denominator: what the second average divides by; the number of rows with
      any True entry if None.

  Returns:
    `[]` the mean.
  """
  chex.assert_rank(x, 2)
  chex.assert_equal_shape([x, mask])
  num_tokens = jnp.maximum(jnp.sum(mask, axis=1), 1)
  means = jnp.sum(jnp.where(mask, x, 0.0), axis=1) / num_tokens
  return masked_mean(means, jnp.any(mask, axis=1), denominator=denominator)


def constant_mean(
    x: jax.Array,
    mask: jax.Array,
    *,
    max_tokens: int,
    denominator: jax.Array | float | None = None,
) -> jax.Array:
  """Sums over the tokens of each conversation and divides by a constant.

    Σ_b Σ_t x / (max_tokens · number of conversations)

  Every token weighs the same whatever its conversation's length, so an unbiased
  estimator stays unbiased. See "Understanding R1-Zero-Like Training" by Liu et
  al. (https://arxiv.org/abs/2503.20783).

  Args:
    x: `[B, T]` values of tokens.
    mask: `[B, T]` bool, the tokens that count.
    max_tokens: any constant near the usual length; it only scales.
    denominator: the number of conversations; that of rows with any True entry
      if None.

  Returns:
    `[]` the mean.
  """
  chex.assert_rank(x, 2)
  chex.assert_equal_shape([x, mask])
  sums = jnp.sum(jnp.where(mask, x, 0.0), axis=1) / max_tokens
  return masked_mean(sums, jnp.any(mask, axis=1), denominator=denominator)


def clipped_losses(
    logps: jax.Array,
    old_logps: jax.Array,
    advantages: jax.Array,
    mask: jax.Array,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
) -> jax.Array:
  """Computes the clipped surrogate loss of each token.

    Lₜ = max(-ρₜ Aₜ, -clip(ρₜ, 1-ε_low, 1+ε_high) Aₜ),  ρₜ = π(aₜ) / π_old(aₜ)
    Lₜ = min(Lₜ, -c Aₜ)  where Aₜ < 0, if `dual_clip` is given

  See "Proximal Policy Optimization Algorithms" by Schulman et al.
  (https://arxiv.org/abs/1707.06347), eq. 4 of Yao et al.
  (https://arxiv.org/abs/2602.11351), "DAPO" by Yu et al.
  (https://arxiv.org/abs/2503.14476) for the two sides, and "Mastering Complex
  Control in MOBA Games" by Ye et al. (https://arxiv.org/abs/1912.09729) for c.

  Args:
    logps: `[B, T]` log-probabilities under the policy being trained.
    old_logps: `[B, T]` log-probabilities under the policy that sampled.
    advantages: `[B, T]` advantages.
    mask: `[B, T]` bool, True on the tokens the policy sampled.
    clip_low: how far the ratio may fall below 1, ε_low.
    clip_high: how far the ratio may rise above 1, ε_high.
    dual_clip: the bound on the ratio of tokens with negative advantage, c > 1.

  Returns:
    `[B, T]` losses, 0 where `mask` is False.
  """
  chex.assert_rank(logps, 2)
  chex.assert_equal_shape([logps, old_logps, advantages, mask])
  ratio = _exp(_log_ratio(logps, old_logps, mask))
  clipped = jnp.clip(ratio, 1 - clip_low, 1 + clip_high)
  advantages = jax.lax.stop_gradient(jnp.where(mask, advantages, 0.0))
  losses = jnp.maximum(-ratio * advantages, -clipped * advantages)
  if dual_clip is None:
    return losses
  bounded = jnp.minimum(losses, -dual_clip * advantages)
  return jnp.where(advantages < 0, bounded, losses)


def truncated_weights(
    logps: jax.Array,
    old_logps: jax.Array,
    mask: jax.Array,
    *,
    max_weight: float,
) -> jax.Array:
  """Computes what tokens of an older policy count for a later one.

    wₜ = min(π_prox(aₜ) / π_old(aₜ), c)

  π_old sampled the tokens, π_prox is the policy that an update begins with. The
  loss of a token is then wₜ Lₜ, Lₜ that of `clipped_losses` with the ratio π /
  π_prox: the clip bounds the step of this update, whatever the tokens' age. The
  bound c keeps the variance finite, at the price of a bias where it holds.
  Without it the gradient at π = π_prox is that of π_prox.

  See "Batch size-invariance for policy optimization" by Hilton et al.
  (https://arxiv.org/abs/2110.00641), eq. 4, for the two policies, and "IMPALA"
  by Espeholt et al. (https://arxiv.org/abs/1802.01561), its ρ, for the bound.

  Args:
    logps: `[B, T]` log-probabilities under π_prox.
    old_logps: `[B, T]` log-probabilities under π_old.
    mask: `[B, T]` bool, True on the tokens that π_old sampled.
    max_weight: the bound, c ≥ 1.

  Returns:
    `[B, T]` weights without gradient, 0 where `mask` is False.
  """
  weights = _exp(_log_ratio(logps, old_logps, mask))
  weights = jnp.where(mask, jnp.minimum(weights, max_weight), 0.0)
  return jax.lax.stop_gradient(weights)


def kl_k1(logps: jax.Array, ref_logps: jax.Array, mask: jax.Array) -> jax.Array:
  """Estimates KL(π ‖ π_ref) of each token by the log-ratio itself.

    k1 = log π - log π_ref,  for tokens drawn from π

  Unbiased, of either sign. As a loss it is useless: the mean of its gradient is
  zero. See "Approximating KL Divergence" by Schulman
  (http://joschu.net/blog/kl-approx.html) for k1, k2 and k3.

  Args:
    logps: `[B, T]` log-probabilities under the policy, π.
    ref_logps: `[B, T]` log-probabilities under the reference, π_ref.
    mask: `[B, T]` bool, True on the tokens the policy sampled.

  Returns:
    `[B, T]` estimates, 0 where `mask` is False.
  """
  return -_log_ratio(ref_logps, logps, mask)


def kl_k2(logps: jax.Array, ref_logps: jax.Array, mask: jax.Array) -> jax.Array:
  """Estimates KL(π ‖ π_ref) of each token by half the squared log-ratio.

    k2 = ½ (log π - log π_ref)²,  for tokens drawn from π

  Biased as a value, but as a loss right: the mean of its gradient is that of
  the KL.

  Args:
    logps: `[B, T]` log-probabilities under the policy, π.
    ref_logps: `[B, T]` log-probabilities under the reference, π_ref.
    mask: `[B, T]` bool, True on the tokens the policy sampled.

  Returns:
    `[B, T]` estimates, none negative, 0 where `mask` is False.
  """
  return jnp.square(_log_ratio(ref_logps, logps, mask)) / 2


def kl_k3(logps: jax.Array, ref_logps: jax.Array, mask: jax.Array) -> jax.Array:
  """Estimates KL(π ‖ π_ref) of each token without bias and without sign.

    k3 = x - 1 - log x,  x = π_ref / π,  for tokens drawn from π

  The value to report, and the loss of GRPO; the mean of its gradient is that of
  KL(π_ref ‖ π), the other direction.

  Args:
    logps: `[B, T]` log-probabilities under the policy, π.
    ref_logps: `[B, T]` log-probabilities under the reference, π_ref.
    mask: `[B, T]` bool, True on the tokens the policy sampled.

  Returns:
    `[B, T]` estimates, none negative, 0 where `mask` is False.
  """
  return _k3(_log_ratio(ref_logps, logps, mask))


def policy_metrics(
    logps: jax.Array,
    old_logps: jax.Array,
    advantages: jax.Array,
    entropies: jax.Array,
    mask: jax.Array,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    denominator: jax.Array | float | None = None,
) -> types.Metrics:
  """Computes token means of what tells whether an update is healthy.

  Args:
    logps: `[B, T]` log-probabilities under the policy being trained.
    old_logps: `[B, T]` log-probabilities under the policy that sampled.
    advantages: `[B, T]` advantages.
    entropies: `[B, T]` entropies of the policy in nats.
    mask: `[B, T]` bool, True on the tokens the policy sampled.
    clip_low: as in `clipped_losses`.
    clip_high: as in `clipped_losses`.
    denominator: as in `masked_mean`, so that micro-batches add up.

  Returns:
    Scalars: 'policy/ratio'; 'policy/clip_fraction', the share of tokens without
    gradient because of the clip; 'policy/kl', KL(π_old ‖ π) by k3;
    'policy/logp_gap', the mean |log π - log π_old|, which before the first
    update is the mismatch of sampler and trainer; 'policy/entropy'.
  """
  chex.assert_equal_shape([logps, old_logps, advantages, entropies, mask])
  mean = lambda x: masked_mean(x, mask, denominator=denominator)
  log_ratio = _log_ratio(logps, old_logps, mask)
  ratio = _exp(log_ratio)
  too_high = (ratio > 1 + clip_high) & (advantages > 0)
  too_low = (ratio < 1 - clip_low) & (advantages < 0)
  metrics = {
      'policy/ratio': mean(ratio),
      'policy/clip_fraction': mean(jnp.where(too_high | too_low, 1.0, 0.0)),
      'policy/kl': mean(_k3(log_ratio)),
      'policy/logp_gap': mean(jnp.abs(log_ratio)),
      'policy/entropy': mean(entropies),
  }
  return jax.lax.stop_gradient(metrics)


def _log_ratio(
    logps: jax.Array, old_logps: jax.Array, mask: jax.Array
) -> jax.Array:
  # Masked before anything is exponentiated, so that a NaN or infinity under the
  # mask reaches neither the value nor the gradient.
  chex.assert_equal_shape([logps, old_logps, mask])
  return jnp.where(mask, logps - old_logps, 0.0)


def _exp(log_ratio: jax.Array) -> jax.Array:
  return jnp.exp(jnp.minimum(log_ratio, _MAX_LOG_RATIO))


def _k3(log_ratio: jax.Array) -> jax.Array:
  # Bounded in both terms: the second alone would pull the wrong way.
  log_ratio = jnp.minimum(log_ratio, _MAX_LOG_RATIO)
  return jnp.expm1(log_ratio) - log_ratio
