"""Attention over keys and values that are at hand.

Pure functions of arrays. Scores and their softmax are float32.
"""

from collections.abc import Sequence
import functools

import jax
import jax.numpy as jnp

# Large enough to vanish in a softmax, small enough never to overflow.
MASKED = -1e30

# What the backward pass of training needs of attention bears this name, so that
# rematerialization can keep it.
SAVED = 'attention'


def attend(
    q: jax.Array,
    keys: Sequence[jax.Array],
    values: Sequence[jax.Array],
    mask: jax.Array,
) -> jax.Array:
  """Computes grouped-query attention over keys that lie in several arrays.

    out = softmax(q kᵀ / √C) v, over the keys where `mask` is True.

  Only the scores are joined: a large cache is read where it lies. With slots
  last both products read it in order, which is up to three times faster on a
  CPU than with slots before channels.

  Args:
    q: `[B, T, H, C]` queries.
    keys: `[B, K, C, Sᵢ]` each.
    values: `[B, K, C, Sᵢ]` each.
    mask: `[B, T, Σ Sᵢ]` bool. A row without any True gives the mean of the
      values: finite, and nobody reads it.

  Returns:
    `[B, T, H, C]`.
  """
  batch, length, num_heads, head_dim = q.shape
  num_kv_heads = keys[0].shape[1]
  q = q.reshape(batch, length, num_kv_heads, -1, head_dim) * head_dim**-0.5
  q = q.transpose(0, 2, 3, 1, 4)  # [B, K, G, T, C]
  product = functools.partial(jnp.einsum, preferred_element_type=jnp.float32)
  scores = [product('bkgtc,bkcs->bkgts', q, k) for k in keys]
  scores = jnp.where(
      mask[:, None, None], jnp.concatenate(scores, axis=-1), MASKED
  )
  weights = jax.nn.softmax(scores, axis=-1).astype(q.dtype)
  out, start = 0.0, 0
  for v in values:
    part = weights[..., start : start + v.shape[3]]
    out += product('bkgts,bkcs->bkgtc', part, v)
    start += v.shape[3]
  out = out.astype(q.dtype)
  return out.transpose(0, 3, 1, 2, 4).reshape(batch, length, num_heads, -1)
