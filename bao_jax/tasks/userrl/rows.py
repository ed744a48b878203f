"""From a row of the benchmark's JSON to a task.

A task's `data` has the keys that our own tasks of its gym have, but for those
that only scripted users need, such as `facts`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bao_jax import types
from bao_jax.envs import arithmetic
from bao_jax.tasks import reader
from bao_jax.tasks.builtin import travel_words
from bao_jax.tasks.userrl import files

# What `data` takes over from a row, and the types.
_FIELDS: Mapping[str, Mapping[str, type]] = {
    'function': {'rule': str, 'test_case': list, 'expected_result': float},
    'intention': {'category': str, 'task': str, 'missing_details': list},
    'persuade': {'claim': str, 'argument': str},
    'search': {'question': str, 'answer': str},
    'tau': {
        'obs': str,
        'user_id': str,
        'instruction': str,
        'actions': list,
        'outputs': list,
    },
    'telepathy': dict.fromkeys(
        ('title', 'description', 'goal', 'target_entity', 'category'), str
    ),
    'travel': {'scenario': str, 'initial_description': str, 'dimensions': list},
    'turtle': {
        'new_title': str,
        'new_surface': str,
        'new_bottom': str,
        'evaluation': list,
    },
}
_DETAIL = {'description': str, 'importance': str, 'inquiry': str}
_ASPECT = {
    'preferences': list,
    'arguments': dict,
    'options': dict,
    'correct_ids': list,
    'best_id': str,
}


def task_of(row: files.Row, gym: str, split: str) -> types.Task:
  """Returns the task that a row holds, at level 'full'.

  Raises:
    ValueError: something is missing or wrong in it; names file and row.
  """
  where, value = row
  if gym == 'tau':
    value = _flat(value, where)
  _check(value, {'id': str, **_FIELDS[gym]}, where)
  data = {name: value[name] for name in _FIELDS[gym]}
  data |= _MORE.get(gym, _nothing)(value, where)
  if gym == 'function':
    del data['expected_result']
  return types.Task(f'{gym}/userrl/{split}/{value["id"]}', gym, 'full', data)


def _check(value: Any, fields: Mapping[str, type], where: str) -> None:
  if not isinstance(value, dict):
    raise ValueError(f'{where}: found {value!r:.40}, expected an object')
  reader.check_fields(value, fields, where=where)


def _nothing(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
  del value, where
  return {}


def _function(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
  """Returns what was called `expected_result`, as our own tasks call it."""
  try:
    arithmetic.parse(value['rule'])
  except arithmetic.RuleError as error:
    raise ValueError(f'{where}: {error}') from error
  test_case, expected = value['test_case'], value['expected_result']
  if [type(number) for number in test_case] != [int] * 4:
    raise ValueError(
        f'{where}: test_case is {test_case}, expected four whole numbers'
    )
  if not float(expected).is_integer():
    raise ValueError(
        f'{where}: expected_result is {expected}, expected a whole number'
    )
  return {'expected': int(expected)}


def _intention(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
  if not value['missing_details']:
    raise ValueError(f'{where}: missing_details is empty, nothing to find out')
  for i, detail in enumerate(value['missing_details']):
    place = f'{where}, missing_details {i}'
    _check(detail, _DETAIL, place)
    if detail['importance'] not in ('1', '2', '3'):
      raise ValueError(
          f"{place}: importance is {detail['importance']!r}, expected '1', '2'"
          " or '3'"
      )
  return {}


def _tau(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
  for i, action in enumerate(value['actions']):
    _check(action, {'name': str, 'kwargs': dict}, f'{where}, actions {i}')
  return {}


def _flat(value: Any, where: str) -> Mapping[str, Any]:
  """Returns a row of Tau with what it holds of tau-bench's task."""
  _check(value, {'info': dict}, where)
  _check(value['info'], {'task': dict}, f'{where}, info')
  return {**value, **value['info']['task']}


def _turtle(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
  for i, criterion in enumerate(value['evaluation']):
    fields = {'statement': str, 'score': float}
    _check(criterion, fields, f'{where}, evaluation {i}')
  return {}


def _travel(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
  """Returns what is behind each aspect of the trip, all of it."""
  if not value['dimensions']:
    raise ValueError(f'{where}: dimensions is empty, nothing to book')
  for aspect in value['dimensions']:
    if aspect not in travel_words.LETTERS:
      known = ', '.join(travel_words.LETTERS)
      raise ValueError(f'{where}: unknown dimension {aspect!r}; use {known}')
    _check(value, {aspect: dict}, where)
    _check_aspect(value[aspect], f'{where}, {aspect}')
  return {aspect: value[aspect] for aspect in value['dimensions']}


def _check_aspect(value: Mapping[str, Any], where: str) -> None:
  _check(value, _ASPECT, where)
  for i, wish in enumerate(value['preferences']):
    texts = wish[:4] if isinstance(wish, list) else []
    if [type(text) for text in texts] != [str] * 4:
      raise ValueError(
          f'{where}, preferences {i}: expected an array of four strings:'
          ' aspect, subcategory, preference and implicit statement'
      )
  _check(value['options'], {'correct': list}, f'{where}, options')
  for kind in value['options']:
    _check(value['options'], {kind: list}, f'{where}, options')
    for i, option in enumerate(value['options'][kind]):
      _check(option, {}, f'{where}, options, {kind} {i}')
  if value['best_id'] not in value['correct_ids']:
    raise ValueError(
        f'{where}: best_id {value["best_id"]!r} is not one of correct_ids'
    )


_MORE: Mapping[str, Callable[[Mapping[str, Any], str], Mapping[str, Any]]] = {
    'function': _function,
    'intention': _intention,
    'tau': _tau,
    'travel': _travel,
    'turtle': _turtle,
}
