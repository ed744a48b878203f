"""Several processes that run the same program, each with devices of its own.

Arrays over the devices of all are JAX's affair. Here is the rest: how processes
find one another, tell one another what each of them alone knows, and end
together. With one process nothing here does anything.

Every process calls the functions that wait for others in the same order.
"""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import itertools
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import time
import traceback
from typing import Any, NoReturn, TypeVar

import jax
from jax._src import clusters  # Nothing public says whether there is one,
from jax._src import distributed  # or lends the client.
from jax.experimental import multihost_utils
import numpy as np

T = TypeVar('T')

_SILENCE = 30.0  # Seconds without a sign of life after which one is dead.
DEADLINE = 3600.0  # Seconds that a process may be behind the others.
_AGAIN = 'Start all again; the same command goes on from what is saved.'
_CHUNK = 2**20  # Bytes that each process sends at a time.

_numbers = itertools.count()  # Of exchanges.
_is_done = threading.Event()  # No watch is kept any more.
_watches: list[threading.Thread] = []  # One, if there are other processes.
_mourners: list[subprocess.Popen] = []  # Likewise.


def count() -> int:
  return jax.process_count()


def index() -> int:
  return jax.process_index()


def is_first() -> bool:
  """Returns whether this is the process that writes and speaks for all."""
  return index() == 0


