"""Logits to tokens.

Every setting is an array with one entry per row, so no setting recompiles.
"""

import flax
import jax
import jax.numpy as jnp

# Truncated sampling looks at this many of the likeliest tokens: sorting the
# whole vocabulary would cost more than the model.
MAX_CANDIDATES = 64


@flax.struct.dataclass
class Sampling:
  """How each row samples.

  Attributes:
    key: `[B, 2]` uint32 data of each row's key. The bits of a token depend on
      it and on the token's position alone.
    temperature: `[B]` float32; 0 takes the likeliest token.
    top_k: `[B]` int32; 0 for all tokens.
    top_p: `[B]` float32; 1 for all tokens.
  """

  key: jax.Array
  temperature: jax.Array
  top_k: jax.Array
  top_p: jax.Array


def row_keys(
    seed: jax.Array, step: jax.Array, task: jax.Array, sample: jax.Array
) -> jax.Array:
  """Derives the keys of rows by counting, never by carrying.

  Args:
    seed: `[]` of the run.
    step: `[]` of the training loop.
    task: `[B]` uint32, a hash of the task's id.
    sample: `[B]` which sample of the task.

  Returns:
    `[B, 2]` uint32 key data.
  """
  base = jax.random.fold_in(jax.random.key(seed), step)

  def derive(task, sample):
    key = jax.random.fold_in(jax.random.fold_in(base, task), sample)
    return jax.random.key_data(key)

  return jax.vmap(derive)(task, sample)


def uniforms(key: jax.Array, positions: jax.Array) -> jax.Array:
  """Draws `[B]` uniforms in [0, 1), one per row, from keys and positions."""

  def draw(data, position):
    key = jax.random.fold_in(jax.random.wrap_key_data(data), position)
    return jax.random.uniform(key)

  return jax.vmap(draw)(key, positions)


def choose(
    logits: jax.Array, sampling: Sampling, positions: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Samples the next token of each row by inverting the distribution function.

    token = min {i : F(i) > u},  F(i) = Σ_{j ≤ i} softmax(logits / τ)ⱼ

  One uniform a row is needed where Gumbel noise takes one per token.

  Args:
    logits: `[B, V]` float32.
    sampling: the rows' settings.
    positions: `[B]` int32 positions of the tokens to come.

  Returns:
    `[B]` int32 tokens and their `[B]` float32 log-probabilities at the row's
    temperature (1 where it is greedy), before top-k and top-p.
  """
  greedy = sampling.temperature == 0
  scaled = logits / jnp.where(greedy, 1.0, sampling.temperature)[:, None]
  u = uniforms(sampling.key, positions)
  is_truncated = (sampling.top_k > 0) | (sampling.top_p < 1)
  sampled = _invert(scaled, u)
  sampled = jax.lax.cond(
      jnp.any(is_truncated),
      lambda: jnp.where(
          is_truncated,
          _invert_truncated(scaled, sampling.top_k, sampling.top_p, u),
          sampled,
      ),
      lambda: sampled,
  )
  tokens = jnp.where(greedy, jnp.argmax(logits, axis=-1), sampled)
  chosen = jnp.take_along_axis(scaled, tokens[:, None], axis=-1)[:, 0]
  logps = chosen - jax.nn.logsumexp(scaled, axis=-1)
  return tokens.astype(jnp.int32), logps


def _invert(logits: jax.Array, u: jax.Array) -> jax.Array:
  """Returns the `[B]` first index whose cumulative weight exceeds u."""
  weights = jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True))
  cumulative = jnp.cumsum(weights, axis=-1)
  threshold = u[:, None] * cumulative[:, -1:]
  # Rounding may push the threshold to the total: the last token with any
  # weight is where the total is first reached.
  index = jnp.sum(cumulative <= threshold, axis=-1)
  last = jnp.sum(cumulative < cumulative[:, -1:], axis=-1)
  return jnp.minimum(index, last)


def _invert_truncated(
    logits: jax.Array, top_k: jax.Array, top_p: jax.Array, u: jax.Array
) -> jax.Array:
  """As `_invert`, among the likeliest k whose mass before them is below p."""
  num_candidates = min(MAX_CANDIDATES, logits.shape[-1])
  values, indices = jax.lax.top_k(logits, num_candidates)
  rank = jnp.arange(num_candidates)[None]
  keep = (top_k[:, None] == 0) | (rank < top_k[:, None])
  probabilities = jnp.exp(
      values - jax.nn.logsumexp(logits, axis=-1, keepdims=True)
  )
  before = jnp.cumsum(probabilities, axis=-1) - probabilities
  keep &= (before < top_p[:, None]) | (rank == 0)
  picked = _invert(jnp.where(keep, values, -jnp.inf), u)
  return jnp.take_along_axis(indices, picked[:, None], axis=-1)[:, 0]
