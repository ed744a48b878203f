"""What is asked of a language model, whoever answers it.

Users, judges, teachers and policies that are language models all ask through a
`ChatFn`. Nothing here knows a network, a server or a cache.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

from bao_jax.envs import base

ROLES = ('user', 'judge', 'teacher', 'policy')


class StopError(Exception):
  """The run should end: no model is in reach, or what it may cost is spent.

  Not a failure of one conversation: the next ones would fail alike.
  """


@dataclasses.dataclass(frozen=True)
class Ask:
  """One question to a model.

  Attributes:
    role: one of `ROLES`: whose settings apply, and whose account is charged.
    system: the system message. Never holds text of the policy.
    messages: (speaker, text) pairs, speaker 'user' or 'assistant'; text of the
      policy is quoted in these alone.
    key: which question it is: task, sample, turn and purpose, like
      'turtle/full/test/7/2/5/judge'. Samples of a task never share it.
    schema: JSON schema of the object to reply with; None for plain text.
    seed: of the run.
  """

  role: str
  system: str
  messages: tuple[tuple[str, str], ...]
  key: str
  schema: Mapping[str, Any] | None = None
  seed: int = 0


# (ask) -> an object that is valid under the schema, or text where there is
# none. Raises `base.UserError` if no such reply is to be had, `StopError` if
# the run should end, and a `ValueError` if what is configured is wrong.
ChatFn = Callable[[Ask], Any]


def ask(
    state: base.State,
    purpose: str,
    *,
    role: str,
    system: str,
    messages: Sequence[tuple[str, str]],
    schema: Mapping[str, Any] | None = None,
) -> Ask:
  """Returns a question that comes up in the turn after `state`.

  Args:
    state: of the conversation, before the turn.
    purpose: what the question is for, different for each one of a turn.
    role: see `Ask`.
    system: see `Ask`.
    messages: see `Ask`.
    schema: see `Ask`.
  """
  key = f'{state.task.id}/{state.sample}/{state.turn}/{purpose}'
  return Ask(role, system, tuple(messages), key, schema, state.seed)
