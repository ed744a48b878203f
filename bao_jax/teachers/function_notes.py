"""What a teacher of the Function gym notes down, and what follows from it.

Pure deduction from the replies; it refuses to know behaviors and randomness.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from fractions import Fraction
import re

from bao_jax.teachers import base

VARIABLES = 'abcd'
Point = tuple[int, ...]
Values = Mapping[Point, Fraction | None]  # None: the rule has no value there.


@dataclasses.dataclass(frozen=True)
class Notes:
  """What the replies said.

  Attributes:
    values: the rule's value at every point probed, in order.
    case: the test case; None while it is unknown.
    wrong: the answers that were wrong, in order.
  """

  values: Values
  case: Point | None
  wrong: tuple[Fraction, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
  """What follows from the notes. All words are few.

  Attributes:
    known: what is known.
    insight: what the last reply taught.
    probe: what to probe next; None where no probe is needed.
    aim: what `probe` is for.
    num_left: the number of turns still needed before the answer.
    value: the rule's value at the test case, a guess while turns are needed;
      None while nothing can be said.
    work: derives the value, given the error of its last step.
    check: a probe that tells whether `work` went wrong; None before that.
    check_aim: what `check` is for.
    recheck: derives the value once `check` was probed.
    counts_turns: whether the thoughts have room to say how many turns are left.
  """

  known: str
  insight: str
  probe: Point | None
  aim: str
  num_left: int
  value: Fraction | None = None
  work: Callable[[int], str] = lambda error: ''
  check: Point | None = None
  check_aim: str = ''
  recheck: str = ''
  counts_turns: bool = True


def read(history: base.History) -> Notes:
  """Collects what the replies said, in either wording of the gym."""
  values, case, wrong = {}, None, []
  for action, reply in history:
    found = _numbers(reply)
    if action.choice == 'answer':
      wrong += _numbers(action.content)
    elif action.choice == 'search' and len(found) == 4:
      case = _point(found)
    elif action.choice == 'action' and len(found) == 5:
      values[_point(found[:4])] = found[4]
    elif action.choice == 'action' and 'test case' in reply:
      case = _point(_numbers(action.content))
    elif action.choice == 'action' and re.search('no (usable )?value', reply):
      values[_point(_numbers(action.content))] = None
  return Notes(values, case, tuple(wrong))


def write(value: Fraction) -> str:
  """Writes a value as the gym does."""
  return str(int(value) if value == int(value) else round(float(value), 4))


def spell(point: Point) -> str:
  """Writes a point as the content of a probe."""
  return ' '.join(map(str, point))


def _numbers(text: str) -> list[Fraction]:
  return [Fraction(n) for n in re.findall(r'-?\d+(?:\.\d+)?', text)]


def _point(numbers: Sequence[Fraction]) -> Point:
  return tuple(map(int, numbers))
