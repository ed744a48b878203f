import functools
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import checkout

from bao_jax import types
from bao_jax.tasks import builders
from bao_jax.tasks import reader
from bao_jax.tasks import userrl
from bao_jax.tasks.builders import base
from bao_jax.tasks.userrl import sources

BUILD_AND_READ = """
import random
import sys
from bao_jax.tasks import builders
random.seed(0)
tasks = builders.load('function', 'easy', 'train', data_dir=sys.argv[1])
assert len(tasks) >= 400
assert 'tensorflow' not in sys.modules
"""


def _cards():
  """Returns the sizes that docs/data.md has, by gym, level and split."""
  path = pathlib.Path(__file__).parents[1] / 'docs/data.md'
  pattern = r'^\| (\w+) \| (\w+) \| (\d+) \| (\d+) \| (\d+) \|$'
  return {
      (gym, level, split): int(size)
      for gym, level, *sizes in re.findall(pattern, path.read_text(), re.M)
      for split, size in zip(base.SPLITS, sizes)
  }


class LoadTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.enter_context(tempfile.TemporaryDirectory())
    self.data_dir = pathlib.Path(self.folder) / 'tasks'

  @parameterized.product(
      gym=list(builders.BUILDERS), level=['easy', 'medium', 'full']
  )
  def test_reads_what_was_generated(self, gym, level):
    generate = builders.BUILDERS[gym].generate
    for split in ('train', 'validation', 'test'):
      tasks = builders.load(gym, level, split, data_dir=self.data_dir)
      self.assertEqual(tasks, generate(level, split, base.SEED))
      self.assertGreaterEqual(len(tasks), 400 if split == 'train' else 80)
      self.assertLen(tasks, _cards()[gym, level, split])

  def test_builds_once(self):
    load = functools.partial(
        builders.load, 'function', 'easy', 'test', data_dir=self.data_dir
    )
    first = load()
    with mock.patch.object(
        builders.BUILDERS['function'], 'generate', side_effect=AssertionError
    ):
      self.assertEqual(load(), first)

  def test_part_of_a_split(self):
    load = functools.partial(
        builders.load, 'function', 'easy', data_dir=self.data_dir
    )
    whole = load('train')
    self.assertEqual(load('train[:90%]') + load('train[90%:]'), whole)
    self.assertEqual(load('train[:5]'), whole[:5])

  @parameterized.parameters(*builders.BUILDERS)
  def test_reads_a_checkout(self, gym):
    root = pathlib.Path(self.folder) / 'checkout'
    short = {'travel': sources.SOURCES['travel'][-1:]}  # One file of eight.
    self.enter_context(mock.patch.dict(sources.SOURCES, short))
    checkout.write(root, gym)
    load = functools.partial(
        builders.load, gym, 'userrl', data_dir=self.data_dir, manual_dir=root
    )
    splits = ('test',) if gym == 'search' else ('train', 'validation', 'test')
    for split in splits:
      expected = userrl.read_held_out(root, gym, split)
      self.assertEqual(load(split), expected)
    if gym == 'search':
      with self.assertRaisesRegex(ValueError, "'train' is unknown; use test"):
        load('train')

  @parameterized.parameters(
      ('chess', 'easy', 'train', "gym 'chess' is unknown; use function, "),
      ('function', 'eazy', 'train', "level 'eazy' is unknown; use easy, med"),
      ('function', 'easy', 'val', "split 'val' is unknown; use train, valid"),
      ('function', 'easy', 'val[:3]', "split 'val' is unknown"),
  )
  def test_unknown_name_is_an_error(self, gym, level, split, message):
    with self.assertRaisesRegex(ValueError, message):
      builders.load(gym, level, split, data_dir=self.data_dir)

  def test_missing_checkout_is_named(self):
    load = functools.partial(
        builders.load, 'function', 'userrl', 'train', data_dir=self.data_dir
    )
    for manual_dir in ('nowhere', None):
      message = f'manual_dir={manual_dir!r}: no such folder.*a checkout'
      with self.assertRaisesRegex(OSError, message):
        load(manual_dir=manual_dir)

  def test_wrong_count_is_named_and_leaves_nothing(self):
    root = pathlib.Path(self.folder) / 'checkout'
    checkout.write(root, 'function')
    file = sources.SOURCES['function'][0].tasks['train']
    checkout.dump(root, file, checkout.rows('function', file)[1:])
    with self.assertRaisesRegex(ValueError, 'functions.json: found 537 .* 538'):
      builders.load(
          'function',
          'userrl',
          'train',
          data_dir=self.data_dir,
          manual_dir=root,
      )
    self.assertEmpty(list(self.data_dir.iterdir()))

  def test_failed_build_leaves_nothing_and_can_be_repeated(self):
    builder = builders.BUILDERS['function']
    generate = builder.generate

    def fail_late(level, split, seed):
      if split == 'test':
        raise OSError('No space left on device')
      return generate(level, split, seed)

    with mock.patch.object(builder, 'generate', staticmethod(fail_late)):
      with self.assertRaisesRegex(OSError, 'No space left'):
        builders.load('function', 'easy', 'train', data_dir=self.data_dir)
    self.assertEmpty(list(self.data_dir.iterdir()))
    tasks = builders.load('function', 'easy', 'train', data_dir=self.data_dir)
    self.assertEqual(tasks, generate('easy', 'train', base.SEED))

  def test_loses_a_race_to_another_process(self):
    # The other one finishes while this one generates.
    other = pathlib.Path(self.folder) / 'other'
    expected = builders.load('function', 'easy', 'train', data_dir=other)
    builder = builders.BUILDERS['function']
    generate = builder.generate

    def slow(level, split, seed):
      shutil.copytree(other, self.data_dir, dirs_exist_ok=True)
      return generate(level, split, seed)

    with mock.patch.object(builder, 'generate', staticmethod(slow)):
      tasks = builders.load('function', 'easy', 'train', data_dir=self.data_dir)
    self.assertEqual(tasks, expected)
    self.assertLen(list(self.data_dir.glob('.building-*')), 0)

  def test_own_folder_does_not_follow_the_global_random_state(self):
    names = []
    mkdtemp = tempfile.mkdtemp

    def record(*args, **kwargs):
      names.append(mkdtemp(*args, **kwargs))
      return names[-1]

    for i in range(2):
      random.seed(0)
      with mock.patch.object(tempfile, 'mkdtemp', record):
        builders.load(
            'function', 'easy', 'test', data_dir=f'{self.data_dir}{i}'
        )
    own = [pathlib.Path(name).name for name in names if '.building' in name]
    self.assertLen(set(own), 2)


