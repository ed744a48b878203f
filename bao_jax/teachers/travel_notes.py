"""What a Travel teacher reads off the conversation."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import json
import re

from bao_jax.envs import base as envs_base
from bao_jax.envs import travel_says
from bao_jax.tasks.builtin import travel_words
from bao_jax.teachers import base

Pair = tuple[str, str]  # An aspect and one of its categories.

_OPENINGS = {
    'easy': 'Trip to ',
    'medium': 'Please book ',
    'full': 'I am going on a trip and still have to book ',
}
_LACKING = (travel_says.TERSE.incomplete, travel_says.FULL.incomplete)
_NO_WISH = (travel_says.TERSE.other, travel_says.FULL.other)


@dataclasses.dataclass(frozen=True)
class Option:
  """Something that can be booked.

  Attributes:
    id: its id.
    values: the value of each category, those left out not among them.
    cost: its price.
  """

  id: str
  values: Mapping[str, str]
  cost: float


@dataclasses.dataclass(frozen=True)
class Notes:
  """All that is known.

  Attributes:
    level: of the task.
    requests: the right search per aspect to be booked.
    options: per aspect that was searched.
    wishes: the value wished for by category of an aspect; '' if any will do.
    booked: the aspects with a recommendation.
    asked: the messages so far.
    lacking: whether the last search lacked something.
    num_lacking: how many searches did.
  """

  level: str
  requests: Mapping[str, str]
  options: Mapping[str, Sequence[Option]]
  wishes: Mapping[Pair, str]
  booked: Sequence[str]
  asked: Sequence[str]
  lacking: bool
  num_lacking: int

  @property
  def to_search(self) -> list[str]:
    return [aspect for aspect in self.requests if aspect not in self.options]

  @property
  def to_book(self) -> list[str]:
    return [aspect for aspect in self.requests if aspect not in self.booked]

  def fitting(self, aspect: str) -> list[Option]:
    """Returns the options that meet all wishes known, the cheapest first."""
    wished = {c: v for (a, c), v in self.wishes.items() if a == aspect and v}
    found = [
        option
        for option in self.options[aspect]
        if all(option.values.get(c) == v for c, v in wished.items())
    ]
    return sorted(found, key=lambda option: option.cost)

  @functools.cached_property
  def open_pairs(self) -> list[Pair]:
    """What to ask about: where what still fits differs."""
    pairs = []
    for aspect in self.to_book:
      fitting = self.fitting(aspect) if aspect in self.options else ()
      for name in travel_words.categories(self.level, aspect):
        differs = len({option.values.get(name) for option in fitting}) > 1
        is_open = (aspect, name) not in self.wishes
        if is_open and (differs or aspect in self.to_search):
          pairs.append((aspect, name))
    return pairs


def read(observation: envs_base.Observation, history: base.History) -> Notes:
  """Reads the first prompt and all replies.

  Raises:
    ValueError: the prompt is not one of a built-in Travel task.
  """
  level = _level(observation.user)
  requests = _requests(observation.user, level)
  options: dict[str, Sequence[Option]] = {}
  wishes: dict[Pair, str] = {}
  booked, asked, lacking = [], [], []
  for action, reply in history:
    if action.choice == 'search':
      lacking.append(reply in _LACKING)
      found = _options(reply, level)
      if found:
        options[_aspect(found[0].id)] = found
    elif action.choice == 'action':
      asked.append(action.content)
      wishes |= _wish(action.content, reply, level)
    elif action.choice == 'answer' and action.content[:1].isalpha():
      booked.append(_aspect(action.content))
  return Notes(
      level=level,
      requests=requests,
      options=options,
      wishes=wishes,
      booked=booked,
      asked=asked,
      lacking=bool(history) and history[-1][1] in _LACKING,
      num_lacking=sum(lacking),
  )


def _level(user: str) -> str:
  for level, opening in _OPENINGS.items():
    if user.startswith(opening):
      return level
  raise ValueError(f'Not the prompt of a built-in Travel task: {user!r}')


def _requests(user: str, level: str) -> Mapping[str, str]:
  """Returns a search per aspect that states all that it must."""
  text = user.splitlines()[0].removeprefix(_OPENINGS[level]).rstrip('.')
  trip, _, listed = text.rpartition('. Book ')
  requests = {}
  for thing in re.split(', | and ', listed):
    noun = re.sub('^an? ', '', thing)
    aspect = next(
        a
        for a in travel_words.ASPECTS
        if noun.startswith(travel_words.spoken(level, a))
    )
    requests[aspect] = {
        'easy': f'{noun} {trip.replace(" on ", " ")}',
        'medium': noun,
        'full': f'Please search for {thing}.',
    }[level]
  return requests


@functools.lru_cache(maxsize=4096)  # Each turn reads all replies again.
def _options(reply: str, level: str) -> tuple[Option, ...]:
  """Returns the options that a reply lists."""
  lines = reply.splitlines()[1:]
  if not lines:
    return ()
  if level == 'full':
    rows = [json.loads(line) for line in lines]
  else:
    columns = lines[0].split()
    rows = [dict(zip(columns, line.split())) for line in lines[1:]]
  return tuple(_option(row, level) for row in rows)


def _option(row: Mapping[str, str], level: str) -> Option:
  aspect = _aspect(row['id'])
  values = {}
  for name in travel_words.categories(level, aspect):
    shown = row.get(travel_words.field(level, aspect, name), '')
    value = travel_words.value_shown(level, aspect, name, shown)
    if value:
      values[name] = value
  return Option(row['id'], values, float(row['cost']))


def _wish(question: str, reply: str, level: str) -> Mapping[Pair, str]:
  """Returns the wish that a reply tells of, and if there was none to tell."""
  pair = _questions(level).get(question)
  told = _hints(level).get(reply)
  # A wish that was not asked for shows, too, that there was none.
  none = {pair: ''} if pair and (told or reply in _NO_WISH) else {}
  return none | {told[:2]: told[2]} if told else none


@functools.cache
def _hints(level: str) -> Mapping[str, tuple[str, str, str]]:
  """Returns what each hint means: aspect, category and value."""
  return {
      said: (aspect, name, value)
      for aspect in travel_words.ASPECTS
      for name, category in travel_words.categories(level, aspect).items()
      for value, wish in category.values.items()
      for said in (wish.hints if level == 'full' else (wish.hint,))
  }


@functools.cache
def _questions(level: str) -> Mapping[str, Pair]:
  return {
      travel_words.question(level, aspect, name): (aspect, name)
      for aspect in travel_words.ASPECTS
      for name in travel_words.categories(level, aspect)
  }


def _aspect(name: str) -> str:
  """Returns the aspect that an id is about."""
  letters = travel_words.LETTERS.items()
  return next(aspect for aspect, letter in letters if letter == name[0])
