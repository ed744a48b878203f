"""The Telepathy gym: find out what the user thinks of by yes-or-no questions.

  action  is it small?        ->  yes
  answer  small red forest    ->  correct

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

_FULL = """\
You talk to an environment by calling a tool, and you want to solve its task.

# Environment
Somebody thinks of an entity. Find out which one by asking about it, as in the \
game of twenty questions. Whoever thinks of it replies "Yes", "No" or "Maybe".

# Choices
Call `interact_with_env` with one of two choices:
- action: `content` is one question that can be answered with yes or no.
- answer: `content` is your guess. You are told whether it is right; only an \
exact guess counts, or one that means the same.

# Notes
- Before every call, think inside <think></think>.
- You have {max_turns} turns in all, guesses included.
- Begin with broad questions that halve what is possible, then narrow down. \
Keep in mind what you know, ask nothing twice, and guess once you are sure."""


@dataclasses.dataclass(frozen=True)
class TelepathyGym(base.Gym):
  """Guess an entity, as in TelepathyGym of the UserRL benchmark.

  The reward of a guess is its improvement over the best so far: 1 for the
  right one, which also ends the conversation. Wrong guesses are free and
  unlimited, as in the original, unless `answer_limit` is set.

  Attributes:
    user: answers a question about the entity.
    judge: whether a guess is right, as a bool. Nothing but its verdict counts:
      no reward is read from a text.
  """

  user: base.UserFn = scripted.answer_question
  judge: base.JudgeFn = scripted.telepathy_judge

  name: ClassVar[str] = 'telepathy'
  choices: ClassVar[tuple[str, ...]] = ('action', 'answer')

  def reset(
      self, task: types.Task, seed: int, sample: int = 0
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; a ValueError if its user cannot play the task."""
    scripted.require_facts(task, self.user, self.judge)
    return super().reset(task, seed, sample)

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the rules, and what is known of the entity from the start."""
    description, goal = task.data['description'], task.data['goal']
    if task.level == 'full':
      system = _FULL.format(max_turns=self.max_turns)
      return base.Observation(system, f'{description}\nYour task: {goal}')
    system = _SHORT.format(max_turns=self.max_turns)
    return base.Observation(system, f'I think of {description}: {goal}.')

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Passes on a question, or judges a guess."""
    is_full = state.task.level == 'full'
    if action.choice == 'action':
      reply = self.user(state, action.content)
      return base.Response(reply if is_full else reply.lower())
    verdict = self.judge(state, action.content)
    if not isinstance(verdict, bool):
      raise base.UserError(
          f'{state.task.id}: the judge must say True or False, got {verdict!r}'
      )
    reply = 'correct' if verdict else 'wrong'
    return base.Response(
        _VERDICTS[verdict] if is_full else reply,
        reward=max(0.0, float(verdict) - state.best),
        solved=verdict,
        terminated=verdict,
        best=max(state.best, float(verdict)),
    )


_VERDICTS = {
    True: 'Correct: that is what I was thinking of.',
    False: 'That is not what I am thinking of. Go on.',
}
