"""The words of the built-in Turtle tasks, one lexicon per level."""

import functools

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import words

LEVELS = ('easy', 'medium', 'full')

# What the prompt asks for: the parts of a story, in this order.
HIDDEN = {
    'easy': ('who', 'why', 'how'),
    'medium': ('who', 'why', 'how', 'when'),
    'full': ('who', 'why', 'how', 'where', 'what'),
}
GOALS = {
    'easy': 'Find who, why and how.',
    'medium': 'Find who, why, how and when.',
    'full': (
        'Find out who was behind it, why, by what means, where it was prepared'
        ' and what it really was.'
    ),
}

# What has gone missing, at `easy` and `medium`.
SCENES = """
ring lamp book clock coin crown vase bell mask flute map drum doll coat cake
sword letter horn chair watch mirror bottle kite stamp
""".split()

_FILLERS = """
do, done, act, acted, acting, gone, missing, happen, happened, happens, story,
person responsible, person who, deed, crime, theft, in the theft, in this, in
it, involved, act of, an act of, motivated by, driven by, get to it, got to it,
by using, on purpose
"""
_VERBS = """
take, takes, took, taken, taking, steal, steals, stole, stolen, stealing, use,
used, using, need, needed, want, wanted, feel, felt, drive, drove, climb,
climbed, open, opened, enter, entered
"""
# Known words that say something else together.
_MISLEADING = """
has no, have no, had no, start to, started to, begin to, began to, come to, came
to, come in, came in
"""
_HEADS = 'thief, culprit, one'

_STORY_FILLERS = """
start, started, begin, began, come, came, everything, all this, all of this,
whole thing, truth, really was, turned out, turns out, turned out to be, turns
out to be, meant as, meant to be, intended as, secretly, secret, kind of, sort
of, town, village, morning, night, day, people, everyone, nobody knew, in truth,
in reality, in the end, at first, one night, that night, motivated, driven,
motivation, location, purpose
"""
_STORY_VERBS = """
make, made, makes, stop, stopped, silence, silenced, plan, planned, prepare,
prepared, arrange, arranged, stage, staged, set up
"""
# Who suffered this did not do it.
_SUFFERED = 'taken, stolen, gone, done, missing, hidden'


_MONEY = """
cash, greed, greedy, get rich, want money, wanted money, want the money, wanted
the money, need money, needed money, need cash, needed cash, want cash
"""


def _who(level: str) -> lexicon_lib.Slot:
  easy = {
      'cook': ('chef',),
      'guard': ('watchman', 'guardsman', 'sentry'),
      'nurse': (),
  }
  more = {'maid': ('housemaid',), 'butler': (), 'gardener': ()}
  full = {
      'baker': (),
      'teacher': ('schoolteacher',),
      'sailor': ('seaman',),
      'doctor': ('physician',),
      'widow': (),
      'mayor': (),
      'priest': ('pastor', 'vicar'),
      'barber': ('hairdresser',),
  }
  values = {'easy': easy, 'medium': easy | more, 'full': full}[level]
  others = (*easy, *more, *full, 'son', 'daughter', 'king', 'queen', 'soldier')
  others += ('policeman', 'child', 'boy', 'girl', 'judge', 'husband', 'wife')
  return lexicon_lib.Slot(
      'who',
      values=values,
      part='actor',
      names=words.phrases(
          'who, culprit, guilty, behind it, behind this, behind that, behind'
          ' the theft, responsible, responsible for it, responsible for this'
      ),
      prepositions=('by',),
      others=tuple(other for other in others if other not in values),
      barred=words.phrases(_SUFFERED),
  )


def _why(level: str) -> lexicon_lib.Slot:
  love = {'love': ('in love', 'romance', 'affection')}
  money = {'money': words.phrases(_MONEY)}
  fear = {'fear': ('afraid', 'scared', 'fright', 'frightened', 'feared')}
  revenge = {
      'revenge': (
          'vengeance',
          'take revenge',
          'get even',
          'payback',
          'want revenge',
          'wanted revenge',
      )
  }
  envy = {'envy': ('jealousy', 'jealous', 'envious')}
  hunger = {'hunger': ('hungry', 'starving', 'starved')}
  guilt = {'guilt': ('remorse', 'guilty', 'guilty conscience')}
  debt = {'debt': ('debts', 'have debts', 'had debts', 'owed money', 'in debt')}
  pride = {'pride': ('vanity', 'proud')}
  values = {
      'easy': love | money | fear,
      'medium': love | money | fear | revenge | envy | hunger,
      'full': love | guilt | revenge | debt | fear | pride,
  }[level]
  others = 'love money fear revenge envy jealousy hunger guilt debt pride anger'
  others += ' hate hatred boredom shame greed pity grief fun'
  forms = set(values).union(*values.values())
  return lexicon_lib.Slot(
      'why',
      values=values,
      verbs=('feel', 'felt'),
      is_verb=True,
      names=('why', 'motive', 'reason', 'motives'),
      prepositions=words.phrases(
          'for, out of, because of, due to, from, for the sake of, by, about,'
          ' on account of, because, after, over'
      ),
      others=tuple(other for other in others.split() if other not in forms),
      barred=words.phrases(_SUFFERED),
  )


