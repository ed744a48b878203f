r"""The Qwen3 chat format, rendered so that a conversation only ever grows.

  <|im_start|>system\n...<|im_end|>\n          prompt
  <|im_start|>user\n...<|im_end|>\n
  <|im_start|>assistant\n
  <think>\n...\n</think>\n\n                   turn: sampled by the policy
  <tool_call>\n{...}\n</tool_call><|im_end|>
  \n<|im_start|>user\n<tool_response>\n        reply
  ...\n</tool_response><|im_end|>\n
  <|im_start|>assistant\n

One renderer serves the warm start, rollouts and evaluation. Thoughts are kept
in the history: the paper's retrospective reasoning builds on them. Where the
template of Qwen3 does otherwise is in docs/concepts.md.
"""

from collections.abc import Sequence
import json

import numpy as np

from bao_jax import types
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.text import tools

_Piece = tokenizer_lib.Piece
_START, _END = tokenizer_lib.IM_START, tokenizer_lib.IM_END
_ASSISTANT = f'{_START}assistant\n'

_THINK = f'{tools.THINK}\n'
_CALL = f'\n{tools.END_THINK}\n\n{tools.CALL}\n{tools.CALL_HEAD}'
_END_CALL = f'{tools.CALL_TAIL}\n{tools.END_CALL}'
_REPLY = f'\n{_START}user\n<tool_response>\n'
_NEXT_REPLY = '\n</tool_response>\n<tool_response>\n'
_END_REPLY = f'\n</tool_response>{_END}\n{_ASSISTANT}'

# What every turn repeats. A tokenizer of our own makes each one token, which
# shortens the conversations of a small model by a third.
PHRASES = (_THINK, _CALL, tools.CALL_MIDDLE, _END_CALL, _REPLY, _END_REPLY)


def _mark(text: str) -> tokenizer_lib.Piece:
  return _Piece(text, is_markup=True)


def tool_section(schemas: Sequence[dict] = (tools.SCHEMA,)) -> str:
  """Returns the part of a system message by which Qwen3 learns of its tools."""
  lines = '\n'.join(json.dumps(schema) for schema in schemas)
  return (
      '\n\n# Tools\n\nYou may call one or more functions to assist with the '
      'user query.\n\nYou are provided with function signatures within '
      f'<tools></tools> XML tags:\n<tools>\n{lines}\n</tools>\n\nFor each '
      'function call, return a json object with function name and arguments '
      'within <tool_call></tool_call> XML tags:\n<tool_call>\n{"name": '
      '<function-name>, "arguments": <args-json-object>}\n</tool_call>'
  )


def render_system(
    tokenizer: tokenizer_lib.Tokenizer, text: str, *, with_tools: bool
) -> np.ndarray:
  """Renders the system message, which all tasks of a gym share.

  Args:
    tokenizer: encodes.
    text: the system prompt.
    with_tools: whether the tool schema follows it, as in Qwen3's template.

  Returns:
    `[T]` int32 ids.
  """
  return tokenizer.encode(
      _mark(f'{_START}system\n'),
      _Piece(text),
      _mark((tool_section() if with_tools else '') + f'{_END}\n'),
  )


def render_user(tokenizer: tokenizer_lib.Tokenizer, text: str) -> np.ndarray:
  """Renders the first user message and opens the policy's first turn."""
  return tokenizer.encode(
      _mark(f'{_START}user\n'), _Piece(text), _mark(f'{_END}\n{_ASSISTANT}')
  )


def render_message(
    tokenizer: tokenizer_lib.Tokenizer, role: str, text: str
) -> np.ndarray:
  """Renders a message of a plain chat, without tools.

  Args:
    tokenizer: encodes.
    role: 'system', 'user' or 'assistant'.
    text: what was said; marks in it become ordinary tokens.
  """
  return tokenizer.encode(
      _mark(f'{_START}{role}\n'), _Piece(text), _mark(f'{_END}\n')
  )


def render_opening(
    tokenizer: tokenizer_lib.Tokenizer, *, with_thought: bool = True
) -> np.ndarray:
  """Opens a reply in a plain chat.

  Args:
    tokenizer: encodes.
    with_thought: whether the model may think first; otherwise an empty thought
      is written for it, as Qwen3's template does.
  """
  nothing = f'{tools.THINK}\n\n{tools.END_THINK}\n\n'
  return tokenizer.encode(_mark(_ASSISTANT + nothing * (not with_thought)))


def render_turn(
    tokenizer: tokenizer_lib.Tokenizer, think: str, action: types.Action
) -> np.ndarray:
  """Renders a turn as a teacher writes it, from the thought to the stop token.

  Args:
    tokenizer: encodes.
    think: the thought.
    action: the tool call.

  Returns:
    `[T]` int32 ids, the last of which is the stop token.
  """
  return tokenizer.encode(
      _mark(_THINK),
      _Piece(think),
      _mark(_CALL),
      _Piece(action.choice),
      _mark(tools.CALL_MIDDLE),
      _Piece(json.dumps(action.content, ensure_ascii=False)[1:-1]),
      _mark(f'{_END_CALL}{_END}'),
  )


def render_reply(
    tokenizer: tokenizer_lib.Tokenizer, *texts: str, is_closed: bool = True
) -> np.ndarray:
  """Renders the environment's answer and opens the policy's next turn.

  Args:
    tokenizer: encodes.
    *texts: what came back, of one tool each; marks in it become ordinary
      tokens.
    is_closed: whether the policy's turn ended with the stop token. Where a
      budget cut it short the stop token is written here: never sampled, it
      carries no loss.

  Returns:
    `[T]` int32 ids, none of which the policy sampled.
  """
  pieces = [_mark(_REPLY if is_closed else _END + _REPLY)]
  for text in texts:
    pieces += [_Piece(text), _mark(_NEXT_REPLY)]
  return tokenizer.encode(*pieces[:-1], _mark(_END_REPLY))
