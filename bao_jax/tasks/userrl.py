"""The UserRL benchmark's own tasks, read from a checkout of its repository.

The splits are those of "UserRL: Training Interactive User-Centric Agent via
Reinforcement Learning" by Qian et al. (https://arxiv.org/abs/2509.19736): the
rows of a gym's file, shuffled with seed 42, the first of them for training.
There is no validation split; `read_held_out` makes one of training tasks. Tau
has a file for each split, in its own order. Of Search there are test questions
alone.
"""

from collections.abc import Mapping
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np

from bao_jax import types
from bao_jax.envs import arithmetic
from bao_jax.tasks import reader

SPLITS = ('train', 'test')
_SEED = 42


@dataclasses.dataclass(frozen=True)
class Source:
  """Where a gym's tasks lie and what they hold.

  Attributes:
    file: its path in the repository.
    num_train: rows for training.
    num_test: rows for testing.
    fields: what a task's `data` takes over from its row, and the types; only
      function's `expected_result` is called `expected`, as in our own tasks.
    test_file: the name of the file beside `file` that holds the tests, where
      `file` does not.
  """

  file: str
  num_train: int
  num_test: int
  fields: Mapping[str, type]
  test_file: str = ''


SOURCES = {
    'function': Source(
        file='gyms/FunctionGym/functiongym/data/functions.json',
        num_train=460,
        num_test=78,
        fields={'rule': str, 'test_case': list, 'expected_result': float},
    ),
    'tau': Source(
        file='gyms/TauGym/taugym/data/tau_train.json',
        num_train=500,
        num_test=165,
        fields={
            'obs': str,
            'user_id': str,
            'instruction': str,
            'actions': list,
            'outputs': list,
        },
        test_file='tau_test.json',
    ),
    'search': Source(
        file='gyms/SearchGym/searchgym/data/questions.json',
        num_train=0,
        num_test=125,
        fields={'question': str, 'answer': str},
    ),
    'telepathy': Source(
        file='gyms/TelepathyGym/telepathygym/data/all_entities_refined.json',
        num_train=360,
        num_test=41,
        fields=dict.fromkeys(
            ('title', 'description', 'goal', 'target_entity', 'category'), str
        ),
    ),
    'turtle': Source(
        file='gyms/TurtleGym/turtlegym/data/all_stories_refined.json',
        num_train=423,
        num_test=48,
        fields={
            'new_title': str,
            'new_surface': str,
            'new_bottom': str,
            'evaluation': list,
        },
    ),
}


def splits_of(gym: str) -> tuple[str, ...]:
  """Returns the splits that the benchmark has of a gym."""
  return SPLITS if SOURCES[gym].num_train else ('test',)


def path_of(root: str | pathlib.Path, gym: str) -> pathlib.Path:
  """Returns where a checkout keeps a gym's tasks.

  Args:
    root: the checkout, the folder that holds `gyms`.
    gym: one of `SOURCES`.

  Raises:
    ValueError: the gym's files are not read.
    FileNotFoundError: it is not there.
    ValueError: the tasks of that gym cannot be read.
  """
  if gym not in SOURCES:
    raise ValueError(
        f"{gym}: the benchmark's tasks of this gym are not read, only those of"
        f' {", ".join(SOURCES)}; convert them to JSON lines'
    )
  path = pathlib.Path(root) / SOURCES[gym].file
  if not path.is_file():
    raise FileNotFoundError(
        f'{path}: not found; expected a checkout of the UserRL repository'
        f' at {root}'
    )
  return path


