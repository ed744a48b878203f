"""Players that are language models: teachers of the warm start, and policies.

A model reads what a policy reads and writes what a policy writes: a thought and
a tool call in Qwen3's format, as text. So nothing depends on how a server
renders tools, and a bad call costs a model what it costs any policy.
"""

import dataclasses

from bao_jax import types
from bao_jax.teachers import base
from bao_jax.text import chat as chat_format
from bao_jax.text import tools
from bao_jax.users import chat


def make_player(
    chat_fn: chat.ChatFn,
    task: types.Task,
    sample: int,
    *,
    role: str,
    seed: int,
    guidance: str = '',
) -> base.TeacherFn:
  """Returns a player for one conversation, which keeps what it wrote.

  Args:
    chat_fn: asks the model.
    task: what the conversation is about; only its id is used.
    sample: which conversation about the task.
    role: 'teacher' or 'policy'.
    seed: of the run.
    guidance: what the system message says beyond what policies read.

  Returns:
    The player; it raises `UserError` where the model is out of reach.
  """
  written: list[str] = []

  def play(observation, history, turns_left, rng):
    del turns_left, rng
    messages = [('user', observation.user)]
    for text, (_, reply) in zip(written, history, strict=True):
      messages += [('assistant', text), ('user', _marked(reply))]
    system = observation.system + guidance + chat_format.tool_section()
    key = f'{task.id}/{sample}/{len(history)}/{role}'
    ask = chat.Ask(role, system, tuple(messages), key, seed=seed)
    written.append(chat_fn(ask))
    return to_move(written[-1])

  return play


def to_move(text: str) -> base.Move:
  """Reads what a model wrote; a bad call keeps the text as its content."""
  action = tools.parse(text)
  if action.error:
    return base.Move('', dataclasses.replace(action, content=text))
  return base.Move(tools.thought(text), action)


def _marked(reply: str) -> str:
  return f'<tool_response>\n{reply}\n</tool_response>'
