"""Dialogues on disk as they were held, slips and failures included.

Teachers whose users are models would hold others when they are asked again.
"""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import json
import os
import pathlib
from typing import Any

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.teachers import base
from bao_jax.teachers import converse


def write(
    path: str | pathlib.Path, dialogues: Iterable[converse.Dialogue]
) -> None:
  """Writes a file in one move: one JSON line per dialogue, its task by id."""
  path = pathlib.Path(path)
  temporary = path.with_name(f'.{path.name}.tmp')
  with open(temporary, 'w') as file:
    for dialogue in dialogues:
      row = dataclasses.asdict(dialogue) | {'task': dialogue.task.id}
      file.write(json.dumps(row) + '\n')
    file.flush()
    os.fsync(file.fileno())
  os.replace(temporary, path)


def read(
    path: str | pathlib.Path, tasks: Mapping[str, types.Task]
) -> Iterator[converse.Dialogue]:
  """Yields the dialogues of a file.

  Args:
    path: the file, as `write` left it.
    tasks: by id.

  Raises:
    ValueError: a line is not such a dialogue, or of no such task; named.
  """
  for number, line in enumerate(pathlib.Path(path).open(), start=1):
    try:
      yield _dialogue(json.loads(line), tasks)
    except (KeyError, TypeError, ValueError) as error:
      raise ValueError(
          f'{path}:{number}: no dialogue of this run ({error!r}); delete the'
          ' file to hold all of them anew.'
      ) from error


def _dialogue(
    row: dict[str, Any], tasks: Mapping[str, types.Task]
) -> converse.Dialogue:
  moves = [
      base.Move(**move | {'action': types.Action(**move['action'])})
      for move in row['moves']
  ]
  parts = {
      'task': tasks[row['task']],
      'observation': envs_base.Observation(**row['observation']),
      'moves': tuple(moves),
      'steps': tuple(envs_base.Step(**step) for step in row['steps']),
  }
  return converse.Dialogue(**row | parts)
