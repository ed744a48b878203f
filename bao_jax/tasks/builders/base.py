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
  benchmark's files from the checkout that `manual_dir` names; every tenth of
  its training tasks is for validation.

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
      root = dl_manager.manual_dir
      splits = SPLITS if 'train' in userrl.splits_of(self.gym) else ('test',)
      tasks = {s: userrl.read_held_out(root, self.gym, s) for s in splits}
    else:
      tasks = {s: self.generate(level, s, SEED) for s in SPLITS}
    return {s: self._generate_examples(tasks[s]) for s in tasks}

  def _generate_examples(
      self, tasks: Iterable[types.Task]
  ) -> Iterator[tuple[int, Mapping[str, str]]]:
    for i, task in enumerate(tasks):
      yield i, row_of(task)


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