def own(items: Sequence[T], size: int = 1) -> Sequence[T]:
  """Returns the part of a list that is this process's.

  Args:
    items: the list, the same on all processes.
    size: of runs that stay together; the last one may be shorter.
  """
  runs = -(-len(items) // size)
  start, stop = (runs * i // count() * size for i in (index(), index() + 1))
  return items[start:stop]


def own_path(path: pathlib.Path) -> pathlib.Path:
  """Returns where this process writes what each writes: numbered but for 0."""
  return path if is_first() else path.with_stem(f'{path.stem}.{index()}')


def together(call: Callable[[], T], *, deadline: float = DEADLINE) -> list[T]:
  """Calls a function on every process, and tells all of them what came of it.

  Args:
    call: what each does; what it returns can be pickled.
    deadline: seconds that a process may be behind this one.

  Returns:
    The results in the order of processes.

  Raises:
    Exception: the first that a call raised, on all processes.
    TimeoutError: a process is not there yet.
  """
  if count() == 1:
    return [call()]
  try:
    outcome = call()
  except Exception as error:
    outcome = _Raised(error)
  outcomes = _gather(outcome, deadline)
  for other in outcomes:
    if isinstance(other, _Raised):
      raise other.error
  return outcomes


def by_first(call: Callable[[], T]) -> T:
  """Calls a function on the first process alone; all get what came of it."""
  return together(lambda: call() if is_first() else None)[0]


def any_of(flag: bool) -> bool:
  """Returns whether a flag is set on any process."""
  return any(_exchange(int(flag), DEADLINE)) if count() > 1 else flag


def to_host(tree: Any) -> Any:
  """Brings arrays to the host, also those that lie with other processes."""
  if count() == 1:
    return jax.device_get(tree)
  return multihost_utils.process_allgather(tree, tiled=True)


class _Raised:
  """What a call raised, in the place of its result."""

  def __init__(self, error: Exception):
    self.error = error

  def __reduce__(self):
    try:
      pickle.loads(pickle.dumps(self.error))
    except Exception:  # Some errors cannot be told as they are.
      return _Raised, (RuntimeError(repr(self.error)),)
    return _Raised, (self.error,)


def _gather(value: Any, deadline: float) -> list[Any]:
  """Tells all processes a value; they are our own, so that pickle will do."""
  data = pickle.dumps(value)
  sizes = _exchange(len(data), deadline)
  received = [bytearray() for _ in sizes]
  for start in range(0, max(sizes), _CHUNK):
    part = np.zeros(_CHUNK, np.uint8)
    sent = np.frombuffer(data[start : start + _CHUNK], np.uint8)
    part[: len(sent)] = sent
    for buffer, row in zip(received, multihost_utils.process_allgather(part)):
      buffer += row.tobytes()
  return [pickle.loads(b[:size]) for b, size in zip(received, sizes)]


def _exchange(number: int, deadline: float) -> list[int]:
  """Tells all processes a number, and waits until each has told its own.

  Devices could do that, but would wait without a deadline, or with one that
  suits nobody.
  """
  client, name = _client(), next(_numbers)
  client.key_value_set(f'bao_jax/{name}/{index()}', str(number))
  due = time.monotonic() + deadline
  numbers = []
  for other in range(count()):
    left = max(int(1000 * (due - time.monotonic())), 1)
    try:
      said = client.blocking_key_value_get(f'bao_jax/{name}/{other}', left)
    except jax.errors.JaxRuntimeError as error:
      if 'DEADLINE_EXCEEDED' not in str(error):
        raise
      raise TimeoutError(
          f'process {other} of {count()} is more than {deadline:g} s behind'
          f' process {index()}.'
      ) from None
    numbers.append(int(said))
  if name:  # Who has come here has read all of the exchange before.
    client.key_value_delete(f'bao_jax/{name - 1}/{index()}')
  return numbers


def _client():
  return distributed.global_state.client


# How processes find one another and end together.


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
  if jax.config.jax_platforms == 'cpu':
    # Half a minute by default: one may compile for longer than another.
    flag = f'--xla_cpu_collective_timeout_seconds={int(DEADLINE)}'
    os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} {flag}'
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

  The others would wait for it: for as long as JAX takes to notice, and would
  then be aborted with dumps of their stacks.

  Yields:
    Once.
  """
  try:
    yield
  except BaseException as error:
    if _client() is None:
      raise
    is_agreed = isinstance(error, SystemExit) and isinstance(error.code, str)
    if not is_agreed:
      _leave(error)
    _part()
    raise
  _part()


def _part() -> None:
  """Waits for the others to be done as well."""
  if _client() is not None:
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
    _client().key_value_set('bao_jax/ended', f'{index()} {said}')
  sys.stdout.flush()
  if is_first():
    time.sleep(3)  # With it goes what the others hear from.
  _end('', status)


def _watch() -> None:
  """Ends this process soon after another one did."""
  me, heard = str(index()), {}
  for beat in itertools.count():
    try:
      _client().key_value_set(
          f'bao_jax/alive/{me}', str(beat), allow_overwrite=True
      )
      alive = dict(_client().key_value_dir_get('bao_jax/alive/'))
      said = _client().blocking_key_value_get('bao_jax/ended', 1000)
    except jax.errors.JaxRuntimeError as error:
      if _is_done.is_set():
        return
      if 'DEADLINE_EXCEEDED' not in str(error):
        _end_after('0', 'is gone')
    else:
      which, _, why = said.partition(' ')
      if which != me and not _is_done.is_set():
        _end_after(which, f'ended: {why}')
    if _is_done.is_set():
      return
    now = time.monotonic()
    for key, value in alive.items():
      last, when = heard.get(key, (None, now))
      heard[key] = (value, now) if value != last else (last, when)
      if now - heard[key][1] > _SILENCE:
        which = key.rpartition('/')[2]
        _end_after(which, f'was not heard of for {_SILENCE:g} s')


def _mourner() -> subprocess.Popen:
  """Starts what speaks in the place of this process if it dies.

  JAX aborts it at once where the connection to process 0 is lost, before any
  thread of ours could say a word.
  """
  said = f'error: this process was killed, or lost process 0. {_AGAIN}'
  shell = 'trap "" INT TERM HUP; read line || echo "$0" >&2'
  return subprocess.Popen(
      ['sh', '-c', shell, said], stdin=subprocess.PIPE, bufsize=0
  )


def _dismiss() -> None:
  """Ends without a word from the one that speaks of deaths."""
  for shell in _mourners:
    with contextlib.suppress(OSError):
      shell.communicate(b'done\n')


def _end_after(which: str, what: str) -> NoReturn:
  _end(f'error: process {which} of {count()} {what}. {_AGAIN}')


def _end(said: str, status: int = 1) -> NoReturn:
  """Ends the process at once, whatever its other threads wait for."""
  if said:  # First: JAX may be about to abort the process.
    os.write(2, f'{said}\n'.encode())
  _dismiss()
  os._exit(status)
