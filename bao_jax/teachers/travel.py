"""The Travel teacher: searches, asks for wishes, books the cheapest that fits.

With all behaviors it searches for everything, asks about one category after the
other as long as what still fits differs there and turns remain, and books last.
A slip is a search that leaves out the day; the thought after it says so.
"""

from collections.abc import Callable
import dataclasses
import random

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.tasks.builtin import travel_words
from bao_jax.teachers import base
from bao_jax.teachers import travel_notes

_RASH = 0.3  # How often a teacher without scheduling books before it knows.
_AIMLESS = 0.5  # How often one without querying asks what brings nothing.
_FORGETFUL = 0.25  # How often one without memory asks again.

_VAGUE = ('what do you like?', 'any wishes?')
_FULL_VAGUE = ('What do you like?', 'Do you have any preferences?')


@dataclasses.dataclass(frozen=True)
class _Voice:
  """How thoughts are worded; each text has gaps."""

  lacking: str
  known: str
  left: str
  search: str
  ask: str
  book: str
  joint: str


_TERSE = _Voice(
    lacking='wrong, the day was missing',
    known='{}',
    left='{} left',
    search='search {}',
    ask='ask {} {}',
    book='{1} at {2} fits',
    joint='; ',
)
_SENTENCES = _Voice(
    lacking='That search was incomplete: I assumed the day did not matter.',
    known='What I know: {}.',
    left='I have {} turns left.',
    search='Next I search for the {}.',
    ask='The options for the {} still differ in {}, so I ask about it.',
    book='Of what fits for the {}, {} at {} is the cheapest, so I book it.',
    joint=' ',
)


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Returns a teacher for the built-in Travel tasks.

  Args:
    behaviors: which of the proactive behaviors it shows.
    slip: the probability that its first search leaves something out, in a
      conversation with a turn to spare.

  Returns:
    The teacher, deterministic given its `rng`.
  """
  return _Teacher(behaviors, slip)


@dataclasses.dataclass(frozen=True)
class _Teacher:
  """A `base.TeacherFn`; see the module."""

  behaviors: base.Behaviors
  slip: float

  def __call__(
      self,
      observation: envs_base.Observation,
      history: base.History,
      turns_left: int,
      rng: random.Random,
  ) -> base.Move:
    notes = travel_notes.read(observation, history)
    voice = _SENTENCES if notes.level == 'full' else _TERSE
    thoughts = self._looking_back(notes, voice)
    if self.behaviors.scheduling:
      thoughts.append(voice.left.format(turns_left))
    slips = self._slips(notes, turns_left, rng)
    act = self._act(notes, turns_left, rng)
    plan, action = act(notes, voice, rng)
    if slips:
      action = dataclasses.replace(action, content=_shortened(action.content))
    return base.Move(
        think=voice.joint.join([*thoughts, plan]),
        action=action,
        is_target=not slips,
    )

  def _slips(
      self, notes: travel_notes.Notes, turns_left: int, rng: random.Random
  ) -> bool:
    if notes.num_lacking == 1 and notes.lacking:
      return not self.behaviors.refinement  # It tries the same once more.
    if notes.options or notes.num_lacking:
      return False
    needed = len(notes.to_search) + len(notes.open_pairs) + len(notes.to_book)
    return turns_left > needed and rng.random() < self.slip

  def _act(
      self, notes: travel_notes.Notes, turns_left: int, rng: random.Random
  ) -> Callable[..., tuple[str, types.Action]]:
    """Returns the kind of move to make."""
    if not self.behaviors.scheduling and _bookable(notes):
      if not notes.open_pairs or rng.random() < _RASH:
        return _book
    if notes.to_search and (turns_left > 1 or not _bookable(notes)):
      return _search
    if notes.open_pairs and turns_left > len(notes.to_book):
      return self._ask
    return _book

  def _looking_back(
      self, notes: travel_notes.Notes, voice: _Voice
  ) -> list[str]:
    """Returns what just went wrong, and what is known."""
    thoughts = []
    if self.behaviors.refinement and notes.lacking:
      thoughts.append(voice.lacking)
    if self.behaviors.memory:
      known = ', '.join(_note(notes, aspect) for aspect in notes.to_book)
      thoughts.append(voice.known.format(known))
    return thoughts

  def _ask(
      self, notes: travel_notes.Notes, voice: _Voice, rng: random.Random
  ) -> tuple[str, types.Action]:
    level = notes.level
    aspect, category = notes.open_pairs[0]
    question = travel_words.question(level, aspect, category)
    if not self.behaviors.querying and rng.random() < _AIMLESS:
      vague = _FULL_VAGUE if level == 'full' else _VAGUE
      category, question = 'anything', rng.choice(vague)
    elif (
        not self.behaviors.memory and notes.asked and rng.random() < _FORGETFUL
    ):
      category, question = 'that', rng.choice(notes.asked)
    name = travel_words.spoken(level, aspect)
    return voice.ask.format(name, category), types.Action('action', question)


def _search(
    notes: travel_notes.Notes, voice: _Voice, rng: random.Random
) -> tuple[str, types.Action]:
  del rng
  aspect = notes.to_search[0]
  name = travel_words.spoken(notes.level, aspect)
  action = types.Action('search', notes.requests[aspect])
  return voice.search.format(name), action


def _book(
    notes: travel_notes.Notes, voice: _Voice, rng: random.Random
) -> tuple[str, types.Action]:
  del rng
  aspect = _bookable(notes)[0]
  best = notes.fitting(aspect)[0]
  name = travel_words.spoken(notes.level, aspect)
  plan = voice.book.format(name, best.id, f'{best.cost:g}')
  return plan, types.Action('answer', best.id)


def _bookable(notes: travel_notes.Notes) -> list[str]:
  return [aspect for aspect in notes.to_book if aspect in notes.options]


def _shortened(request: str) -> str:
  """Returns a search without its day."""
  marks = (' on ', ' from ') if ' on ' in request else (' from ', ' ')
  mark = next(mark for mark in marks if mark in request)
  return request.rpartition(mark)[0]


def _note(notes: travel_notes.Notes, aspect: str) -> str:
  """Returns what is known of the wishes about one aspect, in a few words."""
  marks = []
  for name in travel_words.categories(notes.level, aspect):
    wish = notes.wishes.get((aspect, name))
    mark = '?' if wish is None else wish or '-'
    marks.append(f'{name} {mark}' if notes.level == 'full' else mark)
  return ' '.join([travel_words.spoken(notes.level, aspect), *marks])
