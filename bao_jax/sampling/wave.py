"""Rows that share a cache and speak at the same time."""

import jax
import numpy as np

from bao_jax import types
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import row as row_lib


class Wave:
  """B rows, each empty or with a conversation in progress.

  Args:
    engine: compiled calls.
    params: of `engine.prepare`.
    limits: of the conversations.
    stop: the stop token.
  """

  def __init__(
      self,
      engine: engine_lib.Engine,
      params: types.Params,
      limits: row_lib.Limits,
      stop: int,
  ):
    self._engine = engine
    self._params = params
    self._limits = limits
    self._stop = stop
    self._keys = np.zeros((engine.num_rows, 2), np.uint32)
    self.cache = engine.empty_rows()
    self.rows: list[row_lib.Row | None] = [None] * engine.num_rows

  def free(self) -> list[int]:
    """Returns the rows without a conversation."""
    return [i for i, row in enumerate(self.rows) if row is None]

  def place(self, rows: dict[int, row_lib.Row], keys: np.ndarray) -> None:
    """Puts conversations into free rows.

    Args:
      rows: by index; the cache holds their prompts already.
      keys: `[B, 2]` uint32 of random bits, read for these rows.
    """
    for i, row in rows.items():
      self.rows[i] = row
      self._keys[i] = keys[i]

  def speak(self) -> list[int]:
    """Sends what is unsent and samples; returns the rows whose turn is over."""
    if not any(self.rows):
      return []
    self._send()
    decoded = self._decode()
    spoken = []
    for i, row in enumerate(self.rows):
      if row is None:
        continue
      count = int(decoded.count[i])
      row.take(
          decoded.tokens[i, :count],
          decoded.logps[i, :count],
          bool(decoded.stopped[i]),
      )
      if row.is_closed or row.budget(self._limits) <= 0:
        spoken.append(i)
    return spoken

  def _send(self) -> None:
    """Appends replies; the last id of each row stays pending."""
    ids = [
        row.unsent[:-1] if row else np.zeros(0, np.int32) for row in self.rows
    ]
    if any(map(len, ids)):
      self.cache = self._engine.append(
          self._params, self.cache, ids, longest=self._longest()
      )
    for row in self.rows:
      if row:
        row.unsent = row.unsent[-1:]

  def _decode(self):
    """Runs the compiled decode and brings its result to the host."""
    pending, budget = self._per_row(np.int32), self._per_row(np.int32)
    for i, row in enumerate(self.rows):
      if row:
        pending[i] = row.unsent[-1]
        budget[i] = row.budget(self._limits)
    sampling = choose.Sampling(
        key=self._keys,
        temperature=self._per_row(np.float32, self._limits.temperature),
        top_k=self._per_row(np.int32, self._limits.top_k),
        top_p=self._per_row(np.float32, self._limits.top_p),
    )
    self.cache, decoded = self._engine.decode(
        self._params,
        self.cache,
        pending,
        budget,
        sampling,
        self._per_row(np.int32, self._stop),
        longest=self._longest(),
    )
    return jax.device_get(decoded)

  def _longest(self) -> int:
    return max(row.num_tokens for row in self.rows if row)

  def _per_row(self, dtype, value=0) -> np.ndarray:
    return np.full(self._engine.num_rows, value, dtype)
