"""The Turtle gym: find the hidden story behind an odd scene.

  action  was it the cook?      -> yes
  answer  cook love rope        -> covered: cook, rope

Each task's keys are those of `tasks.builtin.turtle`.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import math
from typing import Any, ClassVar

from bao_jax import types
from bao_jax.envs import base
from bao_jax.users import scripted

_SHORT = """\
Find the story behind a scene: who did it, why and how. Think first, then call \
the tool:
action: ask a yes or no question.
answer: tell who, why and how in a few words.
You have {max_turns} turns. Ask what splits the options best, never twice the \
same, and answer once you know."""


@dataclasses.dataclass(frozen=True)
class TurtleGym(base.Gym):
  """Reconstruct a story; see section "TurtleGym" of UserRL.

  The score of an answer is Σ wᵢ·sᵢ over the criteria; its reward is the
  improvement over the best score so far.

  Attributes:
    user: answers a question about the story.
    judge: one score for each criterion, in their order.
    success_threshold: the score that solves the task. The default allows for
      rounding: weights like .4 + .3 + .3 need not add up to 1. The original
      is 1.0 exactly, which a perfect story can miss.
    clamp_scores: whether a judge's score is rounded to 0, 0.5 or 1; the
      original takes any number.
  """

  user: base.UserFn = scripted.answer_question
  judge: base.JudgeFn = scripted.turtle_judge
  success_threshold: float = 1 - 1e-6
  clamp_scores: bool = True

  name: ClassVar[str] = 'turtle'
  choices: ClassVar[tuple[str, ...]] = ('action', 'answer')

  def reset(
      self, task: types.Task, seed: int
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; refuses a task that its user cannot play."""
    scripted.require_facts(task, self.user, self.judge)
    return super().reset(task, seed)

  def prompt(self, task: types.Task) -> base.Observation:
    system = _SHORT.format(max_turns=self.max_turns)
    return base.Observation(system, task.data['new_surface'])

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    if action.choice == 'action':
      return base.Response(self.user(state.task, action.content).lower())
    criteria = state.task.data['evaluation']
    scores = self._scores(state.task, action.content)
    total = math.fsum(
        criterion['score'] * score
        for criterion, score in zip(criteria, scores, strict=True)
    )
    best = max(state.best, total)
    solved = best >= self.success_threshold
    return base.Response(
        _covered(criteria, scores),
        reward=min(1.0, best - state.best),
        solved=solved,
        terminated=solved,
        best=best,
    )

  def _scores(self, task: types.Task, story: str) -> list[float]:
    """Asks the judge; a verdict that is none is an outage, not a zero."""
    verdict = self.judge(task, story)
    count = len(task.data['evaluation'])
    if len(verdict) != count or not all(map(math.isfinite, verdict)):
      raise base.UserError(
          f'{task.id}: the judge must give {count} finite scores, got {verdict}'
      )
    if not self.clamp_scores:
      return [float(score) for score in verdict]
    return [min(1.0, max(0.0, round(2 * score) / 2)) for score in verdict]


def _covered(
    criteria: Sequence[Mapping[str, Any]], scores: Sequence[float]
) -> str:
  covered = [
      criterion['statement']
      for criterion, score in zip(criteria, scores, strict=True)
      if score == 1
  ]
  return f'covered: {", ".join(covered) or "nothing"}'
