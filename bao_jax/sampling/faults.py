"""Deadlines that fired, kept so that a resumed run repeats them."""

import os
import pathlib


class FaultLog:
  """Deadlines that fired, so that a resumed run repeats them.

  Args:
    path: a file that keeps them, one key a line; None forgets them with the
      process.
  """

  def __init__(self, path: pathlib.Path | None = None):
    self._path = path
    self._seen: set[str] = set()
    if path and path.exists():
      self._seen.update(path.read_text().split('\n'))

  def seen(self, key: str) -> bool:
    """Returns whether this turn failed before."""
    return key in self._seen

  def record(self, key: str) -> None:
    """Notes a failure before anything is made of it."""
    self._seen.add(key)
    if self._path:
      with self._path.open('a') as file:
        # A line of its own even after one that a kill tore.
        file.write(f'\n{key}\n')
        file.flush()
        os.fsync(file.fileno())
