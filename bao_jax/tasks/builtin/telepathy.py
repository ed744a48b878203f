"""Built-in Telepathy tasks: a thing with hidden attributes to find out.

A task's `data` has the keys of the benchmark's entities and two of our own:

  title, target_entity  what is hidden, in words; never shown
  description, goal     what the policy reads
  category              the sort of thing it is
  facts                 slot -> value: the truth, for scripted users
  required              the slots that a guess must name

An entity without `facts` is playable with a user and judge that need none.
"""

from bao_jax import types
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import telepathy_words

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
  slots = telepathy_words.lexicon(level).slots
  values = {slot.name: list(slot.values) for slot in slots}
  return [
      types.Task(
          id=f'telepathy/{level}/{split}/{i}',
          gym='telepathy',
          level=level,
          data=_entity(facts, level),
      )
      for i, facts in enumerate(combinations.split(values, split, seed=seed))
  ]


def _entity(facts: combinations.Combination, level: str):
  title = ' '.join([*list(facts.values())[1:], facts['kind']])
  return {
      'title': title,
      'description': _with_article(facts['kind']),
      'goal': f'find its {telepathy_words.goal(level)}',
      'target_entity': title,
      'category': facts['kind'],
      'facts': dict(facts),
      'required': [slot for slot in facts if slot != 'kind'],
  }


def _with_article(noun: str) -> str:
  return f'an {noun}' if noun[0] in 'aeiou' else f'a {noun}'
