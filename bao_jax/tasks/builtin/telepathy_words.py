"""The words of the built-in Telepathy tasks, one lexicon per level.

The slot 'kind' comes first. At `easy` and `medium` the prompt tells it; at
`full` it is hidden, and what is true of a kind (a fox is alive) can be asked.
"""

import functools

from bao_jax.tasks.builtin import kinds
from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import words

LEVELS = ('easy', 'medium', 'full')

# What the prompt asks for. The slots that a guess must name, in this order.
HIDDEN = {
    'easy': ('size', 'color', 'home'),
    'medium': ('size', 'color', 'home', 'food'),
    'full': ('kind', 'age', 'color', 'owner', 'place'),
}
GOALS = {
    'easy': 'find its size, color and home',
    'medium': 'find its size, color, home and food',
    'full': (
        'Guess the thing I am thinking of: what it is, how old it is, its'
        ' color, who owns it and where it is kept.'
    ),
}

_IN = ('in', 'at', 'from', 'inside', 'inside of', 'within')
_COLORS = {
    'red': ('reddish', 'crimson', 'scarlet', 'ruby'),
    'blue': ('bluish', 'azure'),
    'green': ('greenish', 'emerald'),
    'yellow': ('yellowish',),
    'black': ('blackish', 'jet black'),
    'white': ('whitish', 'snow white'),
}
_OTHER_COLORS = (
    'yellow orange black white brown gray grey purple violet pink gold golden'
    ' silver turquoise maroon'
).split()
_HOMES = {
    'forest': ('forests', 'wood', 'woods', 'woodland'),
    'river': ('rivers', 'stream', 'creek'),
    'city': ('cities', 'town'),
    'desert': ('deserts',),
    'mountain': ('mountains', 'mountain side', 'mountainside'),
    'island': ('islands', 'isle'),
}
_OTHER_HOMES = (
    'desert sea ocean lake mountain mountains island farm jungle cave swamp'
    ' meadow village garden'
).split()
_FILLERS = """
animal, animals, creature, critter, beast, one, thing, live, lives, living,
lived, found, find, call, called, look, looks, looking, be, come, comes, belong,
belongs, describe, described, which, who, where, guy, fellow, hidden, shade,
kind of animal, sort of animal, body, fur, coat
"""


def _words(text: str) -> tuple[str, ...]:
  return tuple(text.split())


def _color(count: int) -> lexicon_lib.Slot:
  values = dict(list(_COLORS.items())[:count])
  return lexicon_lib.Slot(
      'color',
      values=values,
      part='adjective',
      names=_words('color colour colors colours colored coloured hue'),
      prepositions=('of', 'in'),
      others=tuple(c for c in _OTHER_COLORS if c not in values),
  )


def _home(count: int) -> lexicon_lib.Slot:
  values = dict(list(_HOMES.items())[:count])
  return lexicon_lib.Slot(
      'home',
      values=values,
      names=('home', 'habitat', 'house', 'dwelling'),
      prepositions=_IN,
      others=tuple(h for h in _OTHER_HOMES if h not in values),
  )


def _size(level: str) -> lexicon_lib.Slot:
  if level == 'easy':
    small = ('little', 'tiny', 'mini', 'wee')
    large = ('big', 'huge', 'giant', 'gigantic', 'enormous')
    ends = {'small': small}, {'large': large}
  else:
    ends = (
        {'tiny': ('mini', 'wee', 'minute'), 'small': ('little',)},
        {'large': ('big',), 'huge': ('giant', 'gigantic', 'enormous')},
    )
  middle = 'medium sized,mid sized,midsized,middle sized,average sized,mid size'
  return lexicon_lib.Slot(
      'size',
      values=ends[0] | {'medium': words.phrases(middle)} | ends[1],
      part='adjective',
      names=('size', 'sized', 'sizes'),
      prepositions=('of',),
  )


def _food() -> lexicon_lib.Slot:
  return lexicon_lib.Slot(
      'food',
      values={
          'grass': ('grasses',),
          'fish': ('fishes',),
          'fruit': ('fruits',),
          'seeds': ('seed',),
          'insects': ('insect', 'bugs'),
          'meat': ('flesh',),
      },
      names=('food', 'diet', 'meal'),
      prepositions=('on', 'of'),
      others=_words('bread rice nuts milk leaves honey cheese plants mice'),
  )


def _kind(values: list[str], others: str) -> lexicon_lib.Slot:
  return lexicon_lib.Slot(
      'kind',
      values={value: () for value in values},
      part='actor',
      owns=True,
      names=('kind', 'species'),
      others=_words(others),
  )


@functools.cache
def lexicon(level: str) -> lexicon_lib.Lexicon:
  """Returns all that the scripted user of a level understands."""
  if level == 'full':
    return lexicon_lib.Lexicon(
        (kinds.slot(), *kinds.feature_slots(), *_belongings()),
        (*words.phrases(_FILLERS), *words.phrases(kinds.FILLERS)),
    )
  kind = _kind(kinds.PLAIN, kinds.OTHER_PLAIN)
  slots = kind, _size(level), _color(3 if level == 'easy' else 6)
  if level == 'easy':
    return lexicon_lib.Lexicon((*slots, _home(3)), words.phrases(_FILLERS))
  fillers = words.phrases(_FILLERS + ', eat, eats, eating, feed, feeds')
  return lexicon_lib.Lexicon((*slots, _home(6), _food()), fillers)


def _belongings() -> tuple[lexicon_lib.Slot, ...]:
  """Returns the slots of `full` that do not follow from the kind."""
  age = lexicon_lib.Slot(
      'age',
      values={
          'new': ('young', 'recent', 'modern', 'brand new'),
          'old': ('aged', 'elderly', 'worn'),
          'ancient': ('prehistoric', 'very old', 'really old'),
      },
      part='adjective',
      names=('age',),
      prepositions=('of',),
  )
  owner = lexicon_lib.Slot(
      'owner',
      values={
          'sailor': ('seaman',),
          'baker': (),
          'teacher': ('schoolteacher',),
          'farmer': (),
          'doctor': ('physician',),
          'king': ('monarch',),
      },
      part='actor',
      owns=True,
      names=('owner',),
      prepositions=('of', 'by', 'to'),
      others=_words('queen soldier nurse child lawyer artist priest student'),
  )
  place = lexicon_lib.Slot(
      'place',
      values={
          'harbor': ('harbour', 'port'),
          'castle': ('fortress',),
          'market': ('marketplace', 'bazaar'),
          'school': ('classroom',),
          'garden': ('yard',),
          'attic': ('loft',),
      },
      names=('place', 'location'),
      prepositions=_IN + ('on',),
      others=_words('kitchen cellar church museum barn hospital park office'),
  )
  return age, _color(6), owner, place


def level_of(prompt: str) -> str:
  """Returns the level whose goal a prompt states.

  Raises:
    ValueError: it is the prompt of no level.
  """
  # The longest first: the goal of `easy` could begin another's.
  for level in sorted(LEVELS, key=lambda name: -len(GOALS[name])):
    if GOALS[level] in prompt:
      return level
  raise ValueError(f'No built-in Telepathy level has the prompt {prompt!r}')
