"""Built-in Turtle tasks: an odd scene with a hidden story behind it.

A task's `data` has the keys of the benchmark's stories and one of our own:

  new_title, new_surface  what the policy reads
  new_bottom              the hidden story, in words; never shown
  evaluation              criteria: {statement, score (its weight), slots}
  facts                   slot -> value: the truth, for scripted users

`slots` of a criterion are those of `facts` that a story must tell to meet it.
A story without `facts` is playable with a user and judge that need none.
"""

from bao_jax import types
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import turtle_words

LEVELS = ('easy', 'medium', 'full')


def generate(level: str, split: str, seed: int = 0) -> list[types.Task]:
  """Generates the tasks of one split.

  Args:
    level: 'easy', 'medium' or 'full'.
    split: 'train', 'validation' or 'test'.
    seed: of the draw.

  Returns:
    Tasks, the same ones for the same arguments; no combination of values is
    in two splits, and every value is in the training split.

  Raises:
    ValueError: there is no such level or split.
  """
  if level not in LEVELS:
    raise ValueError(f'Unknown level {level!r}; use one of {list(LEVELS)}')
  slots = turtle_words.lexicon(level).slots
  values = {'scene': turtle_words.SCENES}
  values |= {slot.name: list(slot.values) for slot in slots}
  return [
      types.Task(
          id=f'turtle/{level}/{split}/{i}',
          gym='turtle',
          level=level,
          data=_story(facts, level),
      )
      for i, facts in enumerate(combinations.split(values, split, seed=seed))
  ]


def _story(facts: combinations.Combination, level: str):
  weights = {'who': 0.4, 'why': 0.3, 'how': 0.3}
  return {
      'new_title': f'the {facts["scene"]}',
      'new_surface': (
          f'The {facts["scene"]} is gone. Find {turtle_words.goal(level)}.'
      ),
      'new_bottom': (
          f'The {facts["who"]} took the {facts["scene"]} out of {facts["why"]},'
          f' with a {facts["how"]}.'
      ),
      'evaluation': [
          {'statement': facts[slot], 'score': weight, 'slots': [slot]}
          for slot, weight in weights.items()
      ],
      'facts': {slot: facts[slot] for slot in weights},
  }
