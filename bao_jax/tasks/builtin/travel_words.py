"""What the built-in Travel tasks are made of, one vocabulary per level."""

from collections.abc import Mapping, Sequence
import itertools

from bao_jax.tasks.builtin import travel_flights
from bao_jax.tasks.builtin import travel_meals
from bao_jax.tasks.builtin import travel_stays
from bao_jax.tasks.builtin import travel_values

LEVELS = ('easy', 'medium', 'full')

ASPECTS: Mapping[str, travel_values.Aspect] = {
    'flight': travel_flights.FLIGHT,
    'hotel': travel_stays.HOTEL,
    'apartment': travel_stays.APARTMENT,
    'rental_car': travel_flights.RENTAL_CAR,
    'restaurant': travel_meals.RESTAURANT,
}
# The letter that an option's id begins with.
LETTERS: Mapping[str, str] = {
    'flight': 'F',
    'hotel': 'H',
    'apartment': 'A',
    'rental_car': 'C',
    'restaurant': 'R',
}

# The number of wishes per aspect; those of `full` are the benchmark's.
PATTERNS: Mapping[str, tuple[str, ...]] = {
    'easy': ('1', '2', '11', '12'),
    'medium': ('22', '23', '33', '222'),
    'full': ('22', '33', '44', '233', '333', '334', '444', '2222'),
}
# Correct, wrong and noise options per aspect.
NUM_OPTIONS: Mapping[str, tuple[int, int, int]] = {
    'easy': (2, 3, 1),
    'medium': (3, 5, 2),
    'full': (3, 10, 5),
}
_NUM_CATEGORIES = {'easy': 2, 'medium': 3, 'full': 5}

_CITIES = {
    'easy': 'rome oslo cairo lima tokyo delhi',
    'medium': 'rome oslo cairo lima tokyo delhi paris quito',
    'full': (
        'Rome Oslo Cairo Lima Tokyo Delhi Paris Quito Vienna Lisbon Dublin'
        ' Prague Athens Madrid Boston Seoul'
    ),
}
_WEEKDAYS = 'monday tuesday wednesday thursday friday saturday'.split()
_DATES = [
    f'{month} {day}'
    for month, day in itertools.product(('April', 'May', 'June'), range(3, 25))
]


def categories(level: str, aspect: str) -> travel_values.Aspect:
  """Returns what there are wishes about, by name, at a level."""
  named = ASPECTS[aspect].items()
  return dict(itertools.islice(named, _NUM_CATEGORIES[level]))


def cities(level: str) -> list[str]:
  """Returns the cities of a level."""
  return _CITIES[level].split()


def days(level: str) -> Sequence[str]:
  """Returns the days of a level, in their order."""
  return _DATES if level == 'full' else _WEEKDAYS


def spoken(level: str, aspect: str) -> str:
  """Returns how an aspect is called in prompts and questions."""
  name = aspect.replace('_', ' ')
  return name if level == 'full' else name.removeprefix('rental ')


def question(level: str, aspect: str, category: str) -> str:
  """Returns a question about a wish that the scripted user understands."""
  if level == 'full':
    return ASPECTS[aspect][category].question
  return f'{spoken(level, aspect)} {category}?'


def field(level: str, aspect: str, category: str) -> str:
  """Returns the field of an option that shows a category's value."""
  if level == 'full':
    return ASPECTS[aspect][category].field
  return category


def value_shown(level: str, aspect: str, category: str, shown: str) -> str:
  """Returns the value that an option's text shows, '' if it shows none."""
  values = ASPECTS[aspect][category].values
  if level != 'full':
    return shown if shown in values else ''
  return next((n for n, v in values.items() if shown in v.shown), '')
