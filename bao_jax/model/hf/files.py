"""The safetensors files of a checkpoint: what they hold, read in slices."""

from collections.abc import Mapping, Sequence
import json
import math
import pathlib
import struct

import numpy as np
import safetensors

from bao_jax.model import config as config_lib
from bao_jax.model.hf import names
from bao_jax.model.hf import shape as shape_lib

SINGLE, INDEX = 'model.safetensors', 'model.safetensors.index.json'
_DTYPES = ('F32', 'BF16', 'F16')

Paths = Mapping[str, pathlib.Path]
Bounds = Sequence[tuple[int, int]]


def find(folder: str | pathlib.Path, config: config_lib.ModelConfig) -> Paths:
  """Finds the tensors of a checkpoint and checks them; reads headers alone.

  A checkpoint with tied embeddings may hold the head as well, as some published
  ones do: nothing reads it then.

  Args:
    folder: holds `model.safetensors`, or several files and their index.
    config: the shape, as `config.json` there says it.

  Returns:
    The file of each tensor of the model.

  Raises:
    FileNotFoundError: a file is missing.
    ValueError: a file is cut short, or a tensor is missing, unknown, of another
      shape or of a dtype that is not read; names tensor and file.
  """
  folder = pathlib.Path(folder)
  files, listed = _listed(folder)
  expected = names.stored(config)
  found = {}
  for path in files:
    for name, (shape, dtype) in _header(path).items():
      if name in expected:
        _check(path, name, shape, expected[name].shape, dtype)
        found[name] = path
      elif name != names.TABLE['head'].name:
        raise ValueError(
            f'{path}: has a tensor {name}, which the model of config.json does'
            ' not.'
        )
  missing = [name for name in expected if name not in found]
  if missing:
    where = folder / listed.get(missing[0], files[0].name)
    raise ValueError(
        f'{where}: lacks the tensor {missing[0]}'
        + (f', and {len(missing) - 1} others.' if missing[1:] else '.')
    )
  return found


def read(
    path: pathlib.Path,
    name: str,
    bounds: Bounds,
    sizes: names.Shape,
    num_inputs: int,
) -> np.ndarray:
  """Reads a part of a tensor.

  The file is opened for each part, so that what the system maps of it into
  memory is no more than the part.

  Args:
    path: the file.
    name: of the tensor.
    bounds: begin and end in each dimension of the parameter, but for that of
      layers.
    sizes: of the same dimensions.
    num_inputs: as in `names.Tensor`.

  Returns:
    The part, dimensions as those of the parameter.
  """
  dims = list(zip(bounds, sizes, strict=True))
  groups = [[dim] for dim in dims]
  if num_inputs:
    groups = [dims[num_inputs:], dims[:num_inputs]]
  flat, shape, inner = [], [], []
  for ((begin, end), _), *others in groups:
    # Whole rows of the first dimension; what is split further is cut below.
    step = math.prod(size for _, size in others)
    flat.append(slice(begin * step, end * step))
    shape += [end - begin, *(size for _, size in others)]
    inner += [slice(None), *(slice(*bound) for bound, _ in others)]
  with safetensors.safe_open(path, 'np') as file:
    part = file.get_slice(name)[tuple(flat)]
  part = part.reshape(shape)[tuple(inner)]
  # The file has the outputs of linear maps first.
  order = range(len(dims))
  return part.transpose(*order[-num_inputs:], *order[:-num_inputs])


def _listed(folder: pathlib.Path) -> tuple[list[pathlib.Path], dict[str, str]]:
  """Returns the files of a folder, and which one its index has a tensor in."""
  index = folder / INDEX
  if not index.exists():
    if not (folder / SINGLE).exists():
      raise FileNotFoundError(f'{folder}: holds no {SINGLE} and no {INDEX}.')
    return [folder / SINGLE], {}
  listed = shape_lib.read_json(index).get('weight_map')
  if not isinstance(listed, dict) or not listed:
    raise ValueError(f"{index}: there is no 'weight_map'.")
  files = [folder / name for name in sorted(set(listed.values()))]
  for path in files:
    if not path.exists():
      held = next(name for name in listed if listed[name] == path.name)
      raise FileNotFoundError(
          f'{path}: no such file, but {INDEX} says that it holds {held}.'
      )
  return files, listed


def _header(path: pathlib.Path) -> dict[str, tuple[tuple[int, ...], str]]:
  """Returns shape and dtype of the tensors of a file by name."""
  try:
    with safetensors.safe_open(path, 'np') as file:
      slices = {name: file.get_slice(name) for name in file.keys()}
      return {
          name: (tuple(x.get_shape()), x.get_dtype())
          for name, x in slices.items()
      }
  except safetensors.SafetensorError as error:
    raise ValueError(f'{path}: {_damage(path)} ({error}).') from error


def _damage(path: pathlib.Path) -> str:
  """Says what is wrong with a file that the library refuses."""
  with open(path, 'rb') as file:
    data = file.read(8)
    size = struct.unpack('<Q', data)[0] if len(data) == 8 else math.inf
    there = path.stat().st_size - 8 - size
    if there < 0:
      return 'cut short, or not a safetensors file'
    try:
      header = json.loads(file.read(int(size)))
      for name, entry in header.items():
        if name != '__metadata__' and entry['data_offsets'][1] > there:
          return f'cut short within or before the tensor {name}'
    except (ValueError, TypeError, LookupError, AttributeError):
      pass
  return 'damaged'


def _check(path, name, shape, expected, dtype) -> None:
  if shape != expected:
    raise ValueError(
        f'{path}: the tensor {name} has the shape {shape}, but by config.json'
        f' it is {expected}.'
    )
  if dtype not in _DTYPES:
    raise ValueError(
        f'{path}: the tensor {name} is {dtype}; only {", ".join(_DTYPES)} are'
        ' read.'
    )
