import functools
import http.server
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
from tensorflow_datasets.core.download import downloader

from bao_jax.tasks import builders
from bao_jax.tasks import userrl
from bao_jax.tasks.builders import base

BUILD_AND_READ = """
import random
import sys
from bao_jax.tasks import builders
random.seed(0)
tasks = builders.load('function', 'easy', 'train', data_dir=sys.argv[1])
assert len(tasks) >= 400
assert 'tensorflow' not in sys.modules
"""


def _checkout(root):
  """Writes a file of our own in the benchmark's format."""
  rows = [
      {
          'id': f'func-{i}',
          'rule': f'a + {i}',
          'test_case': [1, 2, 3, 4],
          'expected_result': 1.0 + i,
      }
      for i in range(538)
  ]
  path = pathlib.Path(root) / userrl.SOURCES['function'].file
  path.parent.mkdir(parents=True)
  path.write_text(json.dumps(rows))
  return path


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

  def test_reads_a_checkout(self):
    root = pathlib.Path(self.folder) / 'checkout'
    path = _checkout(root)
    for split in userrl.SPLITS:
      tasks = builders.load(
          'function', 'userrl', split, data_dir=self.data_dir, manual_dir=root
      )
      self.assertEqual(tasks, userrl.read(path, 'function', split))

  @parameterized.parameters(
      ('chess', 'easy', 'train', "gym 'chess' is unknown; use function, "),
      ('function', 'eazy', 'train', "level 'eazy' is unknown; use easy, med"),
      ('function', 'easy', 'val', "split 'val' is unknown; use train, valid"),
      ('function', 'easy', 'val[:3]', "split 'val' is unknown"),
  )
  def test_unknown_name_is_an_error(self, gym, level, split, message):
    with self.assertRaisesRegex(ValueError, message):
      builders.load(gym, level, split, data_dir=self.data_dir)

  def test_benchmark_has_no_validation(self):
    root = pathlib.Path(self.folder) / 'checkout'
    _checkout(root)
    with self.assertRaisesRegex(ValueError, "'validation' is unknown; use tr"):
      builders.load(
          'function',
          'userrl',
          'validation',
          data_dir=self.data_dir,
          manual_dir=root,
      )

  def test_search_of_the_benchmark_is_for_testing_alone(self):
    root = pathlib.Path(self.folder) / 'checkout'
    path = root / userrl.SOURCES['search'].file
    path.parent.mkdir(parents=True)
    rows = [
        {'id': f'q-{i}', 'question': f'What is {i}?', 'answer': str(i)}
        for i in range(125)
    ]
    path.write_text(json.dumps(rows))
    load = functools.partial(
        builders.load,
        'search',
        'userrl',
        data_dir=self.data_dir,
        manual_dir=root,
    )
    self.assertEqual(load('test'), userrl.read(path, 'search', 'test'))
    with self.assertRaisesRegex(ValueError, "'train' is unknown; use test"):
      load('train')

  def test_missing_checkout_is_named_and_not_downloaded(self):
    with mock.patch.object(base, 'URL', 'http://localhost:9/'):
      with self.assertRaisesRegex(FileNotFoundError, 'nowhere.*not found'):
        builders.load(
            'function',
            'userrl',
            'train',
            data_dir=self.data_dir,
            manual_dir='nowhere',
        )

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


class _QuietHandler(http.server.SimpleHTTPRequestHandler):

  def log_message(self, *args):
    pass


class DownloadTest(parameterized.TestCase):
  """The benchmark's file comes from a server of the test's own."""

  def setUp(self):
    super().setUp()
    folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    self.data_dir = folder / 'tasks'
    self.path = _checkout(folder / 'checkout')
    server = http.server.ThreadingHTTPServer(
        ('127.0.0.1', 0),
        functools.partial(_QuietHandler, directory=folder / 'checkout'),
    )
    self.addCleanup(server.server_close)
    self.addCleanup(server.shutdown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}/'
    self.enter_context(mock.patch.object(base, 'URL', url))

  def _load(self):
    return builders.load('function', 'userrl', 'test', data_dir=self.data_dir)

  def test_downloads_where_no_checkout_is_named(self):
    tasks = self._load()
    self.assertEqual(tasks, userrl.read(self.path, 'function', 'test'))

  @parameterized.parameters(True, False)
  def test_failure_says_what_to_do(self, online):
    if online:
      self.path.unlink()
    else:
      # A port that nothing can listen on.
      url = 'http://127.0.0.1:0/'
      self.enter_context(mock.patch.object(base, 'URL', url))
      # TFDS alone would go on trying for minutes.
      self.enter_context(mock.patch.object(downloader, 'MAX_RETRIES', 0))
    message = 'functions.json: cannot be downloaded; set manual_dir'
    with self.assertRaisesRegex(OSError, message):
      self._load()


if __name__ == '__main__':
  absltest.main()
