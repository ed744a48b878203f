"""Conversations that somebody else wrote, to be imitated: one JSON per line.

Three formats are told apart by their keys:

  {"messages": [{"role": "assistant", "content": ..., "tool_calls": ...}, ...]}
  {"conversations": [{"from": "gpt", "value": ...}, ...], "system": ...}
  {"task_id": ..., "turns": [...]}            a record, as evaluations write it

The first is OpenAI's, the second ShareGPT's. A conversation is a system message
(which may be missing), a message of the user, then turns of the assistant, each
a tool call with a thought or none, and the replies to them. Text is data: marks
in it become ordinary tokens.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import json
import pathlib
from typing import Any, NamedTuple

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.teachers import base
from bao_jax.teachers import converse
from bao_jax.text import tools

# What ShareGPT calls the roles.
_SPEAKERS = {
    'system': 'system',
    'human': 'user',
    'user': 'user',
    'gpt': 'assistant',
    'assistant': 'assistant',
    'function_call': 'assistant',
    'observation': 'tool',
    'tool': 'tool',
}
_REPLY, _END_REPLY = '<tool_response>', '</tool_response>'


# (task's id) -> what a policy reads first, and the choices that it then has; a
# KeyError for an unknown task.
BeginFn = Callable[[str], tuple[envs_base.Observation, Sequence[str]]]


class Message(NamedTuple):
  """One message: who speaks ('system', 'user', 'assistant', 'tool'), what."""

  role: str
  text: str


class Read(NamedTuple):
  """What a file held.

  Attributes:
    dialogues: of the good rows, all of them solved.
    bad: what is wrong with each bad row, file and line first.
  """

  dialogues: list[converse.Dialogue]
  bad: list[str]


def read(
    path: str | pathlib.Path, begin: BeginFn, *, skip_bad: bool = False
) -> Read:
  """Reads a file of conversations.

  Args:
    path: the file, in UTF-8; blank lines are skipped.
    begin: what a record's conversation began with.
    skip_bad: whether bad rows are left out and counted, or stop the reading.

  Returns:
    The conversations, in the order of the file. A record whose task was not
    solved, or that holds a bad call, is left out: it is no example.

  Raises:
    ValueError: a row is bad, named by file and line, or none is good. A record
      with a choice that its gym does not have is a bad row.
    OSError: the file cannot be read.
  """
  found = Read([], [])
  with open(path, 'rb') as file:
    for number, line in enumerate(file, start=1):
      if not line.strip():
        continue
      where = f'{path}:{number}'
      try:
        found.dialogues.extend(_parse(line, where, begin))
      except ValueError as error:
        if not skip_bad:
          raise ValueError(f'{where}: {error}') from error
        found.bad.append(f'{where}: {error}')
  if not found.dialogues:
    raise ValueError(
        f'{path}: no conversation to imitate; {len(found.bad)} bad rows'
    )
  return found


def _parse(
    line: bytes, where: str, begin: BeginFn
) -> Iterator[converse.Dialogue]:
  try:
    row = json.loads(line)
  except ValueError as error:
    raise ValueError(f'not valid JSON ({error})') from error
  if not isinstance(row, dict):
    raise ValueError('expected an object')
  if 'task_id' in row:
    turns = _list(row, 'turns')
    if row.get('solved') is True and all(turn.get('choice') for turn in turns):
      yield _of_record(row, turns, where, begin)
  elif 'messages' in row:
    yield _dialogue(_openai(row), where)
  elif 'conversations' in row:
    yield _dialogue(_sharegpt(row), where)
  else:
    raise ValueError('expected "messages", "conversations" or "task_id"')


def _openai(row: Mapping[str, Any]) -> list[Message]:
  messages = []
  for item in _list(row, 'messages'):
    role = _SPEAKERS.get(_text(item, 'role'))
    calls = item.get('tool_calls') or []
    if not isinstance(calls, list):
      raise ValueError('"tool_calls" must be a list')
    if len(calls) > 1:
      raise ValueError('an assistant message has several tool calls')
    text = _text(item, 'content', may_be_null=bool(calls))
    messages.append(Message(role, text + ''.join(map(_call, calls))))
  return messages


def _call(call: Any) -> str:
  """Writes one of OpenAI's tool calls as Qwen3 does."""
  function = call.get('function') if isinstance(call, dict) else None
  if not isinstance(function, dict):
    raise ValueError('a tool call has no "function"')
  arguments = function.get('arguments')
  if isinstance(arguments, str):  # OpenAI's are JSON within JSON.
    try:
      arguments = json.loads(arguments)
    except ValueError as error:
      raise ValueError(f'arguments are not valid JSON ({error})') from error
  said = json.dumps({'name': function.get('name'), 'arguments': arguments})
  return f'\n{tools.CALL}\n{said}\n{tools.END_CALL}'


