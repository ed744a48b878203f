"""Turns whose gym failed, kept so that a resumed run repeats them."""

import json
import os
import pathlib


class FaultLog:
  """Outages and deadlines that fired, by turn.

  Args:
    path: a file that keeps them, one JSON line each; None forgets them with the
      process.
  """

  def __init__(self, path: pathlib.Path | None = None):
    self._path = path
    self._errors: dict[str, str] = {}
    lines = path.read_text().split('\n') if path and path.exists() else []
    for line in filter(None, lines):
      try:
        self._errors.update(json.loads(line))
      except json.JSONDecodeError:
        continue  # A kill tore the line: nothing was made of the failure yet.

  def error(self, key: str) -> str | None:
    """Returns why this turn failed before, or None."""
    return self._errors.get(key)

  def record(self, key: str, error: str) -> None:
    """Notes a failure before anything is made of it."""
    self._errors[key] = error
    if self._path:
      with self._path.open('a') as file:
        # A line of its own even after one that a kill tore.
        file.write(f'\n{json.dumps({key: error})}\n')
        file.flush()
        os.fsync(file.fileno())
