"""The UserRL benchmark's own tasks, read from a checkout of its repository.

"UserRL: Training Interactive User-Centric Agent via Reinforcement Learning" by
Qian et al., https://arxiv.org/abs/2509.19736. The repository has no validation
split; `read_held_out` makes one of training tasks.
"""

import collections
from collections.abc import Iterable, Sequence
import pathlib

import numpy as np

from bao_jax import types
from bao_jax.tasks import reader
from bao_jax.tasks.userrl import files
from bao_jax.tasks.userrl import rows as rows_lib
from bao_jax.tasks.userrl import sources

SOURCES, SPLITS = sources.SOURCES, sources.SPLITS
splits_of = sources.splits_of

_SEED = 42


def read(
    root: str | pathlib.Path,
    gym: str,
    split: str,
    *,
    merged: bool = False,
    bad: list[str] | None = None,
) -> list[types.Task]:
  """Reads one split of one gym, in the benchmark's order.

  Args:
    root: the checkout, the folder that holds `gyms` and `data`.
    gym: a key of `sources.SOURCES`.
    split: 'train' or 'test'.
    merged: whether to take only those tasks that are in the benchmark's merged
      set, what its authors trained on or evaluated with.
    bad: takes a complaint about each row that cannot be used, which is left
      out; None: the first one stops the reading.

  Returns:
    As many tasks as `sources` says, less the bad ones; all at level 'full'.

  Raises:
    ValueError: there is no such gym or split; a file does not have the rows it
      must have; a row is bad. The message names the file, and what was found
      and expected.
    OSError: a file cannot be read.
  """
  _check_split(gym, split)
  found = sources.SOURCES[gym]
  if merged:
    chosen = _named(root, found, split, _merged(root, gym, split), bad)
  else:
    chosen = [row for s in found for row in _rows(root, s, split, bad)]
  return _tasks(chosen, gym, split, bad)


def read_held_out(
    root: str | pathlib.Path,
    gym: str,
    split: str,
    *,
    merged: bool = False,
    bad: list[str] | None = None,
) -> list[types.Task]:
  """As `read`, but every tenth of the training tasks is for 'validation'.

  Not the last tenth: those of Travel would be of the longest trips alone.
  """
  if split not in ('train', 'validation'):
    return read(root, gym, split, merged=merged, bad=bad)
  is_validation = split == 'validation'
  tasks = read(root, gym, 'train', merged=merged, bad=bad)
  return [t for i, t in enumerate(tasks) if (i % 10 == 9) == is_validation]


def audit(root: str | pathlib.Path) -> dict[str, int]:
  """Counts the rows of every file of the benchmark that is there.

  Returns:
    Path in the repository to number of rows.

  Raises:
    ValueError: a count is wrong; names file, found and expected.
    OSError: a file cannot be read.
  """
  present = [
      file
      for file in sources.files()
      if (pathlib.Path(root).expanduser() / file.path).is_file()
  ]
  return {file.path: len(_read(root, file)) for file in present}


def _read(root: str | pathlib.Path, file: sources.File) -> list[files.Row]:
  is_json = file.path.endswith('.json')
  read_file = files.read_json if is_json else files.read_parquet
  return read_file(root, file)


def _check_split(gym: str, split: str) -> None:
  known = sources.splits_of(gym)
  if split not in sources.SPLITS:
    raise ValueError(
        f'split {split!r}: the benchmark has train and test alone; for'
        ' validation hold out a part of train'
    )
  if split not in known:
    raise ValueError(
        f'split {split!r}: the benchmark has no {gym} tasks for training, only'
        ' for test'
    )


def _rows(
    root: str | pathlib.Path,
    source: sources.Source,
    split: str,
    bad: list[str] | None,
) -> Iterable[files.Row]:
  """Returns the rows of a split: as parquet says, or else by the rule."""
  if (pathlib.Path(root).expanduser() / source.rows[split].path).is_file():
    named = files.read_parquet(root, source.rows[split])
    return _named(root, [source], split, named, bad)
  if not source.order:
    # No rule: raises that the file which would say it is missing.
    return files.read_parquet(root, source.rows[split])
  rows = files.read_json(root, source.tasks[split])
  if source.order == 'written':
    return rows
  order = np.random.RandomState(_SEED).permutation(len(rows))
  num_train = source.rows['train'].count if 'train' in source.rows else 0
  start = 0 if split == 'train' else num_train
  return [rows[i] for i in order[start : start + source.rows[split].count]]


def _named(
    root: str | pathlib.Path,
    of: Sequence[sources.Source],
    split: str,
    named: Iterable[files.Row],
    bad: list[str] | None,
) -> list[files.Row]:
  """Returns the JSON rows that parquet rows name."""
  source = of[0]  # What names a task is the same in all files of a gym.
  paths = [pathlib.Path(root).expanduser() / s.tasks[split].path for s in of]
  if source.rows_suffice and not any(path.is_file() for path in paths):
    return list(named)
  known = {}
  for file in dict.fromkeys(s.tasks[split] for s in of):
    for row in files.read_json(root, file):
      if isinstance(row.value, dict):
        known.setdefault(str(row.value.get(source.task_name)), row)
  chosen = []
  for where, value in named:
    name = value.get(source.row_name) if isinstance(value, dict) else None
    if str(name) in known:
      chosen.append(known[str(name)])
    else:
      reader.complain(
          f'{where}: {source.row_name} is {name!r}, which no row of'
          f' {", ".join(path.name for path in paths)} has',
          bad,
      )
  return chosen


def _merged(root: str | pathlib.Path, gym: str, split: str) -> list[files.Row]:
  """Returns the rows of one gym in the merged set."""
  file, counts = sources.MERGED[split], sources.MERGED_COUNTS[split]
  if gym not in counts:
    raise ValueError(
        f'split {split!r}: the merged set has no {gym} tasks, only of'
        f' {", ".join(counts)}'
    )
  names = files.read_parquet(root, file, 'data_source')
  gyms = [sources.DATA_SOURCES.get(str(row.value)) for row in names]
  found = collections.Counter(gyms)
  if found != counts:
    told = {str(name): count for name, count in found.items()}
    path = pathlib.Path(root) / file.path
    raise ValueError(f'{path}: found {told}, expected {dict(counts)}')
  rows = files.read_parquet(root, file)
  return [row for row, name in zip(rows, gyms, strict=True) if name == gym]


def _tasks(
    rows: Iterable[files.Row], gym: str, split: str, bad: list[str] | None
) -> list[types.Task]:
  """Returns the tasks of the good rows."""
  tasks: dict[str, types.Task] = {}
  for row in rows:
    try:
      task = rows_lib.task_of(row, gym, split)
      if task.id in tasks:
        raise ValueError(f'{row.where}: its task is there twice: {task.id}')
      tasks[task.id] = task
    except ValueError as error:
      reader.complain(str(error), bad)
  return list(tasks.values())
