"""Calls that run in a process of their own, as if they were here.

What one side does to its process, as to the C library's memory, then leaves the
other side alone. While a call runs there, this process waits.
"""

from collections.abc import Callable, Mapping
import functools
import multiprocessing
from typing import Any

MakeFn = Callable[..., Mapping[str, Callable[..., Any]]]


class Remote:
  """A process that holds calls by name.

  Args:
    make: makes the calls, there; a function of a module, so that it can be
      found again.
    *args: of `make`, copied to the process.

  Attributes:
    calls: the same names; each call returns when the one over there has, and
      brings back no result.
  """

  def __init__(self, make: MakeFn, *args: Any):
    context = multiprocessing.get_context('spawn')
    self._pipe, other = context.Pipe()
    self._process = context.Process(
        target=_serve, args=(other, make, args), daemon=True
    )
    self._process.start()
    other.close()  # Or the end of the process would not be noticed here.
    self.calls = {
        name: functools.partial(self._call, name) for name in self._hear()
    }

  def close(self) -> None:
    """Ends the process."""
    self._pipe.close()
    self._process.join()

  def _call(self, name: str, *args: Any) -> None:
    self._pipe.send((name, args))
    self._hear()

  def _hear(self) -> Any:
    """Returns what comes back; an error over there is one here."""
    try:
      is_fine, value = self._pipe.recv()
    except EOFError:
      raise RuntimeError('the other process has ended') from None
    if not is_fine:
      raise RuntimeError(f'in the other process: {value}')
    return value


def _serve(pipe, make: MakeFn, args) -> None:
  """Makes the calls and runs them as they are asked for."""
  try:
    calls = make(*args)
    pipe.send((True, list(calls)))
    while True:
      name, call_args = pipe.recv()
      calls[name](*call_args)
      pipe.send((True, None))
  except EOFError:
    return  # Nobody asks any more.
  except Exception as error:  # Told to whoever asked.
    pipe.send((False, f'{type(error).__name__}: {error}'))
