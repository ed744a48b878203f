"""Log-probabilities of tokens, and the entropy of what they were drawn from.

Pure functions of arrays: they see no model, only what one returns. Position `t`
of a model's output scores token `t + 1`; results are aligned to the tokens they
describe, and token 0, which nothing predicts, gets 0.
"""

import functools

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
    keep: int = 2**23,
    mask: jax.Array | None = None,
    most: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Computes the same from hidden states, never holding large logits.

  Logits of `chunk` positions exist at a time; under differentiation they are
  kept where there are few in all, and computed once more where not. Cut along
  T, so that B may be sharded.

  Args:
    hidden: `[B, T, D]` what the output embedding is applied to.
    embedding: `[V, D]` the output embedding; cast to the dtype of `hidden`, but
      its gradient has its own.
    tokens: `[B, T]` int, the conversation.
    temperature: τ, the one that the tokens were sampled with.
    chunk: positions per piece; T need not be a multiple of it.
    keep: the largest B · T · V of which logits are kept, if D is at least 128.
    mask: `[B, T]` bool, the tokens to score; the others get 0. Only as many
      pieces are computed as the row with the most such tokens needs.
    most: `[]` how many that row has, where it may be on another device.

  Returns:
    `[B, T]` float32 log-probabilities and `[B, T]` float32 entropies in nats.
  """
  chex.assert_rank([hidden, embedding, tokens], [3, 2, 2])
  chex.assert_equal_shape_prefix([hidden, tokens], 2)
  length = tokens.shape[1]
  chunk = min(chunk, length)
  targets = _next_tokens(tokens)
  if mask is None:
    order, count = None, -(-length // chunk)
  else:
    chex.assert_equal_shape([mask, tokens])
    wanted = _next_tokens(mask)
    order = jnp.argsort(~wanted, axis=1)  # Stable: wanted positions first.
    if most is None:
      most = jnp.max(jnp.sum(wanted, axis=1))
    count = -(-most // chunk)
  results = _piecewise(
      hidden, embedding, targets, order, count, temperature, chunk, keep
  )
  results = [_about_tokens(x) for x in results]
  if mask is not None:
    results = [jnp.where(mask, x, 0.0) for x in results]
  return tuple(results)


@functools.partial(jax.custom_vjp, nondiff_argnums=(5, 6, 7))
def _piecewise(
    hidden, embedding, targets, order, count, temperature, chunk, keep
):
  """Scores `[B, T]` targets, `count` pieces of `chunk` positions per row."""
  args = hidden, embedding, targets, order, count
  return _piecewise_forward(*args, temperature, chunk, keep)[0]


def _piecewise_forward(
    hidden, embedding, targets, order, count, temperature, chunk, keep
):
  pieces = _split(hidden, order, chunk), _split(targets, order, chunk)
  matrix = embedding.astype(hidden.dtype)
  shape, words = pieces[1].shape, embedding.shape[0]
  # Sums over few channels take less time than storing what they give.
  keep = pieces[1].size * words <= keep and embedding.shape[1] >= 128
  kept = jnp.zeros((shape[0], words, shape[1]) if keep else ())

  def step(i, carry):
    scores, kept = carry
    x, target = (piece[i] for piece in pieces)
    logits = _logits(x, matrix, temperature)  # [V, N]
    largest = jnp.max(logits, axis=0)
    exps = jnp.exp(logits - largest[None])
    total = jnp.sum(exps, axis=0)
    normalizer = jnp.log(total) + largest
    chosen = jnp.take_along_axis(logits, target[None], axis=0)[0] - normalizer
    entropy = normalizer - jnp.sum(exps * logits, axis=0) / total
    new = chosen, entropy, normalizer
    scores = tuple(old.at[i].set(row) for old, row in zip(scores, new))
    return scores, kept.at[i].set(logits) if keep else kept

  # Three arrays and not one: of slices of one array, XLA's CPU loops over
  # [V, N] in the backward pass are not vectorized.
  scores = (jnp.zeros(shape),) * 3
  scores, kept = jax.lax.fori_loop(0, count, step, (scores, kept))
  logps, entropies = (_join(x, order, targets.shape) for x in scores[:2])
  residuals = hidden, embedding, targets, order, count, scores, kept
  return (logps, entropies), residuals


def _piecewise_backward(temperature, chunk, keep, residuals, cotangents):
  """Of log πₜ(v), d/dz = 1[v] - p; of the entropy H, d/dz = -p (log p + H)."""
  hidden, embedding, targets, order, count, (_, *scores), kept = residuals
  inputs = [_split(x, order, chunk) for x in (hidden, targets, *cotangents)]
  pieces = (*inputs, *scores)
  matrix = embedding.astype(hidden.dtype)

  def step(i, grads):
    x, *rows = (piece[i] for piece in pieces)
    target, d_logps, d_entropy, entropy, normalizer = (x[None] for x in rows)
    logits = kept[i] if kept.ndim else _logits(x, matrix, temperature)
    log_probs = logits - normalizer
    words = jnp.arange(log_probs.shape[0], dtype=target.dtype)[:, None]
    d_logits = jnp.where(words == target, d_logps, 0.0) - jnp.exp(log_probs) * (
        d_logps + d_entropy * (log_probs + entropy)
    )
    d_logits = (d_logits / temperature).astype(hidden.dtype)
    product = functools.partial(jnp.einsum, preferred_element_type=jnp.float32)
    d_x = product('vn,vd->nd', d_logits, matrix).astype(hidden.dtype)
    d_embedding = product('vn,nd->vd', d_logits, x)
    return grads[0].at[i].set(d_x), grads[1] + d_embedding

  grads = jnp.zeros_like(pieces[0]), jnp.zeros(embedding.shape)
  d_hidden, d_embedding = jax.lax.fori_loop(0, count, step, grads)
  d_hidden = _join(d_hidden, order, targets.shape)
  return d_hidden, d_embedding.astype(embedding.dtype), None, None, None


_piecewise.defvjp(_piecewise_forward, _piecewise_backward)


def _logits(
    hidden: jax.Array, embedding: jax.Array, temperature: float
) -> jax.Array:
  # Words first: sums over them then add whole rows, which is several times
  # faster on a CPU than adding within rows.
  logits = jnp.einsum(
      'vd,nd->vn', embedding, hidden, preferred_element_type=jnp.float32
  )
  return logits / temperature


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


def _split(x: jax.Array, order: jax.Array | None, chunk: int) -> jax.Array:
  """Cuts `[B, T, ...]`, reordered along T, to `[T/chunk, B chunk, ...]`."""
  batch, length, *rest = x.shape
  x = _reorder(x, order)
  x = jnp.pad(x, [(0, 0), (0, -length % chunk)] + [(0, 0)] * len(rest))
  x = jnp.moveaxis(x.reshape(batch, -1, chunk, *rest), 1, 0)
  return x.reshape(-1, batch * chunk, *rest)


def _join(
    x: jax.Array, order: jax.Array | None, shape: tuple[int, int]
) -> jax.Array:
  """Undoes `_split` for an original of shape `[B, T]` or `[B, T, ...]`."""
  batch, length = shape
  x = jnp.moveaxis(x.reshape(x.shape[0], batch, -1, *x.shape[2:]), 0, 1)
  x = x.reshape(batch, -1, *x.shape[3:])[:, :length]
  return _reorder(x, None if order is None else jnp.argsort(order, axis=1))


def _reorder(x: jax.Array, order: jax.Array | None) -> jax.Array:
  if order is None:
    return x
  index = order.reshape(order.shape + (1,) * (x.ndim - 2))
  return jnp.take_along_axis(x, index, axis=1)
