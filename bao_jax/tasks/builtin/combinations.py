"""Splits that test composition: all parts seen in training, no combination."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
import itertools
import math
import random
from typing import TypeVar

T = TypeVar('T')

SPLITS = ('train', 'validation', 'test')
HELD_OUT = 96  # Combinations in each of validation and test.

Combination = Mapping[str, str]


def split(
    slots: Mapping[str, Sequence[str]],
    name: str,
    *,
    seed: int,
    train: int = 456,
    held_out: int = HELD_OUT,
) -> list[Combination]:
  """Draws the combinations of one split: one value for every slot.

  Args:
    slots: the values of every slot; together they have at least
      `train + 2 * held_out` combinations.
    name: 'train', 'validation' or 'test'.
    seed: of the draw; the splits of one seed are disjoint.
    train: how many combinations 'train' has.
    held_out: how many 'validation' has, and 'test'.

  Returns:
    The combinations, none twice. Each value of each slot is in the training
    split; no combination is in two splits.

  Raises:
    ValueError: there is no such split, or there are too few combinations.
  """
  if name not in SPLITS:
    raise ValueError(f'Unknown split {name!r}; use one of {list(SPLITS)}')
  available = math.prod(len(values) for values in slots.values())
  if available < train + 2 * held_out:
    raise ValueError(
        f'{available} combinations are too few for {train} in train and twice'
        f' {held_out} held out'
    )
  rng = random.Random(f'{seed} {sorted(slots)}')
  combinations = _draw(slots, train + 2 * held_out, rng)
  start = {'train': 0, 'validation': train, 'test': train + held_out}[name]
  stop = start + (train if name == 'train' else held_out)
  return combinations[start:stop]


def _draw(
    slots: Mapping[str, Sequence[str]], count: int, rng: random.Random
) -> list[Combination]:
  """Draws distinct combinations, the first of them holding every value."""
  covering = _covering(slots, rng)
  drawn = dict.fromkeys(covering)
  while len(drawn) < count:
    drawn[tuple(rng.choice(values) for values in slots.values())] = None
  return [dict(zip(slots, values, strict=True)) for values in drawn]


def _covering(
    slots: Mapping[str, Sequence[str]], rng: random.Random
) -> list[tuple[str, ...]]:
  """Returns a few combinations in which every value of every slot occurs."""
  columns = [rng.sample(values, len(values)) for values in slots.values()]
  length = max(map(len, columns))
  cycles = [itertools.cycle(column) for column in columns]
  return [tuple(next(cycle) for cycle in cycles) for _ in range(length)]


def hold_out(
    drawn: Iterable[T],
    name: str,
    *,
    parts: Callable[[T], Iterable[Hashable]],
    train: int = 456,
    held_out: int = HELD_OUT,
) -> list[T]:
  """Holds out whatever has no part that training lacks.

  For what is not one value for every slot, as `split` draws it.

  Args:
    drawn: in any number; the same for all splits.
    name: 'train', 'validation' or 'test'.
    parts: what a combination is made of; its set is what makes it another one.
    train: how many combinations 'train' has.
    held_out: how many 'validation' has, and 'test'.

  Returns:
    The combinations of the split; their sets of parts differ, over all splits.

  Raises:
    ValueError: there is no such split.
  """
  if name not in SPLITS:
    raise ValueError(f'Unknown split {name!r}; use one of {list(SPLITS)}')
  sizes = {'train': train, 'validation': held_out, 'test': held_out}
  splits: dict[str, list[T]] = {split: [] for split in SPLITS}
  seen, in_train = set(), set()
  for combination in drawn:
    made_of = frozenset(parts(combination))
    if made_of in seen:
      continue
    full = [split for split in SPLITS if len(splits[split]) == sizes[split]]
    if len(full) == len(SPLITS):
      break
    split = next(s for s in SPLITS if s not in full)
    if split != 'train' and not made_of <= in_train:
      continue
    seen.add(made_of)
    splits[split].append(combination)
    in_train |= made_of if split == 'train' else set()
  return splits[name]
