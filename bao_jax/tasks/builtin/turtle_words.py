"""The words of the built-in Turtle tasks, one lexicon per level."""

import functools

from bao_jax.users import lexicon as lexicon_lib

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
        'Reconstruct what happened: who was behind it, why, by what means,'
        ' where it was prepared and what it really was.'
    ),
}

# What has gone missing, at `easy` and `medium`.
SCENES = """
ring lamp book clock coin crown vase bell mask flute map drum doll coat cake
sword letter horn chair watch mirror bottle kite stamp
""".split()

_DEEDS = ('taken', 'stolen', 'used', 'gone', 'done', 'missing')
_FILLERS = """
do done take takes took taken taking steal steals stole stolen stealing act
acted acting culprit thief one use used using gone missing happen happened
happens story person behind it|behind this|behind that|responsible for it
responsible for this|responsible|deed|crime|theft|go|went|disappear|disappeared
vanish vanished guilty motive reason help|by using
"""


def _words(text: str) -> tuple[str, ...]:
  """Splits at bars where a line has them, else at spaces."""
  found = []
  for line in text.strip().split('\n'):
    if '|' not in line:
      found += line.split()
      continue
    head, *rest = line.split('|')
    found += [*head.split()[:-2], ' '.join(head.split()[-2:]), *rest]
  return tuple(found)
