"""The Intention teacher: asks for what was not said, what matters most first.

It knows which details count in each category, as whoever has seen some requests
does, and reads off the prompt which of them are stated.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import random

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.tasks.builtin import intention_words
from bao_jax.teachers import base
from bao_jax.teachers import beliefs
from bao_jax.teachers import inquiry
from bao_jax.users import intention as users
from bao_jax.users import lexicon as lexicon_lib

_RASH = 0.7  # How often a teacher without scheduling asks all at once.
_AIMLESS = 0.5  # How often one without querying asks what brings nothing.
_FORGETFUL = 0.25  # How often one without memory asks again.
_MOST = 3  # Details in one question.
_VAGUE = ('anything else?', 'what do you want?')
_FULL_VAGUE = ('What else matters?', 'Do you have more information?')


@dataclasses.dataclass(frozen=True)
class Voice:
  """How thoughts are worded; each text has one gap."""

  hasty: str = 'too much at once'
  idle: str = 'wrong, {} is open to all'
  known: str = '{}'
  left: str = '{} left'
  ask: str = 'ask {}'
  joint: str = '; '


SENTENCES = Voice(
    hasty='Asking about several things at once was a mistake.',
    idle='I was wrong to assume that {} matters.',
    known='What I know: {}.',
    left='I have {} turns left.',
    ask='Next I ask about {}, which matters most of what is open.',
    joint=' ',
)


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Returns a teacher for the built-in Intention tasks.

  Args:
    behaviors: which of the proactive behaviors it shows.
    slip: the probability that its first question is about two details at once.

  Returns:
    The teacher, deterministic given its `rng`.
  """
  return Teacher(behaviors, slip)


@dataclasses.dataclass(frozen=True)
class Teacher:
  """Asks one question per open detail; see `make_teacher`.

  With all behaviors it restates what it knows, counts the turns left and asks
  about one detail after the other. There is no answer to be late with: what a
  teacher without scheduling does too early is to ask about all that is open in
  one question, which brings less.
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
    if not view.open:
      return base.Move(view.voice.joint.join(thoughts), types.Action('finish'))
    slips = not history and len(view.open) > 1 and rng.random() < self.slip
    kinds = view.open[: 2 if slips else self._count(view, rng)]
    aim, question = self._question(view, kinds, rng)
    thoughts.append(view.voice.ask.format(aim))
    return base.Move(
        think=view.voice.joint.join(thoughts),
        action=types.Action('action', question),
        is_target=not slips,
    )

  def _looking_back(self, view: '_View') -> list[str]:
    """Returns which assumption has just failed, and what is known."""
    thoughts = []
    if self.behaviors.refinement and len(view.last) > 1:
      thoughts.append(view.voice.hasty)
    idle = [kind for kind in view.last if view.known.get(kind) == 'any']
    if self.behaviors.refinement and idle:
      thoughts.append(view.voice.idle.format(view.listed(idle)))
    if self.behaviors.memory:
      notes = [
          f'{kind} {view.known.get(kind, "?")}' for kind in view.domain.kinds
      ]
      thoughts.append(view.voice.known.format(', '.join(notes)))
    return thoughts

  def _count(self, view: '_View', rng: random.Random) -> int:
    """Returns how many details to ask about at once."""
    if not self.behaviors.refinement and len(view.last) > 1:
      return len(view.last)  # It has not noticed that this brings less.
    if self.behaviors.scheduling:
      return 1
    return _MOST if rng.random() < _RASH else 1

  def _question(
      self, view: '_View', kinds: Sequence[str], rng: random.Random
  ) -> tuple[str, str]:
    """Returns what a question is about, and the question."""
    if not self.behaviors.querying and rng.random() < _AIMLESS:
      return 'anything', rng.choice(_FULL_VAGUE if view.is_full else _VAGUE)
    if not self.behaviors.memory and view.asked and rng.random() < _FORGETFUL:
      return 'that', rng.choice(view.asked)
    if view.is_full and len(kinds) == 1:
      question = intention_words.KINDS[kinds[0]].inquiry
    elif view.is_full:
      question = f'What about {view.listed(kinds)}?'
    else:
      question = f'what {view.listed(kinds)}?'
    return view.listed(kinds), question


@dataclasses.dataclass(frozen=True)
class _View:
  """A conversation as the teacher sees it.

  Attributes:
    level: of the request.
    domain: the details that count.
    known: what is known of each kind: an option, or 'any'.
    asked: the questions so far.
    last: the kinds that the last question was about.
  """

  level: str
  domain: intention_words.Domain
  known: Mapping[str, str]
  asked: Sequence[str]
  last: Sequence[str]

  @property
  def is_full(self) -> bool:
    return self.level == 'full'

  @property
  def voice(self) -> Voice:
    return SENTENCES if self.is_full else Voice()

  @property
  def open(self) -> list[str]:
    """The kinds of which nothing is known, the most important first."""
    kinds = [kind for kind in self.domain.kinds if kind not in self.known]
    return sorted(kinds, key=lambda kind: -self.domain.kinds[kind])

  def listed(self, kinds: Sequence[str]) -> str:
    """Joins kinds as in 'size, color and price'."""
    if self.is_full:
      kinds = [intention_words.KINDS[kind].description for kind in kinds]
    return inquiry.listed(kinds).replace(' or ', ' and ')


def _view(observation: envs_base.Observation, history: base.History) -> _View:
  level, category = intention_words.level_of(observation.user)
  lexicon = intention_words.lexicon(level, category)
  known = _values(observation.user, lexicon)
  last = []
  for action, reply in history:
    last = users.asked(action.content, lexicon)
    told = _values(reply, lexicon)
    known = {**dict.fromkeys(last, 'any'), **known, **told}
  return _View(
      level,
      intention_words.DOMAINS[level][category],
      known,
      [action.content for action, _ in history],
      last,
  )


def _values(text: str, lexicon: lexicon_lib.Lexicon) -> dict[str, str]:
  """Returns the option that a text names, for each kind it names one of."""
  found = beliefs.named(text, lexicon)
  options = {slot: list(filter(None, said)) for slot, said in found.items()}
  return {slot: said[0] for slot, said in options.items() if said}
