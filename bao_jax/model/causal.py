"""Which causal attention training uses, where.

All of them compute the same; the one place that chooses is here.

  blockwise  anywhere, rows of at most 2048 tokens
  scanned    anywhere, longer rows
  cudnn      GPUs, in bfloat16: the kernel of cuDNN
  splash     TPUs: JAX's Pallas kernel
"""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp

from bao_jax.model import blockwise
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.model import scanned

# Blocks against all keys of longer rows would take too much memory.
MAX_BLOCKWISE = 2048

# Axes of the mesh over which kernels, that XLA cannot cut, are mapped.
ROWS = ('data', 'fsdp')
HEADS = 'tensor'


def attend_fn(
    config: config_lib.ModelConfig,
    segments: jax.Array,
    *,
    is_packed: bool,
    mesh: jax.sharding.Mesh | None = None,
) -> qwen3.AttendFn:
  """Returns the attention of training: causal within each segment.

  Args:
    config: the model's shape.
    segments: `[B, T]` int32; tokens attend to earlier tokens of their own
      segment. Padding may have any number of its own.
    is_packed: whether a row may hold several segments; with one, and padding
      behind it, to be causal is enough.
    mesh: of axes `data`, `fsdp` and `tensor`, if there is one. B is cut along
      the first two, heads along the last.

  Returns:
    Attention that leaves the cache as it is.
  """
  name = config.attention
  if name == 'auto':
    name = chosen(config, segments.shape[1], platform(mesh))
  if name == 'blockwise':
    return blockwise.causal(segments)
  attend = {
      'scanned': scanned.attend,
      'cudnn': functools.partial(cudnn, is_packed=is_packed),
      'splash': _splash,
  }[name]
  if mesh is not None and name != 'scanned':
    attend = _mapped(attend, mesh)
  return lambda q, k, v, cache: (attend(q, k, v, segments), cache)


def platform(mesh: jax.sharding.Mesh | None) -> str:
  """Returns 'cpu', 'gpu' or 'tpu': where a program for the mesh would run."""
  if mesh is None:
    return jax.default_backend()
  return mesh.devices.flat[0].platform


def chosen(config: config_lib.ModelConfig, length: int, platform: str) -> str:
  """Returns the name of the attention that suits a platform.

  Args:
    config: the model's shape.
    length: T.
    platform: 'cpu', 'gpu' or 'tpu'.
  """
  # Both kernels take heads of other widths in part, but are not made for them.
  fits = config.head_dim in (64, 128, 256)
  if platform == 'gpu' and fits and config.dtype == 'bfloat16':
    return 'cudnn'
  if platform == 'tpu' and fits:
    return 'splash'
  return 'blockwise' if length <= MAX_BLOCKWISE else 'scanned'


def cudnn(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    segments: jax.Array,
    *,
    is_packed: bool,
) -> jax.Array:
  """Attends by cuDNN, which has no segments: packed rows take a `[T, T]` mask.

  Args:
    q: `[B, T, H, C]` queries.
    k: `[B, T, K, C]` keys.
    v: `[B, T, K, C]` values.
    segments: `[B, T]` int32.
    is_packed: whether a row may hold several segments.

  Returns:
    `[B, T, H, C]`.
  """
  length = q.shape[1]
  # The backward pass takes even lengths alone.
  pad = lambda x: jnp.pad(x, [(0, 0), (0, length % 2)] + [(0, 0)] * 2)
  q, k, v = map(pad, (q, k, v))
  mask = None
  if is_packed:
    ids = jnp.pad(segments, [(0, 0), (0, length % 2)])
    mask = (ids[:, :, None] == ids[:, None])[:, None]
  out = jax.nn.dot_product_attention(
      q, k, v, mask=mask, is_causal=True, implementation='cudnn'
  )
  return out[:, :length]


def _splash(q, k, v, segments):
  from bao_jax.model import splash  # Its import takes half a second.

  return splash.attend(q, k, v, segments)


def _mapped(
    attend: Callable[..., jax.Array], mesh: jax.sharding.Mesh
) -> Callable[..., jax.Array]:
  """Runs a kernel on each device's rows and heads."""
  spec = jax.sharding.PartitionSpec
  heads, rows = spec(ROWS, None, HEADS, None), spec(ROWS, None)
  mapped = jax.shard_map(
      attend,
      mesh=mesh,
      in_specs=(heads, heads, heads, rows),
      out_specs=heads,
      check_vma=False,
  )

  def call(q, k, v, segments):
    # Where more devices than key heads share the heads, each has a copy of its.
    copies = max(1, mesh.shape[HEADS] // k.shape[2])
    k, v = (jnp.repeat(x, copies, axis=2) for x in (k, v))
    return mapped(q, k, v, segments)

  return call
