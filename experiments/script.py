"""What scripts share: flags, several processes, and errors in one line."""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import os
import pathlib
import signal
import sys
import types as python_types
from typing import Any

from absl import app
from absl import flags
from absl import logging
import jax
from ml_collections import config_flags
import tqdm

from bao_jax import cluster
from bao_jax import memory
from bao_jax import processes
from bao_jax.envs import base
from bao_jax.train import setup
from bao_jax.train import users
from bao_jax.users import chat

# What a wrong config, folder or disk raises. Anything else is a fault of ours
# and keeps its traceback.
_EXPECTED = (
    ValueError,
    OSError,
    FloatingPointError,
    base.UserError,
    chat.StopError,
)
_SHARED = (
    'config',
    'workdir',
    'coordinator',
    'num_processes',
    'process_id',
    'join_deadline',
)
# What flags raise, a misspelled field of a config among it.
_MISSPELLED = (flags.Error, KeyError, OSError, TypeError, ValueError)

_CONFIG_HELP = (
    'The config file; --config.<field>=<value> overrides, and docs/config.md'
    ' explains every field.'
)


def launch(
    run: Callable[[Any, str], Any], *, default_config: str | None = None
) -> None:
  """Parses `--config` and `--workdir` and hands them to a loop.

  Args:
    run: takes the config and the folder.
    default_config: the config file where none is given.
  """
  config = config_flags.DEFINE_config_file(
      'config', default_config, _CONFIG_HELP, lock_config=True
  )
  workdir = flags.DEFINE_string(
      'workdir', None, 'Where to write and resume from.'
  )
  flags.mark_flag_as_required('workdir')
  if default_config is None:
    flags.mark_flag_as_required('config')
  join = _define_joining()

  def call():
    with errors_in_one_line(workdir.value):
      path = config_flags.get_config_filename(flags.FLAGS['config'])
      if not pathlib.Path(path.partition(':')[0]).is_file():
        raise FileNotFoundError(f'--config={path}: no such file.')
      keep_programs(workdir.value)
      result = run(config.value, workdir.value)
      found = sorted(pathlib.Path(workdir.value).rglob('users*.json'))
      is_told = users.is_llm(config.value) and processes.is_first()
      if is_told and found:
        _say(users.spent(*found))
      return result

  _start(call, join)


def _define_joining() -> Callable[[], None]:
  """Defines how processes find others where no environment tells them.

  Returns:
    What waits for the others, once flags are parsed.
  """
  address = flags.DEFINE_string(
      'coordinator',
      os.environ.get('JAX_COORDINATOR_ADDRESS'),
      'Host and port of process 0, where several run that JAX cannot find out'
      ' about by itself.',
  )
  count = flags.DEFINE_integer(
      'num_processes', None, 'Of the run.', lower_bound=1
  )
  index = flags.DEFINE_integer(
      'process_id', None, 'Of this one.', lower_bound=0
  )
  deadline = flags.DEFINE_float(
      'join_deadline',
      300.0,
      'Seconds until all processes must have started.',
      lower_bound=1.0,
  )
  return lambda: cluster.join(
      address.value, count.value, index.value, deadline=deadline.value
  )


def keep_programs(workdir: str) -> None:
  """Keeps compiled programs in the run's folder.

  The rows of a table compile the same ones, and so does a resumed run. A cache
  that the environment names stays in use.
  """
  if not jax.config.jax_compilation_cache_dir:
    folder = pathlib.Path(workdir) / 'programs'
    jax.config.update('jax_compilation_cache_dir', str(folder.resolve()))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)


def launch_evaluation(run: Callable[[Any], Any]) -> None:
  """Parses `--config`, a file or the folder of a run, and hands it on.

  By default it is that of the checkpoint that `--policy` names.

  Args:
    run: takes the config.
  """
  # The config decides which flags there are, so it is looked up before they
  # are parsed.
  kind, _, folder = _flag(sys.argv, 'policy').partition(':')
  where = _flag(sys.argv, 'config') or (folder if kind == 'checkpoint' else '')
  if where and not pathlib.Path(where.partition(':')[0]).is_file():
    with errors_in_one_line():
      saved = setup.load_config(where)
    sys.argv = [x for x in sys.argv if x != f'--config={where}']
    with _misspelled_in_one_line():  # Overrides are looked up at once.
      config = config_flags.DEFINE_config_dict(
          'config', saved, _CONFIG_HELP, lock_config=True
      )
  else:
    config = config_flags.DEFINE_config_file(
        'config', None, _CONFIG_HELP, lock_config=True
    )
    flags.mark_flag_as_required('config')
  join = _define_joining()

  def call():
    with errors_in_one_line():
      return run(config.value)

  _start(call, join)


