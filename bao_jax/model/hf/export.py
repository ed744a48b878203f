"""Weights out, in the layout of published checkpoints."""

from collections.abc import Iterator, Mapping, Sequence
import functools
import json
import os
import pathlib
import shutil
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import numpy as safetensors_numpy

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.model.hf import files
from bao_jax.model.hf import names
from bao_jax.model.hf import shape as shape_lib

_DTYPES = ('bfloat16', 'float32')


def export(
    params: types.Params,
    config: config_lib.ModelConfig,
    folder: str | pathlib.Path,
    *,
    beside: Sequence[str | pathlib.Path] = (),
    fields: Mapping[str, Any] = {},
    dtype: str = 'bfloat16',
    max_bytes: int = 2**32,
) -> None:
  """Writes a folder that transformers and inference engines load.

  It appears at once and whole, or not at all.

  Args:
    params: layers stacked; sharded or not.
    config: their shape.
    folder: where to; must not exist.
    beside: files to copy into it, those of the tokenizer say.
    fields: more of `config.json`.
    dtype: of the tensors, 'bfloat16' or 'float32'.
    max_bytes: of a file; the host holds the tensors of one at a time.

  Raises:
    FileExistsError: the folder is there.
    ValueError: there is no such dtype.
    OSError: it could not be written.
  """
  folder = pathlib.Path(folder)
  if dtype not in _DTYPES:
    raise ValueError(f'dtype={dtype!r}: use {" or ".join(_DTYPES)}.')
  if folder.exists():
    raise FileExistsError(f'{folder} is there already; choose another folder.')
  temporary = folder.with_name(f'.{folder.name}.{os.getpid()}.tmp')
  try:
    temporary.mkdir(parents=True)
    _write_tensors(params, config, temporary, dtype, max_bytes)
    written = shape_lib.to_json(config, dtype, fields)
    _write_json(temporary / 'config.json', written)
    for path in beside:
      shutil.copyfile(path, temporary / pathlib.Path(path).name)
    os.rename(temporary, folder)
  finally:
    shutil.rmtree(temporary, ignore_errors=True)


def _write_tensors(params, config, folder, dtype, max_bytes) -> None:
  flat = traverse_util.flatten_dict(params, sep='/')
  groups = list(_groups(names.stored(config), dtype, max_bytes))
  listed, total = {}, 0
  for i, group in enumerate(groups):
    name = f'model-{i + 1:05}-of-{len(groups):05}.safetensors'
    name = name if len(groups) > 1 else files.SINGLE
    tensors = {key: _tensor(flat, group[key], dtype) for key in group}
    safetensors_numpy.save_file(
        tensors, folder / name, metadata={'format': 'pt'}
    )
    listed |= dict.fromkeys(group, name)
    total += sum(x.nbytes for x in tensors.values())
  if len(groups) > 1:
    count = sum(x.size for x in flat.values())
    metadata = {'total_parameters': count, 'total_size': total}
    _write_json(
        folder / files.INDEX,
        {'metadata': metadata, 'weight_map': dict(sorted(listed.items()))},
    )


def _groups(
    stored: Mapping[str, names.Stored], dtype: str, max_bytes: int
) -> Iterator[dict[str, names.Stored]]:
  """Yields the tensors of each file, as many as fit."""
  group, filled = {}, 0
  for name, entry in stored.items():
    size = int(np.prod(entry.shape)) * jnp.dtype(dtype).itemsize
    if group and filled + size > max_bytes:
      yield group
      group, filled = {}, 0
    group[name] = entry
    filled += size
  yield group


def _tensor(flat, entry: names.Stored, dtype: str) -> np.ndarray:
  num_inputs = names.TABLE[entry.path].num_inputs
  x = _take(flat[entry.path], entry.layer, num_inputs, dtype)
  return np.asarray(x).reshape(entry.shape)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _take(x, layer, num_inputs: int, dtype: str) -> jax.Array:
  """Returns a tensor with its dimensions in the order of the file."""
  x = x if layer is None else x[layer]
  if num_inputs:
    x = jnp.moveaxis(x, range(num_inputs), range(x.ndim - num_inputs, x.ndim))
  return x.astype(dtype)


def _write_json(path: pathlib.Path, value: Mapping[str, Any]) -> None:
  path.write_text(json.dumps(value, indent=2) + '\n', 'utf-8')
