"""Built-in Telepathy tasks: a thing with hidden attributes to find out.

A task's `data` has the keys of the benchmark's entities and two of our own:

  title, target_entity  what is hidden, in words; never shown
  description, goal     what the policy reads
  category              the sort of thing it is
  facts                 slot -> value: the truth, for scripted users
  required              the slots that a guess must name

An entity without `facts` is playable with a user and judge that need none.
"""

from collections.abc import Mapping
from typing import Any

from bao_jax import types
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import kinds
from bao_jax.tasks.builtin import telepathy_words

LEVELS = telepathy_words.LEVELS


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
  lexicon = telepathy_words.lexicon(level)
  slots = dict.fromkeys(['kind', *telepathy_words.HIDDEN[level]])
  values = {name: list(lexicon.slot(name).values) for name in slots}
  return [
      types.Task(
          id=f'telepathy/{level}/{split}/{i}',
          gym='telepathy',
          level=level,
          data=entity(facts, level),
      )
      for i, facts in enumerate(combinations.split(values, split, seed=seed))
  ]


def entity(facts: Mapping[str, str], level: str) -> Mapping[str, Any]:
  """Returns the data of the task in which `facts` are true.

  Args:
    facts: a value for 'kind' and for each hidden slot of the level.
    level: 'easy', 'medium' or 'full'.
  """
  shown = {
      'goal': telepathy_words.GOALS[level],
      'required': list(telepathy_words.HIDDEN[level]),
  }
  kind = facts['kind']
  if level != 'full':
    title = ' '.join([facts['size'], facts['color'], kind])
    target = f'{title}, home {facts["home"]}'
    target += f', food {facts["food"]}' if 'food' in facts else ''
    texts = {'description': _with_article(kind), 'category': kind}
    return (
        {'title': title, 'target_entity': target}
        | texts
        | shown
        | {'facts': dict(facts)}
    )
  category = kinds.category_of(kind)
  title = f'The {facts["owner"]}\'s {facts["age"]} {facts["color"]} {kind}'
  return {
      'title': title,
      'target_entity': f'{title} - {_with_article(category)} that is kept in'
      f' the {facts["place"]} and belongs to the {facts["owner"]}',
      'description': (
          f'I am thinking of {_with_article(category)} that somebody keeps'
          ' somewhere. Ask me questions that I can answer with yes or no!'
      ),
      'category': category,
      'facts': {**facts, **kinds.features(kind)},
      **shown,
  }


def _with_article(noun: str) -> str:
  if noun == 'furniture':
    return 'a piece of furniture'
  return f'an {noun}' if noun[0] in 'aeiou' else f'a {noun}'
