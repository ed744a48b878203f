"""Prompts to what a frozen model goes on with, many at a time.

  system messages -> prompts -> rows, refilled as replies end

Which prompt is in which row at which call depends on the prompts alone, in the
order in which they are given, so that the same ones give the same bits.
"""

import collections
from collections.abc import Callable, Iterator, Sequence
import dataclasses
import zlib

import jax
import numpy as np

from bao_jax import types
from bao_jax.sampling import choose
from bao_jax.sampling import devices
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import prefixes as prefixes_lib


@dataclasses.dataclass(frozen=True, order=True)
class Prompt:
  """What to go on from, and how; equal ones have equal completions.

  Attributes:
    system: ids that other prompts begin with too, prefilled once for all.
    rest: the ids that follow, at least one.
    max_tokens: of the completion, at least one.
    temperature: 0 is greedy.
    top_k: 0 for all tokens.
    top_p: 1 for all tokens.
    seed: of sampling.
  """

  system: tuple[int, ...]
  rest: tuple[int, ...]
  max_tokens: int
  temperature: float = 0.0
  top_k: int = 0
  top_p: float = 1.0
  seed: int = 0

  @property
  def ids(self) -> np.ndarray:
    return np.array(self.system + self.rest, np.int32)


@dataclasses.dataclass(frozen=True)
class Completer:
  """A frozen model that goes on with prompts.

  Attributes:
    engine: compiled calls.
    params: of `engine.unstack`.
    stop: the id that ends a completion.
  """

  engine: engine_lib.Engine
  params: types.Params
  stop: int

  def complete(
      self,
      prompts: Sequence[Prompt],
      is_wanted: Callable[[int], bool] = lambda i: True,
  ) -> Iterator[tuple[int, np.ndarray]]:
    """Goes on with prompts.

    Args:
      prompts: any number; those with the same system message next to each
        other. With their completions they fit into the engine's slots.
      is_wanted: whether anybody still waits for the completion of a prompt,
        by its index; one that nobody does is given up.

    Yields:
      The index of each prompt and the ids of its completion, the stop token
      included if it was reached, as they end.
    """
    batch = _Batch(self, prompts, is_wanted)
    while not batch.is_done():
      yield from batch.advance()

  def compile(self) -> None:
    """Compiles all that `complete` may call, so that no reply waits for it."""
    engine, rows = self.engine, self.engine.empty_rows()
    none = np.zeros(0, np.int32)
    idle = [none] * (engine.prefix_rows - 1)
    for width in engine.append_buckets:
      for held in engine.held_buckets:
        prefix = engine.append(
            self.params,
            engine.empty_prefix(),
            [np.zeros(width, np.int32), *idle],
            longest=held,
        )
    whole = np.full(engine.prefix_rows, -1, np.int32)
    prefix = engine.share(engine.empty_prefix(), prefix, whole)
    rows = engine.share(rows, prefix, _full(engine, np.int32, -1))
    for held in engine.held_buckets:
      rows, out = _decode(self, rows, [None] * engine.num_rows, held)
    jax.block_until_ready(out)


@dataclasses.dataclass
class _Row:
  """A completion in progress. Mutable: it lives within one batch."""

  index: int
  prompt: Prompt
  key: np.ndarray  # `[2]` uint32
  pending: int
  num_tokens: int
  taken: list[np.ndarray] = dataclasses.field(default_factory=list)

  @property
  def budget(self) -> int:
    return self.prompt.max_tokens - sum(map(len, self.taken))

  def take(self, tokens: np.ndarray) -> None:
    """Takes what was sampled, at least one token."""
    self.taken.append(tokens)
    self.pending = int(tokens[-1])
    self.num_tokens += len(tokens)


