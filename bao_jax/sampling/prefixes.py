"""Prompts that are prefilled once and shared by the rows that start with them.

  system message of a gym -> prompt of a task -> rows of its samples

Each is computed from the one before it: a token of a prompt is never prefilled
twice.
"""

from collections.abc import Collection, Mapping
import dataclasses

import numpy as np

from bao_jax import types
from bao_jax.model import cache as cache_lib
from bao_jax.sampling import engine as engine_lib


@dataclasses.dataclass(frozen=True)
class _Place:
  """Where the keys and values of a prompt lie."""

  cache: cache_lib.Cache
  row: int


class Prefixes:
  """The prompts of one rollout.

  Args:
    engine: compiled calls; it says how many prompts a cache holds.
    params: of `engine.prepare`.
  """

  def __init__(self, engine: engine_lib.Engine, params: types.Params):
    self._engine = engine
    self._params = params
    self._systems: dict[str, np.ndarray] = {}
    self._system_cache: cache_lib.Cache | None = None
    self._num_cached_systems = 0
    self._prompts: dict[str, tuple[str, np.ndarray]] = {}
    self._places: dict[str, _Place] = {}

  def add(
      self, system_name: str, name: str, system: np.ndarray, prompt: np.ndarray
  ) -> None:
    """Notes a prompt, to be computed when the first row starts with it.

    Args:
      system_name: what the prompts share a system message by.
      name: of the prompt.
      system: ids of the system message.
      prompt: ids of all of it, the system message included.

    Raises:
      ValueError: the system message is not that of its name.
    """
    shared = self._systems.setdefault(system_name, system)
    if not np.array_equal(shared, system):
      raise ValueError(
          f'{name}: its system message is not that of the other tasks of '
          f'{system_name}; what differs belongs in the user message.'
      )
    self._prompts[name] = system_name, prompt

  def forget(self, needed: Collection[str]) -> None:
    """Drops the prompts that are not needed any more."""
    keep = lambda table: {k: v for k, v in table.items() if k in needed}
    self._prompts, self._places = keep(self._prompts), keep(self._places)

  def share(
      self, cache: cache_lib.Cache, rows: Mapping[int, str]
  ) -> cache_lib.Cache:
    """Starts rows with their prompts, all but the last id of each.

    Args:
      cache: of the engine's rows.
      rows: the name of the prompt by row.

    Returns:
      The cache with those rows replaced.
    """
    new = [n for n in dict.fromkeys(rows.values()) if n not in self._places]
    for start in range(0, len(new), self._engine.prefix_rows):
      self._prefill(new[start : start + self._engine.prefix_rows])
    sources: dict[int, tuple[cache_lib.Cache, np.ndarray]] = {}
    for row, name in rows.items():
      place = self._places[name]
      none = np.full(self._engine.num_rows, -1, np.int32)
      _, source = sources.setdefault(id(place.cache), (place.cache, none))
      source[row] = place.row
    for prefix, source in sources.values():
      cache = self._engine.share(cache, prefix, source)
    return cache

  def _prefill(self, names: list[str]) -> None:
    """Computes the prompts that follow the system messages."""
    cache = self._start_with_systems(names)
    rest = []
    for name in names:
      system_name, prompt = self._prompts[name]
      rest.append(prompt[len(self._systems[system_name]) : -1])
    longest = max(map(len, self._systems.values()))
    cache = self._engine.append(
        self._params, cache, self._padded(rest), longest=longest
    )
    for row, name in enumerate(names):
      self._places[name] = _Place(cache, row)

  def _start_with_systems(self, names: list[str]) -> cache_lib.Cache:
    """Returns a cache whose rows hold the system messages of prompts."""
    systems = list(self._systems)
    size = self._engine.prefix_rows
    if len(systems) > size:
      raise ValueError(f'More than prefix_rows={size} gyms in one rollout.')
    if len(systems) > self._num_cached_systems:
      ids = self._padded([self._systems[name] for name in systems])
      self._system_cache = self._engine.append(
          self._params, self._engine.empty_prefix(), ids, longest=0
      )
      self._num_cached_systems = len(systems)
    source = np.full(size, -1, np.int32)
    for row, name in enumerate(names):
      source[row] = systems.index(self._prompts[name][0])
    return self._engine.share(
        self._engine.empty_prefix(), self._system_cache, source
    )

  def _padded(self, ids: list[np.ndarray]) -> list[np.ndarray]:
    missing = self._engine.prefix_rows - len(ids)
    return ids + [np.zeros(0, np.int32)] * missing
