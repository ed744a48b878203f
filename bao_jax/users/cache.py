r"""Replies of models, kept so that a run can be repeated without them.

One JSON line per question, only ever appended to:

  {"key": "5f1a...", "ask": "turtle/full/test/7/2/5/judge", "reply": {...}}

The key is a digest of everything that a reply depends on, which task, sample
and turn the question is about included: samples of a task share no reply.
"""

from collections.abc import Mapping
import dataclasses
import hashlib
import json
import os
import pathlib
import threading
from typing import Any

from bao_jax.users import chat

MODES = ('off', 'record', 'replay')


@dataclasses.dataclass(frozen=True)
class Entry:
  """What came of a question.

  Attributes:
    reply: an object or text.
    error: why there is none; '' if there is.
  """

  reply: Any = None
  error: str = ''


def key_of(ask: chat.Ask, request: Mapping[str, Any]) -> str:
  """Returns the digest of a question and of the request that it became."""
  parts = dataclasses.asdict(ask) | {'request': request}
  text = json.dumps(parts, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


class Cache:
  """Replies by key; any thread may use it, and several processes one file.

  The first reply to a question counts, a failure only where there is none.

  Args:
    mode: 'off' keeps nothing, 'record' keeps what is new, 'replay' only reads.
    path: of the file.

  Raises:
    OSError: the file cannot be opened.
  """

  def __init__(self, mode: str, path: str | pathlib.Path = ''):
    self.mode = mode
    self.path = path
    self._lock = threading.Lock()
    self._places: dict[str, tuple[int, int]] = {}  # Offset and length.
    self._failures: set[str] = set()  # Keys of which nothing else is known.
    if mode == 'off':
      return
    flags = os.O_RDONLY
    if mode == 'record':
      pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
      flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    self._file = os.open(path, flags, 0o644)
    self._index()

  def _index(self) -> None:
    """Notes where each line is; memory stays small beside the file."""
    offset = 0
    with open(self.path, 'rb') as file:
      for line in file:
        try:
          row = json.loads(line)
          self._note(row['key'], 'error' in row, offset, len(line))
        except (ValueError, LookupError, TypeError):
          pass  # A kill tore the line: nothing was made of it yet.
        offset += len(line)

  def _note(self, key: str, failed: bool, offset: int, length: int) -> None:
    if key in self._places and (failed or key not in self._failures):
      return
    self._places[key] = offset, length
    (self._failures.add if failed else self._failures.discard)(key)

  def get(self, key: str) -> Entry | None:
    """Returns what is known of a question.

    While recording, a failure is not: it is worth another try.
    """
    with self._lock:
      place = self._places.get(key)
      if place is None or (self.mode == 'record' and key in self._failures):
        return None
    row = json.loads(os.pread(self._file, place[1], place[0]))
    return Entry(row.get('reply'), row.get('error', ''))

  def put(self, key: str, ask: chat.Ask, entry: Entry) -> Entry:
    """Keeps an entry, unless off or replaying.

    Returns:
      The one that counts: an earlier one if another thread asked the same.

    Raises:
      OSError: it could not be written.
    """
    if self.mode != 'record':
      return entry
    if (known := self.get(key)) is not None:
      return known
    result = {'error': entry.error} if entry.error else {'reply': entry.reply}
    row = {'key': key, 'ask': ask.key, 'role': ask.role, **result}
    line = json.dumps(row).encode() + b'\n'
    with self._lock:
      # A line of its own even after one that a kill tore.
      written = os.write(self._file, b'\n' + line)
      if written <= len(line):
        raise OSError(f'{self.path}: the disk is full.')
      end = os.lseek(self._file, 0, os.SEEK_CUR)
      self._note(key, bool(entry.error), end - len(line), len(line))
    return entry
