import json
import os
import pathlib
import tempfile
import unittest
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import checkout
import pyarrow.parquet

from bao_jax.envs import arithmetic
from bao_jax.envs import travel_plan
from bao_jax.tasks import reader
from bao_jax.tasks import userrl
from bao_jax.tasks.userrl import sources

ROOT = pathlib.Path(
    os.environ.get('USERRL_ROOT')
    or pathlib.Path(__file__).parents[2] / 'shared' / 'data' / 'userrl'
)
needs_checkout = unittest.skipUnless(
    ROOT.is_dir(), 'no checkout of the benchmark; set USERRL_ROOT to one'
)

_ALL = dict(sources.SOURCES)

# What the paper's repository says of itself.
COUNTS = {
    'function': (460, 78),
    'intention': (380, 40),
    'persuade': (378, 42),
    'search': (0, 125),
    'tau': (500, 165),
    'telepathy': (360, 41),
    'travel': (2651, 471),
    'turtle': (423, 48),
}


def _splits():
  return [
      {'gym': gym, 'split': split}
      for gym in sources.SOURCES
      for split in userrl.splits_of(gym)
  ]


def _is_there(gym, split):
  return all(
      (ROOT / file.path).is_file()
      for source in sources.SOURCES[gym]
      for file in (source.tasks[split], source.rows[split])
  )


class SourcesTest(parameterized.TestCase):

  @parameterized.parameters(*COUNTS)
  def test_counts_of_a_gym(self, gym):
    found = [
        sum(
            s.rows[split].count for s in sources.SOURCES[gym] if split in s.rows
        )
        for split in userrl.SPLITS
    ]
    self.assertEqual(tuple(found), COUNTS[gym])

  def test_all_gyms_are_there(self):
    self.assertEqual(sources.SOURCES.keys(), COUNTS.keys())
    self.assertLen(sources.SOURCES['travel'], 8)

  def test_card_has_the_counts(self):
    rows = []
    for gym, of_gym in sources.SOURCES.items():
      for source in of_gym:
        for file in dict.fromkeys(source.tasks.values()):
          counts = [
              str(source.rows[split].count)
              if source.tasks.get(split) == file
              else ''
              for split in userrl.SPLITS
          ]
          least = '' if file.is_exact else '≥ '
          folder = pathlib.Path(source.rows['test'].path).parent.name
          path = file.path.removeprefix('gyms/')
          rows.append([gym, path, f'{least}{file.count}', folder, *counts])
    path = pathlib.Path(__file__).parents[1] / 'docs/data.md'
    cells = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in path.read_text(encoding='utf-8').splitlines()
    ]
    found = [row for row in cells if len(row) == 6 and '.json' in row[1]]
    self.assertEqual(found, rows)

  @parameterized.parameters('train', 'test')
  def test_merged_sets_add_up(self, split):
    parts = sources.MERGED_COUNTS[split]
    self.assertEqual(sum(parts.values()), sources.MERGED[split].count)
    for gym, count in parts.items():
      self.assertLessEqual(count, COUNTS[gym][split == 'test'])


