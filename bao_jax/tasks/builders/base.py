"""What the gyms' TFDS builders share: the rows, the levels, the splits.

A row is a task with its `data` as JSON text, so that one schema fits all gyms.
Rows keep the order they were generated in. TensorFlow is never imported.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import json
import pathlib
from typing import Any, ClassVar
import zlib

import tensorflow_datasets as tfds

from bao_jax import types
from bao_jax.tasks import userrl

LEVELS = ('easy', 'medium', 'full')  # Of our own tasks.
USERRL = 'userrl'  # The benchmark's tasks, by the name of its repository.
SPLITS = ('train', 'validation', 'test')
SEED = 0  # Of our own tasks.
URL = 'https://raw.githubusercontent.com/SalesforceAIResearch/UserRL/main/'

# What the tasks are made by: other code makes another version of them, so that
# no folder keeps the tasks of code that has changed.
_PACKAGE = pathlib.Path(__file__).parents[2]
SOURCES = sorted(
    [
        *_PACKAGE.glob('tasks/**/*.py'),
        *_PACKAGE.glob('users/*.py'),
        _PACKAGE / 'envs/arithmetic.py',
        *(_PACKAGE / 'envs/tau').glob('*.py'),
        _PACKAGE / 'types.py',
    ]
)
_DIGEST = zlib.crc32(b''.join(path.read_bytes() for path in SOURCES))

# (level, split, seed) -> tasks.
GenerateFn = Callable[[str, str, int], list[types.Task]]


class TaskBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """One gym's tasks on disk; a gym's builder states the two class attributes.

  The configs are the levels of our own tasks and 'userrl', which reads the
  benchmark's file from the checkout that `manual_dir` names, and downloads it
  where none is named.

  Attributes:
    gym: the gym's name.
    generate: makes our own tasks.
  """

  VERSION = tfds.core.Version(f'1.0.{_DIGEST}')
  BUILDER_CONFIGS = [
      tfds.core.BuilderConfig(name=level) for level in (*LEVELS, USERRL)
  ]
  MANUAL_DOWNLOAD_INSTRUCTIONS = (
      'manual_dir is a checkout of github.com/SalesforceAIResearch/UserRL.'
  )

  gym: ClassVar[str]
  generate: ClassVar[GenerateFn]

  def _info(self) -> tfds.core.DatasetInfo:
    text = tfds.features.Text()
    features = dict.fromkeys(('id', 'gym', 'level', 'data'), text)
    return tfds.core.DatasetInfo(
        builder=self,
        description=f'Tasks of the {self.gym} gym.',
        features=tfds.features.FeaturesDict(features),
        disable_shuffling=True,
    )

  def _split_generators(
      self, dl_manager: tfds.download.DownloadManager
  ) -> Mapping[str, Iterator[Any]]:
    level = self.builder_config.name
    if level == USERRL:
      path = self._benchmark_file(dl_manager)
      splits = userrl.splits_of(self.gym)
      tasks = {s: userrl.read(path, self.gym, s) for s in splits}
    else:
      tasks = {s: self.generate(level, s, SEED) for s in SPLITS}
    return {s: self._generate_examples(tasks[s]) for s in tasks}

  def _generate_examples(
      self, tasks: Iterable[types.Task]
  ) -> Iterator[tuple[int, Mapping[str, str]]]:
    for i, task in enumerate(tasks):
      yield i, row_of(task)

  def _benchmark_file(
      self, dl_manager: tfds.download.DownloadManager
  ) -> pathlib.Path:
    try:
      return userrl.path_of(dl_manager.manual_dir, self.gym)
    except AssertionError:  # TFDS's way to say that no folder was named.
      if userrl.SOURCES[self.gym].test_file:
        raise OSError(
            f'{self.gym}: its tasks lie in two files; set manual_dir to a'
            ' checkout of the UserRL repository'
        ) from None
      url = URL + userrl.SOURCES[self.gym].file
    try:
      return pathlib.Path(dl_manager.download(url))
    except (OSError, tfds.download.DownloadError) as error:
      raise OSError(
          f'{url}: cannot be downloaded; set manual_dir to a checkout of the'
          f' UserRL repository ({type(error).__name__})'
      ) from error


def row_of(task: types.Task) -> dict[str, str]:
  """Returns the row that holds a task."""
  return {
      'id': task.id,
      'gym': task.gym,
      'level': task.level,
      'data': json.dumps(dict(task.data), ensure_ascii=False),
  }


def task_of(row: Mapping[str, bytes]) -> types.Task:
  """Returns the task that a row holds."""
  fields = {name: value.decode('utf-8') for name, value in row.items()}
  return types.Task(**{**fields, 'data': json.loads(fields['data'])})
