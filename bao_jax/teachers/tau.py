"""The Tau teacher: asks, looks up, proposes, does, reports."""

from collections.abc import Iterator
import dataclasses
import json
import random
import re

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.teachers import base
from bao_jax.teachers import tau_airline
from bao_jax.teachers import tau_desk
from bao_jax.teachers import tau_retail

_SCRIPTS = (*tau_retail.SCRIPTS, *tau_airline.SCRIPTS)

_RASH = 0.5  # How often a teacher without scheduling looks up a guess.
_AIMLESS = 0.4  # How often one without querying says what brings nothing.
_FORGETFUL = 0.25  # How often one without memory asks again.

_VAGUE = ('how can i help you?', 'is there anything else?')
_SLIP = {True: 'R000', False: '#W00'}  # Ids that nobody has.


@dataclasses.dataclass(frozen=True)
class Voice:
  """How thoughts are worded; each text has one gap."""

  wrong: str
  known: str
  left: str
  plan: str
  guess: str
  joint: str


_SHORT = Voice(
    wrong='wrong, so not {}',
    known='{}',
    left='{} left',
    plan='{}',
    guess='guess {}',
    joint='; ',
)
_SENTENCES = Voice(
    wrong='That failed, so my assumption was wrong: it is not {}.',
    known='What I know: {}.',
    left='I have {} turns left.',
    plan='Next: {}.',
    guess='I assume that it is {} and look.',
    joint=' ',
)


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Returns a teacher for the built-in Tau tasks.

  Args:
    behaviors: which of the proactive behaviors it shows.
    slip: the probability that it looks something up before it was told what,
      once, in a conversation.

  Returns:
    The teacher, deterministic given its `rng`.
  """
  return Teacher(behaviors, slip)


@dataclasses.dataclass(frozen=True)
class Teacher:
  """Follows the script of the user's wish.

  Attributes:
    behaviors: which of these it shows.
    slip: the probability of a slip in a conversation.
  """

  behaviors: base.Behaviors
  slip: float

  def __call__(
      self,
      observation: envs_base.Observation,
      history: base.History,
      turns_left: int,
      rng: random.Random,
  ) -> base.Move:
    """Returns the next move; see `base.TeacherFn`."""
    desk = tau_desk.Desk(_level(observation))
    voice = _SENTENCES if desk.is_full else _SHORT
    step = _next_step(observation, history, desk)
    thoughts = []
    if self.behaviors.refinement and history:
      thoughts += _refuted(*history[-1], voice)
    if self.behaviors.memory and desk.notes:
      thoughts.append(voice.known.format(desk.thought().replace('_', ' ')))
    if self.behaviors.scheduling:
      thoughts.append(voice.left.format(turns_left))
    plan, action, is_target = self._deviate(observation, history, step, rng)
    words = voice.plan if is_target else voice.guess
    return base.Move(
        think=voice.joint.join([*thoughts, words.format(plan)]),
        action=action,
        is_target=is_target,
    )

  def _deviate(
      self,
      observation: envs_base.Observation,
      history: base.History,
      step: tau_desk.Do,
      rng: random.Random,
  ) -> tuple[str, types.Action, bool]:
    """Returns plan, action and whether to imitate it: mostly the script's."""
    said = [a for a, _ in history if a.choice == 'action']
    is_trip = _is_trip(observation)
    if not said and not self.behaviors.scheduling and rng.random() < _RASH:
      guess = f'R{rng.randint(101, 999)}' if is_trip else _SLIP[False]
      return f'guess {guess}', _look_up(guess, observation), True
    if not history and self.behaviors.scheduling and rng.random() < self.slip:
      guess = _SLIP[is_trip]
      return guess, _look_up(guess, observation), False
    if not self.behaviors.querying and rng.random() < _AIMLESS:
      return 'ask anything', types.Action('action', rng.choice(_VAGUE)), True
    if said and not self.behaviors.memory and rng.random() < _FORGETFUL:
      return 'ask that', rng.choice(said), True
    return step.plan, step.action, True


def _next_step(
    observation: envs_base.Observation,
    history: base.History,
    desk: tau_desk.Desk,
) -> tau_desk.Do:
  """Plays the script again; what was not in it is passed over."""
  script = _script(observation, desk)
  step = next(script)
  for action, reply in history:
    if action == step.action:
      step = script.send(reply)
  return step


def _script(
    observation: envs_base.Observation, desk: tau_desk.Desk
) -> Iterator[tau_desk.Do]:
  """Serves one wish after the other; then there is nothing but to finish."""
  if not desk.is_easy:
    yield tau_desk.Do('see the tools', types.Action('search', 'tools'))
  reply = observation.user
  while wish := tau_desk.wish_of(reply):
    serve = next((s for p, s in _SCRIPTS if re.search(p, wish)), None)
    if serve is None:
      raise ValueError(f'no script for the wish to {wish!r}')
    reply = yield from serve(desk, wish)
  while True:
    yield tau_desk.Do('nothing is left', types.Action('finish'))


def _is_trip(observation: envs_base.Observation) -> bool:
  wish = tau_desk.wish_of(observation.user)
  return any(re.search(p, wish) for p, _ in tau_airline.SCRIPTS)


def _level(observation: envs_base.Observation) -> str:
  if 'The user says:' in observation.user:
    return 'full'
  return 'medium' if 'search:' in observation.system else 'easy'


def _look_up(guess: str, observation: envs_base.Observation) -> types.Action:
  name, slot = 'get_order_details', 'order_id'
  if guess.startswith('R'):
    name, slot = 'get_reservation_details', 'reservation_id'
  arguments = json.dumps({slot: guess})
  if _level(observation) == 'easy':
    arguments = guess
  return types.Action('answer', f'{name}: {arguments}')


def _refuted(action: types.Action, reply: str, voice: Voice) -> list[str]:
  """Returns the thought that a failed look-up refutes its guess."""
  found = re.search(r'#W\d+|R\d+', action.content)
  if action.choice != 'answer' or not reply.startswith('Error') or not found:
    return []
  return [voice.wrong.format(found[0])]
