"""Published weights, streamed into (shards of) parameters.

Each device's part of a parameter is put together on the host from the slices of
tensors that it consists of, handed to the device and forgotten. So beside what
the devices hold, the host holds one such part and one slice. A CPU device takes
the part as it is, without a copy.
"""

import collections
from collections.abc import Iterator, Mapping, Sequence
import math
import pathlib

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.model.hf import files
from bao_jax.model.hf import names

_BLOCK_BYTES = 1 << 26  # Of the slices of tables of embeddings.
_ALIGNMENT = 64  # Bytes.


def load(
    folder: str | pathlib.Path,
    config: config_lib.ModelConfig,
    shardings: Mapping[str, object] | None = None,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> types.Params:
  """Loads a checkpoint.

  Args:
    folder: holds safetensors files, as they are published.
    config: the shape, of `shape.read`.
    shardings: a `jax.sharding.Sharding` for each parameter, as a tree; by
      default everything lies on the first device.
    dtype: of the parameters.

  Returns:
    The parameters, layers stacked.

  Raises:
    FileNotFoundError: a file is missing.
    ValueError: the files do not hold this model; names tensor and file.
  """
  paths = files.find(folder, config)
  first = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  placed = traverse_util.flatten_dict(shardings or {}, sep='/')
  params = {
      path: _parameter(paths, path, shape, placed.get(path, first), dtype)
      for path, shape in names.shapes(config).items()
  }
  return traverse_util.unflatten_dict(params, sep='/')


def _parameter(
    paths: files.Paths,
    path: str,
    shape: names.Shape,
    sharding: jax.sharding.Sharding,
    dtype: jax.typing.DTypeLike,
) -> jax.Array:
  """Fills one parameter; devices with the same part share one reading of it."""
  tensor = names.TABLE[path]
  places = collections.defaultdict(list)
  for device, index in sharding.addressable_devices_indices_map(shape).items():
    bounds = tuple(s.indices(n)[:2] for s, n in zip(index, shape))
    places[bounds].append(device)
  shards = []
  for bounds, devices in places.items():
    part = _aligned([end - begin for begin, end in bounds], dtype)
    for start, piece in _pieces(paths, tensor, shape, bounds):
      part[start : start + len(piece)] = piece
    shards += jax.block_until_ready([jax.device_put(part, d) for d in devices])
  return jax.make_array_from_single_device_arrays(shape, sharding, shards)


def _pieces(
    paths: files.Paths,
    tensor: names.Tensor,
    shape: names.Shape,
    bounds: files.Bounds,
) -> Iterator[tuple[int, np.ndarray]]:
  """Yields slices in the parameter's layout, and where they begin in the part.

  That is along its first dimension: of layers, or of the rows of a table.
  """
  (begin, end), *inner = bounds
  if tensor.is_stacked:
    for layer in range(begin, end):
      name = tensor.name.format(layer)
      piece = files.read(paths[name], name, inner, shape[1:], tensor.num_inputs)
      yield layer - begin, piece[None]
    return
  step = max(_BLOCK_BYTES // (4 * math.prod(shape[1:])), 1)
  for row in range(begin, end, step):
    rows = (row, min(row + step, end))
    piece = files.read(
        paths[tensor.name], tensor.name, [rows, *inner], shape, 0
    )
    yield row - begin, piece


def _aligned(shape: Sequence[int], dtype: jax.typing.DTypeLike) -> np.ndarray:
  """Returns an array at an address that CPU devices take without a copy."""
  size = math.prod(shape) * jnp.dtype(dtype).itemsize
  data = np.empty(size + _ALIGNMENT, np.uint8)
  start = -data.ctypes.data % _ALIGNMENT
  return data[start : start + size].view(jnp.dtype(dtype)).reshape(shape)
