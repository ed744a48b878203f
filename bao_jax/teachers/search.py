"""The Search teacher: looks up one fact after the other, then answers.

search for owner of mill    search mill owner   ->  1 mill: owner tom. ...
owner tom; ask job of tom   search tom job      ->  1 tom: job baker. ...
owner tom, job baker        answer baker
"""

import dataclasses
import random

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.teachers import base
from bao_jax.teachers import inquiry
from bao_jax.teachers import search_notes

_RASH = 0.7  # How often a teacher without scheduling answers before it knows.
_AIMLESS = 0.5  # How often one without querying searches what brings nothing.
_FORGETFUL = 0.25  # How often one without memory searches again.

_TERSE = dataclasses.replace(inquiry.Voice(), ask='search {}')
_FULL = dataclasses.replace(
    inquiry.SENTENCES,
    ask='Next I look up {}.',
    guess='I assume that it is {} and answer.',
)


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Returns a teacher for the built-in Search tasks.

  Args:
    behaviors: which of the proactive behaviors it shows.
    slip: the probability that it takes the first of two facts for the answer,
      once, in a conversation.

  Returns:
    The teacher, deterministic given its `rng`.
  """
  return Teacher(behaviors, slip)


@dataclasses.dataclass(frozen=True)
class Teacher:
  """Follows the question from page to page; see `make_teacher`."""

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
    notes = search_notes.read(observation, history)
    voice = _FULL if notes.is_full else _TERSE
    thoughts = self._looking_back(notes, voice)
    if self.behaviors.scheduling:
      thoughts.append(voice.left.format(turns_left))
    choice = self._choice(notes, turns_left, rng)
    act = self._search if choice == 'search' else self._answer
    plan, action = act(notes, voice, rng)
    return base.Move(
        think=voice.joint.join([*thoughts, plan]),
        action=action,
        is_target=choice != 'slip',
    )

  def _choice(
      self, notes: search_notes.Notes, turns_left: int, rng: random.Random
  ) -> str:
    """Returns 'search', 'answer' or 'slip'."""
    if notes.is_over or turns_left <= 1:
      return 'answer'
    if notes.has_just_answered:
      if not self.behaviors.refinement:
        return 'answer'
      if self.behaviors.scheduling:
        return 'search'  # Never two answers in a row.
    if notes.is_complete:
      return 'answer'
    if not self.behaviors.scheduling:
      return 'answer' if rng.random() < _RASH else 'search'
    # The slip, the search for what is still open, and the answer.
    tempts = notes.values and turns_left >= 3 and not notes.contents('answer')
    return 'slip' if tempts and rng.random() < self.slip else 'search'

  def _looking_back(
      self, notes: search_notes.Notes, voice: inquiry.Voice
  ) -> list[str]:
    """Returns which assumption has just failed, and what is known."""
    thoughts = []
    if self.behaviors.refinement and notes.has_just_answered:
      thoughts.append(voice.wrong.format(notes.actions[-1].content))
    if self.behaviors.memory:
      thoughts.append(voice.known.format(notes.known))
    return thoughts

  def _search(
      self,
      notes: search_notes.Notes,
      voice: inquiry.Voice,
      rng: random.Random,
  ) -> tuple[str, types.Action]:
    """Returns a plan and a search."""
    asked = notes.contents('search')
    subject, relation = notes.subject, notes.relation
    # The second and third, where the first did not bring the page.
    queries = [f'{subject} {relation.cue}', subject, f'{subject} {subject}']
    query = next((q for q in queries if q not in asked), queries[0])
    aim = f'{relation.name} of {subject}'
    if not self.behaviors.querying and rng.random() < _AIMLESS:
      query = rng.choice([relation.cue, subject.split()[-1], *asked[-1:]])
      aim = 'anything'
    elif not self.behaviors.memory and asked and rng.random() < _FORGETFUL:
      query, aim = rng.choice(asked), 'that'
    return voice.ask.format(aim), types.Action('search', query)

  def _answer(
      self,
      notes: search_notes.Notes,
      voice: inquiry.Voice,
      rng: random.Random,
  ) -> tuple[str, types.Action]:
    """Returns a plan and an answer: what is known, or else a guess."""
    if notes.is_complete:
      return voice.answer, types.Action('answer', notes.values[-1])
    tried = notes.contents('answer')
    options = [v for v in (*notes.values, *notes.seen) if v not in tried]
    guess = options[0] if notes.values and options else ''
    guess = guess or rng.choice(options or [notes.title])
    return voice.guess.format(guess), types.Action('answer', guess)