class _Batch:
  """One call of `Completer.complete`: its queue and its rows."""

  def __init__(self, completer, prompts, is_wanted):
    self._completer = completer
    self._engine = completer.engine
    self._prompts = prompts
    self._is_wanted = is_wanted
    self._queue = collections.deque(range(len(prompts)))
    self._cache = self._engine.empty_rows()
    self._rows: list[_Row | None] = [None] * self._engine.num_rows
    self._names = _names(prompts)
    self._prefixes = self._shared_prefixes()

  def is_done(self) -> bool:
    return not self._queue and not any(self._rows)

  def advance(self) -> Iterator[tuple[int, np.ndarray]]:
    """Fills free rows, samples once and yields what has ended."""
    with devices.TURN:
      self._drop_unwanted()
      self._admit()
      if not any(self._rows):
        return
      longest = max(row.num_tokens for row in self._rows if row)
      self._cache, out = _decode(
          self._completer, self._cache, self._rows, longest
      )
    out = jax.device_get(out)
    for i, row in enumerate(self._rows):
      if row is None:
        continue
      row.take(out.tokens[i, : out.count[i]])
      if out.stopped[i] or not row.budget:
        self._rows[i] = None
        yield row.index, np.concatenate(row.taken)

  def _drop_unwanted(self) -> None:
    for i, row in enumerate(self._rows):
      if row and not self._is_wanted(row.index):
        self._rows[i] = None

  # Prompts are prefilled apart from the rows, each part of them once.

  def _shared_prefixes(self) -> dict[int, prefixes_lib.Prefixes]:
    """Notes the prompts, as many systems together as are prefilled at once."""
    found, systems = {}, {}
    for i, prompt in enumerate(self._prompts):
      is_new = prompt.system not in systems
      if not found or is_new and len(systems) == self._engine.prefix_rows:
        systems = {}
        prefixes = prefixes_lib.Prefixes(self._engine, self._completer.params)
      name = systems.setdefault(prompt.system, str(len(systems)))
      system = np.array(prompt.system, np.int32)
      prefixes.add(name, self._names[i], system, prompt.ids)
      found[i] = prefixes
    return found

  def _admit(self) -> None:
    """Gives free rows to the next prompts, in order."""
    rows = {}
    for i, row in enumerate(self._rows):
      if row is None and (index := self._next()) is not None:
        rows[i] = index
    if not rows:
      return
    order, size = list(rows.items()), self._engine.prefix_rows
    for start in range(0, len(order), size):
      later = [index for _, index in order[start + size :]]
      self._prefill(dict(order[start : start + size]), [*later, *self._queue])
    keys = self._keys(rows)
    for i, index in rows.items():
      ids = self._prompts[index].ids
      self._rows[i] = _Row(
          index, self._prompts[index], keys[i], ids[-1], len(ids)
      )

  def _prefill(self, rows: dict[int, int], later: Sequence[int]) -> None:
    """Starts rows, and keeps no more prompts than later ones are equal to."""
    names = {self._names[index] for index in later}
    for prefixes, of_rows in self._by_prefixes(rows):
      self._cache = prefixes.share(self._cache, of_rows)
      prefixes.forget(names)

  def _next(self) -> int | None:
    while self._queue:
      index = self._queue.popleft()
      if self._is_wanted(index):
        return index
    return None

  def _by_prefixes(self, rows):
    """Returns the prefixes that rows start from and their prompts' names."""
    found = {}
    for i, index in rows.items():
      prefixes = self._prefixes.pop(index)
      found.setdefault(id(prefixes), (prefixes, {}))[1][i] = self._names[index]
    return found.values()

  def _keys(self, rows: dict[int, int]) -> np.ndarray:
    """Returns `[B, 2]` keys, by the seed and the text of each prompt."""
    seeds = _full(self._engine, np.uint32)
    texts = _full(self._engine, np.uint32)
    for i, index in rows.items():
      seeds[i] = self._prompts[index].seed
      texts[i] = zlib.crc32(self._prompts[index].ids.tobytes())
    return np.asarray(self._engine.row_keys(0, 0, seeds, texts))


def _names(prompts: Sequence[Prompt]) -> list[str]:
  """Returns the same name for prompts with the same text."""
  known = {}
  return [
      known.setdefault((prompt.system, prompt.rest), str(i))
      for i, prompt in enumerate(prompts)
  ]


def _decode(completer, cache, rows, longest):
  """Samples in the rows that are not None."""
  engine = completer.engine
  pending, budget = _full(engine, np.int32), _full(engine, np.int32)
  sampling = choose.Sampling(
      key=np.zeros((engine.num_rows, 2), np.uint32),
      temperature=_full(engine, np.float32),
      top_k=_full(engine, np.int32),
      top_p=_full(engine, np.float32, 1),
  )
  for i, row in enumerate(rows):
    if row:
      pending[i], budget[i] = row.pending, row.budget
      sampling.key[i] = row.key
      sampling.temperature[i] = row.prompt.temperature
      sampling.top_k[i] = row.prompt.top_k
      sampling.top_p[i] = row.prompt.top_p
  stop = _full(engine, np.int32, completer.stop)
  return engine.decode(
      completer.params, cache, pending, budget, sampling, stop, longest=longest
  )


def _full(engine: engine_lib.Engine, dtype, value=0) -> np.ndarray:
  return np.full(engine.num_rows, value, dtype)
