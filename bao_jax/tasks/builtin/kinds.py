"""The kinds of things in Telepathy, and what is true of every one of a kind."""

from collections.abc import Mapping

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import words

# At `easy` and `medium` all kinds are animals, and the prompt tells which.
PLAIN = """
fox dog cat owl cow pig hen bee ant rat bat bear wolf frog duck goat deer crab
seal swan toad mole hare lamb
""".split()
OTHER_PLAIN = """
lion tiger horse mouse rabbit snake whale eagle person man woman
human monkey spider
"""

CATEGORIES = {
    'animal': 'fox owl horse goat swan frog cat crab'.split(),
    'tool': 'hammer ladder saw shovel needle bucket axe broom'.split(),
    'vehicle': 'boat cart sled bicycle raft wagon canoe truck'.split(),
    'food': 'apple cheese honey pie soup onion egg bread'.split(),
    'instrument': 'drum flute harp bell violin horn piano whistle'.split(),
    'furniture': 'chair table bed mirror shelf chest bench lamp'.split(),
}
_FORMS = {
    'bicycle': ('bike',),
    'shovel': ('spade',),
    'bench': ('pew',),
    'cat': ('tomcat',),
    'horse': ('mare', 'stallion'),
    'bread': ('loaf', 'loaf of bread'),
    'axe': ('ax', 'hatchet'),
    'violin': ('fiddle',),
    'chest': ('trunk',),
    'truck': ('lorry',),
}
_OTHERS = """
dog cow fish car train plane guitar sofa desk knife spoon hat coat
book ball clock ring coin cup bottle banana cake potato rat mouse wolf bear
"""

FILLERS = """
kept, keep, keeps, stored, have, has, possession, type of, type, sort of, sort,
kind of, kind, piece of, types of, used, use, made, make, makes, own, owns,
owned by, possesses, property of, the property of
"""

# Of every feature: its two or more values, their forms, and the kinds of each.
_FEATURES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    'life': {
        'alive': (
            'living, living thing, living being, breathes, breathing',
            'animal',
        ),
        'lifeless': (
            'inanimate, man made, manmade, dead, an object',
            'tool vehicle food instrument furniture',
        ),
    },
    'eating': {
        'edible': (
            'eat it, be eaten, eaten, eatable, something to eat, good to'
            ' eat',
            'food',
        ),
        'inedible': ('', 'tool vehicle instrument furniture'),
    },
    'wheel': {
        'wheeled': (
            'wheels, wheel, on wheels, with wheels',
            'cart bicycle wagon truck',
        ),
        'wheelless': (
            '',
            'animal tool food instrument furniture boat sled raft canoe',
        ),
    },
    'wing': {
        'winged': (
            'wings, wing, with wings, fly, flies, can fly, able to fly',
            'owl swan',
        ),
        'wingless': (
            '',
            'fox horse goat frog cat crab tool vehicle food instrument'
            ' furniture',
        ),
    },
    'music': {
        'musical': (
            'music, play music, make music, makes music, play a tune, plays'
            ' music',
            'instrument',
        ),
        'unmusical': ('', 'animal tool vehicle food furniture'),
    },
    'water': {
        'afloat': (
            'float, floats, floating, on water, on the water, swim, swims'
            ', travel on water, go on water',
            'boat raft canoe swan frog',
        ),
        'ashore': (
            '',
            'cart sled bicycle wagon truck hammer saw shovel needle axe',
        ),
    },
    'legs': {
        'no legs': ('legless', 'vehicle food hammer saw shovel needle axe'),
        'two legs': ('two legged, 2 legs', 'owl swan'),
        'four legs': (
            'four legged, 4 legs, on four legs',
            'fox horse goat frog cat chair table bed',
        ),
        'ten legs': ('ten legged', 'crab'),
    },
    'hand': {
        'handheld': (
            'hold in one hand, hold it in one hand, fit in a hand, fits in a'
            ' hand, hold it in my hand, hold it in your hand, be held in one'
            ' hand, hand held, fit in my hand, fit in your hand, fit in one'
            ' hand',
            'hammer needle apple onion egg flute whistle',
        ),
        'bulky': (
            '',
            'vehicle horse goat ladder harp piano chair table bed bench shelf',
        ),
    },
}


def category_of(kind: str) -> str:
  """Returns the category that a kind belongs to."""
  return next(name for name, ks in CATEGORIES.items() if kind in ks)


def features(kind: str) -> Mapping[str, str]:
  """Returns what follows from a kind; a feature that is arguable is absent."""
  names = (kind, category_of(kind))
  found = {'category': category_of(kind)}
  for feature, values in _FEATURES.items():
    for value, (_, holders) in values.items():
      if set(names) & set(holders.split()):
        found[feature] = value
  return found


def slot() -> lexicon_lib.Slot:
  """Returns the slot of kinds at level `full`."""
  names = [kind for ks in CATEGORIES.values() for kind in ks]
  return lexicon_lib.Slot(
      'kind',
      values={name: _FORMS.get(name, ()) for name in names},
      part='kind',
      others=tuple(_OTHERS.split()),
  )


def feature_slots() -> tuple[lexicon_lib.Slot, ...]:
  """Returns the slots that follow from the kind."""
  category = lexicon_lib.Slot(
      'category',
      values={
          'animal': ('creature', 'beast', 'critter'),
          'tool': ('tools',),
          'vehicle': ('means of transport', 'kind of transport'),
          'food': ('foodstuff', 'a food'),
          'instrument': ('musical instrument',),
          'furniture': ('piece of furniture',),
      },
      part='kind',
      others=('person', 'place', 'plant', 'building', 'toy', 'weapon'),
  )
  slots = [category]
  for feature, values in _FEATURES.items():
    forms = {
        value: tuple(filter(None, words.phrases(text)))
        for value, (text, _) in values.items()
    }
    slots.append(lexicon_lib.Slot(feature, values=forms, part='kind'))
  return tuple(slots)
