"""Plans for rules that are sums of terms: levels easy and medium.

Coefficients are kept by monomial: 'k' (the constant), 'a', 'bd'. Derivations
go one product and one sum at a time, each sum with what it adds beside it, as
a small model can learn: 'a2*3=6 c3*2=6 6+6=12 d1*4=4 12+4=16'.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from fractions import Fraction
import itertools
import math

from bao_jax.teachers import function_notes as notes_lib

VARIABLES = notes_lib.VARIABLES
Coefs = Mapping[str, Fraction]
_UNITS = {
    name: tuple(int(name == other) for other in VARIABLES) for name in VARIABLES
}
_PAIRS = tuple(map(''.join, itertools.combinations(VARIABLES, 2)))
_BILINEAR = [('k', *VARIABLES), *(('k', *VARIABLES, pair) for pair in _PAIRS)]


def linear(notes: notes_lib.Notes) -> notes_lib.Plan:
  """Plans for a sum of terms like 2*a: one probe for each variable."""
  coefs = solve(notes.values, VARIABLES) or {}
  unknown = [name for name in VARIABLES if name not in coefs]
  num_probes = num_open(notes.values, VARIABLES) if unknown else 0
  plan = notes_lib.Plan(
      known=_listed(coefs),
      insight='',
      probe=_UNITS[unknown[0]] if unknown else None,
      aim=unknown[0] if unknown else '',
      num_left=num_probes + (notes.case is None),
      counts_turns=False,
  )
  return _with_value(plan, notes, coefs)


def bilinear(notes: notes_lib.Notes) -> notes_lib.Plan:
  """Plans for terms, a constant and perhaps a product, not known which.

  After the origin and one probe for each variable, all ones tell the product's
  coefficient, and 1 2 3 5, whose products all differ, tells its variables.
  """
  fits = [(m, solve(notes.values, m)) for m in _BILINEAR]
  fits = [(m, coefs) for m, coefs in fits if coefs is not None]
  sums = [{m: c for m, c in coefs.items() if c} for _, coefs in fits]
  known = _shared([coefs for _, coefs in fits])
  is_open = not fits or any(len(coefs) < len(m) for m, coefs in fits)
  is_open = is_open or any(terms != sums[0] for terms in sums)
  coefs = known if is_open else {**known, **sums[0]}
  probe, aim = _next_probe(notes, known) if is_open else (None, '')
  num_probes = max(1, len(_BILINEAR) - len(notes.values)) if is_open else 0
  plan = notes_lib.Plan(
      known=_listed(coefs),
      insight=_lesson(notes, coefs),
      probe=probe,
      aim=aim,
      num_left=num_probes + (notes.case is None),
  )
  return _with_value(plan, notes, coefs)


def _shared(fits: Sequence[Coefs]) -> Coefs:
  """Returns the coefficients on which all fits agree."""
  first, *rest = fits or [{}]
  return {
      m: c for m, c in first.items() if all(fit.get(m) == c for fit in rest)
  }


def _next_probe(
    notes: notes_lib.Notes, known: Coefs
) -> tuple[notes_lib.Point, str]:
  if 'k' not in known:
    return (0, 0, 0, 0), 'all zeros'
  for name in VARIABLES:
    if name not in known:
      return _UNITS[name], name
  ones, primes = _detectors(notes)
  if ones not in notes.values:
    expected = _derived(_nonzero(known), ones) or '0'
    return ones, f'{notes_lib.spell(ones)}, expect {expected}'
  if primes not in notes.values:
    return primes, f'{notes_lib.spell(primes)} to see of which'
  # Reached only after probes at random.
  spare = itertools.product(range(3), repeat=4)
  point = next(p for p in spare if p not in notes.values and p != notes.case)
  return point, notes_lib.spell(point)


def _detectors(
    notes: notes_lib.Notes,
) -> tuple[notes_lib.Point, notes_lib.Point]:
  """Returns the two probes that find a product; none is the test case."""
  ones, primes = (1, 1, 1, 1), (1, 2, 3, 5)
  return (
      (2, 2, 2, 2) if notes.case == ones else ones,
      (2, 1, 3, 5) if notes.case == primes else primes,
  )


def _lesson(notes: notes_lib.Notes, coefs: Coefs) -> str:
  """Says what the last value taught, computed step by step."""
  if not notes.values or 'k' not in coefs:
    return ''
  point, value = list(notes.values.items())[-1]
  if value is None:
    return ''
  ones, primes = _detectors(notes)
  if point in _UNITS.values():
    name, k = VARIABLES[point.index(1)], coefs['k']
    return f'{name} {_difference(value, k)}' if k else ''
  terms = {m: c for m, c in _nonzero(coefs).items() if len(m) == 1}
  expected = sum(c * _product(m, point) for m, c in terms.items())
  if point == ones and value == expected:
    return f'{value} as expected so no product'
  if point == ones:
    coef = (value - expected) / point[0] ** 2
    return f'{value} not {expected} so a product of {coef}'
  pairs = [m for m in coefs if m in _PAIRS and coefs[m]]
  if point != primes or not pairs:
    return ''
  rest, coef = value - expected, coefs[pairs[0]]
  factors = '*'.join(map(str, _digits(pairs[0], point)))
  return (
      f'{_derived(terms, point)} {_difference(value, expected)}'
      f' {rest}/{coef}={rest / coef}={factors} so {pairs[0]}'
  ).strip()


def _difference(left: Fraction, right: Fraction) -> str:
  return f'{left}{_signed(-right)}={left - right}'


def _signed(number: Fraction) -> str:
  return f'{"-" if number < 0 else "+"}{abs(number)}'


def _nonzero(coefs: Coefs) -> Coefs:
  return {m: c for m, c in coefs.items() if c}


def num_open(values: notes_lib.Values, monomials: Sequence[str]) -> int:
  """Returns how many more probes it takes to know every coefficient."""
  rows = reduced(_rows(values, monomials), len(monomials))
  return len(monomials) - sum(any(row[:-1]) for row in rows)


def solve(values: notes_lib.Values, monomials: Sequence[str]) -> Coefs | None:
  """Solves for the coefficients that the values determine.

  Args:
    values: of the rule, where it was probed.
    monomials: what the rule is a sum of.

  Returns:
    The coefficients that follow, by monomial; None if no sum has the values.
  """
  coefs = {}
  for row in reduced(_rows(values, monomials), len(monomials)):
    used = [m for m, entry in zip(monomials, row) if entry]
    if not used and row[-1]:
      return None
    if len(used) == 1:
      coefs[used[0]] = row[-1]
  return {m: coefs[m] for m in monomials if m in coefs}


def _rows(
    values: notes_lib.Values, monomials: Sequence[str]
) -> list[list[Fraction]]:
  return [
      [*(Fraction(_product(m, point)) for m in monomials), value]
      for point, value in values.items()
      if value is not None
  ]


def reduced(rows: list[list[Fraction]], width: int) -> list[list[Fraction]]:
  """Reduces rows by Gauss-Jordan elimination over the first columns."""
  done = []
  for column in range(width):
    pivot = next((row for row in rows if row[column]), None)
    if pivot is None:
      continue
    rows = [row for row in rows if row is not pivot]
    pivot = [entry / pivot[column] for entry in pivot]
    done = [*_cleared(done, pivot, column), pivot]
    rows = _cleared(rows, pivot, column)
  return done + rows


def _cleared(rows, pivot, column: int) -> list[list[Fraction]]:
  # Most entries are 0 already, and fractions are slow.
  return [
      [x - row[column] * p if p else x for x, p in zip(row, pivot)]
      if row[column]
      else row
      for row in rows
  ]


def _product(monomial: str, point: notes_lib.Point) -> int:
  return math.prod(_digits(monomial, point))


def _digits(monomial: str, point: notes_lib.Point) -> list[int]:
  return [point[VARIABLES.index(x)] for x in monomial if x != 'k']


def _listed(coefs: Coefs) -> str:
  return ' '.join(f'{m}{notes_lib.write(c)}' for m, c in coefs.items())


def _with_value(
    plan: notes_lib.Plan, notes: notes_lib.Notes, coefs: Coefs
) -> notes_lib.Plan:
  """Adds the value at the test case and its derivations to a plan."""
  if notes.case is None:
    return plan
  # An unknown coefficient is guessed to be 1.
  guess = {**dict.fromkeys(VARIABLES, Fraction(1)), **coefs}
  value = sum(c * _product(m, notes.case) for m, c in guess.items())
  terms = _nonzero(coefs)
  last = [name for name in VARIABLES if any(name in m for m in terms)][-1:]
  if plan.num_left or not last:
    return dataclasses.replace(plan, value=value)
  i = VARIABLES.index(last[0])
  check = (*notes.case[:i], 0, *notes.case[i + 1 :])
  return dataclasses.replace(
      plan,
      value=value,
      work=lambda error: _derived(terms, notes.case, error=error),
      check=check,
      check_aim=f'check without {last[0]}',
      recheck=_rechecked(terms, notes, last[0], check),
  )


def _derived(
    terms: Coefs,
    case: notes_lib.Point,
    *,
    start: Fraction | None = None,
    error: int = 0,
) -> str:
  """Writes products and running sums, the last of them off by `error`."""
  words, total = [], start
  for i, (monomial, coef) in enumerate(terms.items()):
    slip = error if i == len(terms) - 1 else 0
    factors = '*'.join(map(str, [coef, *_digits(monomial, case)]))
    term = coef * _product(monomial, case)
    result = '' if monomial == 'k' else f'={term + slip * (total is None)}'
    words.append(f'{monomial}{factors}{result}')
    if total is not None:
      words.append(f'{total}{_signed(term)}={total + term + slip}')
    total = term if total is None else total + term
  return ' '.join(words)


def _rechecked(
    terms: Coefs,
    notes: notes_lib.Notes,
    name: str,
    check: notes_lib.Point,
) -> str:
  start = notes.values.get(check)
  if start is None:
    return ''
  rest = {m: c for m, c in terms.items() if name in m}
  derived = _derived(rest, notes.case, start=start)
  return f'{notes_lib.write(start)} holds so the last sum slipped, {derived}'
