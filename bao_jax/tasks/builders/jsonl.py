"""A user's own tasks on disk, from JSON lines."""

from collections.abc import Iterator, Mapping
import pathlib
from typing import Any
import zlib

import tensorflow_datasets as tfds

from bao_jax.tasks import reader
from bao_jax.tasks.builders import base


class JsonlTasks(base.TaskBuilder):
  """Tasks of any gyms, from the JSON lines in `manual_dir`.

  A split is a file: train.jsonl, validation.jsonl, test.jsonl, those that are
  there.
  """

  gym = 'any'
  BUILDER_CONFIGS = []
  MANUAL_DOWNLOAD_INSTRUCTIONS = 'manual_dir holds a JSONL file per split.'

  def _split_generators(
      self, dl_manager: tfds.download.DownloadManager
  ) -> Mapping[str, Iterator[Any]]:
    tasks = {
        split: reader.read_jsonl(path)
        for split, path in paths_of(dl_manager.manual_dir).items()
    }
    return {s: self._generate_examples(tasks[s]) for s in tasks}


def paths_of(folder: str | pathlib.Path) -> dict[str, pathlib.Path]:
  """Returns the file of each split that a folder has.

  Raises:
    FileNotFoundError: it has none.
  """
  paths = {s: pathlib.Path(folder) / f'{s}.jsonl' for s in base.SPLITS}
  found = {split: path for split, path in paths.items() if path.is_file()}
  if not found:
    names = ', '.join(path.name for path in paths.values())
    raise FileNotFoundError(f'{folder}: has none of {names}')
  return found


def config_of(folder: str | pathlib.Path) -> tfds.core.BuilderConfig:
  """Returns a config named after what is in the files: others, another one."""
  text = b''.join(
      split.encode() + path.read_bytes()
      for split, path in paths_of(folder).items()
  )
  return tfds.core.BuilderConfig(name=f'{zlib.crc32(text):08x}')
