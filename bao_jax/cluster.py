"""How several processes find one another, and end together.

If one ends in the middle of its work the others would wait for it until JAX
takes notice, and would then be aborted with dumps of their stacks. Here they
soon end with a line that says what happened.
"""

from collections.abc import Iterator
import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
import traceback
from typing import NoReturn

import jax
from jax._src import clusters  # Nothing public says whether there is one.

from bao_jax import processes

_SILENCE = 60.0  # Seconds without a sign of life after which one is dead.
_ALIVE, _ENDED = 'bao_jax/alive/', 'bao_jax/ended'
_AGAIN = 'Start all again; the same command goes on from what is saved.'

_is_done = threading.Event()  # No watch is kept any more.
_watches: list[threading.Thread] = []  # One, if there are other processes.
_mourners: list[subprocess.Popen] = []  # Likewise.


def join(
    address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    deadline: float,
) -> None:
  """Waits for the other processes, if there are to be any.

  On TPU pods and under Slurm, Open MPI or Kubernetes JAX finds out by itself
  what is not given.

  Args:
    address: host and port of process 0.
    num_processes: how many there are to be.
    process_id: which one this is.
    deadline: seconds to wait; then the process ends.

  Raises:
    ValueError: what is given is wrong, or not enough.
  """
  if num_processes == 1 or (address is None and not _is_cluster()):
    return
  missing = f'error: not all processes came within {deadline:g} s'
  said = f'{missing}; is each of them started, and can it reach process 0?'
  _mourners.append(_mourner())
  # JAX would abort the process with a dump of its stack.
  timer = threading.Timer(deadline, _end, (said,))
  timer.daemon = True
  timer.start()
  jax.config.update('jax_enable_preemption_service', False)  # SIGTERM is ours.
  try:
    jax.distributed.initialize(
        address,
        num_processes,
        process_id,
        initialization_timeout=int(2 * deadline) + 1,
    )
  except (RuntimeError, TypeError, ValueError) as error:
    _dismiss()
    raise ValueError(
        f'{error} Several processes need --coordinator=<host:port of process'
        ' 0>, --num_processes and --process_id, or a cluster that JAX knows.'
    ) from error
  finally:
    timer.cancel()
  _watches.append(threading.Thread(target=_watch, daemon=True))
  _watches[0].start()


def _is_cluster() -> bool:
  """Returns whether JAX knows the cluster that this is a process of."""
  for cluster in clusters.ClusterEnv._cluster_types:
    if not cluster.opt_in_only_method and cluster.is_env_present():
      return cluster.get_process_count() > 1
  return False


@contextlib.contextmanager
def ended_together() -> Iterator[None]:
  """Ends all processes if one ends before its work is done.

  Yields:
    Once.
  """
  try:
    yield
  except BaseException as error:
    if processes.client() is None:
      raise
    is_agreed = isinstance(error, SystemExit) and isinstance(error.code, str)
    if not is_agreed:
      _leave(error)
    _part()
    raise
  _part()


def _part() -> None:
  """Waits for the others to be done as well."""
  if processes.client() is not None:
    _is_done.set()
    for thread in _watches:
      thread.join()
    _dismiss()
    jax.distributed.shutdown()


def _leave(error: BaseException) -> NoReturn:
  """Ends this process in the middle of its work, and tells the others."""
  if isinstance(error, jax.errors.JaxRuntimeError):
    # Most likely another one died; then the watch knows more, and ends this.
    time.sleep(_SILENCE + 5)
  status = 1
  if isinstance(error, SystemExit):
    status = error.code if isinstance(error.code, int) else 1
    error = error.__context__ or error  # What was told in one line.
  else:
    traceback.print_exception(error)
  said = ' '.join(f'{error}'.split()) or type(error).__name__
  if isinstance(error, KeyboardInterrupt):
    said = 'interrupted'
  with contextlib.suppress(jax.errors.JaxRuntimeError):
    # The first to end is the cause.
    processes.client().key_value_set(_ENDED, f'{processes.index()} {said}')
  sys.stdout.flush()
  if processes.is_first():
    time.sleep(3)  # With it goes what the others hear from.
  _end('', status)


def _watch() -> None:
  """Ends this process soon after another one did."""
  service, me = processes.client(), str(processes.index())
  heard = {}
  try:
    for beat in itertools.count():
      service.key_value_set(_ALIVE + me, str(beat), allow_overwrite=True)
      _check_heard(heard, service.key_value_dir_get(_ALIVE))
      which, _, why = _ended(service).partition(' ')
      if _is_done.is_set() or which == me:
        break
      if which:
        _end_after(which, f'ended: {why}')
    service.key_value_delete(_ALIVE + me)  # Silent, but not dead.
  except jax.errors.JaxRuntimeError:
    if not _is_done.is_set():
      _end_after('0', 'is gone')


def _check_heard(
    heard: dict[str, tuple[str, float]], beats: list[tuple[str, str]]
) -> None:
  """Ends this process if another one has been silent for too long.

  Args:
    heard: the last beat of each and when it came; is brought up to date.
    beats: of each that is alive.
  """
  now = time.monotonic()
  for key, beat in beats:
    last, when = heard.get(key, ('', now))
    heard[key] = (last, when) if beat == last else (beat, now)
    if now - heard[key][1] > _SILENCE:
      which = key.removeprefix(_ALIVE)
      _end_after(which, f'was not heard of for {_SILENCE:g} s')


def _ended(service) -> str:
  """Returns which process ended and why, '' after a second without news."""
  try:
    return service.blocking_key_value_get(_ENDED, 1000)
  except jax.errors.JaxRuntimeError as error:
    if 'DEADLINE_EXCEEDED' not in str(error):
      raise
    return ''


def _mourner() -> subprocess.Popen:
  """Starts what speaks in the place of this process if it dies.

  JAX aborts it at once where the connection to process 0 is lost, before any
  thread of ours could say a word.
  """
  said = f'error: this process was killed, or lost process 0. {_AGAIN}'
  shell = 'trap "" INT TERM HUP; read line || printf "\\n%s\\n" "$0" >&2'
  return subprocess.Popen(
      ['sh', '-c', shell, said], stdin=subprocess.PIPE, bufsize=0
  )


def _dismiss() -> None:
  """Ends without a word from the one that speaks of deaths."""
  for shell in _mourners:
    with contextlib.suppress(OSError):
      shell.communicate(b'done\n')


def _end_after(which: str, what: str) -> NoReturn:
  _end(f'error: process {which} of {processes.count()} {what}. {_AGAIN}')


def _end(said: str, status: int = 1) -> NoReturn:
  """Ends the process at once, whatever its other threads wait for."""
  if said:  # First: JAX may be about to abort the process.
    os.write(2, f'\n{said}\n'.encode())  # A bar may be in the way.
  _dismiss()
  os._exit(status)
