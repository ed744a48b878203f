"""Built-in Travel tasks: a trip to book for somebody with unspoken wishes.

A task's `data` has the keys of the benchmark's scenarios and one of our own:

  scenario, initial_description  the trip; the policy reads the second
  dimensions                     what is to be booked: a list of aspects
  <aspect>                       per aspect an object with
    preferences                    lists [aspect, category, wish, what is said]
    arguments                      what a search for the aspect must state
    options                        {correct, wrong, noise}: lists of objects
    correct_ids, best_id           those that meet the wishes, the cheapest
  facts                          aspect -> category -> value wished for

A scenario without `facts` is playable with users and judges that need none.
"""

import collections
from collections.abc import Mapping
import random
from typing import Any, NamedTuple

from bao_jax import types
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import travel_options
from bao_jax.tasks.builtin import travel_words

LEVELS = travel_words.LEVELS

_NUM_TRAIN = 456
_MAX_NIGHTS = 9
_STAYS = {'hotel', 'apartment', 'rental_car'}  # They have an end.


class Trip(NamedTuple):
  """What makes a task, but for its options.

  Attributes:
    wishes: (aspect, category, value) triples, in the order of the aspects.
    origin: where the flight starts.
    city: where the trip goes.
    start: the first day.
    end: the last day.
  """

  wishes: tuple[tuple[str, str, str], ...]
  origin: str
  city: str
  start: str
  end: str

  @property
  def parts(self) -> frozenset[tuple[str, ...]]:
    """What must occur in train wherever it occurs."""
    places = {('from', self.origin), ('to', self.city)}
    days = {('start', self.start), ('end', self.end)}
    return frozenset({*self.wishes, *places, *days})


def generate(level: str, split: str, seed: int = 0) -> list[types.Task]:
  """Generates the tasks of one split.

  Args:
    level: 'easy', 'medium' or 'full'.
    split: 'train', 'validation' or 'test'.
    seed: of the draw.

  Returns:
    Tasks, the same ones for the same arguments. No trip is in two splits of a
    seed, and every wish, place and day of a trip is in its training split.

  Raises:
    ValueError: there is no such level or split.
  """
  if level not in LEVELS:
    raise ValueError(f'Unknown level {level!r}; use one of {list(LEVELS)}')
  if split not in combinations.SPLITS:
    known = list(combinations.SPLITS)
    raise ValueError(f'Unknown split {split!r}; use one of {known}')
  return [
      types.Task(
          id=f'travel/{level}/{split}/{i}',
          gym='travel',
          level=level,
          data=scenario(trip, level, seed),
      )
      for i, trip in enumerate(_splits(level, seed)[split])
  ]


def scenario(trip: Trip, level: str, seed: int = 0) -> Mapping[str, Any]:
  """Returns the data of the task about a trip.

  Args:
    trip: where it goes and what is wished for.
    level: 'easy', 'medium' or 'full'.
    seed: with the trip it decides the options and what is said.
  """
  rng = random.Random(f'{seed}/{level}/{trip}')
  facts: dict[str, dict[str, str]] = {}
  for aspect, category, value in trip.wishes:
    facts.setdefault(aspect, {})[category] = value
  booked = [travel_words.spoken(level, aspect) for aspect in facts]
  return {
      'scenario': f'A trip to {trip.city}: {", ".join(booked)}.',
      'initial_description': _description(trip, level, list(facts)),
      'dimensions': list(facts),
      'facts': facts,
  } | {
      aspect: {
          'preferences': _preferences(level, aspect, wishes, rng),
          'arguments': _arguments(trip, level, aspect),
          **travel_options.options(level, aspect, wishes, rng),
      }
      for aspect, wishes in facts.items()
  }


def _splits(level: str, seed: int) -> Mapping[str, list[Trip]]:
  """Holds trips out as long as all their parts stay in train."""
  rng = random.Random(f'travel/{level}/{seed}')
  total = _NUM_TRAIN + 2 * combinations.HELD_OUT
  trips: dict[Trip, None] = {}
  while len(trips) < total:
    trips[_trip(level, rng)] = None
  num_left = collections.Counter(p for trip in trips for p in trip.parts)
  splits = {split: [] for split in combinations.SPLITS}
  for trip in trips:
    for split in ('test', 'validation'):
      if len(splits[split]) < combinations.HELD_OUT and all(
          num_left[part] > 1 for part in trip.parts
      ):
        num_left.subtract(trip.parts)
        splits[split].append(trip)
        break
    else:
      splits['train'].append(trip)
  return splits


def _trip(level: str, rng: random.Random) -> Trip:
  pattern = rng.choice(travel_words.PATTERNS[level])
  names = rng.sample(list(travel_words.ASPECTS), len(pattern))
  wishes = []
  for aspect in sorted(names, key=list(travel_words.ASPECTS).index):
    # The digits of a pattern may come in any order.
    count = int(pattern[names.index(aspect)])
    categories = travel_words.categories(level, aspect)
    for name in sorted(rng.sample(list(categories), count)):
      wishes.append((aspect, name, rng.choice(list(categories[name].values))))
  origin, city = rng.sample(travel_words.cities(level), 2)
  days = travel_words.days(level)
  start = rng.randrange(len(days) - 1)
  end = rng.randrange(start + 1, min(start + _MAX_NIGHTS + 1, len(days)))
  # What no prompt tells must not make two trips of one.
  if level == 'easy' or 'flight' not in names:
    origin = ''
  if level == 'easy' or not _STAYS & set(names):
    end = start
  return Trip(tuple(wishes), origin, city, days[start], days[end])


def _preferences(
    level: str, aspect: str, wishes: Mapping[str, str], rng: random.Random
) -> list[list[str]]:
  found = []
  for name, wish in wishes.items():
    value = travel_words.ASPECTS[aspect][name].values[wish]
    said = rng.choice(value.hints) if level == 'full' else value.hint
    found.append([aspect, name, value.text, said])
  return found


def _arguments(trip: Trip, level: str, aspect: str) -> Mapping[str, str]:
  """Returns what a search must state, in the order in which it is said."""
  if level == 'easy' or aspect == 'restaurant':
    return {'city': trip.city, 'date': trip.start}
  if aspect == 'flight':
    route = {'origin': trip.origin, 'destination': trip.city}
    return {**route, 'date': trip.start}
  is_car = aspect == 'rental_car'
  first, last = ('pick_up', 'drop_off') if is_car else ('check_in', 'check_out')
  return {'city': trip.city, first: trip.start, last: trip.end}


def _description(trip: Trip, level: str, aspects: list[str]) -> str:
  """Returns what the traveler says first."""
  things = [_thing(trip, level, aspect) for aspect in aspects]
  *rest, last = things
  listed = f'{", ".join(rest)} and {last}' if rest else last
  if level == 'easy':
    return f'Trip to {trip.city} on {trip.start}. Book {listed}.'
  if level == 'medium':
    return f'Please book {listed}.'
  return f'I am going on a trip and still have to book {listed}.'


def _thing(trip: Trip, level: str, aspect: str) -> str:
  """Returns what is to be booked, with all that a search must state."""
  name = travel_words.spoken(level, aspect)
  noun = f'an {name}' if name[0] in 'aeiou' else f'a {name}'
  if level == 'easy':
    return noun
  if aspect == 'flight':
    return f'{noun} from {trip.origin} to {trip.city} on {trip.start}'
  if aspect == 'restaurant':
    return f'{noun} in {trip.city} on {trip.start}'
  return f'{noun} in {trip.city} from {trip.start} to {trip.end}'
