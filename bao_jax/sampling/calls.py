"""Calls that may hang, each with a deadline of its own."""

from collections.abc import Callable, Sequence
import queue
import threading
import time
from typing import Any


class _Calls:
  """One round of calls: what is to be done, was begun and has ended."""

  def __init__(self, calls: Sequence[Callable[[], Any]]):
    self._calls = calls
    self._waiting = queue.SimpleQueue()
    for i in range(len(calls)):
      self._waiting.put(i)
    self._ended = queue.SimpleQueue()
    self._began: list[float | None] = [None] * len(calls)
    self.outcomes: dict[int, Any] = {}

  def start_thread(self) -> None:
    """Starts a thread that takes calls; as a daemon it delays no exit."""
    threading.Thread(target=self._work, daemon=True).start()

  def wait(self, deadline: float) -> None:
    """Waits for the next end or the next deadline."""
    due = [self._began[i] + deadline for i in self._running()]
    left = min(due) - time.monotonic() if due else 0.01
    try:
      i, outcome = self._ended.get(timeout=max(left, 0.01))
      self.outcomes.setdefault(i, outcome)
    except queue.Empty:
      for i in self._running():
        if time.monotonic() >= self._began[i] + deadline:
          self.outcomes[i] = TimeoutError(f'no reply within {deadline} s')
          self.start_thread()  # The late one still holds its own.

  def _running(self) -> list[int]:
    return [
        i
        for i, began in enumerate(self._began)
        if began is not None and i not in self.outcomes
    ]

  def _work(self) -> None:
    while True:
      try:
        i = self._waiting.get_nowait()
      except queue.Empty:
        return
      self._began[i] = time.monotonic()
      try:
        outcome = self._calls[i]()
      except Exception as e:  # Handed to whoever asked for the call.
        outcome = e
      self._ended.put((i, outcome))


def call_all(
    calls: Sequence[Callable[[], Any]], *, num_threads: int, deadline: float
) -> list[Any]:
  """Runs calls on threads; one that hangs delays no other for long.

  Args:
    calls: what to run.
    num_threads: how many run at a time.
    deadline: seconds that each may take from when it begins.

  Returns:
    What each returned, or the exception that it raised; a `TimeoutError` for
    one that was too late, whose thread is given up.
  """
  round_of = _Calls(calls)
  for _ in range(min(num_threads, len(calls))):
    round_of.start_thread()
  while len(round_of.outcomes) < len(calls):
    round_of.wait(deadline)
  return [round_of.outcomes[i] for i in range(len(calls))]
