import json
import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import catalog
from bao_jax import types
from bao_jax.tasks import reader
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import converse

PINNED = [[5, 6, 2], [1, 4, 3], [2, 1, 4], [0, 5, 6]]


def _tasks(num):
  return [types.Task(str(i), 'function', 'easy', {'n': i}) for i in range(num)]


def _ids(tasks, **kwargs):
  return [int(task.id) for task in reader.tasks_of_step(tasks, **kwargs)]


class MixedTasksTest(parameterized.TestCase):

  def pools(self, *sizes):
    return [
        [types.Task(f'{g}/{i}', g, 'easy', {}) for i in range(size)]
        for g, size in zip('abc', sizes)
    ]

  def test_every_step_has_the_same_shares(self):
    pools = self.pools(10, 7, 30)
    seen = []
    for step in range(6):
      tasks = reader.mixed_tasks_of_step(
          pools, (1, 1, 2), seed=3, step=step, tasks_per_step=8
      )
      gyms = [task.gym for task in tasks]
      self.assertEqual([gyms.count(g) for g in 'abc'], [2, 2, 4])
      self.assertLen({task.id for task in tasks}, 8)
      seen += tasks
    # Five steps are an epoch of the first pool: each of its tasks once.
    first = [task.id for task in seen if task.gym == 'a'][:10]
    self.assertLen(set(first), 10)

  def test_largest_remainders(self):
    # 7 x (.5, .3, .2) = 3.5, 2.1, 1.4: the half gets the seventh.
    tasks = reader.mixed_tasks_of_step(
        self.pools(9, 9, 9), (5, 3, 2), seed=0, step=0, tasks_per_step=7
    )
    gyms = [task.gym for task in tasks]
    self.assertEqual([gyms.count(g) for g in 'abc'], [4, 2, 1])

  @parameterized.parameters(
      ((1.0, 1.0), 8, 'give 3 positive numbers'),
      ((1.0, 1.0, 0.0), 8, 'give 3 positive numbers'),
      ((1.0, 1.0, 50.0), 8, 'too few for each of the weights'),
      ((9.0, 1.0, 1.0), 22, 'number of tasks, 9'),
  )
  def test_refusals(self, weights, tasks_per_step, message):
    with self.assertRaisesRegex(ValueError, message):
      reader.mixed_tasks_of_step(
          self.pools(9, 9, 9),
          weights,
          seed=0,
          step=0,
          tasks_per_step=tasks_per_step,
      )


class TasksOfStepTest(parameterized.TestCase):

  def test_order_is_pinned(self):
    # A run that resumes after an upgrade must go on with the same tasks.
    steps = [
        _ids(_tasks(7), seed=3, step=step, tasks_per_step=3)
        for step in range(4)
    ]
    self.assertEqual(steps, PINNED)

  def test_epoch_takes_no_task_twice(self):
    epoch = sum(
        (
            _ids(_tasks(12), seed=0, step=step, tasks_per_step=4)
            for step in range(3)
        ),
        [],
    )
    self.assertCountEqual(epoch, range(12))

  def test_step_takes_no_task_twice_at_the_end_of_an_epoch(self):
    for step in range(60):
      ids = _ids(_tasks(5), seed=0, step=step, tasks_per_step=3)
      self.assertLen(set(ids), 3, msg=f'step {step}')

  def test_all_tasks_occur_over_epochs(self):
    seen = set()
    for step in range(40):
      seen.update(_ids(_tasks(5), seed=1, step=step, tasks_per_step=3))
    self.assertEqual(seen, set(range(5)))

  def test_epochs_and_seeds_differ(self):
    kwargs = dict(tasks_per_step=50)
    first = _ids(_tasks(50), seed=0, step=0, **kwargs)
    self.assertNotEqual(first, _ids(_tasks(50), seed=0, step=1, **kwargs))
    self.assertNotEqual(first, _ids(_tasks(50), seed=1, step=0, **kwargs))

  @parameterized.parameters(1, 2, 3, 6)
  def test_processes_join_to_one_step(self, process_count):
    kwargs = dict(seed=5, step=8, tasks_per_step=6)
    joined = []
    for process_index in range(process_count):
      joined += _ids(
          _tasks(20),
          process_index=process_index,
          process_count=process_count,
          **kwargs,
      )
    self.assertEqual(joined, _ids(_tasks(20), **kwargs))

  @parameterized.parameters(
      (0, 1, 1, 'number of tasks, 0'),
      (5, 6, 1, 'number of tasks, 5'),
      (5, 0, 1, 'between 1 and'),
      (5, 3, 2, 'multiple of the number of processes, 2'),
  )
  def test_refuses(self, num_tasks, tasks_per_step, process_count, message):
    with self.assertRaisesRegex(ValueError, message):
      _ids(
          _tasks(num_tasks),
          seed=0,
          step=0,
          tasks_per_step=tasks_per_step,
          process_count=process_count,
      )


