r"""Trains the warm start: behavior enhancement by imitation.

  python experiments/train_sft.py \
      --config=experiments/configs/quickstart.py --workdir=runs/x

Kept short: flags become a config, and the config goes to the trainer.
"""

from collections.abc import Sequence

from absl import app
from absl import flags
from absl import logging
import jax
from ml_collections import config_flags

from bao_jax.train import sft

_CONFIG = config_flags.DEFINE_config_file('config', lock_config=True)
_WORKDIR = flags.DEFINE_string(
    'workdir', None, 'Where to write and resume from.'
)
flags.mark_flags_as_required(['config', 'workdir'])


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
  logging.info(
      'Process %d of %d, devices: %s',
      jax.process_index(),
      jax.process_count(),
      jax.local_devices(),
  )
  sft.train(_CONFIG.value, _WORKDIR.value)


if __name__ == '__main__':
  jax.config.config_with_absl()
  app.run(main)
