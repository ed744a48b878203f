"""The Persuade gym: argue against a claim until its holder gives it up.

  answer  hidden costs   ->  fair. but jobs

Each task's keys are those of `tasks.builtin.persuade`. 'answer' is the only
choice, so that with the default `user_choices` every argument involves the user
and the involvement rate is 1.

A task is solved by several arguments in a row, and the first of them earns its
first step alone: the honest player meets the reason that the claim itself
states, then each concern that the holder's reply voices. No other player gets
more out of its first answer, since that reason weighs no less than any other.
"""

import dataclasses
from typing import ClassVar

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import stances
from bao_jax.users import persuade as scripted

_TOP = len(stances.LADDER) - 1
_OVER = ('best', 'previous')

_SHORT = """\
Change the mind of somebody who holds a claim. Think first, then call the tool:
answer: a short argument against it.
You have {max_turns} turns. Meet what the other says, one point at a time, \
never the same twice."""

_FULL = """\
You talk to an environment by calling a tool, and you want to solve its task.

# Environment
Somebody strongly agrees with a claim. Argue against it until that person \
strongly disagrees. The person listens, replies to each argument and may move \
by a step or more when an argument meets a concern behind the claim.

# Choices
Call `interact_with_env` with this choice:
- answer: `content` is your argument, addressed to that person.

# Notes
- Before every call, think inside <think></think>.
- You have {max_turns} turns in all.
- Listen: the replies tell what still keeps the person at the claim. Meet one \
concern at a time, with a reason of its own. Repeating yourself, piling up \
points or giving offence moves nobody."""


@dataclasses.dataclass(frozen=True)
class PersuadeGym(base.Gym):
  """Change a stance, as in PersuadeGym of the UserRL benchmark.

  The stance has seven rungs, from Strongly Agree to Strongly Disagree, where
  the conversation ends. An argument earns a sixth for each rung beyond the
  farthest reached so far.

  Attributes:
    user: the holder of the claim: (state, argument) -> `stances.Verdict`.
      Nothing but its stance counts: no reward is read from a text.
    reward_over: what progress is measured from: 'best' or, as in the original,
      'previous', which pays again for ground that was lost and won back.
    show_argument: whether the policy reads the holder's own argument at first.
  """

  user: base.UserFn = scripted.Holder()
  reward_over: str = 'best'
  show_argument: bool = False

  name: ClassVar[str] = 'persuade'
  choices: ClassVar[tuple[str, ...]] = ('answer',)

  def __post_init__(self):
    if self.reward_over not in _OVER:
      raise ValueError(
          f'reward_over={self.reward_over!r}; use one of {list(_OVER)}'
      )

  def reset(
      self, task: types.Task, seed: int, sample: int = 0
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; a ValueError if its user cannot play the task."""
    scripted.require_facts(task, self.user)
    state, observation = super().reset(task, seed, sample)
    memory = {'stance': stances.LADDER[0], 'exchanges': []}
    return dataclasses.replace(state, memory=memory), observation

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the rules, and the claim."""
    is_full = task.level == 'full'
    system = _FULL if is_full else _SHORT
    text = f'{"Claim" if is_full else "claim"}: {task.data["claim"]}'
    if self.show_argument:
      text += f'\nTheir argument: {task.data["argument"]}'
    return base.Observation(system.format(max_turns=self.max_turns), text)

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Passes on an argument, and rewards how far it moves the holder."""
    argument = action.content.strip()
    if not argument:
      return base.Response('Give an argument.')
    verdict = self.user(state, argument)
    rung = _rung(state.task, verdict)
    before = stances.LADDER.index(state.memory['stance']) / _TOP
    start = state.best if self.reward_over == 'best' else before
    exchange = [argument, verdict.reply, verdict.stance]
    return base.Response(
        verdict.reply,
        reward=max(0.0, rung / _TOP - start),
        solved=rung == _TOP,
        terminated=rung == _TOP,
        best=max(state.best, rung / _TOP),
        memory={
            'stance': verdict.stance,
            'exchanges': [*state.memory['exchanges'], exchange],
        },
    )


def _rung(task: types.Task, verdict: object) -> int:
  """Returns the place of a stance; off the ladder there is no verdict."""
  if (
      not isinstance(verdict, stances.Verdict)
      or verdict.stance not in stances.LADDER
  ):
    raise base.UserError(
        f'{task.id}: the stance must be one of {list(stances.LADDER)}, got'
        f' {verdict!r:.80}'
    )
  return stances.LADDER.index(verdict.stance)
