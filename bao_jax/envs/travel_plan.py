"""What the Travel gym and its users know of a trip, read off task and state.

The state's `memory` holds:

  searches    the number of searches so far
  searched    the aspects whose options were shown
  elicited    the ids of the wishes that were told
  off_topic   messages since a wish was told last
  chosen      aspect -> 'wrong', 'correct' or 'best': the best choice so far
  history     [message, reply] pairs of what was said between the two
  topic       while the voice speaks alone: {id, asked}, the wish to tell ('' if
              none), and whether it was asked for
"""

from collections.abc import Mapping, Sequence
import random
from typing import Any, NamedTuple

from bao_jax import types
from bao_jax.envs import base
from bao_jax.tasks.builtin import travel_words

LETTERS = travel_words.LETTERS
_PARTS = ('preferences', 'arguments', 'options', 'correct_ids', 'best_id')

# What a message can be: idle talk, a question about a wish that is still to be
# told, one about something that there is no wish about, or too vague.
CHAT, ASKS, OTHER, VAGUE = 'chat', 'asks', 'other', 'vague'


class Preference(NamedTuple):
  """A wish of the traveler.

  Attributes:
    id: 'P1', 'P2', … in the order of the task.
    aspect: what it is about.
    category: which side of it.
    text: the wish in plain words.
    implicit: what somebody says who has it.
  """

  id: str
  aspect: str
  category: str
  text: str
  implicit: str


class SearchVerdict(NamedTuple):
  """What the judge says of a search.

  Attributes:
    fits: whether it is one request that states all that it must, correctly;
      None if it asks for nothing that can be booked.
    aspect: what it asks for, if it fits.
  """

  fits: bool | None
  aspect: str = ''


class MessageVerdict(NamedTuple):
  """What the classifier says of a message.

  Attributes:
    kind: `CHAT`, `ASKS`, `OTHER` or `VAGUE`.
    preference: the id of the wish that it asks for; '' for other kinds.
  """

  kind: str
  preference: str = ''


def check(task: types.Task) -> None:
  """Raises a ValueError that says what a task's data lacks."""
  for aspect in task.data['dimensions']:
    if aspect not in LETTERS:
      known = ', '.join(LETTERS)
      raise ValueError(f'{task.id}: unknown dimension {aspect!r}; use {known}')
    missing = [p for p in _PARTS if p not in task.data.get(aspect, {})]
    if missing:
      raise ValueError(f'{task.id}: data.{aspect} lacks {", ".join(missing)}')


def preferences(task: types.Task) -> list[Preference]:
  """Returns all wishes of a task; their number never changes."""
  rows = [
      row[:4]
      for aspect in task.data['dimensions']
      for row in task.data[aspect]['preferences']
  ]
  return [Preference(f'P{i}', *row) for i, row in enumerate(rows, start=1)]


def remaining(state: base.State) -> list[Preference]:
  """Returns the wishes not told yet, of aspects without a choice."""
  told = state.memory.get('elicited', ())
  chosen = state.memory.get('chosen', {})
  return [
      p
      for p in preferences(state.task)
      if p.id not in told and p.aspect not in chosen
  ]


def topic(state: base.State) -> Preference | None:
  """Returns the wish that the voice is to tell, if any."""
  name = state.memory['topic']['id']
  return next((p for p in preferences(state.task) if p.id == name), None)


def shown(
    state: base.State, aspect: str, *, max_wrong: int, max_noise: int
) -> Sequence[Mapping[str, Any]]:
  """Returns the options of an aspect in the order in which they are shown.

  Which ones and in which order follows from the seed and the task alone, so
  that all samples of a task see the same.

  Args:
    state: of the conversation.
    aspect: of the trip.
    max_wrong: how many wrong options there are at most.
    max_noise: how many noise options there are at most.
  """
  options = state.task.data[aspect]['options']
  rng = random.Random(f'{state.seed}/{state.task.id}/{aspect}')
  kept = list(options['correct'])
  for kind, limit in (('wrong', max_wrong), ('noise', max_noise)):
    found = options.get(kind, [])
    kept += rng.sample(found, min(limit, len(found)))
  rng.shuffle(kept)
  # Of the benchmark: what they are, and why. Never shown.
  hidden = ('type', 'reason')
  return [{k: v for k, v in o.items() if k not in hidden} for o in kept]
