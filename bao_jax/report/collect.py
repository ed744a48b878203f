"""What a report needs, gathered from files: records, curves, conversations."""

from collections.abc import Sequence
import pathlib
from typing import Any

from bao_jax import logging as metrics_lib
from bao_jax import types
from bao_jax.evaluation import records
from bao_jax.report import runs as runs_lib


def rows(
    paths: Sequence[str | pathlib.Path], references: Sequence[str] = ()
) -> list[runs_lib.Run]:
  """Reads records into one row per name, references first.

  Args:
    paths: files of records, and folders that hold them and nothing else. What
      has one name is one row: seeds of a policy, say.
    references: names of rows that are there to compare with.

  Returns:
    The rows, in the order of the paths.

  Raises:
    ValueError: a line is malformed, two files hold the same conversation, or
      the records are of several splits.
    OSError: a file cannot be read, or a folder holds none.
  """
  found: dict[str, dict[tuple, records.Record]] = {}
  for path in _files(paths):
    for record in records.read(path):
      row = found.setdefault(record.run, {})
      key = (record.split, record.task_id, record.sample, record.seed)
      # One that failed and was held again counts as it then ended.
      if key in row and record.status == types.FAILED:
        continue
      if key in row and row[key].status != types.FAILED:
        raise ValueError(
            f'{path}: {record.run!r} has a second conversation about'
            f' {record.task_id} with seed {record.seed}; leave one file out or'
            ' give its row another name'
        )
      row[key] = record
  splits = {key[0] for row in found.values() for key in row}
  if len(splits) > 1:
    raise ValueError(
        f'the records are of the splits {", ".join(sorted(splits))}, whose'
        ' tasks do not compare; give those of one'
    )
  names = sorted(found, key=lambda name: name not in references)
  return [
      runs_lib.Run(
          name, list(found[name].values()), is_reference=name in references
      )
      for name in names
  ]


def curves(
    folders: Sequence[str | pathlib.Path],
) -> dict[str, list[dict[str, Any]]]:
  """Reads the metrics of training runs, by the names of their folders.

  Raises:
    FileNotFoundError: a folder is none of a run.
  """
  found = {}
  for folder in map(pathlib.Path, folders):
    path = folder / 'metrics.jsonl'
    if not path.is_file():
      raise FileNotFoundError(f'{path}: not found; {folder} holds no run.')
    if folder.name in found:
      raise ValueError(f'two runs are named {folder.name!r}; rename a folder')
    found[folder.name] = metrics_lib.read_metrics(path)
  return found


def examples(folders: Sequence[str | pathlib.Path]) -> list[runs_lib.Run]:
  """Reads the last training step's conversations of runs that kept them."""
  return [
      runs_lib.Run(f'{folder.name}, last training step', records.read(said))
      for folder in map(pathlib.Path, folders)
      if (said := folder / 'conversations.jsonl').is_file()
  ]


def _files(paths: Sequence[str | pathlib.Path]) -> list[pathlib.Path]:
  files = []
  for path in map(pathlib.Path, paths):
    inside = sorted(path.glob('*.jsonl')) if path.is_dir() else [path]
    if not inside or not inside[0].is_file():
      raise FileNotFoundError(f'{path}: no records there.')
    files += inside
  return files
