"""What the Search teacher reads off a conversation: the question, the facts."""

from collections.abc import Iterator, Sequence
import dataclasses
import functools
import re

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.envs import search as envs
from bao_jax.tasks.builtin import search_words
from bao_jax.teachers import base

Relation = search_words.Relation

_PREFIX = 'Question: '  # Of prompts at level full.


@dataclasses.dataclass(frozen=True)
class Notes:
  """A conversation as the teacher sees it.

  Attributes:
    title: of the page that the question begins with.
    way: the relations to follow from there.
    values: what they led to, as far as it is known.
    seen: titles of the pages found by the last search.
    actions: what was done so far.
    is_over: whether a search was refused since all are used.
    is_full: whether the prompt is that of level full.
  """

  title: str
  way: tuple[Relation, ...]
  values: tuple[str, ...]
  seen: tuple[str, ...]
  actions: Sequence[types.Action]
  is_over: bool
  is_full: bool

  @property
  def is_complete(self) -> bool:
    return len(self.values) == len(self.way)

  @property
  def subject(self) -> str:
    """The title of the page with the next fact, or the last one."""
    titles = (self.title, *self.values)
    return titles[self._next]

  @property
  def relation(self) -> Relation:
    """What to look up there."""
    return self.way[self._next]

  @property
  def _next(self) -> int:
    return min(len(self.values), len(self.way) - 1)

  @property
  def known(self) -> str:
    """The facts found so far, in words."""
    facts = [f'{r.name} {v}' for r, v in zip(self.way, self.values)]
    return ', '.join(facts) or 'nothing'

  @property
  def has_just_answered(self) -> bool:
    return bool(self.actions) and self.actions[-1].choice == 'answer'

  def contents(self, choice: str) -> list[str]:
    """Returns what was searched for, or answered, so far."""
    return [a.content for a in self.actions if a.choice == choice]


def read(observation: envs_base.Observation, history: base.History) -> Notes:
  """Reads a conversation.

  Args:
    observation: what was read first.
    history: what came after.

  Raises:
    ValueError: the question is not one of the built-in ones.
  """
  is_full = observation.user.startswith(_PREFIX)
  text = observation.user.partition('\n')[0].removeprefix(_PREFIX)
  title, way = _goal(text, is_full)
  values, seen = (), ()
  for action, reply in history:
    if action.choice != 'search':
      continue
    pages = dict(_pages(reply))
    seen = tuple(pages)
    while len(values) < len(way):
      subject = (title, *values)[len(values)]
      value = _value(pages.get(subject, ''), subject, way[len(values)])
      if not value:
        break
      values = (*values, value)
  wording = envs.FULL if is_full else envs.TERSE
  return Notes(
      title=title,
      way=way,
      values=values,
      seen=seen,
      actions=[action for action, _ in history],
      is_over=any(reply.startswith(wording.is_over) for _, reply in history),
      is_full=is_full,
  )


def _goal(question: str, is_full: bool) -> tuple[str, tuple[Relation, ...]]:
  """Takes a question apart: where it begins, and the way from there."""
  for relation in _relations(is_full):
    inner = _inside(relation.question, question)
    if inner:
      for first in _relations(is_full):
        title = _inside(first.noun, inner)
        if title:
          return title, (first, relation)
      return inner, (relation,)
  raise ValueError(f'not a built-in question: {question!r:.80}')


@functools.cache
def _relations(is_full: bool) -> Sequence[Relation]:
  levels = ('full',) if is_full else ('easy', 'medium')
  return [
      relation
      for level in levels
      for kind in search_words.kinds(level).values()
      for relation in kind.relations
  ]


def _inside(template: str, text: str) -> str:
  """Returns what fills the gap of a template; '' if it is another text."""
  before, gap, after = template.partition('{}')
  fits = gap and text.startswith(before) and text.endswith(after)
  return text[len(before) : len(text) - len(after)] if fits else ''


def _pages(reply: str) -> Iterator[tuple[str, str]]:
  """Yields title and snippet of each result in a reply."""
  for line in reply.splitlines():
    match = re.fullmatch(r'\d+\.? ([^:]+): (.*)', line)
    if match:
      yield match.group(1), match.group(2)


def _value(snippet: str, title: str, relation: Relation) -> str:
  """Returns what a page says of its subject; '' if it is not shown."""
  for sentence in re.findall(r'[^.]+\.', snippet):
    for text in relation.texts:
      value = _inside(text.format(s=title, v='{}'), sentence.strip())
      if value:
        return value
  return ''
