"""Attention over keys and values that are at hand.

Pure functions of arrays. Scores and their softmax are float32.
"""

import functools

import jax
import jax.numpy as jnp

# Large enough to vanish in a softmax, small enough never to overflow.
MASKED = -1e30


def attend(
    q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array
) -> jax.Array:
  """Computes grouped-query attention.

    out = softmax(q kᵀ / √C) v, over the keys where `mask` is True.

  Args:
    q: `[B, T, H, C]` queries.
    k: `[B, K, S, C]` keys.
    v: `[B, K, S, C]` values.
    mask: `[B, T, S]` bool, broadcastable. A row without any True gives the mean
      of `v`: finite, and nobody reads it.

  Returns:
    `[B, T, H, C]`.
  """
  batch, length, num_heads, head_dim = q.shape
  num_kv_heads = k.shape[1]
  q = q.reshape(batch, length, num_kv_heads, -1, head_dim) * head_dim**-0.5
  scores = jnp.einsum(
      'btkgc,bksc->bkgts', q, k, preferred_element_type=jnp.float32
  )
  scores = jnp.where(mask[:, None, None], scores, MASKED)
  weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype)
  out = jnp.einsum('bkgts,bksc->btkgc', weights, v)
  return out.reshape(batch, length, num_heads, head_dim)


def attend_parts(
    q: jax.Array,
    keys: tuple[jax.Array, ...],
    values: tuple[jax.Array, ...],
    mask: jax.Array,
) -> jax.Array:
  """Computes `attend` over keys and values that lie in several arrays.

  Only the scores are joined: a large cache is read where it lies.

  Args:
    q: `[B, 1, H, C]` queries, one per row.
    keys: `[B, K, Sᵢ, C]` each.
    values: `[B, K, Sᵢ, C]` each.
    mask: `[B, Σ Sᵢ]` bool.

  Returns:
    `[B, 1, H, C]`.
  """
  batch, _, num_heads, head_dim = q.shape
  q = q.reshape(batch, keys[0].shape[1], -1, head_dim) * head_dim**-0.5
  score = functools.partial(
      jnp.einsum, 'bkgc,bksc->bkgs', q, preferred_element_type=jnp.float32
  )
  scores = jnp.concatenate([score(k) for k in keys], axis=-1)
  scores = jnp.where(mask[:, None, None], scores, MASKED)
  weights = jax.nn.softmax(scores, axis=-1).astype(q.dtype)
  out, start = 0.0, 0
  for v in values:
    part = weights[..., start : start + v.shape[2]]
    out += jnp.einsum('bkgs,bksc->bkgc', part, v)
    start += v.shape[2]
  return out.reshape(batch, 1, num_heads, head_dim)
