"""The Search gym's worlds: articles about people, places and works we invented.

There is one world per level, the same for every split and seed: what is held
out are questions about it.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import itertools
import random

from bao_jax.tasks.builtin import search_words


@dataclasses.dataclass(frozen=True)
class Article:
  """What the world holds about one subject.

  Attributes:
    title: of the article, different from all others.
    kind: of the subject, such as 'person'.
    facts: relation -> the title or value that it leads to.
    sentences: the text.
  """

  title: str
  kind: str
  facts: Mapping[str, str]
  sentences: tuple[str, ...]


@functools.cache
def articles(level: str) -> Mapping[str, Article]:
  """Returns the articles of a level's world, by title.

  Args:
    level: 'easy', 'medium' or 'full'.

  Returns:
    96 articles at `easy`, 206 at `medium` and 450 at `full`.

  Raises:
    ValueError: there is no such level.
  """
  kinds = search_words.kinds(level)
  rng = random.Random(f'the world of search at {level}')
  titles = {name: _titles(kind, rng) for name, kind in kinds.items()}
  world = {}
  for name, kind in kinds.items():
    for title in titles[name]:
      facts = _facts(title, kind.relations, titles, rng)
      sentences = _sentences(title, kind, facts, rng)
      world[title] = Article(title, name, facts, sentences)
  return world


def _titles(kind: search_words.Kind, rng: random.Random) -> list[str]:
  every = [kind.joint.join(parts) for parts in itertools.product(*kind.names)]
  return rng.sample(every, kind.count)


def _facts(
    title: str,
    relations: Sequence[search_words.Relation],
    titles: Mapping[str, Sequence[str]],
    rng: random.Random,
) -> Mapping[str, str]:
  """Draws what is true of a subject; nobody is one's own rival."""
  facts = {}
  for relation in relations:
    known = {title, *facts.values()}
    options = relation.values or [
        target for target in titles[relation.target] if target not in known
    ]
    facts[relation.name] = rng.choice(options)
  return facts


def _sentences(
    title: str,
    kind: search_words.Kind,
    facts: Mapping[str, str],
    rng: random.Random,
) -> tuple[str, ...]:
  """Words what is true, in any order, after an empty sentence if there is."""
  texts = [
      rng.choice(relation.texts).format(s=title, v=facts[relation.name])
      for relation in kind.relations
  ]
  if not kind.intros:
    return tuple(texts)
  rng.shuffle(texts)
  return (rng.choice(kind.intros).format(s=title), *texts)
