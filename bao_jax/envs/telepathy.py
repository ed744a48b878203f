"""The Telepathy gym: find out what the user thinks of by yes-or-no questions.

  action  small?        -> yes
  answer  small red ... -> correct

Each task's keys are those of `tasks.builtin.telepathy`.
"""

import dataclasses
from typing import ClassVar

from bao_jax import types
from bao_jax.envs import base
from bao_jax.users import scripted

_SHORT = """\
Find out what I think of. Think first, then call the tool:
action: ask a yes or no question.
answer: guess it in a few words.
You have {max_turns} turns. Ask what splits the options best, never twice the \
same, and answer once you know."""


@dataclasses.dataclass(frozen=True)
class TelepathyGym(base.Gym):
  """Guess an entity; see section "TelepathyGym" of UserRL.

  The reward of an answer is its improvement over the best score so far; wrong
  guesses are free and unlimited unless `answer_limit` says otherwise.

  Attributes:
    user: answers a question about the entity.
    judge: whether a guess is right, as a bool. Its verdict alone decides the
      reward: no text does.
  """

  user: base.UserFn = scripted.answer_question
  judge: base.JudgeFn = scripted.telepathy_judge

  name: ClassVar[str] = 'telepathy'
  choices: ClassVar[tuple[str, ...]] = ('action', 'answer')

  def reset(
      self, task: types.Task, seed: int
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; refuses a task that its user cannot play."""
    scripted.require_facts(task, self.user, self.judge)
    return super().reset(task, seed)

  def prompt(self, task: types.Task) -> base.Observation:
    system = _SHORT.format(max_turns=self.max_turns)
    data = task.data
    return base.Observation(
        system, f'I think of {data["description"]}: {data["goal"]}.'
    )

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    if action.choice == 'action':
      return base.Response(self.user(state.task, action.content).lower())
    right = self.judge(state.task, action.content) is True
    return base.Response(
        'correct' if right else 'wrong',
        reward=max(0.0, float(right) - state.best),
        solved=right,
        terminated=right,
        best=max(state.best, float(right)),
    )
