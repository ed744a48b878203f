r"""Trains every row of a table and writes the report.

  python experiments/quickstart.py --workdir=runs/quickstart

Kept short: flags become a config, and the config goes to the trainer.
"""

from collections.abc import Sequence

from absl import app
from absl import flags
from absl import logging
import jax
from ml_collections import config_flags

from bao_jax.train import pipeline

_CONFIG = config_flags.DEFINE_config_file(
    'config', 'experiments/configs/quickstart.py', lock_config=True
)
_WORKDIR = flags.DEFINE_string(
    'workdir', None, 'Where to write and resume from.'
)
flags.mark_flag_as_required('workdir')


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
  logging.info(
      'Process %d of %d, devices: %s',
      jax.process_index(),
      jax.process_count(),
      jax.local_devices(),
  )
  path = pipeline.run(_CONFIG.value, _WORKDIR.value)
  print(f'Report: {path}')


if __name__ == '__main__':
  jax.config.config_with_absl()
  app.run(main)
