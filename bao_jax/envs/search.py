"""The Search gym: answer a question by looking up one fact after the other.

  search  mill owner    ->  1 mill: owner tom builder ann
  search  tom job       ->  1 tom: job baker friend ann
  answer  baker         ->  correct

Each task's keys are those of `tasks.builtin.search`.
"""

from collections.abc import Sequence
import dataclasses
from typing import ClassVar

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import search_index
from bao_jax.users import search as users

MAX_QUERY = 400  # Characters that are searched for; more is refused.
MAX_ANSWER = 200  # Characters that are judged; more is refused.
MAX_SNIPPET = 600  # Characters of a result that are shown.

_NUM_RESULTS = {'easy': 2, 'medium': 3, 'full': 5}

_SHORT = """\
Answer a question. Think first, then call the tool:
search: a few words, the reply shows what is known.
answer: the answer alone.
You have {max_turns} turns and {max_search_steps} searches. Search for one \
fact at a time, never twice the same, and answer once you know."""

_FULL = """\
You talk to an environment by calling a tool, and you want to solve its task.

# Environment
You are asked a question that no single page answers. A search engine finds \
pages and shows, for each, its title and the part of its text that suits your \
words best.

# Choices
Call `interact_with_env` with one of two choices:
- search: `content` is what you search for. You can search {max_search_steps} \
times.
- answer: `content` is the answer and nothing else: a name, a year or a word. \
You are told whether it is correct. Several answers in one are wrong.

# Notes
- Before every call, think inside <think></think>.
- You have {max_turns} turns in all, answers included.
- Take the question apart. Look up the first fact, then use it to look up the \
next. Name the thing and what you want to know of it; other words bring other \
pages. Read to whom a page belongs before you believe it, search for nothing \
twice, and answer once you know."""


@dataclasses.dataclass(frozen=True)
class Wording:
  """What the gym says; `str.format` fills in only the gym's own values."""

  nothing: str
  is_over: str
  not_a_query: str
  not_an_answer: str
  correct: str
  wrong: str
  farewell: str


TERSE = Wording(
    nothing='nothing found',
    is_over='no more searches, answer now',
    not_a_query='search for a few words',
    not_an_answer='give one short answer',
    correct='correct',
    wrong='wrong',
    farewell='the end, it was {}',
)
FULL = Wording(
    nothing='Nothing was found. Try other words.',
    is_over='Searching is over: all searches are used. Answer now.',
    not_a_query='A search needs a few words to look for, not a long text.',
    not_an_answer='An answer needs a short text: the answer and nothing else.',
    correct='Correct: that is the answer.',
    wrong='Incorrect: that is not the answer. Go on.',
    farewell='The conversation is over. The answer was: {}',
)


@dataclasses.dataclass(frozen=True)
class SearchGym(base.Gym):
  """Answer by searching, as in SearchGym of the UserRL benchmark.

  A correct answer earns 1 and ends the conversation. Wrong ones are free and
  unlimited, as in the original, unless `answer_limit` is set.

  Attributes:
    search: the search engine; None for the one over the built-in world of the
      task's level. The benchmark's questions are about our world and need one
      that finds its pages.
    judge: whether an answer is correct, as a bool. Nothing but its verdict
      counts: no reward is read from a text.
    max_search_steps: searches per conversation; more are refused.
    max_search_results: results shown per search; fewer at `easy` and `medium`.
  """

  search: search_index.SearchFn | None = None
  judge: base.JudgeFn = users.exact_match
  max_search_steps: int = 5
  max_search_results: int = 5

  name: ClassVar[str] = 'search'
  choices: ClassVar[tuple[str, ...]] = ('search', 'answer')

  def reset(
      self, task: types.Task, seed: int, sample: int = 0
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; a ValueError if nothing can be found about it."""
    if self.search is None and 'facts' not in task.data:
      raise ValueError(
          f'{task.id}: data has no "facts", so the built-in articles do not'
          ' answer it; give the gym a `search`, or use the built-in tasks'
      )
    return super().reset(task, seed, sample)

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the rules and the question."""
    question = task.data['question']
    if task.level == 'full':
      text = f'Question: {question}\nPlan which facts you need, then search.'
      return base.Observation(self._filled(_FULL), text)
    return base.Observation(self._filled(_SHORT), question)

  def _filled(self, rules: str) -> str:
    return rules.format(
        max_turns=self.max_turns, max_search_steps=self.max_search_steps
    )

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Searches, or judges an answer."""
    if action.choice == 'search':
      return self._search(state, action.content)
    return self._answer(state, action.content)

  def farewell(self, state: base.State) -> str:
    """Returns a goodbye that gives the answer away."""
    return _wording(state.task).farewell.format(state.task.data['answer'])

  def _search(self, state: base.State, query: str) -> base.Response:
    wording = _wording(state.task)
    count = state.memory.get('searches', 0)
    if count >= self.max_search_steps:
      return base.Response(wording.is_over)
    if not query.strip() or len(query) > MAX_QUERY:
      return base.Response(wording.not_a_query)
    shown = self._results(state.task, query)
    lines = [
        f'{i}{"." * (state.task.level == "full")} {result.title}:'
        f' {result.snippet[:MAX_SNIPPET]}'
        for i, result in enumerate(shown, start=1)
    ]
    return base.Response(
        '\n'.join(lines) or wording.nothing,
        memory={**state.memory, 'searches': count + 1},
    )

  def _results(
      self, task: types.Task, query: str
  ) -> Sequence[search_index.Result]:
    """Asks the search engine; what is no list of results is an outage."""
    search = self.search or search_index.local(task.level)
    try:
      found = search(query)
    except OSError as error:
      # Its text may hold an address with a key.
      raise base.UserError(
          f'{task.id}: the search engine failed ({type(error).__name__})'
      ) from error
    if not isinstance(found, Sequence) or not all(
        isinstance(item, search_index.Result) for item in found
    ):
      raise base.UserError(
          f'{task.id}: the search engine must give results, got {found!r:.80}'
      )
    return found[: min(self.max_search_results, _NUM_RESULTS[task.level])]

  def _answer(self, state: base.State, answer: str) -> base.Response:
    wording = _wording(state.task)
    if not answer.strip() or len(answer) > MAX_ANSWER:
      return base.Response(wording.not_an_answer)
    verdict = self.judge(state, answer)
    if not isinstance(verdict, bool):
      raise base.UserError(
          f'{state.task.id}: the judge must say True or False, got'
          f' {verdict!r:.80}'
      )
    return base.Response(
        wording.correct if verdict else wording.wrong,
        reward=max(0.0, float(verdict) - state.best),
        solved=verdict,
        terminated=verdict,
        best=max(state.best, float(verdict)),
    )


def _wording(task: types.Task) -> Wording:
  return FULL if task.level == 'full' else TERSE
