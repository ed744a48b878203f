import json
import os
import pathlib
import tempfile
import unittest

from absl.testing import absltest
from absl.testing import parameterized
import pyarrow.parquet

from bao_jax.envs import arithmetic
from bao_jax.tasks import userrl

ROOT = pathlib.Path(
    os.environ.get('USERRL_ROOT')
    or pathlib.Path(__file__).parents[2] / 'shared' / 'data' / 'userrl'
)
needs_checkout = unittest.skipUnless(
    ROOT.is_dir(), 'no checkout of the benchmark; set USERRL_ROOT to one'
)

NAMES = {
    'function': 'id',
    'tau': 'id',
    'telepathy': 'title',
    'turtle': 'title',
}


def _names_in_parquet(gym, split):
  path = ROOT / 'data' / f'{gym}_multiturn' / f'{split}.parquet'
  rows = pyarrow.parquet.read_table(path).to_pylist()
  return [row['reward_model'][NAMES[gym]] for row in rows]


def _name(task):
  if NAMES[task.gym] == 'id':
    return task.id.rpartition('/')[2]
  return task.data['title' if task.gym == 'telepathy' else 'new_title']


def _function_row(i, **changes):
  return {
      'id': f'func-{i}',
      'rule': f'a + {i}',
      'test_case': [1, 2, 3, 4],
      'expected_result': 1.0 + i,
      **changes,
  }


class CheckoutTest(parameterized.TestCase):
  """Against the benchmark's own files."""

  @needs_checkout
  @parameterized.product(gym=list(NAMES), split=userrl.SPLITS)
  def test_splits_are_those_of_the_benchmark(self, gym, split):
    tasks = userrl.read(userrl.path_of(ROOT, gym), gym, split)
    expected = _names_in_parquet(gym, split)
    self.assertEqual([_name(task) for task in tasks], expected)

  @needs_checkout
  def test_search_is_that_of_the_benchmark(self):
    tasks = userrl.read(userrl.path_of(ROOT, 'search'), 'search', 'test')
    path = ROOT / 'data' / 'bamboogle_multiturn' / 'test.parquet'
    truths = [
        row['reward_model']
        for row in pyarrow.parquet.read_table(path).to_pylist()
    ]
    self.assertLen(tasks, 125)
    self.assertEqual(
        [(t.id.rpartition('/')[2], t.data['answer']) for t in tasks],
        [(truth['id'], truth['ground_truth']) for truth in truths],
    )

  @needs_checkout
  def test_functions_are_sound(self):
    path = userrl.path_of(ROOT, 'function')
    for split in userrl.SPLITS:
      for task in userrl.read(path, 'function', split):
        value = arithmetic.evaluate(task.data['rule'], task.data['test_case'])
        self.assertAlmostEqual(value, task.data['expected'], msg=task.id)

  @needs_checkout
  def test_weights_of_a_story_sum_to_one(self):
    path = userrl.path_of(ROOT, 'turtle')
    for split in userrl.SPLITS:
      for task in userrl.read(path, 'turtle', split):
        weights = [criterion['score'] for criterion in task.data['evaluation']]
        self.assertAlmostEqual(sum(weights), 1.0, msg=task.id)


