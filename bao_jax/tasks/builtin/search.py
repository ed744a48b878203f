"""Built-in Search tasks: questions about a world of linked articles.

A task's `data` has the keys of the benchmark's questions and one of our own:

  question  what the policy reads
  answer    a short text; never shown before the end
  facts     {'hops': [[title, relation, value], ...]}: how it follows

Each hop but the last leads to the title of the next. Questions take two hops;
at level `easy` one or two.
"""

import collections
from collections.abc import Iterator, Mapping, Sequence
import functools
import random

from bao_jax import types
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import search_words
from bao_jax.tasks.builtin import search_world

LEVELS = search_words.LEVELS
NUM_POOL = 680  # Questions of all splits together; at most as many as exist.

Hop = tuple[str, str, str]  # Title, relation, value.
Chain = tuple[Hop, ...]


def generate(level: str, split: str, seed: int = 0) -> list[types.Task]:
  """Generates the tasks of one split.

  Args:
    level: 'easy', 'medium' or 'full'.
    split: 'train', 'validation' or 'test'.
    seed: of the draw.

  Returns:
    Tasks, the same ones for the same arguments. The fact that answers a
    question is asked for in one split alone. Every title that a question goes
    through, and every way it takes, is in the training split.

  Raises:
    ValueError: there is no such level or split.
  """
  if level not in LEVELS:
    raise ValueError(f'Unknown level {level!r}; use one of {list(LEVELS)}')
  if split not in combinations.SPLITS:
    raise ValueError(
        f'Unknown split {split!r}; use one of {list(combinations.SPLITS)}'
    )
  return [
      types.Task(
          id=f'search/{level}/{split}/{i}',
          gym='search',
          level=level,
          data={
              'question': ask(chain, level),
              'answer': chain[-1][2],
              'facts': {'hops': [list(hop) for hop in chain]},
          },
      )
      for i, chain in enumerate(_splits(level, seed)[split])
  ]


def ask(chain: Chain, level: str) -> str:
  """Returns the question that a chain of facts answers."""
  world = search_world.articles(level)
  kinds = search_words.kinds(level)
  text = chain[0][0]
  for i, (title, name, _) in enumerate(chain):
    relations = kinds[world[title].kind].relations
    relation = next(r for r in relations if r.name == name)
    is_last = i + 1 == len(chain)
    text = (relation.question if is_last else relation.noun).format(text)
  return text


@functools.cache
def _splits(level: str, seed: int) -> Mapping[str, Sequence[Chain]]:
  """Holds questions out, those with one answering fact together."""
  rng = random.Random(f'{seed} search {level}')
  every = list(_chains(level))
  pool = rng.sample(every, min(len(every), NUM_POOL))
  groups = collections.defaultdict(list)
  for chain in pool:
    groups[chain[-1]].append(chain)
  left = collections.Counter(part for chain in pool for part in _parts(chain))
  room = {'test': combinations.HELD_OUT, 'validation': combinations.HELD_OUT}
  where = {}
  for fact in rng.sample(list(groups), len(groups)):
    need = collections.Counter(
        part for chain in groups[fact] for part in _parts(chain)
    )
    fitting = [name for name in room if room[name] >= len(groups[fact])]
    if fitting and all(left[part] > need[part] for part in need):
      where[fact] = fitting[0]
      room[fitting[0]] -= len(groups[fact])
      left.subtract(need)
  splits = {name: [] for name in combinations.SPLITS}
  for chain in pool:
    splits[where.get(chain[-1], 'train')].append(chain)
  return splits


def _parts(chain: Chain) -> Iterator[str]:
  """Yields what must occur in train: each title and the way from it."""
  for title, _, _ in chain:
    yield f'title {title}'
  yield f'way {[name for _, name, _ in chain]}'


def _chains(level: str) -> Iterator[Chain]:
  """Yields every question there is; none leads back to where it began."""
  world = search_world.articles(level)
  for article in world.values():
    for name, value in article.facts.items():
      first = (article.title, name, value)
      if level == 'easy':
        yield (first,)
      following = world[value].facts if value in world else {}
      for other, last in following.items():
        if last != article.title:
          yield first, (value, other, last)
