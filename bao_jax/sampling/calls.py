"""Calls that may hang, each with deadlines of its own."""

from collections.abc import Callable, Iterator, Sequence
import contextvars
import math
import queue
import threading
import time
from typing import Any, NamedTuple

from bao_jax.sampling import devices


class Deadline(NamedTuple):
  """How long a call may take, and which setting says so.

  Attributes:
    seconds: from when the call begins.
    name: of the setting.
    end: when a call is late whenever it begins, on the monotonic clock.
  """

  seconds: float
  name: str
  end: float = math.inf


class Outcome(NamedTuple):
  """How a call ended.

  Attributes:
    value: what it returned, or the exception that it raised; a `TimeoutError`
      if it was too late.
    seconds: how long it took.
  """

  value: Any
  seconds: float


class Crew:
  """The threads of a round: how many may still come to ask something.

  Whoever answers several of them at once has to know when all of them wait.

  Attributes:
    size: of the threads.
    is_over: whether nobody listens to any of them any more.
  """

  def __init__(self, size: int):
    self._lock = threading.Lock()
    self._watchers: set[Callable[[], None]] = set()
    self.size = size
    self.is_over = False

  def watch(self, told: Callable[[], None]) -> None:
    """Has somebody told whenever a thread has left, and at the end."""
    with self._lock:
      self._watchers.add(told)

  def leave(self) -> None:
    with self._lock:
      self.size -= 1
    self._tell()

  def end(self) -> None:
    """Ends the round: no call of the devices begins for it after that."""
    with devices.TURN:
      self.is_over = True
    self._tell()

  def _tell(self) -> None:
    with self._lock:
      watchers = list(self._watchers)
    for told in watchers:
      told()


_CREW = contextvars.ContextVar('crew', default=None)


def crew() -> Crew | None:
  """Returns the crew that this code runs for, None outside of any round.

  Tasks of an event loop belong to the crew of the thread that started them.
  """
  return _CREW.get()


class Round:
  """A round of calls under way on threads; one that hangs delays no other.

  Args:
    calls: what to run; it starts at once.
    num_threads: how many run at a time.
    deadlines: of each call those that hold, the nearest of which counts. A call
      that would begin after an end does not.
  """

  def __init__(
      self,
      calls: Sequence[Callable[[], Any]],
      *,
      num_threads: int,
      deadlines: Sequence[Sequence[Deadline]],
  ):
    self._calls = calls
    self._deadlines = deadlines
    self._waiting = queue.SimpleQueue()
    for i in range(len(calls)):
      self._waiting.put(i)
    self._ended = queue.SimpleQueue()
    self._began: list[float | None] = [None] * len(calls)
    self._over: set[int] = set()
    self._replaced: set[int] = set()  # Calls whose thread is.
    self._shortest = min(
        (d.seconds for each in deadlines for d in each), default=0.0
    )
    self._crew = Crew(min(num_threads, len(calls)))
    for _ in range(self._crew.size):
      self._start_thread()

  def wait(self) -> list[Outcome]:
    """Returns how each call ended."""
    ended = dict(self.as_completed())
    return [ended[i] for i in range(len(self._calls))]

  def as_completed(self) -> Iterator[tuple[int, Outcome]]:
    """Yields each call's index and end; late ones' threads are given up.

    Once nobody listens any more, no further call begins.
    """
    try:
      while len(self._over) < len(self._calls):
        for i, outcome in self._next():
          if i not in self._over:  # Else it is late, and was given up.
            self._over.add(i)
            yield i, outcome
    finally:
      self._drop_waiting()
      self._crew.end()

  def _drop_waiting(self) -> None:
    try:
      while True:
        self._waiting.get_nowait()
    except queue.Empty:
      pass

  def _start_thread(self) -> None:
    """Starts a thread that takes calls; as a daemon it delays no exit."""
    threading.Thread(target=self._work, daemon=True).start()

  def _next(self) -> list[tuple[int, Outcome]]:
    """Waits for the next end or the next deadline."""
    now = time.monotonic()
    due = [self._due(i)[0] for i in self._running()]
    # What waits for a thread may begin at any moment.
    left = min([*due, now + self._shortest]) - now
    left = min(max(left, 0.01), threading.TIMEOUT_MAX)
    try:
      return [self._ended.get(timeout=left)]
    except queue.Empty:
      late = list(self._late(time.monotonic()))
      for i, _ in late:
        self._replaced.add(i)
        self._start_thread()  # In the place of the late one.
      return late

  def _late(self, now: float) -> Iterator[tuple[int, Outcome]]:
    for i in self._running():
      due, deadline = self._due(i)
      if now >= due:
        yield i, Outcome(_too_late(deadline), now - self._began[i])

  def _due(self, i: int) -> tuple[float, Deadline]:
    """Returns when a call that has begun is late, and by which deadline."""
    began = self._began[i]
    return min((min(began + d.seconds, d.end), d) for d in self._deadlines[i])

  def _running(self) -> list[int]:
    return [
        i
        for i, began in enumerate(self._began)
        if began is not None and i not in self._over
    ]

  def _work(self) -> None:
    _CREW.set(self._crew)
    while True:
      try:
        i = self._waiting.get_nowait()
      except queue.Empty:
        self._crew.leave()
        return
      began = self._began[i] = time.monotonic()
      due, deadline = self._due(i)
      try:
        value = self._calls[i]() if due > began else _too_late(deadline)
      except Exception as e:  # Handed to whoever asked for the call.
        value = e
      self._ended.put((i, Outcome(value, time.monotonic() - began)))
      if i in self._replaced:
        return


def _too_late(deadline: Deadline) -> TimeoutError:
  return TimeoutError(
      f'no reply within {deadline.seconds:.3g} s ({deadline.name})'
  )
