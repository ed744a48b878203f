"""Causal attention of training over long rows, a pair of blocks at a time.

The same as `blockwise`, for rows whose blocks against all keys would not fit:
of the weights one `[block, block]` piece exists at a time. Pairs above the
diagonal are not computed. See "FlashAttention-2" by Dao
(https://arxiv.org/abs/2307.08691).

Inside, N blocks come first: queries are `[N, B, K, G, n, C]`, keys and values
`[N, B, K, n, C]`, segments `[N, B, n]`, with n tokens per block.
"""

import functools

import jax
from jax import ad_checkpoint
import jax.numpy as jnp

from bao_jax.model import attention

_product = functools.partial(jnp.einsum, preferred_element_type=jnp.float32)


def attend(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    segments: jax.Array,
    *,
    block: int = 256,
) -> jax.Array:
  """Attends to earlier tokens of the same segment.

  Args:
    q: `[B, T, H, C]` queries.
    k: `[B, T, K, C]` keys.
    v: `[B, T, K, C]` values.
    segments: `[B, T]` int32.
    block: tokens per block; T need not be a multiple of it.

  Returns:
    `[B, T, H, C]`.
  """
  length = q.shape[1]
  # What pads the end comes after everything, so no token attends to it.
  pad = lambda x: jnp.pad(x, [(0, 0), (0, -length % block)] + [(0, 0)] * 2)
  ids = jnp.pad(segments, [(0, 0), (0, -length % block)])
  return _attend(pad(q), pad(k), pad(v), ids, block)[:, :length]


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _attend(q, k, v, segments, block):
  return _forward(q, k, v, segments, block)[0]


def _forward(q, k, v, segments, block):
  queries, keys, values, ids = _blocks(q, k, v, segments, block)

  def row(i):
    def step(j, carry):
      out, largest, total = carry
      scores = _scores(queries, keys, ids, i, j)
      new = jnp.maximum(largest, jnp.max(scores, axis=-1, keepdims=True))
      # A piece without any pair counts as if all were equal, until the first
      # that has one, if only the diagonal, shrinks it to nothing.
      weights, shrink = jnp.exp(scores - new), jnp.exp(largest - new)
      total = total * shrink + jnp.sum(weights, axis=-1, keepdims=True)
      part = _product('bkgts,bksc->bkgtc', weights.astype(v.dtype), values[j])
      return out * shrink + part, new, total

    shape = queries.shape[1:]
    column = lambda value: jnp.full(shape[:-1] + (1,), value)
    carry = jnp.zeros(shape), column(attention.MASKED), column(0.0)
    out, largest, total = jax.lax.fori_loop(0, i + 1, step, carry)
    return (out / total).astype(v.dtype), largest + jnp.log(total)

  outs, normalizers = jax.lax.map(row, jnp.arange(len(queries)))
  kept = _joined(outs), normalizers
  out, normalizers = ad_checkpoint.checkpoint_name(kept, attention.SAVED)
  return out, (q, k, v, segments, out, normalizers)


def _backward(block, residuals, d_out):
  """Of out = P v with P = softmax(S): dS = P ⊙ (d_out vᵀ - d_out · out)."""
  q, k, v, segments, out, normalizers = residuals
  queries, keys, values, ids = _blocks(q, k, v, segments, block)
  num_kv_heads = k.shape[2]
  d_outs = _grouped(d_out, num_kv_heads, block)
  means = d_out.astype(jnp.float32) * out.astype(jnp.float32)
  means = jnp.sum(_grouped(means, num_kv_heads, block), axis=-1, keepdims=True)

  def row(carry, i):
    def step(j, carry):
      d_q, d_k, d_v = carry
      scores = _scores(queries, keys, ids, i, j)
      weights = jnp.exp(scores - normalizers[i])
      d_weights = _product('bkgtc,bksc->bkgts', d_outs[i], values[j])
      d_scores = (weights * (d_weights - means[i])).astype(q.dtype)
      back = functools.partial(_product, 'bkgts,bkgtc->bksc')
      d_v = d_v.at[j].add(back(weights.astype(v.dtype), d_outs[i]))
      d_k = d_k.at[j].add(back(d_scores, queries[i]))
      return d_q + _product('bkgts,bksc->bkgtc', d_scores, keys[j]), d_k, d_v

    start = jnp.zeros(queries.shape[1:]), *carry
    d_q, *carry = jax.lax.fori_loop(0, i + 1, step, start)
    return tuple(carry), d_q.astype(q.dtype)

  zeros = jnp.zeros(keys.shape), jnp.zeros(values.shape)
  (d_k, d_v), d_q = jax.lax.scan(row, zeros, jnp.arange(len(queries)))
  d_k, d_v = (_joined(x[:, :, :, None]).astype(q.dtype) for x in (d_k, d_v))
  scale = q.shape[-1] ** -0.5
  return _joined(d_q) * scale, d_k * scale, d_v, None


_attend.defvjp(_forward, _backward)


def _scores(queries, keys, ids, i, j):
  scale = queries.shape[-1] ** -0.5
  scores = _product('bkgtc,bksc->bkgts', queries[i] * scale, keys[j])
  size = scores.shape[-1]
  places = jnp.arange(size)
  earlier = i * size + places[:, None] >= j * size + places[None]
  mask = (ids[i][:, :, None] == ids[j][:, None]) & earlier[None]
  return jnp.where(mask[:, None, None], scores, attention.MASKED)


def _blocks(q, k, v, segments, block):
  queries = _grouped(q, k.shape[2], block)
  keys, values = (_grouped(x, k.shape[2], block)[:, :, :, 0] for x in (k, v))
  ids = segments.reshape(segments.shape[0], -1, block)
  return queries, keys, values, jnp.moveaxis(ids, 1, 0)


def _grouped(x: jax.Array, num_kv_heads: int, block: int) -> jax.Array:
  """`[B, T, H, C]` to `[N, B, K, G, n, C]`."""
  batch, length, num_heads, head_dim = x.shape
  rows = batch, length // block, block
  x = x.reshape(*rows, num_kv_heads, num_heads // num_kv_heads, head_dim)
  return x.transpose(1, 0, 3, 4, 2, 5)


def _joined(x: jax.Array) -> jax.Array:
  """Undoes `_grouped`."""
  x = x.transpose(1, 0, 4, 2, 3, 5)
  return x.reshape(x.shape[0], x.shape[1] * x.shape[2], -1, x.shape[-1])