class ReadJsonlTest(parameterized.TestCase):

  def _write(self, *lines):
    content = b'\n'.join(
        line if isinstance(line, bytes) else line.encode() for line in lines
    )
    folder = self.enter_context(tempfile.TemporaryDirectory())
    path = pathlib.Path(folder) / 'tasks.jsonl'
    path.write_bytes(content)
    return path

  def test_reads_in_order(self):
    tasks = [
        types.Task(
            'mine/1',
            'function',
            'full',
            {'rule': 'a', 'test_case': [1, 2, 3, 4], 'expected': 1},
        ),
        types.Task('mine/é', 'chess', 'easy', {'opening': 'Réti'}),
    ]
    lines = [json.dumps(vars(task)) for task in tasks]
    path = self._write(lines[0], '', '  \r', lines[1], '')
    self.assertEqual(reader.read_jsonl(path), tasks)

  @parameterized.named_parameters(
      ('no_json', '{"id": ', ':2: not valid JSON: Expecting value'),
      ('nan', '{"id": NaN}', ':2: not valid JSON: NaN'),
      ('not_utf8', b'{"id": "\xff"}', ':2: not valid JSON: .*utf-8'),
      ('no_object', '[1]', ':2: found an array, expected an object'),
      (
          'missing',
          '{"id": "2", "level": "easy", "data": {}}',
          ":2: missing field 'gym'",
      ),
      (
          'wrong_type',
          '{"id": 2, "gym": "f", "level": "easy", "data": {}}',
          ":2: field 'id' is a number, expected a string",
      ),
      (
          'unknown',
          '{"id": "2", "gym": "f", "level": "e", "data": {}, "dta": {}}',
          ":2: unknown field 'dta'; use id, gym, level, data",
      ),
      (
          'data',
          '{"id": "2", "gym": "function", "level": "e", "data": {}}',
          ":2: data: missing field 'rule'",
      ),
      (
          'same_id',
          '{"id": "1", "gym": "f", "level": "e", "data": {}}',
          ":2: id '1' is taken by line 1",
      ),
  )
  def test_bad_line_is_named(self, line, message):
    good = '{"id": "1", "gym": "f", "level": "easy", "data": {}}'
    path = self._write(good, line, good)
    with self.assertRaisesRegex(ValueError, f'tasks.jsonl{message}'):
      reader.read_jsonl(path)

  @parameterized.parameters(
      ('a + e', [1, 2, 3, 4], 1, "'e' is not allowed; use a, b, c"),
      ('a +', [1, 2, 3, 4], 1, 'cannot be read as arithmetic'),
      ('a / b', [1, 0, 3, 4], 1, 'division by zero'),
      ('a', [1, 2, 3], 1, r'test_case is \[1, 2, 3\], expected four whole'),
      ('a', [1, 2, 3, '4'], 1, 'expected four whole numbers'),
      ('a', [1, 2, 3, True], 1, 'expected four whole numbers'),
      ('a', [1.0, 2, 3, 4], 1, 'expected four whole numbers'),
      ('a + b', [1, 2, 3, 4], 4, r"expected is 4, but 'a \+ b' is 3 at"),
  )
  def test_function_that_cannot_be_played(self, rule, case, value, message):
    data = {'rule': rule, 'test_case': case, 'expected': value}
    row = {'id': '1', 'gym': 'function', 'level': 'easy', 'data': data}
    path = self._write('', json.dumps(row))
    with self.assertRaisesRegex(
        ValueError, f'tasks.jsonl:2: data: .*{message}'
    ):
      reader.read_jsonl(path)

  def test_fraction_of_a_function(self):
    data = {'rule': 'a / c', 'test_case': [1, 2, 3, 4], 'expected': 0.3333333}
    row = {'id': '1', 'gym': 'function', 'level': 'full', 'data': data}
    self.assertLen(reader.read_jsonl(self._write(json.dumps(row))), 1)

  def test_unknown_gym_is_named_where_gyms_are_known(self):
    line = '{"id": "1", "gym": "chess", "level": "easy", "data": {}}'
    path = self._write('', line)
    self.assertLen(reader.read_jsonl(path), 1)
    message = "tasks.jsonl:2: unknown gym 'chess'; use tau, turtle"
    with self.assertRaisesRegex(ValueError, message):
      reader.read_jsonl(path, gyms=('turtle', 'tau'))

  def test_examples_of_the_documentation_can_be_played(self):
    text = (
        pathlib.Path(__file__).parents[1].joinpath('docs/data.md').read_text()
    )
    lines = [x for x in text.splitlines() if x.startswith('{"id": ')]
    tasks = reader.read_jsonl(self._write(*lines), gyms=catalog.GYMS)
    self.assertLen(tasks, 7)
    for task in tasks:
      entry = catalog.GYMS[task.gym]
      if entry.make_teacher:
        teacher = entry.make_teacher(teachers_base.Behaviors(), slip=0.0)
        dialogue = converse.converse(teacher, entry.gym(), task, seed=0)
        self.assertTrue(dialogue.solved, task.id)

  @parameterized.parameters((b'',), (b'\n \n',))
  def test_empty_file_is_named(self, content):
    path = self._write(content)
    with self.assertRaisesRegex(ValueError, 'tasks.jsonl: no tasks'):
      reader.read_jsonl(path)

  def test_missing_file_is_named(self):
    with self.assertRaisesRegex(OSError, 'nowhere.jsonl'):
      reader.read_jsonl('nowhere.jsonl')


if __name__ == '__main__':
  absltest.main()
