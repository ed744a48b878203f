"""Published weights, streamed into (shards of) parameters.

A parameter is made as zeros, on each device its own part, and filled in place:
a stack layer by layer, a table of embeddings by blocks of rows. So the host
never holds more than one tensor beside what the devices do, and of a tensor
that is split only the slice of one device.
"""

import collections
from collections.abc import Iterator, Mapping
import functools
import pathlib

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.model.hf import files
from bao_jax.model.hf import names

_BLOCK_BYTES = 1 << 26  # Of tables of embeddings.


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
  """Fills one parameter, each distinct part from one pass over its tensors."""
  tensor = names.TABLE[path]
  places = collections.defaultdict(list)
  for device, index in sharding.addressable_devices_indices_map(shape).items():
    bounds = tuple(s.indices(n)[:2] for s, n in zip(index, shape))
    places[bounds].append(device)
  shards = []
  for bounds, devices in places.items():
    local = [end - begin for begin, end in bounds]
    held = [jnp.zeros(local, dtype, device=device) for device in devices]
    for start, piece in _pieces(paths, tensor, shape, bounds):
      held = [_put(x, piece, start, tensor.num_inputs) for x in held]
      jax.block_until_ready(held)  # Else pieces pile up.
    shards += held
  return jax.make_array_from_single_device_arrays(shape, sharding, shards)


def _pieces(
    paths: files.Paths,
    tensor: names.Tensor,
    shape: names.Shape,
    bounds: files.Bounds,
) -> Iterator[tuple[int, np.ndarray]]:
  """Yields where along the first dimension a piece goes, and the piece."""
  (begin, end), *inner = bounds
  if tensor.is_stacked:
    for layer in range(begin, end):
      name = tensor.name.format(layer)
      piece = files.read(
          paths[name], name, inner, shape[1:], tensor.num_inputs
      )
      yield layer - begin, piece[None]
    return
  row_bytes = 4 * int(np.prod([stop - start for start, stop in inner]))
  step = max(_BLOCK_BYTES // row_bytes, 1)
  for row in range(begin, end, step):
    rows = (row, min(row + step, end))
    piece = files.read(
        paths[tensor.name], tensor.name, [rows, *inner], shape, 0
    )
    yield row - begin, piece


@functools.partial(jax.jit, donate_argnums=0, static_argnums=3)
def _put(
    held: jax.Array, piece: jax.Array, start: jax.Array, num_inputs: int
) -> jax.Array:
  """Writes a piece in the order of files into the parameter, in place."""
  if num_inputs:
    inputs = range(piece.ndim - num_inputs, piece.ndim)
    piece = jnp.moveaxis(piece, inputs, range(1, 1 + num_inputs))
  piece = piece.astype(held.dtype)
  return jax.lax.dynamic_update_slice_in_dim(held, piece, start, axis=0)
