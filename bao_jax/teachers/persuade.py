"""The Persuade teacher: listens, and meets one concern after the other."""

from collections.abc import Sequence
import dataclasses
import random

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.tasks.builtin import persuade_words
from bao_jax.teachers import base
from bao_jax.users import persuade as users
from bao_jax.users import points

_RASH = 0.7  # How often a teacher without scheduling piles up points.
_PILE = 3  # Points in such a pile.
_DEAF = 0.5  # How often one without querying argues at random.
_FORGETFUL = 0.25  # How often one without memory says the same again.
_GENERIC = ('think again', 'it is a problem')
_FULL_GENERIC = (
    'Please think about it again.',
    'Many people see this in another way.',
)
_ARGUMENTS = ('Consider that {}.', 'In practice, {}.', 'Look: {}.')


@dataclasses.dataclass(frozen=True)
class Voice:
  """How thoughts are worded; each text has one gap."""

  missed: str = 'missed, it is {}'
  told: str = 'told {}'
  left: str = '{} left'
  plan: str = 'meet {}'
  joint: str = '; '


SENTENCES = Voice(
    missed='That missed: my assumption was wrong, the concern is {}.',
    told='What I have met so far: {}.',
    left='I have {} turns left.',
    plan='Next I meet the concern about {}.',
    joint=' ',
)


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Returns a teacher for the built-in Persuade tasks.

  Args:
    behaviors: which of the proactive behaviors it shows.
    slip: the probability that its second argument does not listen.

  Returns:
    The teacher, deterministic given its `rng`.
  """
  return Teacher(behaviors, slip)


@dataclasses.dataclass(frozen=True)
class Teacher:
  """Meets the concern that was voiced last; see `make_teacher`.

  With all behaviors it begins with the reason that the claim states, then meets
  what each reply voices, one point per argument and none twice. A slip makes a
  point at random; the thought after it says which concern it is about instead.
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
    view = _view(observation, history)
    thoughts = self._looking_back(view)
    if self.behaviors.scheduling:
      thoughts.append(view.voice.left.format(turns_left))
    slips = len(history) == 1 and rng.random() < self.slip
    aim, argument = self._argument(view, slips, rng)
    thoughts.append(view.voice.plan.format(aim))
    return base.Move(
        think=view.voice.joint.join(thoughts),
        action=types.Action('answer', argument),
        is_target=not slips,
    )

  def _looking_back(self, view: '_View') -> list[str]:
    """Returns whether the last argument missed, and what was told."""
    thoughts = []
    if self.behaviors.refinement and view.has_missed:
      thoughts.append(view.voice.missed.format(view.concern))
    if self.behaviors.memory and view.told:
      thoughts.append(view.voice.told.format(', '.join(view.told)))
    return thoughts

  def _argument(
      self, view: '_View', slips: bool, rng: random.Random
  ) -> tuple[str, str]:
    """Returns which concern an argument is about, and the argument."""
    names = persuade_words.NAMES[view.level]
    untold = [n for n in names if n not in view.told and n != view.concern]
    is_lost = view.has_missed and not self.behaviors.refinement
    if slips or (is_lost and untold):
      name = rng.choice(untold)
      return name, view.argument([name], rng)
    if not self.behaviors.scheduling and rng.random() < _RASH:
      pile = rng.sample(names, _PILE)
      return 'all', view.argument(pile, rng)
    if not self.behaviors.querying and rng.random() < _DEAF:
      generic = _GENERIC if view.level != 'full' else _FULL_GENERIC
      return 'it', rng.choice(generic)
    if not self.behaviors.memory and view.said and rng.random() < _FORGETFUL:
      return 'that', rng.choice(view.said)
    return view.concern, view.argument([view.concern], rng)


@dataclasses.dataclass(frozen=True)
class _View:
  """A conversation as the teacher sees it.

  Attributes:
    level: of the task.
    concern: the one voiced last.
    has_missed: whether the last argument left it where it was.
    said: the arguments so far.
    told: the concerns whose counterpoint they made.
  """

  level: str
  concern: str
  has_missed: bool
  said: Sequence[str]
  told: Sequence[str]

  @property
  def voice(self) -> Voice:
    return SENTENCES if self.level == 'full' else Voice()

  def argument(self, names: Sequence[str], rng: random.Random) -> str:
    """Returns an argument that makes the counterpoints to some concerns."""
    concerns = [persuade_words.CONCERNS[name] for name in names]
    if self.level != 'full':
      return ', '.join(concern.short for concern in concerns)
    return ' '.join(
        rng.choice(_ARGUMENTS).format(concern.counter) for concern in concerns
    )


def _view(observation: envs_base.Observation, history: base.History) -> _View:
  level = persuade_words.level_of(observation.user)
  voiced = [_voiced(observation.user.split('\n')[0], level)]
  told = []
  for action, reply in history:
    voiced.append(_voiced(reply, level) or voiced[-1])
    told += users.Said.read(action.content, level).points
  return _View(
      level,
      concern=voiced[-1],
      has_missed=voiced[-1] in voiced[:-1],
      said=[action.content for action, _ in history],
      told=list(dict.fromkeys(told)),
  )


def _voiced(text: str, level: str) -> str:
  """Returns the concern that a text speaks of last; '' if of none."""
  lexicon = persuade_words.lexicon(level)
  named = [
      token.slot
      for sentence in points.read(text, lexicon)
      for token in sentence.mentions
  ]
  return named[-1] if named else ''
