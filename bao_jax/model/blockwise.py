"""Causal attention of training, a block of queries at a time.

Neither the `[T, T]` weights nor the masked half of them ever exist as a whole:
a block attends to the keys before its end alone, and the backward pass computes
its weights again from the normalizers. See "FlashAttention-2" by Dao
(https://arxiv.org/abs/2307.08691), which this follows without its kernels.

Inside, queries are `[B, K, G, T, C]` and keys and values `[B, K, C, T]`, with G
queries per key: the shapes whose products XLA computes without copies on a CPU.
"""

import functools

import jax
from jax import ad_checkpoint
import jax.numpy as jnp

from bao_jax.model import attention
from bao_jax.model import qwen3

_product = functools.partial(jnp.einsum, preferred_element_type=jnp.float32)


def causal(segments: jax.Array, *, block: int = 64) -> qwen3.AttendFn:
  """Returns the attention of training: causal within each segment.

  Args:
    segments: `[B, T]` int32; tokens attend to earlier tokens of their own
      segment. Padding may have any number of its own.
    block: queries per block, at least; there are at most 8 blocks.

  Returns:
    Attention that leaves the cache as it is.
  """
  block = max(block, -(-segments.shape[1] // 8))

  def attend_fn(q, k, v, cache):
    return _attend(q, k, v, segments, block), cache

  return attend_fn


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _attend(q, k, v, segments, block):
  return _forward(q, k, v, segments, block)[0]


def _forward(q, k, v, segments, block):
  queries, keys = _grouped(q, k.shape[2]), _transposed(k)
  values = jnp.swapaxes(v, 1, 2)
  outs, normalizers = [], []
  for start, end in _blocks(q.shape[1], block):
    scores = _scores(queries, keys, segments, start, end)
    largest = jnp.max(scores, axis=-1, keepdims=True)
    weights = jnp.exp(scores - largest)
    total = jnp.sum(weights, axis=-1, keepdims=True)
    weights = weights.astype(v.dtype)
    out = _product('bkgts,bksc->bkgtc', weights, values[:, :, :end]) / total
    outs.append(out.astype(v.dtype))
    normalizers.append(largest + jnp.log(total))
  out = _ungrouped(jnp.concatenate(outs, axis=3))
  kept = out, jnp.concatenate(normalizers, axis=3)
  out, normalizers = ad_checkpoint.checkpoint_name(kept, attention.SAVED)
  return out, (q, k, v, segments, out, normalizers)


def _backward(block, residuals, d_out):
  """Of out = P v with P = softmax(S): dS = P ⊙ (d_out vᵀ - d_out · out)."""
  q, k, v, segments, out, normalizers = residuals
  queries, d_outs = (_grouped(x, k.shape[2]) for x in (q, d_out))
  means = d_out.astype(jnp.float32) * out.astype(jnp.float32)
  means = jnp.sum(_grouped(means, k.shape[2]), axis=-1, keepdims=True)
  keys, values = _transposed(k), _transposed(v)
  d_q, d_k, d_v = [], jnp.zeros(keys.shape), jnp.zeros(values.shape)
  for start, end in _blocks(q.shape[1], block):
    rows = lambda x: x[:, :, :, start:end]  # noqa: B023
    scores = _scores(queries, keys, segments, start, end)
    weights = jnp.exp(scores - rows(normalizers))
    d_weights = _product('bkgtc,bkcs->bkgts', rows(d_outs), values[..., :end])
    d_scores = (weights * (d_weights - rows(means))).astype(q.dtype)
    # Sums over queries come out transposed: several times faster on a CPU.
    back = functools.partial(_product, 'bkgtc,bkgts->bkcs')
    d_v = d_v.at[..., :end].add(back(rows(d_outs), weights.astype(v.dtype)))
    d_k = d_k.at[..., :end].add(back(rows(queries), d_scores))
    d_q.append(_product('bkgts,bkcs->bkgtc', d_scores, keys[..., :end]))
  d_q = _ungrouped(jnp.concatenate(d_q, axis=3)).astype(q.dtype)
  d_k, d_v = (jnp.moveaxis(x, 3, 1).astype(q.dtype) for x in (d_k, d_v))
  scale = q.shape[-1] ** -0.5
  return d_q * scale, d_k * scale, d_v, None


_attend.defvjp(_forward, _backward)


def _scores(queries, keys, segments, start, end):
  scale = queries.shape[-1] ** -0.5
  scores = _product(
      'bkgtc,bkcs->bkgts', queries[:, :, :, start:end] * scale, keys[..., :end]
  )
  mask = segments[:, start:end, None] == segments[:, None, :end]
  earlier = jnp.arange(start, end)[:, None] >= jnp.arange(end)[None]
  mask &= earlier[None]
  return jnp.where(mask[:, None, None], scores, attention.MASKED)


def _blocks(length: int, block: int) -> list[tuple[int, int]]:
  return [(i, min(i + block, length)) for i in range(0, length, block)]


def _grouped(x: jax.Array, num_kv_heads: int) -> jax.Array:
  """`[B, T, H, C]` to `[B, K, G, T, C]`."""
  batch, length, _, head_dim = x.shape
  x = x.reshape(batch, length, num_kv_heads, -1, head_dim)
  return x.transpose(0, 2, 3, 1, 4)


def _ungrouped(x: jax.Array) -> jax.Array:
  x = x.transpose(0, 3, 1, 2, 4)
  return x.reshape(x.shape[:2] + (-1, x.shape[-1]))


def _transposed(x: jax.Array) -> jax.Array:
  """`[B, T, K, C]` to `[B, K, C, T]`."""
  return x.transpose(0, 2, 3, 1)
