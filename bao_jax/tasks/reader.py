"""Which tasks a step takes, and a user's own tasks from a file.

Nothing here remembers where it was: the tasks of a step follow from the step's
number, so a resumed run reads what an uninterrupted one would have read.
"""

from collections.abc import Collection, Mapping, Sequence
import json
import math
import pathlib
from typing import Any

import numpy as np

from bao_jax import types
from bao_jax.envs import arithmetic

_FIELDS = {'id': str, 'gym': str, 'level': str, 'data': dict}
_LEVELS = ('easy', 'medium', 'full')
# What `data` must have for the gyms of the package; another gym checks its own.
_DATA_FIELDS = {
    'alfworld': {'game_file': str},
    'function': {'rule': str, 'test_case': list, 'expected': float},
    'intention': {'category': str, 'task': str, 'missing_details': list},
    'persuade': {'claim': str, 'argument': str},
    'tau': {'obs': str, 'actions': list, 'outputs': list},
    'search': {'question': str, 'answer': str},
    'telepathy': {'description': str, 'goal': str, 'target_entity': str},
    'travel': {'initial_description': str, 'dimensions': list},
    'turtle': {
        'new_title': str,
        'new_surface': str,
        'new_bottom': str,
        'evaluation': list,
    },
}


def tasks_of_step(
    tasks: Sequence[types.Task],
    *,
    seed: int,
    step: int,
    tasks_per_step: int,
    process_index: int = 0,
    process_count: int = 1,
) -> list[types.Task]:
  """Returns this process's tasks of one step.

  Every epoch is a shuffle of its own, without replacement. The tasks that are
  left over at its end, too few for a step, are dropped: were the next epoch's
  first tasks to fill the step up, a task could occur in it twice and draw the
  same random bits. The processes' lists, joined in order, do not depend on how
  many processes there are.

  Args:
    tasks: all tasks, in the same order on every process.
    seed: of the shuffles, not negative.
    step: the number of the step, from 0.
    tasks_per_step: over all processes; a multiple of `process_count`.
    process_index: which process asks.
    process_count: how many there are.

  Returns:
    `tasks_per_step / process_count` different tasks.

  Raises:
    ValueError: there are fewer tasks than a step takes, or the processes
      cannot share a step equally.
  """
  if not 0 < tasks_per_step <= len(tasks):
    raise ValueError(
        f'tasks_per_step is {tasks_per_step}; it must be between 1 and the'
        f' number of tasks, {len(tasks)}'
    )
  if tasks_per_step % process_count:
    raise ValueError(
        f'tasks_per_step is {tasks_per_step}; it must be a multiple of the'
        f' number of processes, {process_count}'
    )
  epoch, step_of_epoch = divmod(step, len(tasks) // tasks_per_step)
  order = np.random.default_rng((seed, epoch)).permutation(len(tasks))
  share = tasks_per_step // process_count
  start = step_of_epoch * tasks_per_step + process_index * share
  return [tasks[i] for i in order[start : start + share]]


def mixed_tasks_of_step(
    pools: Sequence[Sequence[types.Task]],
    weights: Sequence[float],
    *,
    seed: int,
    step: int,
    tasks_per_step: int,
) -> list[types.Task]:
  """Returns the tasks of one step, of each pool a share that never changes.

  Args:
    pools: tasks of each gym.
    weights: of each, positive; they need not sum to 1.
    seed: of the shuffles, not negative.
    step: the number of the step, from 0.
    tasks_per_step: over all pools.

  Returns:
    `tasks_per_step` different tasks, one pool after the other. A pool goes
    through epochs of its own, as in `tasks_of_step`.

  Raises:
    ValueError: there are not as many weights as pools, one is not positive, or
      a pool has no task for a step or fewer than a step takes.
  """
  if len(weights) != len(pools) or min(weights) <= 0:
    raise ValueError(
        f'weights are {tuple(weights)}; give {len(pools)} positive numbers'
    )
  counts = _apportion(weights, tasks_per_step)
  if min(counts) == 0:
    raise ValueError(
        f'tasks_per_step is {tasks_per_step}, too few for each of the weights'
        f' {tuple(weights)} to get a task'
    )
  return [
      task
      for pool, count in zip(pools, counts)
      for task in tasks_of_step(
          pool, seed=seed, step=step, tasks_per_step=count
      )
  ]


def _apportion(weights: Sequence[float], total: int) -> list[int]:
  """Splits a number by weights: whole parts, then the largest remainders."""
  quotas = [weight / sum(weights) * total for weight in weights]
  counts = [int(quota) for quota in quotas]
  by_remainder = sorted(range(len(quotas)), key=lambda i: counts[i] - quotas[i])
  for i in by_remainder[: total - sum(counts)]:
    counts[i] += 1
  return counts


def read_jsonl(
    path: str | pathlib.Path,
    bad: list[str] | None = None,
    gyms: Collection[str] = (),
) -> list[types.Task]:
  """Reads tasks from a file with one JSON object per line.

  A line has the fields of `types.Task`; blank lines are skipped:

    {"id": "mine/1", "gym": "function", "level": "full", "data": {...}}

  Args:
    path: the file, in UTF-8.
    bad: takes a complaint about each line that is no task, which is left out;
      None: the first one stops the reading.
    gyms: the names that lines may have; empty: any.

  Returns:
    The tasks, in the order of the file.

  Raises:
    ValueError: the file holds no task, or a line is not one; the message names
      the file and the line.
    OSError: the file cannot be read.
  """
  lines: dict[str, int] = {}  # Where each id was first seen.
  tasks = []
  with open(path, 'rb') as file:
    for number, line in enumerate(file, start=1):
      if not line.strip():
        continue
      where = f'{path}:{number}'
      try:
        task = _parse(line, where=where, gyms=gyms)
        if task.id in lines:
          raise ValueError(
              f'{where}: id {task.id!r} is taken by line {lines[task.id]};'
              ' make every id different'
          )
      except ValueError as error:
        complain(str(error), bad)
        continue
      lines[task.id] = number
      tasks.append(task)
  if not tasks and bad:
    raise ValueError(f'{path}: no good line in the file; the first: {bad[0]}')
  if not tasks:
    raise ValueError(f'{path}: no tasks in the file; write one JSON per line')
  return tasks


def complain(message: str, bad: list[str] | None) -> None:
  """Notes what is wrong with a row, or stops where bad rows are not skipped.

  Args:
    message: the complaint, file and line first.
    bad: takes it.

  Raises:
    ValueError: `bad` is None.
  """
  if bad is None:
    raise ValueError(message)
  bad.append(message)


def read_folder(
    folder: str | pathlib.Path,
    split: str,
    gym: str,
    bad: list[str] | None = None,
    gyms: Collection[str] = (),
) -> list[types.Task]:
  """Reads one gym's tasks of a split from `<folder>/<split>.jsonl`.

  A task that is held out may not be one of train: what is skipped then is the
  one held out.

  Args:
    folder: holds a file per split.
    split: 'train', 'validation' or 'test'.
    gym: the gym's name.
    bad: as in `read_jsonl`; about the whole file, whatever the gym.
    gyms: as in `read_jsonl`.

  Returns:
    The tasks, in the order of the file.

  Raises:
    ValueError: the file has no task of this gym, a task of train is held out,
      or as in `read_jsonl`.
    FileNotFoundError: there is no such file.
  """
  path = pathlib.Path(folder) / f'{split}.jsonl'
  if not path.is_file():
    raise FileNotFoundError(
        f'{path}: not found; put the {split} tasks there, one JSON per line'
    )
  tasks = [task for task in read_jsonl(path, bad, gyms) if task.gym == gym]
  if split != 'train':
    trained = _also_in_train(path, bad)
    tasks = [task for task in tasks if task.id not in trained]
  elif bad is None:
    for held_out in ('validation', 'test'):
      _also_in_train(path.with_name(f'{held_out}.jsonl'), None)
  if not tasks:
    raise ValueError(
        f'{path}: no task of gym {gym!r}; add some or leave the gym out of'
        ' envs.names'
    )
  return tasks


def _also_in_train(path: pathlib.Path, bad: list[str] | None) -> set[str]:
  """Returns the ids of a held-out file that are train's too; complains."""
  train = path.with_name('train.jsonl')
  places, of_train = _places(path), _places(train)
  both = places.keys() & of_train.keys()
  for task_id in sorted(both, key=places.get):
    complain(
        f'{path}:{places[task_id]}: id {task_id!r} is that of'
        f' {train.name}:{of_train[task_id]}; hold out other tasks than those of'
        ' train',
        bad,
    )
  return both


def _places(path: pathlib.Path) -> dict[str, int]:
  """Returns the line of each id in a file, if there is one; skips bad lines."""
  places = {}
  lines = path.read_bytes().split(b'\n') if path.is_file() else []
  for number, line in enumerate(lines, start=1):
    try:
      places.setdefault(str(json.loads(line)['id']), number)
    except (ValueError, LookupError, TypeError):
      continue
  return places


def _parse(line: bytes, *, where: str, gyms: Collection[str]) -> types.Task:
  try:
    row = json.loads(line.decode('utf-8'), parse_constant=_refuse)
  except json.JSONDecodeError as error:
    raise ValueError(
        f'{where}: not valid JSON: {error.msg} (column {error.colno})'
    ) from error
  except ValueError as error:
    raise ValueError(f'{where}: not valid JSON: {error}') from error
  if not isinstance(row, dict):
    raise ValueError(f'{where}: found {_name(row)}, expected an object')
  check_fields(row, _FIELDS, where=where)
  unknown = [name for name in row if name not in _FIELDS]
  if unknown:
    known = ', '.join(_FIELDS)
    raise ValueError(f'{where}: unknown field {unknown[0]!r}; use {known}')
  if gyms and row['gym'] not in gyms:
    known = ', '.join(sorted(gyms))
    raise ValueError(f'{where}: unknown gym {row["gym"]!r}; use {known}')
  data_fields = _DATA_FIELDS.get(row['gym'], {})
  check_fields(row['data'], data_fields, where=f'{where}: data')
  if data_fields and row['level'] not in _LEVELS:
    known = ', '.join(_LEVELS)
    raise ValueError(f'{where}: unknown level {row["level"]!r}; use {known}')
  if row['gym'] == 'function':
    _check_function(row['data'], where=f'{where}: data')
  return types.Task(**row)


def _check_function(data: Mapping[str, Any], *, where: str) -> None:
  """Checks that the rule has the expected value at the test case."""
  rule, test_case, expected = data['rule'], data['test_case'], data['expected']
  if [type(number) for number in test_case] != [int] * 4:
    raise ValueError(
        f'{where}: test_case is {test_case}, expected four whole numbers'
    )
  try:
    value = arithmetic.evaluate(rule, test_case)
  except (arithmetic.RuleError, arithmetic.NoValueError) as error:
    raise ValueError(f'{where}: {rule!r} at {test_case}: {error}') from error
  if not math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-6):
    raise ValueError(
        f'{where}: expected is {expected}, but {rule!r} is {value} at'
        f' {test_case}'
    )


def check_fields(
    row: Mapping[str, Any], fields: Mapping[str, type], *, where: str
) -> None:
  """Checks that a parsed JSON object has the fields named; others may be there.

  Args:
    row: the object.
    fields: name to type; `float` admits whole numbers too.
    where: what the message of an error begins with, such as file and line.

  Raises:
    ValueError: a field is missing or of another type.
  """
  for name, kind in fields.items():
    if name not in row:
      raise ValueError(f'{where}: missing field {name!r}')
    admitted = (int, float) if kind is float else kind
    if not isinstance(row[name], admitted) or isinstance(row[name], bool):
      raise ValueError(
          f'{where}: field {name!r} is {_name(row[name])},'
          f' expected {_name(kind())}'
      )


def _refuse(constant: str) -> None:
  raise ValueError(f'{constant} is not a JSON number')


def _name(value: Any) -> str:
  """Returns what JSON calls the value's type, with an article."""
  if value is None or isinstance(value, bool):
    return json.dumps(value)
  names = {str: 'a string', dict: 'an object', list: 'an array'}
  return names.get(type(value), 'a number')
