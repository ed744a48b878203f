r"""Compiles append, decode, SFT and RL for TPUs, on a machine without any.

  python experiments/compile_tpu.py --topology=v5e:8x8 \
      --config=experiments/configs/bao_function.py:size=4b

For each mesh: bytes of a chip's memory, FLOPs, bytes sent, and the least time
of each program on that chip. Mesh, rows in flight and micro-batches are chosen
by formula and brought to what the compiler says fits; where `config.mesh` has
more than one device, all are those of the config. `--programs=` compiles none.
Needs the extra `tpu`. The exit status is 2 where a program does not fit.
docs/tpu.md explains the columns.
"""

import functools
import pathlib

from absl import flags
import jax
from ml_collections import config_flags
import script
import tqdm

from bao_jax import sharding
from bao_jax.plan import cells as cells_lib
from bao_jax.plan import check
from bao_jax.plan import chips
from bao_jax.plan import compiler
from bao_jax.plan import kept
from bao_jax.plan import programs
from bao_jax.plan import study as study_lib
from bao_jax.plan import text
from bao_jax.train import setup

# libtpu would look for chips otherwise.
jax.config.update('jax_platforms', 'cpu')

_CONFIG = config_flags.DEFINE_config_file(
    'config', None, 'The experiment; docs/config.md.', lock_config=True
)
_TOPOLOGY = flags.DEFINE_list(
    'topology', None, 'What to compile for: v5e:8x8, or several.'
)
_BEST = flags.DEFINE_integer(
    'best', 1, 'How many meshes to compile of each topology.', lower_bound=1
)
_PROGRAMS = flags.DEFINE_list(
    'programs', list(study_lib.PROGRAMS), 'Which programs.'
)
_KEPT = flags.DEFINE_string(
    'kept', 'runs/compile_tpu.jsonl', 'Keeps what was compiled.'
)
_CHECK = flags.DEFINE_bool(
    'check',
    False,
    'Whether to compare formulas with the compiler instead, on two layers.',
)
flags.mark_flags_as_required(['config', 'topology'])


def run() -> str:
  """Studies each topology.

  Returns:
    The text to print.

  Raises:
    SystemExit: with status 2, after printing, where something does not fit.
  """
  config = _CONFIG.value
  if unknown := set(_PROGRAMS.value) - set(study_lib.PROGRAMS):
    raise ValueError(
        f'--programs={",".join(sorted(unknown))}: choose from'
        f' {",".join(study_lib.PROGRAMS)}.'
    )
  if _CHECK.value:
    devices = compiler.devices(_TOPOLOGY.value[0])
    return check.table(config, devices[:1])
  found = kept.load(pathlib.Path(_KEPT.value))
  studies = [
      (topology, one)
      for topology in _TOPOLOGY.value
      for one in _studies(config, topology, found)
  ]
  said = text.summary(studies)
  if not all(one.fits for _, one in studies):
    print(said, flush=True)
    raise SystemExit(2)
  return said


def _studies(config, topology, found) -> list[study_lib.Study]:
  """Compiles the chosen meshes of a topology, and prints each."""
  devices, chip = compiler.devices(topology), chips.of_topology(topology)
  is_chosen = set(config.mesh.values()) == {1}
  if is_chosen:
    chosen = cells_lib.ranked(config, len(devices), chip)[: _BEST.value]
  else:
    mesh = sharding.make_mesh(config.mesh, devices)
    chosen = [study_lib.as_configured(config, mesh, chip)]
  if not chosen:
    tqdm.tqdm.write(f'{topology}: by formula the config fits on no mesh.')
    raise SystemExit(2)
  compile_fn = functools.partial(_compiled, devices, topology, found)
  studies = []
  for cell in chosen:
    one = study_lib.study(
        config,
        cell,
        chip,
        compile_fn,
        may_shrink=is_chosen,
        names=tuple(_PROGRAMS.value),
    )
    print(text.mesh(topology, one, config), end='\n\n', flush=True)
    studies.append(one)
  return studies


def _compiled(
    devices, topology, found, config: setup.Config, program: str
) -> compiler.Report:
  """Compiles a program of a config, unless that is kept."""

  def compute():
    mesh = sharding.make_mesh(config.mesh, devices)
    length, chunk = config.rl.length_buckets[-1], config.rl.chunk
    if program == 'sft':
      length, chunk = config.sft.length, config.sft.chunk
    return compiler.compile_program(
        programs.programs(config, mesh)[program],
        unknown_trips=-(-length // chunk),  # Pieces of logits.
    )

  return kept.keeping(
      pathlib.Path(_KEPT.value),
      compute,
      found,
      kept.key(config, topology, program),
      topology=topology,
      program=program,
      mesh=config.mesh.to_dict(),
  )


if __name__ == '__main__':
  script.launch_plain(run)