def _flag(argv: Sequence[str], name: str) -> str:
  """Returns the value of a flag before flags are parsed, '' without one."""
  for prefix in (f'--{name}=', f'-{name}='):
    for argument in argv:
      if argument.startswith(prefix):
        return argument.removeprefix(prefix)
  return ''


def launch_plain(run: Callable[[], Any]) -> None:
  """Parses the flags that a script defined and calls it.

  Args:
    run: reads them.
  """

  def call():
    with errors_in_one_line():
      return run()

  _start(call)


@contextlib.contextmanager
def errors_in_one_line(
    folder: str = '', expected: tuple[type[Exception], ...] = _EXPECTED
) -> Iterator[None]:
  """Ends the process with one line where a user can act on an error.

  Args:
    folder: what a full disk is reported about, since the error does not say.
    expected: the errors in question; others pass.

  Yields:
    Once.

  Raises:
    SystemExit: with status 1 after an expected error, 130 after Ctrl-C, 143
      after SIGTERM.
  """
  try:
    yield
  except expected as error:
    logging.debug('In detail:', exc_info=True)
    where = ''
    if isinstance(error, OSError) and error.errno and not error.filename:
      where = f' (in {folder})'
    # Not `print`: a progress bar may be in the way.
    tqdm.tqdm.write(f'error: {_one_line(error)}{where}', file=sys.stderr)
    raise SystemExit(1) from None
  except KeyboardInterrupt as error:
    said = 'Interrupted; the same command goes on from what is saved.'
    tqdm.tqdm.write(said, file=sys.stderr)
    number = error.args[0] if error.args else signal.SIGINT
    raise SystemExit(128 + number) from None


def _interrupt(number: int, frame: python_types.FrameType | None) -> None:
  """Ends the process as Ctrl-C does; loops that train save first."""
  del frame
  raise KeyboardInterrupt(number)


def _one_line(error: BaseException) -> str:
  while error.args and isinstance(error.args[0], BaseException):
    error = error.args[0]
  # The text of a KeyError is quoted once more.
  text = str(error.args[0] if isinstance(error, KeyError) else error)
  if 'Traceback' in text:  # Of a config file that raised.
    text = text.strip().splitlines()[-1]
  return ' '.join(text.split()) or type(error).__name__


@contextlib.contextmanager
def _misspelled_in_one_line() -> Iterator[None]:
  with errors_in_one_line(expected=_MISSPELLED):
    try:
      yield
    except (AttributeError, KeyError) as error:
      raise ValueError(_no_field(_one_line(error))) from error


def _no_field(said: str) -> str:
  """Says which override is wrong, given what was said of it."""
  name = said.split(' ')[0].strip("'")
  for flag in (x.partition('=')[0] for x in sys.argv):
    if name in flag.split('.'):
      beside = '' if 'Did you mean' in said else '; docs/config.md has them all'
      return f'{flag}: --config has no field {said}{beside}'
  return f'--config: {said}'  # The file itself is wrong.


def _parse(argv: Sequence[str], known_only: bool = False) -> Sequence[str]:
  with _misspelled_in_one_line():
    return flags.FLAGS(argv, known_only=known_only)


def _say(text: str) -> None:
  """Prints a text, also if whoever reads the output has left: `| head`."""
  try:
    print(text, flush=True)
  except BrokenPipeError:
    with open(os.devnull, 'w') as nowhere:
      os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _start(call: Callable[[], Any], join: Callable[[], None] = lambda: None):
  """Lets absl run the call, and prints what it returns if that is text.

  Args:
    call: does the work.
    join: waits for the other processes.
  """

  def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
      raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    if not flags.FLAGS['verbosity'].present:
      logging.set_verbosity(logging.WARNING)  # Checkpoints log a lot.
    with errors_in_one_line():
      join()
    _say(
        f'Process {jax.process_index()} of {jax.process_count()}, devices: '
        f'{jax.local_devices()}'
    )
    signal.signal(signal.SIGTERM, _interrupt)
    with cluster.ended_together():
      result = call()
    if isinstance(result, str) and processes.is_first():
      _say(result)

  for name in _SHARED:  # For --help, since defined here.
    if name in flags.FLAGS:
      flag = flags.FLAGS[name]
      flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
  memory.keep_freed()
  jax.config.config_with_absl()
  app.run(main, flags_parser=_parse)
