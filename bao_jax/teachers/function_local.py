"""Plans for rules of any kind: level full.

The rule as a whole need not be known. One variable moves around the test case,
the others stay; where a line, a parabola or a quotient passes through all the
values, it also gives the one in between. A variable that occurs once, in no
exponent, squared at most once, fits one of them.
"""

from collections.abc import Callable, Sequence
import dataclasses
from fractions import Fraction

from bao_jax.teachers import function_notes as notes_lib
from bao_jax.teachers import function_sums

Curve = Callable[[int], Fraction]
Samples = Sequence[tuple[int, Fraction]]  # Where and the value there.
_OFFSETS = (-1, 1, 2, -2, 3, -3)
_ENOUGH = 4  # Samples that settle whether any shape fits.
_TOLERANCE = Fraction(1, 1000)  # Values come with four decimals.


@dataclasses.dataclass(frozen=True)
class _Line:
  """What is known along one variable.

  Attributes:
    name: the variable.
    at: its value in the test case.
    samples: what was probed, the test case moved along the variable.
    left: the points to probe still.
    shape: what passes through the samples; '' if nothing or not sure.
    curve: from the variable to the rule's value; None if `shape` is ''.
  """

  name: str
  at: int
  samples: Samples
  left: Sequence[notes_lib.Point]
  shape: str
  curve: Curve | None


def local(notes: notes_lib.Notes) -> notes_lib.Plan:
  """Plans for any rule, one variable after the other."""
  if notes.case is None:
    return notes_lib.Plan('', '', None, '', num_left=4)
  lines = [_line(notes, i) for i in range(len(notes.case))]
  for i, line in enumerate(lines):
    if line.curve is not None:
      return _closed(line)
    if line.left and len(line.samples) < _ENOUGH:
      return _open(line, lines[i - 1].name if i else '')
  return _lost(lines[0])


def _open(line: _Line, failed: str) -> notes_lib.Plan:
  """Moves on along a line, `failed` being the one before it."""
  insight = ''
  if len(line.samples) == 3:
    insight = f'no line in {line.name}, a square or a quotient perhaps'
  elif failed and not line.samples:
    insight = f'{failed} fits nothing simple'
  return notes_lib.Plan(
      known=_listed(line),
      insight=insight,
      probe=line.left[0],
      aim=f'{notes_lib.spell(line.left[0])} to move {line.name} alone',
      num_left=max(1, 3 - len(line.samples)),
      value=_mean(line),
  )


def _closed(line: _Line) -> notes_lib.Plan:
  """Reads the value off the curve."""
  value = _rounded(line.curve(line.at))

  def work(error: int) -> str:
    end = f'so {notes_lib.write(value + error)} at {line.at}'
    return f'a {line.shape} in {line.name}, {_listed(line)}, {end}'

  is_checked = len(line.samples) > (3 if line.shape == 'line' else 4)
  holds = f'the {line.shape} holds so the last step slipped, {work(0)}'
  return notes_lib.Plan(
      known=_listed(line),
      insight='',
      probe=None,
      aim='',
      num_left=0,
      value=value,
      work=work,
      check=line.left[0] if line.left else None,
      check_aim=f'check the {line.shape} in {line.name}',
      recheck=holds if is_checked else '',
  )


def _lost(line: _Line) -> notes_lib.Plan:
  value = _rounded(_mean(line) or Fraction(0))
  return notes_lib.Plan(
      known=_listed(line),
      insight='nothing simple fits',
      probe=None,
      aim='',
      num_left=0,
      value=value,
      work=lambda error: f'so guess {notes_lib.write(value + error)}',
  )


def _mean(line: _Line) -> Fraction | None:
  values = [value for _, value in line.samples]
  return sum(values) / len(values) if values else None


def _listed(line: _Line) -> str:
  return ' '.join(
      f'{notes_lib.write(y)} at {x}' for x, y in sorted(line.samples)
  )


def _line(notes: notes_lib.Notes, i: int) -> _Line:
  case = notes.case
  points = [(*case[:i], case[i] + step, *case[i + 1 :]) for step in _OFFSETS]
  samples = [(p[i], notes.values.get(p)) for p in points]
  samples = [(x, y) for x, y in samples if y is not None]
  shape, curve = fit(samples, case[i])
  left = [p for p in points if p not in notes.values]
  name = notes_lib.VARIABLES[i]
  return _Line(name, case[i], samples, left, shape, curve)


def fit(samples: Samples, at: int) -> tuple[str, Curve | None]:
  """Fits a curve that leaves at least one sample to confirm it.

  Args:
    samples: where and the value there.
    at: where the curve will be used; it must be defined there.

  Returns:
    The name of the simplest shape that fits and the curve; '' and None if none
    does or the samples are too few.
  """
  for shape, num_free, make in _SHAPES:
    if len(samples) > num_free:
      curve = make(samples[:num_free])
      if _passes(curve, samples, at):
        return shape, curve
  return '', None


def _passes(curve: Curve, samples: Samples, at: int) -> bool:
  try:
    curve(at)
    return all(
        abs(curve(x) - y) <= _TOLERANCE * (1 + abs(y)) for x, y in samples
    )
  except ZeroDivisionError:
    return False


def _polynomial(samples: Samples) -> Curve:
  """Interpolates, in the form of Lagrange."""

  def curve(at: int) -> Fraction:
    total = Fraction(0)
    for x, y in samples:
      for other, _ in samples:
        y = y * Fraction(at - other, x - other) if other != x else y
      total += y
    return total

  return curve


def _quotient(samples: Samples) -> Curve:
  """Interpolates by y = (p x + q) / (x + r), linear in p, q and r."""
  rows = [[Fraction(x), Fraction(1), -y, x * y] for x, y in samples]
  p, q, r = (row[-1] for row in function_sums.reduced(rows, 3))
  return lambda at: (p * at + q) / (at + r)


_SHAPES = (
    ('line', 2, _polynomial),
    ('parabola', 3, _polynomial),
    ('quotient', 3, _quotient),
)


def _rounded(value: Fraction) -> Fraction:
  """Rounds to the integer next to it, if one is."""
  nearest = Fraction(round(value))
  return nearest if abs(value - nearest) < Fraction(1, 20) else value