class CheckoutTest(parameterized.TestCase):
  """Against the benchmark's own files, those that are there."""

  @needs_checkout
  def test_counts_of_all_files(self):
    found = userrl.audit(ROOT)
    self.assertNotEmpty(found)
    expected = {f.path: f for f in sources.files() if f.path in found}
    for path, count in found.items():
      if expected[path].is_exact:
        self.assertEqual(count, expected[path].count, path)

  @needs_checkout
  def test_every_task_file_there_is_known(self):
    known = {file.path for file in sources.files()}
    for path in [*ROOT.glob('gyms/**/*.json'), *ROOT.glob('data/**/*.parquet')]:
      name = path.relative_to(ROOT).as_posix()
      if '/alfworldgym/' not in name and '/travel_multiturn' not in name:
        self.assertIn(name, known)

  @needs_checkout
  @parameterized.parameters(*_splits())
  def test_tasks_are_those_of_the_split(self, gym, split):
    if not _is_there(gym, split):
      self.skipTest(f'the checkout lacks files of {gym}')
    tasks = userrl.read(ROOT, gym, split)
    self.assertLen(tasks, COUNTS[gym][split == 'test'])
    # What a parquet row says of its task's truth, in words of its own.
    truths = {
        'function': lambda data: str(float(data['expected'])),
        'search': lambda data: data['answer'],
        'telepathy': lambda data: data['target_entity'],
        'turtle': lambda data: data['new_bottom'],
        'intention': lambda data: ', '.join(
            detail['description'] for detail in data['missing_details']
        ),
        'tau': lambda data: '',
    }
    rows = [
        row['reward_model']['ground_truth']
        for source in sources.SOURCES[gym]
        for row in pyarrow.parquet.read_table(
            ROOT / source.rows[split].path
        ).to_pylist()
    ]
    self.assertEqual([truths[gym](task.data) for task in tasks], rows)

  @needs_checkout
  @parameterized.parameters('function', 'search', 'tau', 'telepathy', 'turtle')
  def test_rule_says_what_parquet_says(self, gym):
    folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    (folder / 'gyms').symlink_to(ROOT / 'gyms')
    for split in userrl.splits_of(gym):
      self.assertEqual(
          userrl.read(folder, gym, split), userrl.read(ROOT, gym, split)
      )

  @needs_checkout
  def test_functions_are_sound(self):
    for split in userrl.SPLITS:
      for task in userrl.read(ROOT, 'function', split):
        value = arithmetic.evaluate(task.data['rule'], task.data['test_case'])
        self.assertAlmostEqual(value, task.data['expected'], msg=task.id)

  @needs_checkout
  def test_weights_of_a_story_sum_to_one(self):
    for split in userrl.SPLITS:
      for task in userrl.read(ROOT, 'turtle', split):
        weights = [criterion['score'] for criterion in task.data['evaluation']]
        self.assertAlmostEqual(sum(weights), 1.0, msg=task.id)


