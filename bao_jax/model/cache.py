"""Keys and values of conversations in progress, one row each.

Rows are right-padded: slot `s` of a row holds the token at position `s`, and
only the first `length` slots count.
"""

import flax
import jax
import jax.numpy as jnp

from bao_jax.model import config as config_lib


@flax.struct.dataclass
class Cache:
  """Keys and values of B rows.

  Attributes:
    k: L arrays `[B, K, C, S]`, keys after rotation.
    v: L arrays `[B, K, C, S]`.
    length: `[B]` int32, the number of tokens whose keys and values are held.
  """

  k: tuple[jax.Array, ...]
  v: tuple[jax.Array, ...]
  length: jax.Array


def empty(
    config: config_lib.ModelConfig, num_rows: int, num_slots: int
) -> Cache:
  """Returns a cache that holds nothing; slots beyond a row's length are 0."""
  shape = (num_rows, config.num_kv_heads, config.head_dim, num_slots)
  layers = lambda: tuple(
      jnp.zeros(shape, config.dtype) for _ in range(config.num_layers)
  )
  return Cache(layers(), layers(), jnp.zeros(num_rows, jnp.int32))


def write(
    cache: Cache,
    k: tuple[jax.Array, ...],
    v: tuple[jax.Array, ...],
    counts: jax.Array,
) -> Cache:
  """Adds new keys and values behind those that are held.

  Args:
    cache: what is held.
    k: L arrays `[B, K, C, N]`.
    v: L arrays `[B, K, C, N]`.
    counts: `[B]` int32, how many of the N are real; the others are dropped.

  Returns:
    The longer cache. What does not fit into S slots is dropped: callers keep
    to their budget.
  """
  num_rows, _, _, num_slots = cache.k[0].shape
  offsets = jnp.arange(k[0].shape[3])[None]
  slots = cache.length[:, None] + offsets  # [B, N]
  slots = jnp.where(offsets < counts[:, None], slots, num_slots)
  rows = jnp.arange(num_rows)[:, None]

  def put(held, new):
    # The two index arrays stand apart, so their axes come first: [B, N, K, C].
    return held.at[rows, :, :, slots].set(jnp.moveaxis(new, 3, 1), mode='drop')

  return Cache(
      tuple(map(put, cache.k, k)),
      tuple(map(put, cache.v, v)),
      cache.length + counts,
  )


def share(cache: Cache, prefix: Cache, source: jax.Array) -> Cache:
  """Starts rows from a prefix that was computed once.

  Args:
    cache: B rows.
    prefix: rows to copy from, of at most as many slots.
    source: `[B]` int32, the row of `prefix` that each row starts from; -1
      leaves the row as it is.

  Returns:
    The cache with those rows replaced.
  """
  chosen = source >= 0

  def copy(held, shared):
    num_slots = shared.shape[3]
    rows = jnp.where(
        chosen[:, None, None, None], shared[source], held[..., :num_slots]
    )
    return jax.lax.dynamic_update_slice(held, rows, (0, 0, 0, 0))

  return Cache(
      tuple(map(copy, cache.k, prefix.k)),
      tuple(map(copy, cache.v, prefix.v)),
      jnp.where(chosen, prefix.length[source], cache.length),
  )
