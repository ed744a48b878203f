"""Causal attention of training on TPUs: JAX's splash attention.

The kernel skips blocks above the diagonal, masks by segments and takes grouped
queries as they are.
"""

import jax
from jax.experimental.pallas.ops.tpu import splash_attention
import jax.numpy as jnp

from bao_jax.model import attention

# Rows are cut into pieces of a multiple of this.
LANES = 128


def attend(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    segments: jax.Array,
    *,
    block: int = 512,
    interpret: bool = False,
) -> jax.Array:
  """Attends to earlier tokens of the same segment.

  Args:
    q: `[B, T, H, C]` queries.
    k: `[B, T, K, C]` keys.
    v: `[B, T, K, C]` values.
    segments: `[B, T]` int32.
    block: tokens per block at most, a multiple of 128; T need not be one.
    interpret: whether the kernel runs as plain operations, on any platform.

  Returns:
    `[B, T, H, C]`.
  """
  length, num_heads, head_dim = q.shape[1:]
  block = min(block, -(-length // LANES) * LANES)
  # What pads the end comes after everything, so no token attends to it.
  pad = lambda x: jnp.pad(x, [(0, 0), (0, -length % block)] + [(0, 0)] * 2)
  ids = jnp.pad(segments, [(0, 0), (0, -length % block)])
  kernel = _kernel(num_heads, ids.shape[1], block, interpret)

  def row(q, k, v, ids):
    ids = splash_attention.SegmentIds(ids, ids)
    return kernel(q, k, v, segment_ids=ids)

  q, k, v = (jnp.swapaxes(pad(x), 1, 2) for x in (q * head_dim**-0.5, k, v))
  return jnp.swapaxes(jax.vmap(row)(q, k, v, ids), 1, 2)[:, :length]


def _kernel(num_heads: int, length: int, block: int, interpret: bool):
  causal = splash_attention.CausalMask((length, length))
  return splash_attention.make_splash_mha(
      splash_attention.MultiHeadMask([causal] * num_heads),
      block_sizes=splash_attention.BlockSizes(
          block_q=block,
          block_kv=block,
          block_q_dkv=block,
          block_kv_dkv=block,
          block_q_dq=block,
          block_kv_dq=block,
      ),
      head_shards=1,
      q_seq_shards=1,
      residual_checkpoint_name=attention.SAVED,
      interpret=interpret,
  )
