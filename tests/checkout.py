"""A checkout of the benchmark, made up: its schema and counts, our own rows.

  checkout.write(root)               # Every file, as `sources` has them.
  checkout.write(root, 'travel')     # Those of one gym.

The parquet files name the JSON rows from the last to the first, which is not
the order of the rule that applies without them.
"""

from collections.abc import Mapping, Sequence
import functools
import json
import pathlib
from typing import Any

import pyarrow
from pyarrow import parquet

from bao_jax.tasks.userrl import sources

_ASPECTS = ('flight', 'hotel', 'rental_car', 'restaurant')
_LETTERS = 'FHCR'
_TITLES = {'telepathy': 'title', 'turtle': 'new_title'}


def write(root: pathlib.Path, *gyms: str, with_parquet: bool = True) -> None:
  """Writes the files of gyms; of all gyms and the merged sets by default."""
  for gym in gyms or sources.SOURCES:
    for source in sources.SOURCES[gym]:
      for file in dict.fromkeys(source.tasks.values()):
        write_json(root, gym, file)
      for split in source.rows if with_parquet else ():
        write_parquet(root, source.rows[split], names(gym, source, split))
  if not gyms:
    for split in sources.MERGED:
      write_merged(root, split)


@functools.cache
def rows(gym: str, file: sources.File) -> Sequence[Mapping[str, Any]]:
  """Returns the rows of a JSON file."""
  name = pathlib.PurePath(file.path).stem.rpartition('_')[2]
  return [_ROWS[gym](f'{name}-{i}') for i in range(file.count)]


def names(
    gym: str, source: sources.Source, split: str
) -> list[tuple[str, dict[str, Any]]]:
  """Returns what the parquet rows of a split say, with their gym."""
  found = rows(gym, source.tasks[split])[::-1]
  is_shared = source.tasks[split] == source.tasks.get('train')
  start = source.rows['train'].count if split == 'test' and is_shared else 0
  chosen = found[start : start + source.rows[split].count]
  return [(gym, _named(gym, row)) for row in chosen]


def write_json(root: pathlib.Path, gym: str, file: sources.File) -> None:
  found: Any = rows(gym, file)
  if gym in ('turtle', 'travel'):
    found = {
        row['id']: {key: row[key] for key in row if key != 'id'}
        for row in found
    }
  dump(root, file, found)


def dump(root: pathlib.Path, file: sources.File, value: Any) -> None:
  path = root / file.path
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(value))


def write_parquet(
    root: pathlib.Path,
    file: sources.File,
    told: Sequence[tuple[str, Mapping[str, Any]]],
) -> None:
  """Writes rows in the benchmark's schema, given each one's gym and truth."""
  called = {gym: name for name, gym in sources.DATA_SOURCES.items()}
  messages = [{'role': role, 'content': role} for role in ('system', 'user')]
  table = [
      {
          'data_source': called[gym],
          'prompt': messages,
          'ability': 'interaction',
          'reward_model': {'style': 'rule', 'ground_truth': '', **truth},
          'extra_info': {'index': i},
      }
      for i, (gym, truth) in enumerate(told)
  ]
  path = root / file.path
  path.parent.mkdir(parents=True, exist_ok=True)
  parquet.write_table(pyarrow.Table.from_pylist(_filled(table)), path)


def merged(split: str) -> list[tuple[str, dict[str, Any]]]:
  """Returns what the rows of a merged set say: every gym's last tasks."""
  told = []
  for gym, count in sources.MERGED_COUNTS[split].items():
    of_gym = [n for s in sources.SOURCES[gym] for n in names(gym, s, split)]
    told += of_gym[-count:]
  return told


def write_merged(root: pathlib.Path, split: str) -> None:
  write_parquet(root, sources.MERGED[split], merged(split))