class ReadTest(parameterized.TestCase):
  """Against files of our own in the benchmark's format."""

  def _write(self, content, gym='function'):
    root = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    path = root / userrl.SOURCES[gym].file
    path.parent.mkdir(parents=True)
    path.write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    return userrl.path_of(root, gym)

  def test_function(self):
    path = self._write([_function_row(i) for i in range(538)])
    train = userrl.read(path, 'function', 'train')
    test = userrl.read(path, 'function', 'test')
    self.assertLen(train, 460)
    self.assertLen(test, 78)
    self.assertLen({task.id for task in train + test}, 538)
    # The first index of numpy's permutation of 538 with seed 42 is 485.
    self.assertEqual(train[0].id, 'function/userrl/train/func-485')
    self.assertEqual(train[0].level, 'full')
    self.assertEqual(
        train[0].data,
        {'rule': 'a + 485', 'test_case': [1, 2, 3, 4], 'expected': 486},
    )

  def test_other_gyms_are_named(self):
    with self.assertRaisesRegex(ValueError, 'persuade: .*JSON lines'):
      userrl.path_of(ROOT, 'persuade')

  def test_turtle(self):
    story = {
        'new_title': 'T',
        'new_surface': 'S',
        'new_bottom': 'B',
        'evaluation': [{'statement': 'X', 'score': 1}],
    }
    rows = {str(i): {'judgment': 'Yes', **story} for i in range(471)}
    tasks = userrl.read(self._write(rows, 'turtle'), 'turtle', 'test')
    self.assertLen(tasks, 48)
    self.assertEqual(tasks[0].data, story)

  def test_tau_has_a_file_per_split(self):
    inner = {'user_id': 'u', 'instruction': 'i', 'actions': [], 'outputs': []}
    row = {'obs': 'Hello', 'info': {'task': inner}}
    path = self._write([{**row, 'id': f't-{i}'} for i in range(500)], 'tau')
    tests = [{**row, 'id': f'r-{i}'} for i in range(165)]
    path.with_name('tau_test.json').write_text(json.dumps(tests))
    train, test = (userrl.read(path, 'tau', s) for s in userrl.SPLITS)
    self.assertEqual((len(train), len(test)), (500, 165))
    self.assertEqual(test[0].id, 'tau/userrl/test/r-0')
    self.assertEqual(test[0].data, {'obs': 'Hello', **inner})
    tests[3] = {'id': 'r-3'}
    path.with_name('tau_test.json').write_text(json.dumps(tests))
    message = "tau_test.json: row 3: missing field 'info'"
    with self.assertRaisesRegex(ValueError, message):
      userrl.read(path, 'tau', 'test')

  @parameterized.named_parameters(
      ('id', {'id': None}, "field 'id' is null, expected a string"),
      (
          'rule',
          {'rule': 'a + e'},
          "rule 'a \\+ e': 'e' is not allowed",
      ),
      ('case', {'test_case': [1, 2, 3]}, r'test_case is \[1, 2, 3\]'),
      ('float', {'test_case': [1, 2, 3, 4.0]}, '.* four whole numbers'),
      ('value', {'expected_result': 0.5}, '.* a whole number'),
  )
  def test_bad_row_is_named(self, changes, message):
    rows = [_function_row(i) for i in range(538)]
    rows[485] = _function_row(485, **changes)
    path = self._write(rows)
    with self.assertRaisesRegex(
        ValueError, f'functions.json: row 485: {message}'
    ):
      userrl.read(path, 'function', 'train')

  def test_missing_field_is_named(self):
    rows = [_function_row(i) for i in range(538)]
    del rows[485]['rule']
    with self.assertRaisesRegex(ValueError, "row 485: missing field 'rule'"):
      userrl.read(self._write(rows), 'function', 'train')

  @parameterized.named_parameters(
      ('count', [_function_row(1)], 'found 1 rows, expected 538'),
      ('no_json', '[', 'found no valid JSON'),
      ('a_number', '7', 'expected an array of rows'),
      ('no_objects', [3] * 538, 'found 3, expected an object'),
  )
  def test_bad_file_is_named(self, content, message):
    path = self._write(content)
    with self.assertRaisesRegex(ValueError, f'functions.json.*{message}'):
      userrl.read(path, 'function', 'train')

  def test_bad_criterion_is_named(self):
    story = {'new_title': 'T', 'new_surface': 'S', 'new_bottom': 'B'}
    rows = {str(i): {**story, 'evaluation': [{}]} for i in range(471)}
    message = "row .*, evaluation 0: missing field 'statement'"
    with self.assertRaisesRegex(ValueError, message):
      userrl.read(self._write(rows, 'turtle'), 'turtle', 'train')

  def test_missing_file_is_named(self):
    with self.assertRaisesRegex(FileNotFoundError, 'functions.json: not found'):
      userrl.path_of('nowhere', 'function')

  def test_gyms_without_files_are_named(self):
    with self.assertRaisesRegex(ValueError, 'travel: .*only those of function'):
      userrl.path_of('nowhere', 'travel')

  @parameterized.parameters('train', 'validation')
  def test_search_is_for_testing_alone(self, split):
    with self.assertRaisesRegex(ValueError, 'no search tasks for training'):
      userrl.read_held_out('nowhere', 'search', split)

  def test_no_validation_split(self):
    with self.assertRaisesRegex(ValueError, 'hold out a part of train'):
      userrl.read('nowhere', 'function', 'validation')


if __name__ == '__main__':
  absltest.main()
