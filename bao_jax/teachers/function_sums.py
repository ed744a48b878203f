"""Plans for rules that are sums of terms: levels easy and medium.

Coefficients are kept by monomial: 'k' (the constant), 'a', 'bd'. Derivations
go one product and one sum at a time: 'a2*3=6 c3*2=6 sum=12 d1*4=4 sum=16'.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from fractions import Fraction
import math

from bao_jax.teachers import function_notes as notes_lib

VARIABLES = notes_lib.VARIABLES
Coefs = Mapping[str, Fraction]
_UNITS = {
    name: tuple(int(name == other) for other in VARIABLES) for name in VARIABLES
}


def linear(notes: notes_lib.Notes) -> notes_lib.Plan:
  """Plans for a sum of terms like 2*a: one probe for each variable."""
  coefs = solve(notes.values, VARIABLES) or {}
  unknown = [name for name in VARIABLES if name not in coefs]
  plan = notes_lib.Plan(
      known=_listed(coefs),
      insight='',
      probe=_UNITS[unknown[0]] if unknown else None,
      aim=unknown[0] if unknown else '',
      num_left=len(unknown) + (notes.case is None),
  )
  return with_value(plan, notes, coefs)


def solve(
    values: notes_lib.Values, monomials: Sequence[str]
) -> Coefs | None:
  """Solves for the coefficients that the values determine.

  Args:
    values: of the rule, where it was probed.
    monomials: what the rule is a sum of.

  Returns:
    The coefficients that follow, by monomial; None if no sum has the values.
  """
  rows = [
      [*(Fraction(_product(m, point)) for m in monomials), value]
      for point, value in values.items()
      if value is not None
  ]
  coefs = {}
  for row in _reduced(rows, len(monomials)):
    used = [m for m, entry in zip(monomials, row) if entry]
    if not used and row[-1]:
      return None
    if len(used) == 1:
      coefs[used[0]] = row[-1]
  return {m: coefs[m] for m in monomials if m in coefs}


def _reduced(rows: list[list[Fraction]], width: int) -> list[list[Fraction]]:
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
  return [[x - row[column] * p for x, p in zip(row, pivot)] for row in rows]


def _product(monomial: str, point: notes_lib.Point) -> int:
  return math.prod(_digits(monomial, point))


def _digits(monomial: str, point: notes_lib.Point) -> list[int]:
  return [point[VARIABLES.index(x)] for x in monomial if x != 'k']


def _listed(coefs: Coefs) -> str:
  return ' '.join(f'{m}{notes_lib.write(c)}' for m, c in coefs.items())


def with_value(
    plan: notes_lib.Plan, notes: notes_lib.Notes, coefs: Coefs
) -> notes_lib.Plan:
  """Adds the value at the test case and its derivations to a plan."""
  if notes.case is None:
    return plan
  # An unknown coefficient is guessed to be 1.
  guess = {**dict.fromkeys(VARIABLES, Fraction(1)), **coefs}
  value = sum(c * _product(m, notes.case) for m, c in guess.items())
  terms = {m: c for m, c in coefs.items() if c}
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
      words.append(f'sum={total + term + slip}')
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
