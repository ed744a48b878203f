"""From a file of a checkout to its rows, their number checked."""

from collections.abc import Sequence
import json
import pathlib
from typing import Any, NamedTuple

from bao_jax.tasks.userrl import sources


class Row(NamedTuple):
  """A row, and what a complaint about it begins with: its file and place."""

  where: str
  value: Any


def read_json(root: str | pathlib.Path, file: sources.File) -> list[Row]:
  """Reads an array of rows, or an object whose keys are their ids.

  Args:
    root: the checkout.
    file: of it.

  Raises:
    ValueError: it is not the benchmark's; says what was found and expected.
    OSError: it cannot be read.
  """
  path = _path(root, file)
  try:
    rows = json.loads(path.read_text(encoding='utf-8'))
  except ValueError as error:
    raise ValueError(f'{path}: found no valid JSON ({error})') from error
  if isinstance(rows, dict):  # Turtle, Travel.
    rows = [
        {**row, 'id': name} if isinstance(row, dict) else row
        for name, row in rows.items()
    ]
  if not isinstance(rows, list):
    raise ValueError(f'{path}: found one value, expected an array of rows')
  return _counted(path, file, rows)


def read_parquet(
    root: str | pathlib.Path, file: sources.File, column: str = 'reward_model'
) -> list[Row]:
  """Reads one column; the arguments and errors are those of `read_json`."""
  # Here, since most runs do without it.
  import pyarrow
  from pyarrow import parquet

  path = _path(root, file)
  try:
    names = parquet.read_schema(path).names
    if column not in names:
      raise ValueError(f'{path}: found no column {column!r}, only {names}')
    rows = parquet.read_table(path, columns=[column])[column].to_pylist()
  except pyarrow.ArrowException as error:
    raise ValueError(f'{path}: found no valid parquet ({error})') from error
  return _counted(path, file, rows)


def _path(root: str | pathlib.Path, file: sources.File) -> pathlib.Path:
  path = pathlib.Path(root).expanduser() / file.path
  if not path.is_file():
    raise FileNotFoundError(
        f'{path}: not found; expected a checkout of the UserRL repository at'
        f' {root}'
    )
  return path


def _counted(
    path: pathlib.Path, file: sources.File, rows: Sequence[Any]
) -> list[Row]:
  """Checks the number of rows before any of them is looked at."""
  if len(rows) < file.count or (file.is_exact and len(rows) > file.count):
    expected = file.count if file.is_exact else f'at least {file.count}'
    raise ValueError(f'{path}: found {len(rows)} rows, expected {expected}')
  return [Row(f'{path}: row {i}', row) for i, row in enumerate(rows)]
