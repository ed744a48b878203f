"""What launchers share: flags, and errors that users can act on."""

from collections.abc import Callable, Sequence
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging
import jax
from ml_collections import config_flags

# What a wrong config, folder or disk raises. Anything else is a fault of ours
# and keeps its traceback.
_EXPECTED = (ValueError, OSError, FloatingPointError)


def launch(
    run: Callable[[Any, str], Any], *, default_config: str | None = None
) -> None:
  """Parses `--config` and `--workdir` and hands them to a loop.

  Args:
    run: takes the config and the folder.
    default_config: the config file where none is given.
  """
  config = config_flags.DEFINE_config_file(
      'config', default_config, lock_config=True
  )
  workdir = flags.DEFINE_string(
      'workdir', None, 'Where to write and resume from.'
  )
  flags.mark_flag_as_required('workdir')
  if default_config is None:
    flags.mark_flag_as_required('config')

  def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
      raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    if not flags.FLAGS['verbosity'].present:
      logging.set_verbosity(logging.WARNING)  # Checkpoints log a lot.
    print(
        f'Process {jax.process_index()} of {jax.process_count()}, devices: '
        f'{jax.local_devices()}',
        flush=True,
    )
    try:
      result = run(config.value, workdir.value)
    except _EXPECTED as error:
      print(f'error: {error}', file=sys.stderr)
      logging.debug('In detail:', exc_info=True)
      sys.exit(1)
    if isinstance(result, str):
      print(result)

  jax.config.config_with_absl()
  app.run(main)