def _how(level: str) -> lexicon_lib.Slot:
  easy = {'rope': ('cord', 'ropes'), 'key': ('keys',), 'ladder': ('ladders',)}
  more = {'knife': ('blade',), 'cart': ('wagon',), 'net': ()}
  full = {
      'disguise': ('costume', 'dressed up', 'in disguise', 'disguised'),
      'letter': ('note', 'forged letter', 'fake letter'),
      'potion': ('sleeping potion', 'sleeping draught'),
      'tunnel': ('underground passage', 'secret passage'),
      'rope': ('cord', 'ropes'),
      'key': ('spare key', 'keys'),
  }
  values = {'easy': easy, 'medium': easy | more, 'full': full}[level]
  others = (
      'rope key ladder knife cart net hammer poison gun saw trick magnet'
      ' crowbar pistol sword fire mask'
  ).split()
  return lexicon_lib.Slot(
      'how',
      values=values,
      verbs=('use', 'used', 'using', 'climb', 'climbed'),
      names=('how', 'tool', 'means', 'method'),
      prepositions=words.phrases(
          'with, by, by means of, with the help of, through, in, via'
          if level == 'full'
          else 'with, by, by means of, with the help of, via'
      ),
      others=tuple(other for other in others if other not in values),
      barred=words.phrases('taken, stolen, gone, done, missing, hidden, moved'),
  )


def _when() -> lexicon_lib.Slot:
  return lexicon_lib.Slot(
      'when',
      values={
          'dawn': ('sunrise', 'daybreak'),
          'noon': ('midday',),
          'dusk': ('sunset', 'nightfall'),
          'midnight': (),
          'dinner': ('dinnertime', 'supper'),
      },
      names=('when', 'time'),
      prepositions=('at', 'in', 'by'),
      others=('breakfast', 'lunch', 'morning', 'evening', 'afternoon'),
  )


def _where() -> lexicon_lib.Slot:
  return lexicon_lib.Slot(
      'where',
      values={
          'harbor': ('harbour', 'port', 'docks'),
          'cellar': ('basement',),
          'church': ('chapel',),
          'forest': ('woods', 'wood'),
          'train': ('railway',),
      },
      names=('where', 'place'),
      prepositions=words.phrases('in, at, from, inside, on, within, inside of'),
      others=tuple('attic school market castle kitchen garden inn'.split()),
  )


def _what() -> lexicon_lib.Slot:
  return lexicon_lib.Slot(
      'what',
      values={
          'rescue': ('rescuing', 'rescue mission'),
          'prank': ('practical joke', 'trick'),
          'test': ('trial', 'exam'),
          'farewell': ('goodbye', 'leave taking'),
      },
      verbs=words.phrases(
          'plan, planned, prepare, prepared, arrange, arranged'
      ),
      names=('what',),
      prepositions=('as', 'for'),
      others=tuple('murder accident robbery suicide ritual wedding'.split()),
  )


@functools.cache
def lexicon(level: str) -> lexicon_lib.Lexicon:
  """Returns all that the scripted user of a level understands."""
  slots = _who(level), _why(level), _how(level)
  slots += {'easy': (), 'medium': (_when(),), 'full': (_where(), _what())}[
      level
  ]
  fillers, verbs = words.phrases(_FILLERS), words.phrases(_VERBS)
  if level == 'full':
    fillers += words.phrases(_STORY_FILLERS)
    verbs += words.phrases(_STORY_VERBS)
  return lexicon_lib.Lexicon(
      slots,
      fillers,
      verbs=verbs,
      misleading=words.phrases(_MISLEADING),
      heads=words.phrases(_HEADS),
      things=() if level == 'full' else tuple(SCENES),
  )


def level_of(prompt: str) -> str:
  """Returns the level whose goal a prompt states.

  Raises:
    ValueError: it is the prompt of no level.
  """
  for level in LEVELS:
    if GOALS[level] in prompt:
      return level
  raise ValueError(f'No built-in Turtle level has the prompt {prompt!r}')