def read(path: str | pathlib.Path, gym: str, split: str) -> list[types.Task]:
  """Reads one split of one gym, in the benchmark's order.

  Args:
    path: the gym's file, as `path_of` finds it.
    gym: one of `SOURCES`.
    split: 'train' or 'test'.

  Returns:
    As many tasks as `SOURCES` says, all at level 'full'.

  Raises:
    ValueError: there is no such split, or the file is not the benchmark's; the
      message says what was found and what was expected.
    OSError: the file cannot be read.
  """
  if split not in SPLITS:
    raise ValueError(
        f'split {split!r}: the benchmark has train and test alone; for'
        ' validation hold out a part of train'
    )
  if split not in splits_of(gym):
    raise ValueError(
        f'split {split!r}: the benchmark has no {gym} tasks for training, only'
        ' for test'
    )
  source, path = SOURCES[gym], pathlib.Path(path)
  num_train, num_rows = source.num_train, source.num_train + source.num_test
  if source.test_file:
    num_rows = num_train if split == 'train' else source.num_test
    path = path if split == 'train' else path.with_name(source.test_file)
  rows = _rows(path)
  if len(rows) != num_rows:
    raise ValueError(f'{path}: found {len(rows)} rows, expected {num_rows}')
  if source.test_file:
    return [
        _task(row, f'{path}: row {i}', gym, split) for i, row in enumerate(rows)
    ]
  order = np.random.RandomState(_SEED).permutation(num_rows)
  chosen = order[:num_train] if split == 'train' else order[num_train:]
  return [_task(rows[i], f'{path}: row {i}', gym, split) for i in chosen]


def read_held_out(
    path: str | pathlib.Path, gym: str, split: str
) -> list[types.Task]:
  """As `read`, but the last tenth of the training tasks is 'validation'."""
  if split not in ('train', 'validation'):
    return read(path, gym, split)
  tasks = read(path, gym, 'train')
  end = len(tasks) * 9 // 10
  return tasks[:end] if split == 'train' else tasks[end:]


def _rows(path: pathlib.Path) -> list[Any]:
  try:
    rows = json.loads(path.read_text(encoding='utf-8'))
  except ValueError as error:
    raise ValueError(f'{path}: found no valid JSON ({error})') from error
  if isinstance(rows, dict):  # Turtle: name to row.
    return [
        {**row, 'id': name} if isinstance(row, dict) else row
        for name, row in rows.items()
    ]
  if not isinstance(rows, list):
    raise ValueError(f'{path}: found one value, expected an array of rows')
  return rows


def _task(row: Any, where: str, gym: str, split: str) -> types.Task:
  if gym == 'tau':
    row = _flat(row, where)
  _check_object(row, {'id': str, **SOURCES[gym].fields}, where)
  data = {name: row[name] for name in SOURCES[gym].fields}
  if gym == 'function':
    _check_function(row, where)
    data['expected'] = int(data.pop('expected_result'))
  for i, criterion in enumerate(row.get('evaluation', ())):
    fields = {'statement': str, 'score': float}
    _check_object(criterion, fields, f'{where}, evaluation {i}')
  return types.Task(
      id=f'{gym}/userrl/{split}/{row["id"]}',
      gym=gym,
      level='full',
      data=data,
  )


def _flat(row: Any, where: str) -> Mapping[str, Any]:
  """Returns a row of tau with what it holds of tau-bench's task."""
  _check_object(row, {'info': dict}, where)
  _check_object(row['info'], {'task': dict}, f'{where}, info')
  return {**row, **row['info']['task']}


def _check_object(row: Any, fields: Mapping[str, type], where: str) -> None:
  if not isinstance(row, dict):
    raise ValueError(f'{where}: found {row!r:.40}, expected an object')
  reader.check_fields(row, fields, where=where)


def _check_function(row: Mapping[str, Any], where: str) -> None:
  try:
    arithmetic.parse(row['rule'])
  except arithmetic.RuleError as error:
    raise ValueError(f'{where}: {error}') from error
  test_case, expected = row['test_case'], row['expected_result']
  if [type(number) for number in test_case] != [int] * 4:
    raise ValueError(
        f'{where}: test_case is {test_case}, expected four whole numbers'
    )
  if expected != int(expected):
    raise ValueError(
        f'{where}: expected_result is {expected}, expected a whole number'
    )
