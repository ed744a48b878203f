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
        'Guess the thing I am thinking of: what it is, its age, its color,'
        ' who owns it and where it is kept.'
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
_SMALL = 'smallish, on the small side, smaller than average, undersized'
_MEDIUM = """
medium sized, mid sized, midsized, middle sized, average sized, mid size,
average, of average size
"""
_LARGE = 'largish, on the large side, bigger than average, larger than average'
_OTHER_COLORS = (
    'yellow orange black white brown gray grey purple violet pink gold golden'
    ' silver turquoise maroon'
).split()
_HOMES = {
    'forest': ('forests', 'wood', 'woods', 'woodland', 'wooded area'),
    'river': ('rivers', 'stream', 'creek', 'by the river', 'by a river'),
    'city': ('cities', 'town', 'urban', 'downtown'),
    'desert': ('deserts',),
    'mountain': ('mountains', 'mountain side', 'mountainside'),
    'island': ('islands', 'isle'),
}
_OTHER_HOMES = (
    'desert sea ocean lake mountain mountains island farm jungle cave swamp'
    ' meadow village garden'
).split()
_FILLERS = """
live, lives, living, lived, dwell, dwells, reside, resides, stay, stays, hang
out, hangs out, spend its time, make its home, makes its home, found, find,
look, looks, looking, be, come, comes, belong, belongs, describe, described,
which, who, where, hidden, shade, kind of animal, sort of animal, have, has,
like to, likes to, favorite, favourite
"""
_MISLEADING = words.phrases(
    'look at, looks at, looking at, call at, come to, comes to, look for'
)
_HEADS = words.phrases(
    'animal, creature, critter, beast, one, thing, guy, fellow'
)


def _words(text: str) -> tuple[str, ...]:
  return tuple(text.split())


def _color(count: int) -> lexicon_lib.Slot:
  values = dict(list(_COLORS.items())[:count])
  return lexicon_lib.Slot(
      'color',
      values=values,
      part='adjective',
      names=_words(
          'color colour colors colours colored coloured hue fur coat feathers'
          ' skin shell'
      ),
      prepositions=('of', 'in'),
      others=tuple(c for c in _OTHER_COLORS if c not in values),
  )


def _home(count: int) -> lexicon_lib.Slot:
  values = dict(list(_HOMES.items())[:count])
  return lexicon_lib.Slot(
      'home',
      values=values,
      names=('home', 'habitat', 'house', 'dwelling'),
      roles=('home', 'habitat', 'house', 'dwelling'),
      prepositions=(*_IN, 'of', 'on'),
      others=tuple(h for h in _OTHER_HOMES if h not in values),
  )


def _size(level: str) -> lexicon_lib.Slot:
  if level == 'easy':
    small = words.phrases('little, tiny, mini, wee, ' + _SMALL)
    large = words.phrases('big, huge, giant, gigantic, enormous, ' + _LARGE)
    ends = {'small': small}, {'large': large}
  else:
    ends = (
        {
            'tiny': ('mini', 'wee', 'minute'),
            'small': words.phrases('little, ' + _SMALL),
        },
        {
            'large': words.phrases('big, ' + _LARGE),
            'huge': ('giant', 'gigantic', 'enormous'),
        },
    )
  return lexicon_lib.Slot(
      'size',
      values=ends[0] | {'medium': words.phrases(_MEDIUM)} | ends[1],
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
      names=('food', 'diet', 'meal', 'menu', 'what it eats'),
      roles=('food', 'diet', 'meal', 'menu', 'what it eats'),
      prepositions=('on', 'of'),
      others=_words('bread rice nuts milk leaves honey cheese plants mice'),
  )


def _kind(values: list[str], others: str) -> lexicon_lib.Slot:
  return lexicon_lib.Slot(
      'kind',
      values={value: () for value in values},
      part='kind',
      owns=True,
      names=('kind', 'species'),
      prepositions=('of',),
      others=_words(others),
  )


@functools.cache
def lexicon(level: str) -> lexicon_lib.Lexicon:
  """Returns all that the scripted user of a level understands."""
  if level == 'full':
    return lexicon_lib.Lexicon(
        (kinds.slot(), *kinds.feature_slots(), *_belongings()),
        (*words.phrases(_FILLERS), *words.phrases(kinds.FILLERS)),
        misleading=_MISLEADING,
        heads=words.phrases('one, thing, item, object'),
    )
  kind = _kind(kinds.PLAIN, kinds.OTHER_PLAIN)
  slots = kind, _size(level), _color(3 if level == 'easy' else 6)
  if level == 'easy':
    return lexicon_lib.Lexicon(
        (*slots, _home(3)),
        words.phrases(_FILLERS),
        misleading=_MISLEADING,
        heads=_HEADS,
    )
  fillers = words.phrases(
      _FILLERS + ', eat, eats, eating, feed, feeds, prefer, prefers'
  )
  return lexicon_lib.Lexicon(
      (*slots, _home(6), _food()),
      fillers,
      misleading=_MISLEADING,
      heads=_HEADS,
  )


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
      roles=('owner', 'own', 'owns', 'owned by', 'possesses'),
      prepositions=('of', 'to'),
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
      roles=('place', 'location'),
      prepositions=(*_IN, 'on'),
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
