"""The one tool of the benchmark: how a call is written and read.

  {"name": "interact_with_env", "arguments": {"choice": C, "content": S}}

Reading never raises: a bad call becomes an `Action` whose `error` tells the
policy what was wrong.
"""

import json
from typing import Any

from bao_jax import types

NAME = 'interact_with_env'
CHOICES = ('action', 'search', 'answer', 'finish')

THINK, END_THINK = '<think>', '</think>'
CALL, END_CALL = '<tool_call>', '</tool_call>'

# A call is always written in these pieces.
CALL_HEAD = f'{{"name": "{NAME}", "arguments": {{"choice": "'
CALL_MIDDLE = '", "content": "'
CALL_TAIL = '"}}'

SCHEMA = {
    'type': 'function',
    'function': {
        'name': NAME,
        'description': 'Takes one step in the environment.',
        'parameters': {
            'type': 'object',
            'properties': {
                'choice': {
                    'type': 'string',
                    'enum': ['action', 'answer', 'search'],
                    'description': 'The kind of step.',
                },
                'content': {
                    'type': 'string',
                    'description': 'What goes with it.',
                },
            },
            'required': ['choice', 'content'],
        },
    },
}


def thought(text: str) -> str:
  """Returns what stands between the thinking marks, '' if nothing does."""
  _, opened, rest = text.partition(THINK)
  return rest.partition(END_THINK)[0].strip() if opened else ''


def parse(text: str) -> types.Action:
  """Reads the first tool call of a message.

  Args:
    text: what the policy said, marks included. A call inside an unfinished
      or finished thought is none.

  Returns:
    The action, or one whose `error` says what was wrong with the call.
  """
  if THINK in text:
    _, closed, text = text.partition(END_THINK)
    if not closed:
      return _bad('the thought was not closed with </think>')
  _, opened, rest = text.partition(CALL)
  if not opened:
    return _bad('there was no <tool_call>')
  rest = rest.lstrip()
  try:
    call, end = json.JSONDecoder().raw_decode(rest)
  except (ValueError, RecursionError):
    return _bad('the call was not valid JSON')
  if not rest[end:].lstrip().startswith(END_CALL):
    return _bad('the call was not closed with </tool_call>')
  return _action(call)


def _action(call: Any) -> types.Action:
  """Checks a decoded call against the schema."""
  if not isinstance(call, dict) or call.get('name') != NAME:
    return _bad(f'the only tool is {NAME}')
  arguments = call.get('arguments')
  if not isinstance(arguments, dict):
    return _bad('"arguments" must be an object')
  choice = arguments.get('choice')
  if choice not in CHOICES:
    return _bad('"choice" must be one of action, search, answer')
  content = arguments.get('content', '' if choice == 'finish' else None)
  if isinstance(content, (int, float)) and not isinstance(content, bool):
    content = str(content)
  if not isinstance(content, str):
    return _bad('"content" must be a string')
  content = _without_prefix(_valid_unicode(content), choice)
  return types.Action(choice, content.strip())


def _valid_unicode(text: str) -> str:
  """Replaces halves of surrogate pairs, which JSON can spell, by U+FFFD."""
  return text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')


def _without_prefix(content: str, choice: str) -> str:
  """Drops the '[choice] ' that the benchmark's own actions start with."""
  prefix = f'[{choice}]'
  return content[len(prefix) :] if content.startswith(prefix) else content


def _bad(reason: str) -> types.Action:
  return types.Action('', error=f'Bad call: {reason}.')
