r"""How much memory it takes to load published weights.

  python -m benchmarks.load_weights --layers=16 --dtype=float32

Writes a checkpoint of random weights into a temporary folder, loads it onto a
mesh of 8 CPU devices in a process of its own, and prints the peak of that
process beside the two sizes that should bound it: the shards of the parameters,
all local here, and the largest tensor.
"""

from collections.abc import Iterator
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import numpy as safetensors_numpy

from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.model.hf import files
from bao_jax.model.hf import load
from bao_jax.model.hf import names
from bao_jax.model.hf import shape as shape_lib

_SIZE = flags.DEFINE_enum(
    'size', '1.7b', list(config_lib.SIZES), 'Of the layers and the embedding.'
)
_LAYERS = flags.DEFINE_integer('layers', 16, 'How many.', lower_bound=1)
_DTYPE = flags.DEFINE_enum(
    'dtype', 'float32', ('float32', 'bfloat16'), 'Of the parameters.'
)
_FOLDER = flags.DEFINE_string('folder', '', 'Load this one, and nothing else.')
_DEVICES = flags.DEFINE_integer('devices', 8, 'Of the mesh.', lower_bound=1)

_FILE_BYTES = 1 << 30


def write(folder: pathlib.Path, config: config_lib.ModelConfig) -> None:
  """Writes random weights in bfloat16, in files of a gigabyte."""
  fields = shape_lib.to_json(config, 'bfloat16')
  (folder / 'config.json').write_text(json.dumps(fields))
  listed = {}
  for i, tensors in enumerate(_files(config)):
    name = f'model-{i + 1:05}.safetensors'
    safetensors_numpy.save_file(tensors, folder / name)
    listed |= dict.fromkeys(tensors, name)
  (folder / files.INDEX).write_text(json.dumps({'weight_map': listed}))


def _files(config: config_lib.ModelConfig) -> Iterator[dict[str, np.ndarray]]:
  rng = np.random.default_rng(0)
  tensors, size = {}, 0
  for name, entry in names.stored(config).items():
    x = rng.standard_normal(entry.shape, np.float32).astype(jnp.bfloat16)
    tensors[name] = x
    size += x.nbytes
    if size > _FILE_BYTES:
      yield tensors
      tensors, size = {}, 0
  if tensors:
    yield tensors


def measure(folder: str) -> str:
  """Loads a folder and says what it took."""
  config = shape_lib.read(folder)
  shardings = split(config)
  jax.block_until_ready(jnp.zeros(8) + 1)  # Whatever JAX needs for itself.
  before, began = _peak(), time.monotonic()
  params = load.load(folder, config, shardings, _DTYPE.value)
  seconds, peak = time.monotonic() - began, _peak() - before
  shards = sum(
      shard.data.nbytes
      for x in jax.tree.leaves(params)
      for shard in x.addressable_shards
  )
  largest = 2 * max(
      int(np.prod(entry.shape)) for entry in names.stored(config).values()
  )
  bound = shards + largest
  return (
      f'{shards / 1e9:.2f} GB of local shards on {_DEVICES.value} devices, '
      f'{largest / 1e9:.2f} GB the largest tensor.\n'
      f'Peak {peak / 1e9:.2f} GB above the {before / 1e9:.2f} GB before: '
      f'{peak / shards:.3f} of the shards, {peak / bound:.3f} of the bound; '
      f'{seconds:.1f} s.'
  )


def split(config: config_lib.ModelConfig):
  """Splits the width over all devices."""
  mesh = jax.make_mesh((_DEVICES.value,), ('fsdp',))
  boxed = jax.eval_shape(lambda key: qwen3.init(config, key), jax.random.key(0))
  specs = nn.get_partition_spec(boxed)
  return nn.logical_to_mesh_sharding(specs, mesh, [('embed', 'fsdp')])


def _peak() -> int:
  """Returns the largest resident size so far, in bytes."""
  # Not `getrusage`, which begins with the size of the parent.
  status = pathlib.Path('/proc/self/status').read_text()
  return 1024 * int(status.partition('VmHWM:')[2].split()[0])


def main(argv) -> None:
  del argv
  jax.config.update('jax_platforms', 'cpu')
  jax.config.update('jax_num_cpu_devices', _DEVICES.value)
  if _FOLDER.value:
    print(measure(_FOLDER.value))
    return
  config = dataclasses.replace(
      config_lib.SIZES[_SIZE.value], num_layers=_LAYERS.value
  )
  with tempfile.TemporaryDirectory() as folder:
    write(pathlib.Path(folder), config)
    size = sum(path.stat().st_size for path in pathlib.Path(folder).iterdir())
    print(
        f'{size / 1e9:.2f} GB on disk, {_SIZE.value}, {_LAYERS.value} layers.'
    )
    subprocess.run(
        [sys.executable, '-m', 'benchmarks.load_weights', f'--folder={folder}']
        + [f'--dtype={_DTYPE.value}', f'--devices={_DEVICES.value}'],
        check=True,
        timeout=3600,
    )


if __name__ == '__main__':
  app.run(main)
