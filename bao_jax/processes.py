"""Several processes that run the same program, each with devices of its own.

Arrays over the devices of all are JAX's affair. Here is the rest: who does
what, and how processes tell one another what each of them alone knows. With one
process nothing here does anything. How they come together is in `cluster.py`.

Every process calls the functions that wait for others in the same order.
"""

from collections.abc import Callable, Sequence
import itertools
import pathlib
import pickle
import time
from typing import Any, TypeVar

import jax
from jax._src import distributed  # Nothing public lends the client.
from jax.experimental import multihost_utils
import numpy as np

T = TypeVar('T')

DEADLINE = 3600.0  # Seconds that a process may be behind the others.
_CHUNK = 2**20  # Bytes that each process sends at a time.

_numbers = itertools.count()  # Of exchanges.


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


def by_first(call: Callable[[], T], *, deadline: float = DEADLINE) -> T:
  """Calls a function on the first process alone; all get what came of it.

  Args:
    call: as for `together`.
    deadline: seconds that the others wait for it.

  Raises:
    Exception: what the call raised, on all processes.
    TimeoutError: it takes longer.
  """
  only = lambda: call() if is_first() else None
  return together(only, deadline=deadline)[0]


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
  service, name = client(), next(_numbers)
  service.key_value_set(f'bao_jax/{name}/{index()}', str(number))
  due = time.monotonic() + deadline
  numbers = []
  for other in range(count()):
    left = max(int(1000 * (due - time.monotonic())), 1)
    try:
      said = service.blocking_key_value_get(f'bao_jax/{name}/{other}', left)
    except jax.errors.JaxRuntimeError as error:
      if 'DEADLINE_EXCEEDED' not in str(error):
        raise
      raise TimeoutError(
          f'process {other} of {count()} is more than {deadline:g} s behind'
          f' process {index()}.'
      ) from None
    numbers.append(int(said))
  if name:  # Who has come here has read all of the exchange before.
    service.key_value_delete(f'bao_jax/{name - 1}/{index()}')
  return numbers


def client():
  """Returns what speaks to JAX's coordination service; None without one."""
  return distributed.global_state.client
