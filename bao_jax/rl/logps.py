"""Log-probabilities of tokens, and the entropy of what they were drawn from.

Pure functions of arrays: they see no model, only what one returns. Position `t`
of a model's output scores token `t + 1`; results are aligned to the tokens they
describe, and token 0, which nothing predicts, gets 0.
"""

import chex
import jax
import jax.numpy as jnp


def token_logps(
    logits: jax.Array, tokens: jax.Array, *, temperature: float = 1.0
) -> tuple[jax.Array, jax.Array]:
  """Computes log π(tokens[t] | tokens[:t]) and the entropy of π there.

    log πₜ(v) = zₜ₋₁(v) / τ - log Σᵤ exp(zₜ₋₁(u) / τ)

  Args:
    logits: `[B, T, V]` as the model returns them, z, all finite.
    tokens: `[B, T]` int, the conversation.
    temperature: τ, the one that the tokens were sampled with.

  Returns:
    `[B, T]` float32 log-probabilities and `[B, T]` float32 entropies in nats.
  """
  chex.assert_rank([logits, tokens], [3, 2])
  chex.assert_equal_shape_prefix([logits, tokens], 2)
  logps, entropies = _scores(logits, _next_tokens(tokens), temperature)
  return _about_tokens(logps), _about_tokens(entropies)


def chunked_logps(
    hidden: jax.Array,
    embedding: jax.Array,
    tokens: jax.Array,
    *,
    temperature: float = 1.0,
    chunk: int = 128,
) -> tuple[jax.Array, jax.Array]:
  """Computes the same from hidden states, never holding `[B, T, V]` logits.

  Logits of `chunk` positions exist at a time; under differentiation they are
  computed once more instead of kept. Cut along T, so that B may be sharded.

  Args:
    hidden: `[B, T, D]` what the output embedding is applied to.
    embedding: `[V, D]` the output embedding.
    tokens: `[B, T]` int, the conversation.
    temperature: τ, the one that the tokens were sampled with.
    chunk: positions per piece; T need not be a multiple of it.

  Returns:
    `[B, T]` float32 log-probabilities and `[B, T]` float32 entropies in nats.
  """
  chex.assert_rank([hidden, embedding, tokens], [3, 2, 2])
  chex.assert_equal_shape_prefix([hidden, tokens], 2)
  length = tokens.shape[1]
  chunk = min(chunk, length)
  hidden = _split(hidden, chunk)  # [T/chunk, B, chunk, D]
  targets = _split(_next_tokens(tokens), chunk)  # [T/chunk, B, chunk]

  @jax.checkpoint
  def piece(args):
    hidden, targets = args
    logits = jnp.einsum(
        'btd,vd->btv', hidden, embedding, preferred_element_type=jnp.float32
    )
    return _scores(logits, targets, temperature)

  logps, entropies = jax.lax.map(piece, (hidden, targets))
  return (
      _about_tokens(_join(logps, length)),
      _about_tokens(_join(entropies, length)),
  )


def _scores(
    logits: jax.Array, targets: jax.Array, temperature: float
) -> tuple[jax.Array, jax.Array]:
  logps = jax.nn.log_softmax(logits.astype(jnp.float32) / temperature)
  chosen = jnp.take_along_axis(logps, targets[..., None], axis=-1)[..., 0]
  return chosen, -jnp.sum(jnp.exp(logps) * logps, axis=-1)


def _next_tokens(tokens: jax.Array) -> jax.Array:
  # The last position predicts nothing; its target is dropped again below.
  return jnp.pad(tokens[:, 1:], ((0, 0), (0, 1)))


def _about_tokens(x: jax.Array) -> jax.Array:
  return jnp.pad(x[:, :-1], ((0, 0), (1, 0)))


def _split(x: jax.Array, chunk: int) -> jax.Array:
  batch, length, *rest = x.shape
  padding = [(0, 0), (0, -length % chunk)] + [(0, 0)] * len(rest)
  pieces = jnp.pad(x, padding).reshape(batch, -1, chunk, *rest)
  return jnp.moveaxis(pieces, 1, 0)


def _join(x: jax.Array, length: int) -> jax.Array:
  return jnp.moveaxis(x, 0, 1).reshape(x.shape[1], -1)[:, :length]
