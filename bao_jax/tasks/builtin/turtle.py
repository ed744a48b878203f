"""Built-in Turtle tasks: an odd scene with a hidden story behind it.

A task's `data` has the keys of the benchmark's stories and one of our own:

  new_title, new_surface  what the policy reads
  new_bottom              the hidden story, in words; never shown
  evaluation              criteria: {statement, score (its weight), slots}
  facts                   slot -> value: the truth, for scripted users

`slots` of a criterion are those of `facts` that a story must tell to meet it.
A story without `facts` is playable with a user and judge that need none.
"""

from collections.abc import Mapping
from typing import Any

from bao_jax import types
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import stories
from bao_jax.tasks.builtin import turtle_words

LEVELS = turtle_words.LEVELS

_WEIGHTS = {
    'easy': {'who': 0.4, 'why': 0.3, 'how': 0.3},
    'medium': {'who': 0.3, 'why': 0.3, 'how': 0.2, 'when': 0.2},
}


def generate(level: str, split: str, seed: int = 0) -> list[types.Task]:
  """Generates the tasks of one split.

  Args:
    level: 'easy', 'medium' or 'full'.
    split: 'train', 'validation' or 'test'.
    seed: of the draw.

  Returns:
    Tasks, the same ones for the same arguments. No combination of values is in
    two splits of a seed, and every value is in its training split.

  Raises:
    ValueError: there is no such level or split.
  """
  if level not in LEVELS:
    raise ValueError(f'Unknown level {level!r}; use one of {list(LEVELS)}')
  lexicon = turtle_words.lexicon(level)
  scenes = list(stories.FRAMES) if level == 'full' else turtle_words.SCENES
  values = {'scene': scenes} | {
      name: list(lexicon.slot(name).values)
      for name in turtle_words.HIDDEN[level]
  }
  return [
      types.Task(
          id=f'turtle/{level}/{split}/{i}',
          gym='turtle',
          level=level,
          data=story(facts, level),
      )
      for i, facts in enumerate(combinations.split(values, split, seed=seed))
  ]


def story(facts: Mapping[str, str], level: str) -> Mapping[str, Any]:
  """Returns the data of the task in which `facts` are true.

  Args:
    facts: a value for 'scene' and for each hidden slot of the level.
    level: 'easy', 'medium' or 'full'.
  """
  if level == 'full':
    return stories.tell(facts)
  weights = _WEIGHTS[level]
  when = f' at {facts["when"]}' if 'when' in facts else ''
  return {
      'new_title': f'the {facts["scene"]}',
      'new_surface': f'The {facts["scene"]} is gone.',
      'new_bottom': (
          f'The {facts["who"]} took the {facts["scene"]} out of {facts["why"]},'
          f' with a {facts["how"]}{when}.'
      ),
      # The statements are words, so that what an answer covers is told tersely.
      'evaluation': [
          {'statement': facts[slot], 'score': weight, 'slots': [slot]}
          for slot, weight in weights.items()
      ],
      'facts': {slot: facts[slot] for slot in weights},
  }
