"""The Turtle gym: find the hidden story behind an odd scene.

  action  was it the cook?      ->  yes
  answer  cook love rope        ->  covered: cook, rope

Each task's keys are those of `tasks.builtin.turtle`.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import math
from typing import Any, ClassVar

from bao_jax import types
from bao_jax.envs import base
from bao_jax.tasks.builtin import turtle_words
from bao_jax.users import scripted

_SHORT = """\
Find the story behind a scene. Think first, then call the tool:
action: ask a yes or no question.
answer: tell the story in a few words.
You have {max_turns} turns. Ask what splits the options best, never twice the \
same, and answer once you know."""

_FULL = """\
You talk to an environment by calling a tool, and you want to solve its task.

# Environment
You read the surface of a strange story. Behind it lies another story, hidden, \
that explains everything. Reconstruct it by asking questions; the replies are \
"Yes", "No" or "Maybe".

# Choices
Call `interact_with_env` with one of two choices:
- action: `content` is one question about the hidden story that yes or no can \
answer.
- answer: `content` is the whole hidden story as you see it. You are told \
which of its essential points are covered. Tell all of it each time: points of \
an earlier answer are not carried over.

# Notes
- Before every call, think inside <think></think>.
- You have {max_turns} turns in all, answers included.
- Ask about people, motives, means, places and the nature of the event. Keep \
in mind what you know, ask nothing twice, and answer once the story is whole."""


@dataclasses.dataclass(frozen=True)
class TurtleGym(base.Gym):
  """Reconstruct a story, as in TurtleGym of the UserRL benchmark.

  The score of an answer is Σ wᵢ·sᵢ over the criteria, its reward the
  improvement over the best score so far, in [0, 1]. The criteria that score 1
  are told to the policy, as in the original.

  Attributes:
    user: answers a question about the story.
    judge: a score for each criterion, in their order. Nothing but these scores
      counts: no reward is read from a text.
    success_threshold: the score that solves the task. The default leaves room
      for rounding: .4 + .3 + .3 need not make 1. The original compares with
      1.0, which a perfect story can miss.
    clamp_scores: whether a judge's scores are rounded to 0, 0.5 or 1; the
      original takes any number.
  """

  user: base.UserFn = scripted.answer_question
  judge: base.JudgeFn = scripted.turtle_judge
  success_threshold: float = 1 - 1e-6
  clamp_scores: bool = True

  name: ClassVar[str] = 'turtle'
  choices: ClassVar[tuple[str, ...]] = ('action', 'answer')

  def reset(
      self, task: types.Task, seed: int, sample: int = 0
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; a ValueError if its user cannot play the task."""
    scripted.require_facts(task, self.user, self.judge)
    return super().reset(task, seed, sample)

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the rules, and the surface of the story."""
    surface = task.data['new_surface']
    if task.level == 'full':
      system = _FULL.format(max_turns=self.max_turns)
      title = task.data['new_title']
      goal = turtle_words.GOALS['full']
      text = f'Title: {title}\nSurface: {surface}'
      # The goal names the parts of our own stories, not the benchmark's.
      text += f'\nYour task: {goal}' if 'facts' in task.data else ''
      return base.Observation(system, text)
    system = _SHORT.format(max_turns=self.max_turns)
    return base.Observation(
        system, f'{surface} {turtle_words.GOALS[task.level]}'
    )

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Passes on a question, or scores a story."""
    is_full = state.task.level == 'full'
    if action.choice == 'action':
      reply = self.user(state, action.content)
      return base.Response(reply if is_full else reply.lower())
    criteria = state.task.data['evaluation']
    scores = self._scores(state, action.content)
    weights = [criterion['score'] for criterion in criteria]
    # Not `fsum`: the original's rounding is what its threshold stumbles over.
    total = sum(w * s for w, s in zip(weights, scores, strict=True))
    best = max(state.best, total)
    solved = best >= self.success_threshold
    return base.Response(
        _feedback(criteria, scores, is_full=is_full),
        reward=min(1.0, max(0.0, best - state.best)),
        solved=solved,
        terminated=solved,
        best=best,
    )

  def _scores(self, state: base.State, story: str) -> Sequence[float]:
    """Asks the judge; a verdict that is none is an outage, not a zero."""
    verdict = self.judge(state, story)
    count = len(state.task.data['evaluation'])
    if len(verdict) != count or not all(map(math.isfinite, verdict)):
      raise base.UserError(
          f'{state.task.id}: the judge must give {count} finite scores, got'
          f' {verdict!r}'
      )
    if not self.clamp_scores:
      return verdict
    return [min(1.0, max(0.0, round(2 * score) / 2)) for score in verdict]


def _feedback(
    criteria: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    *,
    is_full: bool,
) -> str:
  """Returns the statements that are covered, in full."""
  covered = [
      criterion['statement']
      for criterion, score in zip(criteria, scores, strict=True)
      if score == 1
  ]
  if not is_full:
    return f'covered: {", ".join(covered) or "nothing"}'
  if not covered:
    return 'Your story covers none of the essential points yet.'
  lines = ''.join(f'\n- {statement}' for statement in covered)
  if len(covered) == len(criteria):
    return f'Covered:{lines}\nThat is the whole story.'
  return f'Covered:{lines}\nThe rest is still missing or wrong; go on.'
