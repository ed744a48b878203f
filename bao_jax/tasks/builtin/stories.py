"""The stories of Turtle at level `full`: what was seen, and what was behind it.

Who, why, how, where and what can be any combination in any frame, so knowing a
frame says nothing about what is behind it.
"""

from collections.abc import Mapping
import dataclasses
import random
from typing import Any

_END = (
    ' It began {where}, and it really was a {what}: the {who} did it out of'
    ' {why}, with a {how}.'
)


@dataclasses.dataclass(frozen=True)
class Frame:
  """What everybody saw, and how the explanation begins.

  Attributes:
    title: of the story.
    surface: the odd scene, which the policy reads.
    bottom: the start of the hidden story.
  """

  title: str
  surface: str
  bottom: str


FRAMES = {
    'bell': Frame(
        'The Silent Bell',
        'For forty years the bell had rung at six. One Sunday it swung in plain'
        ' sight of everybody and made no sound. By noon a stranger had paid for'
        ' all the bread in town, and half the street was in tears.',
        'Somebody had wrapped the clapper in wool before sunrise.',
    ),
    'table': Frame(
        'Dinner for Nobody',
        'Every Friday an old inn lays a table for nine, pours the wine and'
        ' locks the doors. Nobody comes, the food is thrown away, and the bill'
        ' is always paid. This Friday one plate was empty in the morning.',
        'The table was kept for travellers lost years ago.',
    ),
    'photograph': Frame(
        'The Tenth Face',
        'Nine friends had their picture taken. When it was developed, ten'
        ' people stood on the steps. They all recognised the tenth one, and not'
        ' one of them ever spoke of it again.',
        'Somebody had slipped into the back row while all looked at the'
        ' camera.',
    ),
    'snow': Frame(
        'One Way Through the Snow',
        'Fresh snow lay around the cabin. A single line of footprints led to'
        ' its door and none led away. Inside, the fire was burning, the table'
        ' was set, and there was no one.',
        'The prints were made backwards by somebody on the way out.',
    ),
    'clock': Frame(
        'The Clock That Went Backwards',
        'The clock of the station ran backwards for a whole day. Nobody missed'
        ' a connection, a marriage was called off, and the station master kept'
        ' his post with a smile.',
        'The hands had been fixed the night before.',
    ),
    'window': Frame(
        'The Lit Window',
        'The house had stood empty since the flood. Each evening a light went'
        ' on in the same upper window, and each evening the woman across the'
        ' street slept well. When the light stayed out she packed and left.',
        'The light was a sign that only one person could read.',
    ),
    'piano': Frame(
        'A Song in the Wall',
        'The new tenants heard a piano at night, always the same eight bars.'
        ' They opened the wall and found no piano. The next day a basket of'
        ' apples stood before the door, and the music was over.',
        'The sound came through the pipes from somewhere else.',
    ),
    'boat': Frame(
        'The Boat That Came Home',
        'A boat drifted back with its nets dry, its lamp lit and a warm meal on'
        ' the stove. Its crew was sitting in the tavern and swore that they had'
        ' never gone out.',
        'Another crew had borrowed the boat for a few hours.',
    ),
    'statue': Frame(
        'The Statue Moved',
        'At night the statue on the square looked to the east, at sunrise it'
        ' looked to the west. The council doubled the guard, the statue turned'
        ' again, and then the council gave its whole guard the day off.',
        'The base of the statue could be turned from below.',
    ),
    'wedding': Frame(
        'The Guest of Honor',
        'At the wedding an empty chair was toasted three times. The bride'
        ' danced with it. When the lights came back after a short failure, the'
        ' chair was gone, and she laughed until she cried.',
        'The chair stood for somebody who was thought to be far away.',
    ),
    'library': Frame(
        'The Book Nobody Wrote',
        'A book appeared on the shelf of the library. It told, day by day, what'
        ' had happened in town this year, up to tomorrow. Everybody read the'
        ' last page, and on the next day everybody stayed at home.',
        'The pages were written in one week by somebody who listened well.',
    ),
    'well': Frame(
        'Coins in the Well',
        'The children threw coins into the well and wished. For a month every'
        ' wish came true. Then the well was dry, the coins lay counted in a'
        ' row, and the smallest child was given all of them.',
        'Somebody could hear every wish that was spoken over the well.',
    ),
}

_CLAUSES = {
    'who': 'the {who} was behind it',
    'why': 'the motive was {why}',
    'how': 'a {how} was used',
    'where': 'it was prepared {where}',
    'what': 'it really was a {what}',
}

# How often a layout is drawn, its criteria (slots joined by '+') and weights:
# from one criterion to five, mostly three or four, as in the benchmark.
_LAYOUTS = (
    (1, 'who+why+how+where+what', (1.0,)),
    (3, 'who+why what+how+where', (0.6, 0.4)),
    (3, 'who+what+why how+where', (0.7, 0.3)),
    (14, 'who why+what how+where', (0.4, 0.3, 0.3)),
    (14, 'who+why what how+where', (0.5, 0.3, 0.2)),
    (12, 'what+how who+where why', (0.4, 0.4, 0.2)),
    (15, 'who why how where+what', (0.4, 0.2, 0.2, 0.2)),
    (15, 'who what why how+where', (0.3, 0.3, 0.2, 0.2)),
    (15, 'who+where why how what', (0.25, 0.25, 0.25, 0.25)),
    (8, 'who why how what where', (0.3, 0.2, 0.2, 0.2, 0.1)),
)


def tell(facts: Mapping[str, str]) -> Mapping[str, Any]:
  """Returns the data of the task in which `facts` are true.

  Args:
    facts: a value for 'scene' and for each part of a story.

  Returns:
    See `turtle`; the criteria depend on `facts` alone.
  """
  frame = FRAMES[facts['scene']]
  preposition = 'on' if facts['where'] == 'train' else 'in'
  words = {**facts, 'where': f'{preposition} the {facts["where"]}'}
  return {
      'new_title': frame.title,
      'new_surface': frame.surface,
      'new_bottom': (frame.bottom + _END).format(**words),
      'evaluation': _criteria(words, random.Random(str(sorted(facts.items())))),
      'facts': {slot: facts[slot] for slot in _CLAUSES},
  }


def _criteria(
    words: Mapping[str, str], rng: random.Random
) -> list[Mapping[str, Any]]:
  counts = [count for count, _, _ in _LAYOUTS]
  ((_, groups, weights),) = rng.choices(_LAYOUTS, counts)
  criteria = []
  for group, weight in zip(groups.split(), weights, strict=True):
    slots = group.split('+')
    clauses = [_CLAUSES[slot].format(**words) for slot in slots]
    statement = f'The story tells that {" and that ".join(clauses)}.'
    criteria.append({'statement': statement, 'score': weight, 'slots': slots})
  return criteria
