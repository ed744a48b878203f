"""The files of the UserRL benchmark, and how many rows each one has.

A gym's tasks lie in JSON. Which of them belong to a split, and in which order,
is said by a parquet file with one row per task; where that is absent, a rule
says the same: the JSON rows in an order drawn with seed 42, the first of them
for training. Travel has eight pairs of files, one per pattern of preferences.
"""

from collections.abc import Mapping
import dataclasses

SPLITS = ('train', 'test')


@dataclasses.dataclass(frozen=True)
class File:
  """A file of a checkout.

  Attributes:
    path: in the repository.
    count: rows it must have.
    is_exact: whether more rows are wrong too.
  """

  path: str
  count: int
  is_exact: bool = True


@dataclasses.dataclass(frozen=True)
class Source:
  """One pair of files: tasks in JSON, and which are in which split.

  Attributes:
    tasks: split to JSON file, which may hold tasks of the other split too.
    rows: split to parquet file.
    order: without parquet, in which order the JSON rows fill the splits:
      'shuffled', 'written', or '' where no rule is known.
    row_name: what names the task in a parquet row's `reward_model`.
    task_name: the same in JSON.
    rows_suffice: whether the parquet rows hold whole tasks.
  """

  tasks: Mapping[str, File]
  rows: Mapping[str, File]
  order: str = 'shuffled'
  row_name: str = 'id'
  task_name: str = 'id'
  rows_suffice: bool = False


def _source(
    tasks: Mapping[str, File] | File,
    folder: str,
    train: int,
    test: int,
    **options: str | bool,
) -> Source:
  counts = {'train': train, 'test': test}
  rows = {
      split: File(f'data/{folder}/{split}.parquet', count)
      for split, count in counts.items()
      if count
  }
  if isinstance(tasks, File):
    tasks = dict.fromkeys(rows, tasks)
  return Source(tasks, rows, **options)


def _travel(pattern: str, train: int, test: int) -> Source:
  path = f'gyms/TravelGym/travelgym/data/travelgym_data_{pattern}.json'
  folder = f'travel{pattern}_multiturn_onechoice'
  return _source(File(path, train + test), folder, train, test)


_INTENTION = 'gyms/IntentionGym/intentiongym/data/all_intentions_'
_PERSUADE = 'gyms/PersuadeGym/persuadegym/data/all_statements_refined.json'
_TAU = 'gyms/TauGym/taugym/data/tau_'
_TELEPATHY = 'gyms/TelepathyGym/telepathygym/data/all_entities_refined.json'

SOURCES: Mapping[str, tuple[Source, ...]] = {
    'function': (
        _source(
            File('gyms/FunctionGym/functiongym/data/functions.json', 538),
            'function_multiturn',
            460,
            78,
        ),
    ),
    'intention': (
        _source(
            {
                'train': File(f'{_INTENTION}train.json', 1012),
                'test': File(f'{_INTENTION}test.json', 95),
            },
            'intention_multiturn',
            380,
            40,
            order='',
        ),
    ),
    'persuade': (
        _source(
            File(_PERSUADE, 420, is_exact=False),
            'persuasion_multiturn',
            378,
            42,
            rows_suffice=True,
        ),
    ),
    'search': (
        _source(
            File('gyms/SearchGym/searchgym/data/questions.json', 125),
            'bamboogle_multiturn',
            0,
            125,
        ),
    ),
    'tau': (
        _source(
            {
                'train': File(f'{_TAU}train.json', 500),
                'test': File(f'{_TAU}test.json', 165),
            },
            'tau_multiturn',
            500,
            165,
            order='written',
        ),
    ),
    'telepathy': (
        _source(
            File(_TELEPATHY, 401),
            'telepathy_multiturn',
            360,
            41,
            row_name='title',
            task_name='title',
        ),
    ),
    'travel': (
        _travel('22', 570, 101),
        _travel('33', 489, 87),
        _travel('44', 379, 67),
        _travel('233', 341, 61),
        _travel('333', 300, 53),
        _travel('334', 266, 47),
        _travel('444', 210, 38),
        _travel('2222', 96, 17),
    ),
    'turtle': (
        _source(
            File('gyms/TurtleGym/turtlegym/data/all_stories_refined.json', 471),
            'turtle_multiturn',
            423,
            48,
            row_name='title',
            task_name='new_title',
        ),
    ),
}

# What the benchmark's authors trained on and evaluated with: a part of each
# gym's tasks, in one file.
MERGED = {
    'train': File('data/alltrain_multiturn/train.parquet', 2426),
    'test': File('data/alltest_multiturn/test.parquet', 597),
}
MERGED_COUNTS: Mapping[str, Mapping[str, int]] = {
    'train': {
        'travel': 925,
        'tau': 500,
        'turtle': 423,
        'persuade': 378,
        'function': 200,
    },
    'test': {
        'travel': 232,
        'tau': 82,
        'search': 62,
        'function': 50,
        'turtle': 48,
        'persuade': 42,
        'telepathy': 41,
        'intention': 40,
    },
}
# What their rows call a gym, in the column `data_source`.
DATA_SOURCES = {
    'interact_function': 'function',
    'interact_intention': 'intention',
    'interact_persuade': 'persuade',
    'interact_searchgym': 'search',
    'interact_taugym': 'tau',
    'interact_telepathygym': 'telepathy',
    'interact_travelgym': 'travel',
    'interact_turtlegym': 'turtle',
}


def splits_of(gym: str) -> tuple[str, ...]:
  """Returns the splits that the benchmark has of a gym.

  Raises:
    ValueError: it has no tasks of that gym in files.
  """
  if gym not in SOURCES:
    raise ValueError(
        f'{gym}: the benchmark has no files with tasks of this gym, only of'
        f' {", ".join(SOURCES)}; write yours as JSON lines'
    )
  return tuple(SOURCES[gym][0].rows)


def files() -> list[File]:
  """Returns all files that are known, each once."""
  found = [
      file
      for sources in SOURCES.values()
      for source in sources
      for file in (*source.tasks.values(), *source.rows.values())
  ]
  return list(dict.fromkeys([*found, *MERGED.values()]))
