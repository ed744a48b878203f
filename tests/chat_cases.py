"""Conversations, and how the published Qwen3 template renders them.

The texts were written by hand after the format; `parity_text_test.py` renders
the same conversations by the template itself.
"""

import json
from typing import NamedTuple

import jinja2.sandbox
import numpy as np

from bao_jax import types
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.text import tools as tools_lib

OPEN = '<|im_start|>assistant\n'


class Case(NamedTuple):
  """A conversation in the format of OpenAI's messages.

  Attributes:
    messages: system, user, then turns of the assistant and replies of tools.
    text: as Qwen3's template renders it, the next turn opened after a reply.
    with_tools: whether the tool is declared.
  """

  messages: list[dict]
  text: str
  with_tools: bool = False


def _start(system, user):
  return [
      {'role': 'system', 'content': system},
      {'role': 'user', 'content': user},
  ]


def _call(thought, choice, content):
  arguments = {'choice': choice, 'content': content}
  return {
      'role': 'assistant',
      'content': '',
      'reasoning_content': thought,
      'tool_calls': [
          {
              'type': 'function',
              'function': {'name': tools_lib.NAME, 'arguments': arguments},
          }
      ],
  }


def _reply(text):
  return {'role': 'tool', 'content': text}


def _called(thought, choice, content):
  """Returns the text of a turn."""
  return (
      f'{OPEN}<think>\n{thought}\n</think>\n\n<tool_call>\n'
      '{"name": "interact_with_env", "arguments": '
      f'{{"choice": "{choice}", "content": "{content}"}}}}\n'
      '</tool_call><|im_end|>\n'
  )


_BEGIN = (
    '<|im_start|>system\nGuess.<|im_end|>\n'
    '<|im_start|>user\nBegin.<|im_end|>\n'
)
_DECLARED = (
    '<|im_start|>system\nGuess.\n\n# Tools\n\n'
    'You may call one or more functions to assist with the user query.\n\n'
    'You are provided with function signatures within <tools></tools> XML tags:'
    '\n<tools>\n{"type": "function", "function": {"name": "interact_with_env",'
    ' "description": "Takes one step in the environment.", "parameters":'
    ' {"type": "object", "properties": {"choice": {"type": "string", "enum":'
    ' ["action", "answer", "search"], "description": "The kind of step."},'
    ' "content": {"type": "string", "description": "What goes with it."}},'
    ' "required": ["choice", "content"]}}}\n</tools>\n\n'
    'For each function call, return a json object with function name and'
    ' arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n'
    '{"name": <function-name>, "arguments": <args-json-object>}\n'
    '</tool_call><|im_end|>\n'
    '<|im_start|>user\nBegin.<|im_end|>\n'
)

CASES = {
    'prompt': Case(_start('Guess.', 'Begin.'), _BEGIN + OPEN),
    'tools': Case(
        _start('Guess.', 'Begin.'), _DECLARED + OPEN, with_tools=True
    ),
    'call': Case(
        [*_start('Guess.', 'Begin.'), _call('hm', 'action', '7')],
        _DECLARED + _called('hm', 'action', '7'),
        with_tools=True,
    ),
    'turns': Case(
        [
            *_start('Guess.', 'Begin.'),
            _call('no\nidea', 'action', '7'),
            _reply('More.'),
            _call('<8 & "9">', 'answer', 'a "b" \\ c'),
            _reply('Yes.'),
        ],
        _BEGIN
        + _called('no\nidea', 'action', '7')
        + '<|im_start|>user\n<tool_response>\nMore.\n</tool_response>'
        '<|im_end|>\n'
        + _called('<8 & "9">', 'answer', 'a \\"b\\" \\\\ c')
        + '<|im_start|>user\n<tool_response>\nYes.\n</tool_response>'
        '<|im_end|>\n' + OPEN,
    ),
    'replies_in_a_row': Case(
        [
            *_start('Guess.', 'Begin.'),
            _call('hm', 'search', 'x'),
            _reply('One.'),
            _reply(''),
            _reply('Three.'),
        ],
        _BEGIN
        + _called('hm', 'search', 'x')
        + '<|im_start|>user\n<tool_response>\nOne.\n</tool_response>\n'
        '<tool_response>\n\n</tool_response>\n<tool_response>\nThree.\n'
        '</tool_response><|im_end|>\n' + OPEN,
    ),
    'unicode': Case(
        [
            *_start('Ratę é 你好', '🙂👩‍👩‍👧 Καλημέρα'),
            _call('naïve 思考', 'answer', 'ça 🙂\u2028'),
            _reply('Так.\u00a0\u200b'),
        ],
        '<|im_start|>system\nRatę é 你好<|im_end|>\n'
        '<|im_start|>user\n🙂👩‍👩‍👧 Καλημέρα<|im_end|>\n'
        + _called('naïve 思考', 'answer', 'ça 🙂\u2028')
        + '<|im_start|>user\n<tool_response>\nТак.\u00a0\u200b\n'
        '</tool_response><|im_end|>\n' + OPEN,
    ),
    'empty': Case(
        [*_start('', ''), _call('hm', 'finish', ''), _reply('')],
        '<|im_start|>system\n<|im_end|>\n<|im_start|>user\n<|im_end|>\n'
        + _called('hm', 'finish', '')
        + '<|im_start|>user\n<tool_response>\n\n</tool_response><|im_end|>\n'
        + OPEN,
    ),
    'no_thought_in_the_last_turn': Case(
        [*_start('Guess.', 'Begin.'), _call('', 'answer', '7')],
        _BEGIN + _called('', 'answer', '7'),
    ),
    'blanks': Case(
        [
            *_start(' a ', '\n\n b'),
            _call(' c  ', 'answer', ' \n\t '),
            _reply('  d\n'),
        ],
        '<|im_start|>system\n a <|im_end|>\n'
        '<|im_start|>user\n\n\n b<|im_end|>\n'
        + _called(' c  ', 'answer', ' \\n\\t ')
        + '<|im_start|>user\n<tool_response>\n  d\n\n</tool_response>'
        '<|im_end|>\n' + OPEN,
    ),
}