class MadeUpTest(parameterized.TestCase):
  """Against a whole checkout of our own, with all of the benchmark's counts."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.root = pathlib.Path(
        cls.enterClassContext(tempfile.TemporaryDirectory())
    )
    checkout.write(cls.root)

  def test_all_files_are_counted(self):
    found = userrl.audit(self.root)
    self.assertEqual(found, {f.path: f.count for f in sources.files()})
    travel = {p: n for p, n in found.items() if 'travelgym_data' in p}
    self.assertEqual(sum(travel.values()), 3122)

  @parameterized.parameters(*_splits())
  def test_parquet_says_which_tasks(self, gym, split):
    tasks = userrl.read(self.root, gym, split)
    self.assertLen(tasks, COUNTS[gym][split == 'test'])
    self.assertLen({task.id for task in tasks}, len(tasks))
    told = [
        truth.get('id') or truth['title']
        for source in sources.SOURCES[gym]
        for _, truth in checkout.names(gym, source, split)
    ]
    prefixes = {'telepathy': 'Thing ', 'turtle': 'Story '}
    self.assertEqual(
        [
            prefixes.get(gym, '') + t.id.removeprefix(f'{gym}/userrl/{split}/')
            for t in tasks
        ],
        told,
    )

  @parameterized.parameters(*_splits())
  def test_data_is_as_in_our_own_files(self, gym, split):
    path = self.root / f'{gym}.jsonl'
    tasks = userrl.read(self.root, gym, split)[:2]
    path.write_text(''.join(json.dumps(vars(task)) + '\n' for task in tasks))
    self.assertEqual(reader.read_jsonl(path), tasks)

  def test_truth_of_a_trip_is_kept(self):
    source = sources.SOURCES['travel'][3]  # Three aspects: 233.
    tasks = userrl.read(self.root, 'travel', 'train')
    task = next(t for t in tasks if t.id.startswith('travel/userrl/train/233-'))
    travel_plan.check(task)
    file = source.tasks['train']
    row = next(
        row
        for row in checkout.rows('travel', file)
        if task.id.endswith(f'/{row["id"]}')
    )
    self.assertEqual(task.data['dimensions'], ['flight', 'hotel', 'rental_car'])
    for aspect in task.data['dimensions']:
      self.assertEqual(task.data[aspect], row[aspect])
      self.assertEqual(task.data[aspect]['options'].keys(), _OPTIONS)
    wishes = [wish.text for wish in travel_plan.preferences(task)]
    self.assertLen(wishes, 2 + 3 + 3)

  @parameterized.parameters(*_splits())
  def test_merged_sets(self, gym, split):
    counts = sources.MERGED_COUNTS[split]
    if gym not in counts:
      with self.assertRaisesRegex(ValueError, f'merged set has no {gym}'):
        userrl.read(self.root, gym, split, merged=True)
      return
    tasks = userrl.read(self.root, gym, split, merged=True)
    self.assertLen(tasks, counts[gym])
    whole = userrl.read(self.root, gym, split)
    self.assertEqual(tasks, whole[-counts[gym] :])

  @parameterized.parameters(*(gym for gym in COUNTS if gym != 'search'))
  def test_validation_is_carved_from_train(self, gym):
    train, validation, test = (
        userrl.read_held_out(self.root, gym, split)
        for split in ('train', 'validation', 'test')
    )
    whole = userrl.read(self.root, gym, 'train')
    self.assertCountEqual(
        [t.id for t in train + validation], [t.id for t in whole]
    )
    self.assertLen(validation, len(whole) // 10)
    self.assertEqual(test, userrl.read(self.root, gym, 'test'))

  def test_validation_has_trips_of_every_pattern(self):
    tasks = userrl.read_held_out(self.root, 'travel', 'validation')
    patterns = {t.id.rpartition('/')[2].partition('-')[0] for t in tasks}
    self.assertLen(patterns, 8)


_OPTIONS = {'correct', 'wrong', 'noise'}


class ReadTest(parameterized.TestCase):
  """Against single files of our own in the benchmark's format."""

  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    # Trips in one small file in place of eight.
    short = {'travel': sources.SOURCES['travel'][-1:]}
    self.enter_context(mock.patch.dict(sources.SOURCES, short))

  def _file(self, gym, split='train'):
    return sources.SOURCES[gym][0].tasks[split]

  def _write(self, content, gym='function', split='train'):
    file = self._file(gym, split)
    checkout.dump(self.root, file, content)
    if isinstance(content, str):
      (self.root / file.path).write_text(content)

  def _functions(self, **changes):
    """Returns rows, the one with number 485, the first of train, changed."""
    rows = [
        dict(row) for row in checkout.rows('function', self._file('function'))
    ]
    rows[485].update(changes)
    return rows

  def test_rule_of_the_split(self):
    checkout.write(self.root, 'function', with_parquet=False)
    train = userrl.read(self.root, 'function', 'train')
    test = userrl.read(self.root, 'function', 'test')
    self.assertEqual((len(train), len(test)), (460, 78))
    self.assertLen({task.data['rule'] for task in train + test}, 538)
    # The first index of numpy's permutation of 538 with seed 42 is 485.
    self.assertEqual(train[0].id, 'function/userrl/train/functions-485')
    self.assertEqual(train[0].level, 'full')
    self.assertEqual(
        train[0].data,
        {'rule': 'a + 485', 'test_case': [1, 2, 3, 4], 'expected': 486},
    )

  def test_persuade_by_json_alone_and_by_parquet_alone(self):
    checkout.write(self.root, 'persuade', with_parquet=False)
    self.assertLen(userrl.read(self.root, 'persuade', 'train'), 378)
    checkout.write(self.root, 'persuade')
    both = userrl.read(self.root, 'persuade', 'test')
    (self.root / self._file('persuade').path).unlink()
    self.assertEqual(userrl.read(self.root, 'persuade', 'test'), both)
    self.assertEqual(both[0].data.keys(), {'claim', 'argument'})

  def test_persuade_is_the_first_420_of_any_number(self):
    rows = [
        {'id': str(i), 'claim': f'c{i}', 'argument': 'a'} for i in range(900)
    ]
    self._write(rows, 'persuade')
    train, test = (userrl.read(self.root, 'persuade', s) for s in userrl.SPLITS)
    self.assertEqual((len(train), len(test)), (378, 42))
    self.assertGreater(max(int(t.data['claim'][1:]) for t in train), 420)
    self._write(rows[:419], 'persuade')
    with self.assertRaisesRegex(ValueError, 'found 419 rows, .*at least 420'):
      userrl.read(self.root, 'persuade', 'train')

  def test_intention_needs_its_parquet(self):
    checkout.write(self.root, 'intention', with_parquet=False)
    with self.assertRaisesRegex(FileNotFoundError, 'train.parquet: not found'):
      userrl.read(self.root, 'intention', 'train')

  def test_parquet_needs_its_json(self):
    checkout.write(self.root, 'turtle')
    (self.root / self._file('turtle').path).unlink()
    with self.assertRaisesRegex(FileNotFoundError, 'refined.json: not found'):
      userrl.read(self.root, 'turtle', 'test')

  @parameterized.named_parameters(
      ('id', {'id': None}, "field 'id' is null, expected a string"),
      ('rule', {'rule': 'a + e'}, "rule 'a \\+ e': 'e' is not allowed"),
      ('case', {'test_case': [1, 2, 3]}, r'test_case is \[1, 2, 3\]'),
      ('float', {'test_case': [1, 2, 3, 4.0]}, '.* four whole numbers'),
      ('value', {'expected_result': 0.5}, '.* a whole number'),
      ('infinite', {'expected_result': 1e999}, '.* a whole number'),
  )
  def test_bad_row_is_named(self, changes, message):
    self._write(self._functions(**changes))
    message = f'functions.json: row 485: {message}'
    with self.assertRaisesRegex(ValueError, message):
      userrl.read(self.root, 'function', 'train')

  @parameterized.named_parameters(
      ('task', 'tau', 'test', {'info': 3}, "field 'info' is a number"),
      ('info', 'tau', 'test', {'info': {}}, "info: missing field 'task'"),
      (
          'criterion',
          'turtle',
          'train',
          {'evaluation': [{}]},
          "evaluation 0: missing field 'statement'",
      ),
      (
          'importance',
          'intention',
          'train',
          {
              'missing_details': [
                  {'description': '', 'importance': '4', 'inquiry': ''}
              ]
          },
          "missing_details 0: importance is '4'",
      ),
      (
          'no_details',
          'intention',
          'test',
          {'missing_details': []},
          'missing_details is empty',
      ),
      (
          'aspect',
          'travel',
          'train',
          {'dimensions': ['train']},
          "unknown dimension 'train'; use ",
      ),
      ('nothing', 'travel', 'test', {'dimensions': []}, 'nothing to book'),
      ('flight', 'travel', 'test', {'flight': {}}, "flight: missing .*'pref"),
  )
  def test_bad_part_of_a_row_is_named(self, gym, split, changes, message):
    checkout.write(self.root, gym)
    file = sources.SOURCES[gym][0].tasks[split]
    rows = [{**row, **changes} for row in checkout.rows(gym, file)]
    self._write(rows, gym, split)
    message = f'{pathlib.Path(file.path).name}: row .*{message}'
    with self.assertRaisesRegex(ValueError, message):
      userrl.read(self.root, gym, split)

  @parameterized.named_parameters(
      ('wish', {'preferences': [['flight', 'time', 'early']]}, 'four strings'),
      ('best', {'best_id': 'F9'}, "best_id 'F9' is not one of correct_ids"),
      ('option', {'options': {'correct': ['F1']}}, 'correct 0: found .F1.'),
      ('noise', {'options': {'correct': [], 'noise': 2}}, "'noise' is a num"),
  )
  def test_bad_aspect_is_named(self, changes, message):
    checkout.write(self.root, 'travel')
    rows = [dict(r) for r in checkout.rows('travel', self._file('travel'))]
    for row in rows:
      row['flight'] = {**row['flight'], **changes}
    self._write(rows, 'travel')
    message = f'travelgym_data_2222.json: row 112, flight.*{message}'
    with self.assertRaisesRegex(ValueError, message):
      userrl.read(self.root, 'travel', 'train')

  @parameterized.named_parameters(
      ('no_json', '[', 'found no valid JSON'),
      ('a_number', 7, 'expected an array of rows'),
      ('no_objects', [3] * 538, 'found 3, expected an object'),
  )
  def test_bad_file_is_named(self, content, message):
    self._write(content)
    with self.assertRaisesRegex(ValueError, f'functions.json.*{message}'):
      userrl.read(self.root, 'function', 'train')

  @parameterized.parameters(*sources.SOURCES)
  def test_wrong_count_of_json_is_named(self, gym):
    checkout.write(self.root, gym)
    file = sources.SOURCES[gym][-1].tasks['test']
    checkout.dump(self.root, file, checkout.rows(gym, file)[1:])
    found = f'found {file.count - 1} rows, expected .*{file.count}'
    with self.assertRaisesRegex(ValueError, f'{file.path}: {found}'):
      userrl.read(self.root, gym, 'test')
    with self.assertRaisesRegex(ValueError, f'{file.path}: {found}'):
      userrl.audit(self.root)

  @parameterized.parameters(*sources.SOURCES)
  def test_wrong_count_of_parquet_is_named(self, gym):
    checkout.write(self.root, gym)
    source = sources.SOURCES[gym][-1]
    file, told = source.rows['test'], checkout.names(gym, source, 'test')
    for wrong in (told[1:], told + told[:1]):
      checkout.write_parquet(self.root, file, wrong)
      message = f'{file.path}: found {len(wrong)} rows, expected {file.count}$'
      with self.assertRaisesRegex(ValueError, message):
        userrl.read(self.root, gym, 'test')
      with self.assertRaisesRegex(ValueError, message):
        userrl.audit(self.root)

  def test_wrong_count_and_parts_of_the_merged_set_are_named(self):
    self.enter_context(mock.patch.dict(sources.SOURCES, _ALL))
    checkout.write(self.root, 'function')
    file, told = sources.MERGED['train'], checkout.merged('train')
    checkout.write_parquet(self.root, file, told[1:])
    with self.assertRaisesRegex(
        ValueError, f'{file.path}: found 2425 rows, expected 2426'
    ):
      userrl.read(self.root, 'function', 'train', merged=True)
    other = [('search', {'id': 'x'}), *told[1:]]
    checkout.write_parquet(self.root, file, other)
    with self.assertRaisesRegex(
        ValueError, f"{file.path}: found .*'travel': 924.* expected .*925"
    ):
      userrl.read(self.root, 'function', 'train', merged=True)

  def test_bad_parquet_is_named(self):
    checkout.write(self.root, 'function')
    path = self.root / 'data/function_multiturn/test.parquet'
    path.write_bytes(b'PAR0')
    with self.assertRaisesRegex(ValueError, 'test.parquet: found no valid par'):
      userrl.read(self.root, 'function', 'test')
    table = pyarrow.Table.from_pylist([{'prompt': 'x'}] * 78)
    pyarrow.parquet.write_table(table, path)
    with self.assertRaisesRegex(ValueError, "no column 'reward_model'"):
      userrl.read(self.root, 'function', 'test')

  def test_unknown_name_is_named(self):
    checkout.write(self.root, 'function')
    source = sources.SOURCES['function'][0]
    told = checkout.names('function', source, 'test')
    told[7] = ('function', {'id': 'nobody'})
    checkout.write_parquet(self.root, source.rows['test'], told)
    message = "test.parquet: row 7: id is 'nobody', which no row of functions.j"
    with self.assertRaisesRegex(ValueError, message):
      userrl.read(self.root, 'function', 'test')

  def test_task_that_is_there_twice_is_named(self):
    checkout.write(self.root, 'function')
    source = sources.SOURCES['function'][0]
    told = checkout.names('function', source, 'test')
    told[7] = told[6]
    checkout.write_parquet(self.root, source.rows['test'], told)
    with self.assertRaisesRegex(ValueError, 'functions.json: row .* twice'):
      userrl.read(self.root, 'function', 'test')

  def test_bad_rows_are_skipped_and_told(self):
    rows = self._functions(rule='')
    rows[3] = 'no object'
    self._write(rows)
    bad = []
    tasks = [
        task
        for split in userrl.SPLITS
        for task in userrl.read(self.root, 'function', split, bad=bad)
    ]
    self.assertLen(tasks, 536)
    self.assertRegex(bad[0], 'functions.json: row 485: ')
    self.assertRegex(bad[1], 'functions.json: row 3: found .no object')
    self.assertLen(bad, 2)

  def test_skipping_rows_excuses_no_wrong_count(self):
    self._write(self._functions()[1:])
    with self.assertRaisesRegex(ValueError, 'found 537 rows, expected 538'):
      userrl.read(self.root, 'function', 'train', bad=[])

  def test_unknown_names_are_skipped_and_told(self):
    checkout.write(self.root, 'function')
    source = sources.SOURCES['function'][0]
    told = checkout.names('function', source, 'test')
    told[7] = ('function', {'id': None})
    checkout.write_parquet(self.root, source.rows['test'], told)
    bad = []
    self.assertLen(userrl.read(self.root, 'function', 'test', bad=bad), 77)
    self.assertLen(bad, 1)
    self.assertIn('test.parquet: row 7: id is None', bad[0])

  def test_missing_file_is_named(self):
    with self.assertRaisesRegex(FileNotFoundError, 'functions.json: not found'):
      userrl.read('nowhere', 'function', 'train')

  def test_gyms_without_files_are_named(self):
    with self.assertRaisesRegex(ValueError, 'alfworld: .* JSON lines'):
      userrl.read('nowhere', 'alfworld', 'test')

  @parameterized.parameters('train', 'validation')
  def test_search_is_for_testing_alone(self, split):
    with self.assertRaisesRegex(ValueError, 'no search tasks for training'):
      userrl.read_held_out('nowhere', 'search', split)

  def test_no_validation_split(self):
    with self.assertRaisesRegex(ValueError, 'hold out a part of train'):
      userrl.read('nowhere', 'function', 'validation')


if __name__ == '__main__':
  absltest.main()
