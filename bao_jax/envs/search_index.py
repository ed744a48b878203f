"""A search engine over the articles of a built-in world, ranked by BM25.

The same query has the same results in every process: articles that rank alike
keep the order of their world.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
import logging
import re
import threading

import numpy as np

from bao_jax.tasks.builtin import search_world

NUM_RESULTS = 10  # More than any gym shows.
SNIPPET_SENTENCES = 2
TITLE_WEIGHT = 2  # How often a title counts as text.

_LOCK = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Result:
  """What a search found.

  Attributes:
    title: of the page.
    snippet: the part of its text that suits the query best.
  """

  title: str
  snippet: str


# (query) -> results, best first. Out of reach or too late: `base.UserError`,
# or any `OSError`, `TimeoutError` among them.
SearchFn = Callable[[str], Sequence[Result]]


def local(level: str) -> SearchFn:
  """Returns the search of a level's world, built once per process.

  Args:
    level: 'easy', 'medium' or 'full'.
  """
  with _LOCK:  # Conversations of a rollout ask for it all at once.
    return _built(level)


@functools.cache
def _built(level: str) -> SearchFn:
  # Importing it starts JAX's back end, too early for a program that has still
  # to configure it; its own ranking would run there, ties in any order.
  import bm25s

  logging.getLogger('bm25s').setLevel(logging.WARNING)  # Not DEBUG.
  articles = list(search_world.articles(level).values())
  index = bm25s.BM25()
  index.index(
      [_words(_text(article)) for article in articles], show_progress=False
  )

  def search(query: str) -> Sequence[Result]:
    words = list(dict.fromkeys(_words(query)))
    if not words:
      return ()
    scores = index.get_scores(words)
    order = np.argsort(-scores, kind='stable')[:NUM_RESULTS]
    return tuple(
        Result(articles[i].title, _snippet(articles[i], words))
        for i in order
        if scores[i] > 0
    )

  return search


def _text(article: search_world.Article) -> str:
  return ' '.join([*[article.title] * TITLE_WEIGHT, *article.sentences])


def _snippet(article: search_world.Article, words: Sequence[str]) -> str:
  """Returns the sentences that share most words with a query, in order."""
  asked = set(words) - set(_words(article.title))
  shared = [len(asked & set(_words(text))) for text in article.sentences]
  order = np.argsort(-np.array(shared), kind='stable')
  best = sorted(order[:SNIPPET_SENTENCES])
  return ' '.join(article.sentences[i] for i in best)


def _words(text: str) -> list[str]:
  return re.findall(r'[^\W_]+', text.lower())