# Prints what is imported and the id of the first task.
SHOW = """
import sys
from bao_jax.tasks import builders
loaded = [m.__file__ for n, m in sys.modules.items() if n[:8] == 'bao_jax.']
print(*(name for name in loaded if not name.endswith('__init__.py')))
print(*(str(path) for path in builders.base.SOURCES))
print(builders.load('turtle', 'easy', 'test', data_dir=sys.argv[1])[0].id)
"""


class ProcessTest(absltest.TestCase):

  def test_changed_generator_is_not_hidden_by_what_is_on_disk(self):
    root = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    builders.load('turtle', 'easy', 'test', data_dir=root / 'tasks')
    package = pathlib.Path(base.__file__).parents[2]
    shutil.copytree(package, root / 'bao_jax')
    with (root / 'bao_jax/tasks/builtin/turtle.py').open('a') as file:
      file.write(
          '\n\n_generate = generate\n\n\ndef generate(*args, **kwargs):\n'
          '  tasks = _generate(*args, **kwargs)\n'
          "  return [dataclasses.replace(t, id='new') for t in tasks]\n"
          '\n\nimport dataclasses\n'
      )
    done = subprocess.run(
        [sys.executable, '-c', SHOW, str(root / 'tasks')],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=root,
        env=os.environ | {'PYTHONPATH': str(root)},
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    loaded, sources, first = done.stdout.splitlines()
    self.assertEqual(first, 'new')
    # Whatever takes part in making tasks is a part of their version.
    self.assertContainsSubset(loaded.split(), sources.split())

  def test_two_processes_at_once_without_tensorflow(self):
    data_dir = self.enter_context(tempfile.TemporaryDirectory())
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', BUILD_AND_READ, data_dir],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
      _, errors = process.communicate(timeout=120)
      self.assertEqual(process.returncode, 0, errors)
    self.assertEqual(
        builders.load('function', 'easy', 'train', data_dir=data_dir),
        builders.BUILDERS['function'].generate('easy', 'train', base.SEED),
    )


class JsonlTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(
        self.enter_context(tempfile.TemporaryDirectory())
    )
    self.data_dir = self.folder / 'tasks'

  def write(self, split, *tasks):
    lines = [json.dumps(vars(task)) + '\n' for task in tasks]
    (self.folder / f'{split}.jsonl').write_text(''.join(lines))

  def load(self, split):
    return builders.load_jsonl(self.folder, split, data_dir=self.data_dir)

  def test_reads_the_splits_that_are_there(self):
    tasks = [
        types.Task('1', 'chess', 'any', {'opening': 'Réti'}),
        types.Task('2', 'persuade', 'full', {'claim': 'c', 'argument': 'a'}),
    ]
    self.write('train', *tasks)
    self.write('test', tasks[1])
    self.assertEqual(self.load('train'), tasks)
    self.assertEqual(self.load('train[:1]'), tasks[:1])
    self.assertEqual(self.load('test'), tasks[1:])
    with self.assertRaisesRegex(ValueError, "'validation' is unknown; use tr"):
      self.load('validation')

  def test_changed_file_is_built_anew(self):
    task = types.Task('1', 'chess', 'any', {'opening': 'Réti'})
    self.write('train', task)
    self.assertEqual(self.load('train'), [task])
    other = types.Task('1', 'chess', 'any', {'opening': 'English'})
    self.write('train', other)
    self.assertEqual(self.load('train'), [other])

  def test_builds_once(self):
    self.write('test', types.Task('1', 'chess', 'any', {}))
    first = self.load('test')
    with mock.patch.object(reader, 'read_jsonl', side_effect=AssertionError):
      self.assertEqual(self.load('test'), first)

  def test_bad_line_is_named(self):
    (self.folder / 'train.jsonl').write_text('\n{"id": 3}\n')
    with self.assertRaisesRegex(ValueError, 'train.jsonl:2: field .id. is a'):
      self.load('train')

  def test_folder_without_files_is_named(self):
    with self.assertRaisesRegex(OSError, 'has none of train.jsonl, valid'):
      self.load('train')


if __name__ == '__main__':
  absltest.main()
