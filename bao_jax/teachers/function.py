"""A scripted teacher of the Function gym, its behaviors switchable.

It sees the prompt and the replies alone. With every behavior on it probes what
is open, searches the test case, derives the value and answers once; where a
slip made that answer wrong, it checks with one probe and derives it anew.

  know a2, ask b                                   action 0 1 0 0
  a2*3=6 c3*2=6 6+6=12 d1*4=4 12+4=15              answer 15  (a slip)
  know a2 b0 c3 d1, 15 wrong, check without d      action 3 1 2 0
  12 holds so the last sum slipped, d1*4=4 12+4=16  answer 16
"""

from collections.abc import Callable
import dataclasses
from fractions import Fraction
import random

from bao_jax import types
from bao_jax.envs import base as envs
from bao_jax.teachers import base
from bao_jax.teachers import function_local
from bao_jax.teachers import function_notes as notes_lib
from bao_jax.teachers import function_sums

GUESS_RATE = 0.8  # Of early answers, with scheduling off.
REPEAT_RATE = 0.25  # Of repeated actions, with memory off.

PlanFn = Callable[[notes_lib.Notes], notes_lib.Plan]


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Makes a teacher.

  Args:
    behaviors: which behaviors it shows. Off, memory repeats actions and leaves
      out what is known; refinement just tries another number after a wrong
      answer; scheduling answers early and in a row; querying probes at random.
    slip: the probability of an arithmetic slip in a conversation, answered
      wrongly and not to be imitated.

  Returns:
    The teacher; the same moves for the same `rng`.
  """

  def teach(observation, history, turns_left, rng) -> base.Move:
    notes = notes_lib.read(history)
    scene = _Scene(
        history=history,
        notes=notes,
        plan=_plan_fn(observation)(notes),
        turns_left=turns_left,
        behaviors=behaviors,
    )
    return _move(scene, slip, rng)

  return teach


def _plan_fn(observation: envs.Observation) -> PlanFn:
  """Returns how to plan for the kind of rule that the prompt describes."""
  if 'parentheses' in observation.system:
    return function_local.local
  if 'constant' in observation.system:
    return function_sums.bilinear
  return function_sums.linear


@dataclasses.dataclass(frozen=True)
class _Scene:
  """Everything a move depends on, chance apart."""

  history: base.History
  notes: notes_lib.Notes
  plan: notes_lib.Plan
  turns_left: int  # This one included.
  behaviors: base.Behaviors

  @property
  def spare(self) -> int:
    """The number of turns that are not needed, one kept for the answer."""
    return self.turns_left - 1 - self.plan.num_left

  @property
  def explored(self) -> list[types.Action]:
    """The actions so far that did not involve the user."""
    return [a for a, _ in self.history if a.choice in ('action', 'search')]

  @property
  def has_probed(self) -> bool:
    """Whether the last turn was a probe."""
    return bool(self.history) and self.history[-1][0].choice == 'action'

  @property
  def was_wrong(self) -> bool:
    """Whether the last turn was a wrong answer."""
    return bool(self.history) and self.history[-1][0].choice == 'answer'


def _move(scene: _Scene, slip: float, rng: random.Random) -> base.Move:
  show, plan = scene.behaviors, scene.plan
  if scene.turns_left == 1:
    return _answer(scene, slip, rng)
  if not show.scheduling and not scene.explored and rng.random() < GUESS_RATE:
    return _guess(scene, rng)
  if scene.spare > 0 and not show.memory and scene.explored:
    if rng.random() < REPEAT_RATE:
      return _repeat(scene, rng)
  if plan.probe is not None:
    return _probe(scene, rng)
  if scene.notes.case is None:
    return _explore(scene, 'search', 'test', 'ask case')
  if scene.was_wrong and show.refinement and plan.check is not None:
    aim = f'{notes_lib.write(scene.notes.wrong[-1])} wrong, {plan.check_aim}'
    return _explore(scene, 'action', notes_lib.spell(plan.check), aim)
  return _answer(scene, slip, rng)


def _probe(scene: _Scene, rng: random.Random) -> base.Move:
  """Asks what the plan wants to know, or anything with querying off."""
  if not scene.behaviors.querying and scene.spare > 0:
    point = tuple(rng.randrange(4) for _ in range(4))
    return _explore(scene, 'action', notes_lib.spell(point), 'try some numbers')
  point = notes_lib.spell(scene.plan.probe)
  return _explore(scene, 'action', point, f'ask {scene.plan.aim}')


def _repeat(scene: _Scene, rng: random.Random) -> base.Move:
  """Does again what was done before, as if it were forgotten."""
  action = rng.choice(scene.explored)
  return _explore(scene, action.choice, action.content, 'ask')


def _explore(scene: _Scene, choice: str, content: str, aim: str) -> base.Move:
  early = scene.was_wrong and scene.plan.num_left and scene.behaviors.refinement
  counts = scene.plan.counts_turns and scene.behaviors.scheduling
  thoughts = [
      'too early' if early else '',
      scene.plan.insight if scene.has_probed else '',
      f'know {scene.plan.known or "nothing"}' if scene.behaviors.memory else '',
      aim,
      f'{scene.turns_left} left' if counts else '',
  ]
  think = ', '.join(filter(None, thoughts))
  return base.Move(think, types.Action(choice, content))


def _guess(scene: _Scene, rng: random.Random) -> base.Move:
  """Answers before the value follows."""
  value = scene.plan.value
  if value is None:
    value = Fraction(rng.randrange(5, 20))
  while value in scene.notes.wrong:
    value += rng.choice((-1, 1, 2))
  known = scene.plan.known if scene.behaviors.memory else ''
  think = ', '.join(filter(None, [known and f'know {known}', 'guess']))
  return _submit(think, value)


def _another(scene: _Scene, rng: random.Random) -> base.Move:
  """Answers another number than the last one, for no reason."""
  value = scene.notes.wrong[-1]
  while value in scene.notes.wrong:
    value += rng.choice((-1, 1, 2))
  return _submit(f'{notes_lib.write(scene.notes.wrong[-1])} wrong', value)


def _answer(scene: _Scene, slip: float, rng: random.Random) -> base.Move:
  """Derives the value and answers, now and then with a slip."""
  plan, wrong = scene.plan, scene.notes.wrong
  if plan.num_left or plan.value is None:
    return _guess(scene, rng)
  if scene.was_wrong and scene.turns_left > 1 and rng.random() < 0.5:
    return _another(scene, rng)
  if wrong and plan.recheck:
    return _submit(plan.recheck, plan.value)
  if not wrong and scene.turns_left > 2 and rng.random() < slip:
    error = rng.choice((-2, -1, 1, 2))
    return dataclasses.replace(
        _submit(plan.work(error), plan.value + error), is_target=False
    )
  return _submit(plan.work(0), plan.value)


def _submit(think: str, value: Fraction) -> base.Move:
  return base.Move(think, types.Action('answer', notes_lib.write(value)))