# Where ours keeps what the template drops: (conversation, theirs, ours).
DIFFERENCES = {
    # Without a thought an earlier turn has no marks of one either.
    'no_thought_in_an_earlier_turn': (
        [
            *_start('Guess.', 'Begin.'),
            _call('', 'action', '7'),
            _reply('More.'),
        ],
        _BEGIN
        + _called('', 'action', '7').replace('<think>\n\n</think>\n\n', '')
        + '<|im_start|>user\n<tool_response>\nMore.\n</tool_response>'
        '<|im_end|>\n' + OPEN,
        _BEGIN
        + _called('', 'action', '7')
        + '<|im_start|>user\n<tool_response>\nMore.\n</tool_response>'
        '<|im_end|>\n' + OPEN,
    ),
    # Line breaks around a thought are cut.
    'line_breaks_around_a_thought': (
        [*_start('Guess.', 'Begin.'), _call('\n\nhm\n', 'answer', '7')],
        _BEGIN + _called('hm', 'answer', '7'),
        _BEGIN + _called('\n\nhm\n', 'answer', '7'),
    ),
}


def render(
    tokenizer: tokenizer_lib.Tokenizer, messages: list[dict], with_tools: bool
) -> list[np.ndarray]:
  """Renders a conversation by `chat`, a piece of ids per call."""
  system, user, *rest = messages
  pieces = [
      chat.render_system(tokenizer, system['content'], with_tools=with_tools),
      chat.render_user(tokenizer, user['content']),
  ]
  replies = []
  for message, following in zip(rest, [*rest[1:], None]):
    if message['role'] == 'assistant':
      call = message['tool_calls'][0]['function']['arguments']
      action = types.Action(call['choice'], call['content'])
      thought = message['reasoning_content']
      pieces.append(chat.render_turn(tokenizer, thought, action))
      continue
    replies.append(message['content'])
    if following is None or following['role'] != 'tool':
      pieces.append(chat.render_reply(tokenizer, *replies))
      replies = []
  return pieces


def ours(
    tokenizer: tokenizer_lib.Tokenizer,
    messages: list[dict],
    with_tools: bool = False,
) -> str:
  """Returns the text of `render`.

  A turn ends with the stop token; the line break behind it is part of what
  comes next, so that the last turn lacks it.
  """
  ids = np.concatenate(render(tokenizer, messages, with_tools))
  ends_open = messages[-1]['role'] == 'assistant'
  return tokenizer.decode(ids) + ('\n' if ends_open else '')


def theirs(
    template: str, messages: list[dict], with_tools: bool = False
) -> str:
  """Renders by a template, with what transformers gives templates."""

  environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
      trim_blocks=True, lstrip_blocks=True
  )
  environment.filters['tojson'] = lambda x: json.dumps(x, ensure_ascii=False)
  return environment.from_string(template).render(
      messages=messages,
      tools=[tools_lib.SCHEMA] if with_tools else None,
      add_generation_prompt=messages[-1]['role'] != 'assistant',
  )
