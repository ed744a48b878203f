"""Conversations on disk: one JSON line each, read by metrics and reports.

A record is text and numbers alone, so that a report needs neither a tokenizer
nor a model. This module refuses to know policies, gyms and metrics.

  {"run": "BAO", "task_id": "function/easy/test/3", "status": "terminated", ...,
   "turns": [{"choice": "answer", "content": "42", "reward": 1.0, ...}]}
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import json
import logging
import math
import os
import pathlib
from typing import Any, NamedTuple, get_args, get_origin

import numpy as np

from bao_jax import types

_STATUSES = (types.TERMINATED, types.TRUNCATED, types.FAILED)
_OPTIONAL = ('tokens', 'advantages', 'terms', 'num_aspects')
_NAMES = {str: 'a string', int: 'an integer', bool: 'true or false'}


@dataclasses.dataclass(frozen=True)
class Turn:
  """One policy turn and the environment's answer to it, as text.

  Attributes:
    think: the thought; '' if there was none.
    choice: 'action', 'search', 'answer' or 'finish'; '' where the call was bad.
    content: what goes with the choice; for a bad call what the policy wrote.
    reply: what the environment, user or judge said.
    reward: the environment's own reward, before any shaping.
    is_user: whether the turn involved the user.
    num_tokens: how many tokens the policy sampled in the turn.
    tokens: their decoded pieces, marks included; may be left out.
    advantages: one per sampled token, as training saw it; may be left out.
    terms: shaping terms of the turn by name; may be left out.
  """

  think: str
  choice: str
  content: str
  reply: str
  reward: float
  is_user: bool
  num_tokens: int
  tokens: Sequence[str] = ()
  advantages: Sequence[float] = ()
  terms: Mapping[str, float] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    for name in ('tokens', 'advantages'):
      if len(getattr(self, name)) not in (0, self.num_tokens):
        raise ValueError(
            f'{name!r} has {len(getattr(self, name))} entries, but'
            f" 'num_tokens' is {self.num_tokens}; give one per token or none"
        )


@dataclasses.dataclass(frozen=True)
class Record:
  """One conversation.

  Attributes:
    run: who held it: the name of the row in tables.
    gym: the gym's name.
    level: the level of its task.
    split: 'train', 'validation' or 'test'.
    task_id: the task's id.
    sample: which of the task's samples this is.
    seed: the seed of the evaluation.
    status: 'terminated', 'truncated' or 'failed': an outage, which is counted
      and enters no metric.
    solved: whether the task was solved; False for a failed conversation.
    max_turns: the turn budget.
    error: what went wrong in a failed conversation; '' otherwise.
    num_prompt_tokens: the length of the prompt.
    prompt: the system and first user message, decoded.
    turns: the policy's turns in order.
    num_aspects: of a trip, how many things were to be booked; 0 for other tasks
      and where an earlier version did not say.
  """

  run: str
  gym: str
  level: str
  split: str
  task_id: str
  sample: int
  seed: int
  status: str
  solved: bool
  max_turns: int
  error: str
  num_prompt_tokens: int
  prompt: str
  turns: Sequence[Turn]
  num_aspects: int = 0

  def __post_init__(self):
    if self.status not in _STATUSES:
      raise ValueError(
          f"'status' must be one of {', '.join(_STATUSES)}; got {self.status!r}"
      )
    if self.solved and self.status == types.FAILED:
      raise ValueError("'solved' must be false where 'status' is 'failed'")


class Arrays(NamedTuple):
  """Records as arrays: N conversations, M turns.

  Attributes:
    rewards: `[N, M]` float32, the environment's reward of each turn.
    is_user: `[N, M]` bool, whether the turn involved the user.
    turn_mask: `[N, M]` bool, whether the turn happened.
    solved: `[N]` bool, whether the task was solved.
    valid: `[N]` bool, False for failed conversations, which enter no metric.
  """

  rewards: np.ndarray
  is_user: np.ndarray
  turn_mask: np.ndarray
  solved: np.ndarray
  valid: np.ndarray


def to_arrays(records: Sequence[Record]) -> Arrays:
  """Lays records out as arrays; M is the longest conversation, at least 1."""
  shape = len(records), max([1, *(len(r.turns) for r in records)])
  rewards = np.zeros(shape, np.float32)
  is_user, turn_mask = np.zeros(shape, bool), np.zeros(shape, bool)
  for i, record in enumerate(records):
    length = len(record.turns)
    rewards[i, :length] = [turn.reward for turn in record.turns]
    is_user[i, :length] = [turn.is_user for turn in record.turns]
    turn_mask[i, :length] = True
  return Arrays(
      rewards=rewards,
      is_user=is_user,
      turn_mask=turn_mask,
      solved=np.array([r.solved for r in records], bool),
      valid=np.array([r.status != types.FAILED for r in records], bool),
  )


def write(path: str | os.PathLike, records: Iterable[Record]) -> None:
  """Writes a file in one move: it is whole, or what was there before.

  Args:
    path: the file; its folder is made where it is missing.
    records: what goes into it, in order; NumPy numbers are welcome.

  Raises:
    ValueError: a number is NaN or infinite. Nothing is written then.
  """
  path = pathlib.Path(path)
  data = b''.join(map(_to_line, records))
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = path.with_name(f'.{path.name}.tmp')
  try:
    with open(temporary, 'wb') as file:
      _flush(file, data)
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


def append(path: str | os.PathLike, records: Iterable[Record]) -> None:
  """Adds records to a file that one process writes, and that may be torn.

  Args:
    path: the file; made where it is missing. A last line that a kill cut short
      is dropped first, as `read` does.
    records: what is added, in order.

  Raises:
    ValueError: a number is NaN or infinite. Nothing is written then.
  """
  path = pathlib.Path(path)
  data = b''.join(map(_to_line, records))
  path.parent.mkdir(parents=True, exist_ok=True)
  if path.exists() and not _ends_a_line(path):
    whole, tail = _split_tail(path.read_bytes())
    if _is_torn(tail):
      os.truncate(path, len(whole))
    else:
      data = b'\n' + data
  with open(path, 'ab') as file:
    _flush(file, data)


def read(path: str | os.PathLike) -> list[Record]:
  """Reads a file of records.

  Args:
    path: the file. A last line that a kill cut short is left out.

  Returns:
    The records in the order of their lines.

  Raises:
    ValueError: another line is malformed; the message names file and line.
  """
  whole, tail = _split_tail(pathlib.Path(path).read_bytes())
  lines = whole.split(b'\n')[:-1]
  if _is_torn(tail):
    logging.warning('%s: left out the last line, which is cut short', path)
  elif tail:
    lines.append(tail)
  return [_from_line(line, f'{path}:{i}') for i, line in enumerate(lines, 1)]


def _flush(file: Any, data: bytes) -> None:
  file.write(data)
  file.flush()
  os.fsync(file.fileno())


def _ends_a_line(path: pathlib.Path) -> bool:
  """Whether the file is empty or ends with a line break."""
  with open(path, 'rb') as file:
    if not file.seek(0, os.SEEK_END):
      return True
    file.seek(-1, os.SEEK_END)
    return file.read() == b'\n'


def _split_tail(data: bytes) -> tuple[bytes, bytes]:
  """Splits off what follows the last line break."""
  end = data.rfind(b'\n') + 1
  return data[:end], data[end:]


def _is_torn(tail: bytes) -> bool:
  """Whether a line without a line break is also without its end."""
  try:
    return bool(tail) and not isinstance(json.loads(tail), dict)
  except ValueError:
    return True


def _to_line(record: Record) -> bytes:
  """Encodes a record; what is empty and may be left out is left out."""
  turns = [
      {k: v for k, v in vars(turn).items() if k not in _OPTIONAL or len(v)}
      for turn in record.turns
  ]
  line = vars(record) | {'turns': turns}
  if not record.num_aspects:
    del line['num_aspects']
  try:
    # ASCII, since a policy may have written half of a surrogate pair.
    text = json.dumps(
        line,
        allow_nan=False,
        default=lambda array: array.tolist(),
    )
  except ValueError as error:
    raise ValueError(
        f'{record.task_id} of {record.run!r}: a reward, term or advantage is'
        ' not finite'
    ) from error
  return text.encode() + b'\n'


def _from_line(line: bytes, where: str) -> Record:
  try:
    value = json.loads(line)
  except ValueError as error:
    raise ValueError(f'{where}: not JSON ({error}); delete it') from error
  try:
    return _parse(Record, value, '')
  except ValueError as error:
    raise ValueError(f'{where}: {error}') from error


def _parse(kind: Any, value: Any, name: str) -> Any:
  """Turns JSON into the annotated type, or says which field is wrong."""
  if dataclasses.is_dataclass(kind):
    return _parse_object(kind, value, name)
  origin = get_origin(kind)
  if origin is Sequence:
    _require(isinstance(value, list), name, 'a list', value)
    (item,) = get_args(kind)
    return tuple(_parse(item, v, f'{name}[{i}]') for i, v in enumerate(value))
  if origin is Mapping:
    _require(isinstance(value, dict), name, 'an object', value)
    item = get_args(kind)[1]
    return {k: _parse(item, v, f'{name}.{k}') for k, v in value.items()}
  if kind is float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_finite = is_number and math.isfinite(value)
    _require(is_finite, name, 'a finite number', value)
    return float(value)
  _require(type(value) is kind, name, _NAMES[kind], value)
  return value


def _parse_object(kind: Any, value: Any, name: str) -> Any:
  _require(isinstance(value, dict), name or 'the line', 'an object', value)
  fields = {field.name: field for field in dataclasses.fields(kind)}
  prefix = f'{name}.' if name else ''
  for key in value:
    if key not in fields:
      raise ValueError(f'unknown field {prefix + key!r}')
  for key in fields:
    if key not in value and key not in _OPTIONAL:
      raise ValueError(f'field {prefix + key!r} is missing')
  parsed = {k: _parse(fields[k].type, v, prefix + k) for k, v in value.items()}
  try:
    return kind(**parsed)
  except ValueError as error:
    raise ValueError(f'{name}: {error}' if name else str(error)) from error


def _require(condition: bool, name: str, kind: str, value: Any) -> None:
  if not condition:
    raise ValueError(f'{name!r} must be {kind}, not {json.dumps(value):.40}')
