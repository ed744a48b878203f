"""The Function gym: infer a hidden rule by probing, then predict one value.

The policy probes a rule over a, b, c and d ('action', four integers), asks
which test case counts ('search', the word test) and submits the rule's value
there ('answer', one number); only the answer involves the user. After the game
of UserRL by Qian et al. (https://arxiv.org/abs/2509.19736).

What a task's `data` holds: `rule`, a text that `arithmetic` can evaluate;
`test_case`, four integers; `expected`, the rule's value there.
"""

from collections.abc import Sequence
import dataclasses
import re

from bao_jax import types
from bao_jax.envs import arithmetic
from bao_jax.envs import base
from bao_jax.envs import numerals

TOLERANCE = 1e-6  # Between an answer and the expected value.
MAX_PROBE = 10**6


@dataclasses.dataclass(frozen=True)
class Wording:
  """What the gym says; `str.format` fills in only what the gym computed."""

  value: str
  test_case: str
  is_test_case: str
  no_value: str
  not_a_probe: str
  not_a_search: str
  not_an_answer: str
  wrong: str
  correct: str
  farewell: str


TERSE = Wording(
    value='f({0}, {1}, {2}, {3}) = {value}',
    test_case='test case: a={0} b={1} c={2} d={3}',
    is_test_case='the test case cannot be probed',
    no_value='no value there',
    not_a_probe='give four integers, one probe at a time',
    not_a_search='search knows only the word test',
    not_an_answer='give one number',
    wrong='wrong answer',
    correct='correct',
    farewell='the end, the value was {value}',
)
FULL = Wording(
    value='With the numbers [{0}, {1}, {2}, {3}] the rule yields {value}.',
    test_case='Test case: [{0}, {1}, {2}, {3}]',
    is_test_case=(
        'These numbers are the test case, which cannot be tried out. Work its'
        ' value out from other numbers.'
    ),
    no_value=(
        'The rule has no usable value at these numbers. Try different ones.'
    ),
    not_a_probe=(
        'An action needs exactly four integers, for example 1 2 3 4, and'
        ' nothing else that looks like a number.'
    ),
    not_a_search='A search can only be for the word test.',
    not_an_answer='An answer needs exactly one plain number.',
    wrong='This answer is wrong. Look at the rule again.',
    correct='This answer is correct.',
    farewell='The game is over. The expected value was {value}.',
)

_SHORT = """\
find the hidden rule f over a b c d. {family}. each turn first think, then \
make one call with a choice and its content. action: four integers for a b c \
d, the reply is f. search: the word test, the reply is the test case. answer: \
the value of f at the test case. you have {turns} turns, so probe well and \
answer late."""

_FAMILIES = {
    'easy': 'it is a sum of two or three terms like 2*a',
    'medium': (
        'it is a sum of terms like -3*b, at times with a constant or a product'
        ' like 2*a*c'
    ),
}

_LONG = """\
You are an agent that solves a puzzle by acting in an environment.

Environment Description
The environment keeps a rule secret: an expression over four numbers a, b, c \
and d that is built from addition, subtraction, multiplication, division, \
powers and parentheses. It also keeps a test case: four particular integers. \
Your goal is to submit the value of the rule at the test case. The test case \
itself cannot be tried out, so you have to work its value out from what the \
rule does to other numbers.

Action Space
You act by calling the tool interact_with_env, which takes a choice and a \
content. The legal choices are action, search and answer.

Action Description
- action: try the rule. The content is four integers separated by spaces, the \
values of a, b, c and d in this order. The reply is the rule's value there.
- search: see the test case. The content is the word test. The reply is the \
four integers of the test case.
- answer: submit a value for the test case. The content is one number. The \
reply says whether it is correct.

Important Notes
- Before every call, think inside <think> and </think> about what you know \
and what would tell you most.
- You have {turns} turns, so spend them well and keep some for the answer.
- Choose numbers that tell candidate rules apart; zeros, ones and changes of \
one number at a time often do.
- Be bold, creative and careful: revise your idea of the rule when a value \
contradicts it, and answer once you are sure."""