def _filled(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
  """Gives all structs the same fields, as the merged files have them."""
  fields = dict.fromkeys(key for row in table for key in row['reward_model'])
  return [
      {**row, 'reward_model': {**dict.fromkeys(fields), **row['reward_model']}}
      for row in table
  ]


def _named(gym: str, row: Mapping[str, Any]) -> dict[str, Any]:
  if gym in _TITLES:
    return {'title': row[_TITLES[gym]]}
  return dict(row) if gym == 'persuade' else {'id': row['id']}


def _function(name: str) -> dict[str, Any]:
  number = int(name.rpartition('-')[2])
  return {
      'id': name,
      'rule': f'a + {number}',
      'test_case': [1, 2, 3, 4],
      'expected_result': 1.0 + number,
  }


def _intention(name: str) -> dict[str, Any]:
  details = [
      {
          'description': f'size of {name}',
          'importance': '3',
          'inquiry': 'How large?',
          'options': ['small', 'large'],
      },
      {
          'description': 'color',
          'importance': '1',
          'inquiry': 'Which color?',
          'options': ['red'],
      },
  ]
  return {
      'id': name,
      'category': 'Shopping',
      'task': f'Buy {name}.',
      'missing_details': details,
  }


def _tau(name: str) -> dict[str, Any]:
  task = {
      'user_id': 'ann',
      'instruction': f'You are Ann. You want {name} cancelled.',
      'actions': [{'name': 'cancel', 'kwargs': {'order_id': name}}],
      'outputs': [],
  }
  return {'id': name, 'obs': 'Hello!', 'info': {'task': task}}


def _travel(name: str) -> dict[str, Any]:
  pattern = name.partition('-')[0]
  count = min(len(pattern), len(_ASPECTS))
  aspects = {
      aspect: _aspect(aspect, letter, int(digit))
      for aspect, letter, digit in zip(_ASPECTS, _LETTERS, pattern)
  }
  return {
      'id': name,
      'scenario': f'The whole of trip {name}.',
      'dimensions': list(_ASPECTS[:count]),
      'wanted_num': pattern,
      'initial_description': f'I plan trip {name}.',
      **aspects,
  }


def _aspect(aspect: str, letter: str, num_wishes: int) -> dict[str, Any]:
  def option(number, kind):
    return {
        'id': f'{letter}{number}',
        'cost': 10 * number,
        'type': kind,
        'reason': f'it is {kind}',
    }

  return {
      'preferences': [
          [aspect, f'side {i}', f'wish {i}', f'hint {i}', 'more']
          for i in range(num_wishes)
      ],
      'arguments': {'city': 'Rome'},
      'options': {
          'correct': [option(i, 'correct') for i in (1, 2)],
          'wrong': [option(i, 'wrong') for i in (4, 5)],
          'noise': [option(i, 'noise') for i in (6, 7)],
      },
      'correct_ids': [f'{letter}1', f'{letter}2'],
      'best_id': f'{letter}1',
  }


_ROWS = {
    'function': _function,
    'intention': _intention,
    'persuade': lambda name: {
        'id': name,
        'claim': f'Claim {name}.',
        'argument': f'Since {name}.',
    },
    'search': lambda name: {
        'id': name,
        'question': f'Who is {name}?',
        'answer': name,
    },
    'tau': _tau,
    'telepathy': lambda name: {
        'id': name,
        'title': f'Thing {name}',
        'description': 'I am thinking of a thing.',
        'goal': 'Guess the thing.',
        'target_entity': f'Thing {name} - one of many',
        'category': 'thing',
    },
    'travel': _travel,
    'turtle': lambda name: {
        'id': name,
        'judgment': 'Yes',
        'new_title': f'Story {name}',
        'new_surface': 'A lamp goes out.',
        'new_bottom': f'The bottom of {name}.',
        'evaluation': [
            {'statement': 'He kept a lighthouse.', 'score': 0.6},
            {'statement': 'A ship sank.', 'score': 0.4},
        ],
    },
}
