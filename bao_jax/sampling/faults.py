"""Turns whose gym failed, kept so that a resumed run repeats them."""

from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import threading

from bao_jax.envs import base
from bao_jax.users import chat


class FaultLog:
  """Outages and deadlines that fired, by turn.

  Args:
    path: a file that keeps them, one JSON line each; None forgets them with the
      process.
  """

  def __init__(self, path: pathlib.Path | None = None):
    self._path = path
    self._errors: dict[str, str] = {}
    self._lock = threading.Lock()
    lines = path.read_text().split('\n') if path and path.exists() else []
    for line in filter(None, lines):
      try:
        ((key, error),) = json.loads(line).items()
      except json.JSONDecodeError:
        continue  # A kill tore the line: nothing was made of the failure yet.
      self._apply(key, error)

  def error(self, key: str) -> str | None:
    """Returns why this turn failed before, or None."""
    return self._errors.get(key)

  def record(self, key: str, error: str) -> None:
    """Notes a failure before anything is made of it."""
    self._write(key, error)

  @contextlib.contextmanager
  def of_step(self, step: int) -> Iterator[None]:
    """Forgets a step's failures if they end the run: it learned of none.

    Otherwise the run could not go on once its users are in reach again.
    """
    try:
      yield
    except (base.UserError, chat.StopError):
      self.forget(step)
      raise

  def forget(self, step: int) -> None:
    """Forgets the failures of a step of which nothing was learned."""
    self._write(f'{step}/', None)

  def _write(self, key: str, error: str | None) -> None:
    with self._lock:
      self._apply(key, error)
      if not self._path:
        return
      with self._path.open('a') as file:
        # A line of its own even after one that a kill tore.
        file.write(f'\n{json.dumps({key: error})}\n')
        file.flush()
        os.fsync(file.fileno())

  def _apply(self, key: str, error: str | None) -> None:
    """Notes an error, or drops all under a key without one."""
    if error is not None:
      self._errors[key] = error
      return
    for known in [k for k in self._errors if k.startswith(key)]:
      del self._errors[known]