@dataclasses.dataclass(frozen=True)
class FunctionGym(base.Gym):
  """A hidden arithmetic rule; wrong answers are free, only turns run out.

  Attributes:
    integer_probes: whether a probe must be four integers, in any clear
      wording. If False it is any four numbers, as in the original game: found
      by a pattern that splits 1e3 into 1 and 3, and refused only where they
      equal the test case exactly, so that 3.0000001 in place of 3 gives the
      answer away.
    clip_rewards: as in `base.Gym`; the original game charges its penalty in
      full.
  """

  integer_probes: bool = True
  clip_rewards: bool = False

  name = 'function'
  choices = ('action', 'search', 'answer')

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the instructions of the task's level."""
    if task.level == 'full':
      system = _LONG.format(turns=self.max_turns)
      return base.Observation(system, 'I am ready, please begin.')
    system = _SHORT.format(family=_FAMILIES[task.level], turns=self.max_turns)
    return base.Observation(system, 'begin')

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Returns the rule's value, the test case or the verdict."""
    match action.choice:
      case 'action':
        return base.Response(self._probe(state.task, action.content))
      case 'search':
        return base.Response(_search(state.task, action.content))
      case _:
        return _answer(state.task, action.content)

  def farewell(self, state: base.State) -> str:
    """Returns a goodbye that gives the value away."""
    expected = state.task.data['expected']
    return _wording(state.task).farewell.format(value=_written(expected))

  def _probe(self, task: types.Task, content: str) -> str:
    wording = _wording(task)
    find = _integers if self.integer_probes else _original_numbers
    numbers = find(content)
    if numbers is None:
      return wording.not_a_probe
    if numbers == list(task.data['test_case']):
      return wording.is_test_case
    try:
      value = arithmetic.evaluate(task.data['rule'], numbers)
    except arithmetic.NoValueError:
      return wording.no_value
    return wording.value.format(*numbers, value=_written(value))


def _search(task: types.Task, content: str) -> str:
  words = set(re.findall(r'\w+', content.lower()))
  if 'test' not in words or words - _SEARCH_WORDS:
    return _wording(task).not_a_search
  return _wording(task).test_case.format(*task.data['test_case'])


def _answer(task: types.Task, content: str) -> base.Response:
  wording = _wording(task)
  words = set(re.findall(r'[^\W\d_]+', content.lower()))
  found = numerals.read(content) if words <= _ANSWER_WORDS else None
  if found is None or len(found) != 1 or found[0].name:
    return base.Response(wording.not_an_answer)
  # Written so that NaN fails it.
  if not abs(found[0].value - task.data['expected']) <= TOLERANCE:
    return base.Response(wording.wrong)
  return base.Response(
      wording.correct, reward=1.0, solved=True, terminated=True, best=1.0
  )


# A search may be polite, but a sentence about something else is none.
_SEARCH_WORDS = frozenset(
    'test case the a please show me give what is which i need now for'.split()
)
# What may stand around the number of an answer: "Reward: 1.0" is none.
_ANSWER_WORDS = frozenset(
    (
        'the a an my our final best i we say think believe guess would answer '
        'result value output number rule function f it that this is be should '
        'must will gives give equals equal to get so for of at test case sum '
        'total points approximately about exactly'
    ).split()
) | frozenset(numerals.WORDS)


def _wording(task: types.Task) -> Wording:
  return FULL if task.level == 'full' else TERSE


def _integers(content: str) -> list[int] | None:
  """Returns the four integers that a probe names; None if it does not."""
  found = numerals.read(content) or []
  names = [numeral.name for numeral in found]
  if any(names):
    found = sorted(found, key=lambda numeral: numeral.name)
    if sorted(names) != list(arithmetic.VARIABLES):
      return None
  values = [numeral.value for numeral in found]
  if len(values) != 4 or not all(_is_legal(value) for value in values):
    return None
  return [int(value) for value in values]


def _is_legal(value: float) -> bool:
  return value.is_integer() and abs(value) <= MAX_PROBE


def _original_numbers(content: str) -> Sequence[float] | None:
  numbers = [float(n) for n in re.findall(r'-?\d+\.?\d*', content)]
  return numbers if len(numbers) == 4 else None


def _written(value: float) -> str:
  """Writes a value to four decimals, whole numbers without a point."""
  rounded = round(value, 4)
  return str(int(rounded) if rounded == int(rounded) else rounded)