def _sharegpt(row: Mapping[str, Any]) -> list[Message]:
  messages = [
      Message(_SPEAKERS.get(_text(item, 'from')), _text(item, 'value'))
      for item in _list(row, 'conversations')
  ]
  if row.get('system'):
    messages.insert(0, Message('system', _text(row, 'system')))
  return messages


def _dialogue(messages: Sequence[Message], where: str) -> converse.Dialogue:
  """Checks the order of the speakers and joins turns with their replies."""
  messages = list(messages)
  system = ''
  if messages and messages[0].role == 'system':
    system = messages.pop(0).text
  if not messages or messages[0].role != 'user':
    raise ValueError("the first message after the system must be the user's")
  user, turns, replies = messages[0].text, messages[1::2], messages[2::2]
  if not turns or any(m.role != 'assistant' for m in turns):
    raise ValueError('assistant and replies must take turns after the user')
  if any(m.role not in ('tool', 'user') for m in replies):
    raise ValueError('an assistant message must be followed by a reply')
  moves = [_move(message.text, i) for i, message in enumerate(turns)]
  steps = [envs_base.Step(_unmarked(m.text)) for m in replies]
  steps += [envs_base.Step('')] * (len(moves) - len(steps))
  return _imitated(where, envs_base.Observation(system, user), moves, steps)


def _move(text: str, index: int) -> base.Move:
  action = tools.parse(text)
  if action.error:
    raise ValueError(f'assistant message {index + 1}: {action.error}')
  thought = tools.thought(text)
  if tools.THINK not in text:  # What is said before the call is a thought too.
    thought = text.partition(tools.CALL)[0].strip()
  return base.Move(thought, action)


def _of_record(
    row: Mapping[str, Any],
    turns: Sequence[Mapping[str, Any]],
    where: str,
    begin: BeginFn,
) -> converse.Dialogue:
  moves = [
      base.Move(
          _text(turn, 'think'),
          types.Action(_text(turn, 'choice'), _text(turn, 'content')),
      )
      for turn in turns
  ]
  steps = [envs_base.Step(_text(turn, 'reply')) for turn in turns]
  task_id = _text(row, 'task_id')
  try:
    observation, choices = begin(task_id)
  except KeyError:
    raise ValueError(f'no training task of the config is {task_id!r}') from None
  for i, move in enumerate(moves):
    if move.action.choice not in choices:
      raise ValueError(
          f'turns[{i}]: the choice must be one of {", ".join(choices)}, not'
          f' {move.action.choice!r}'
      )
  return _imitated(where, observation, moves, steps)


def _imitated(where, observation, moves, steps) -> converse.Dialogue:
  return converse.Dialogue(
      task=types.Task(id=where, gym='written', level='', data={}),
      sample=0,
      observation=observation,
      moves=tuple(moves),
      steps=tuple(steps),
      solved=True,
      max_turns=len(moves),
  )


def _unmarked(text: str) -> str:
  """Drops the marks that the renderer sets around replies itself."""
  text = text.strip()
  if text.startswith(_REPLY) and text.endswith(_END_REPLY):
    return text[len(_REPLY) : -len(_END_REPLY)].strip()
  return text


def _list(row: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
  items = row.get(name)
  if not isinstance(items, list) or not items:
    raise ValueError(f'"{name}" must be a list that is not empty')
  if not all(isinstance(item, dict) for item in items):
    raise ValueError(f'"{name}" must hold objects alone')
  return items


def _text(
    row: Mapping[str, Any], name: str, *, may_be_null: bool = False
) -> str:
  value = row.get(name)
  if value is None and may_be_null:
    return ''
  if not isinstance(value, str):
    raise ValueError(f'"{name}" must be a string')
  return value
