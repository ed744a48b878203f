"""Built-in tasks of the Function gym: our own rules, drawn from a seed.

Each task's `data` holds `rule` (text over a, b, c and d), `test_case` (four
integers) and `expected` (the rule's value there, an integer). `medium` and
`full` rules come from one pool per seed, `easy` ones from all there are.

The splits are compositional: whatever a rule is made of (terms; operators and
powers at level full) occurs in train, its combination in one split alone.
"""

import collections
from collections.abc import Iterable, Sequence
import dataclasses
import hashlib
import itertools
import re

from bao_jax import types
from bao_jax.envs import arithmetic

LEVELS = ('easy', 'medium', 'full')
SPLITS = ('train', 'validation', 'test')

EASY_COEFS = (1, 2, 3)
EASY_NUM_TERMS = (2, 3)
MEDIUM_COEFS = tuple(range(1, 10))  # And their negatives.
MEDIUM_PRODUCT_COEFS = (1, 2, 3)  # And their negatives.
MEDIUM_NUM_TERMS = (2, 3, 4)
LARGEST_DIGIT = {'easy': 4, 'medium': 9, 'full': 10}  # Of a test case.
LARGEST_VALUE = 5000  # Of a full rule at its test case.
NUM_HELD_OUT = {'easy': 24, 'medium': 100, 'full': 100}  # Rules per split.
NUM_POOL = {'medium': 700, 'full': 700}  # Rules of all splits together.
CASES_PER_RULE = {'easy': 8, 'medium': 1, 'full': 1}


@dataclasses.dataclass(frozen=True)
class Rule:
  """A rule and what it is made of.

  Attributes:
    text: what the gym evaluates.
    parts: what must occur in train wherever it occurs.
  """

  text: str
  parts: frozenset[str]


def generate(level: str, split: str, seed: int = 0) -> list[types.Task]:
  """Generates the tasks of a level and split.

  Args:
    level: 'easy', 'medium' or 'full'.
    split: 'train', 'validation' or 'test'.
    seed: decides which rules there are, where they go and their test cases.

  Returns:
    The same tasks in the same order on every machine.

  Raises:
    ValueError: there is no such level or split.
  """
  if level not in LEVELS:
    raise ValueError(f'level {level!r}: use one of {", ".join(LEVELS)}')
  if split not in SPLITS:
    raise ValueError(f'split {split!r}: use one of {", ".join(SPLITS)}')
  rules = _split_rules(level, seed)[split]
  cases = [_cases(level, rule.text, seed) for rule in rules]
  # Rule by rule within a round of cases: a prefix holds as many as it can.
  data = [
      {'rule': rule.text, 'test_case': list(case), 'expected': expected}
      for a_case_each in zip(*cases, strict=True)
      for rule, (case, expected) in zip(rules, a_case_each)
  ]
  return [
      types.Task(f'function/{level}/{split}/{i}', 'function', level, datum)
      for i, datum in enumerate(data)
  ]


def _split_rules(level: str, seed: int) -> dict[str, list[Rule]]:
  """Holds rules out as long as all their parts stay in train."""
  rules = sorted(
      _rules(level, seed), key=lambda r: _hashed('split', level, seed, r.text)
  )
  num_left = collections.Counter(p for rule in rules for p in rule.parts)
  splits = {split: [] for split in SPLITS}
  for rule in rules:
    for split in ('test', 'validation'):
      if len(splits[split]) < NUM_HELD_OUT[level] and all(
          num_left[part] > 1 for part in rule.parts
      ):
        num_left.subtract(rule.parts)
        splits[split].append(rule)
        break
    else:
      splits['train'].append(rule)
  return splits


def _rules(level: str, seed: int) -> list[Rule]:
  if level == 'easy':
    return _easy_rules()
  draw = {'medium': _medium_rule, 'full': _full_rule}[level]
  pool = {}  # By what the rule computes, so that no two compute the same.
  for i in itertools.count():
    rule = draw(_Draws(level, seed, i))
    if _cases(level, rule.text, seed):
      pool.setdefault(_signature(rule.text), rule)
    if len(pool) == NUM_POOL[level]:
      return list(pool.values())


def _easy_rules() -> list[Rule]:
  return [
      _sum_rule(list(zip(coefs, names)))
      for num_terms in EASY_NUM_TERMS
      for names in itertools.combinations(arithmetic.VARIABLES, num_terms)
      for coefs in itertools.product(EASY_COEFS, repeat=num_terms)
  ]


def _medium_rule(draws: '_Draws') -> Rule:
  """Draws 2 to 4 terms: distinct variables, then maybe one term that is not."""
  names = draws.shuffled(arithmetic.VARIABLES)
  num_terms = draws.pick(MEDIUM_NUM_TERMS)
  names = names[:num_terms]
  coefs = [draws.pick(MEDIUM_COEFS) for _ in names]
  match draws.pick(('sum', 'sum', 'constant', 'product')):
    case 'constant':
      names[-1] = ''
    case 'product':
      pair = draws.shuffled(arithmetic.VARIABLES)[:2]
      names[-1] = '*'.join(sorted(pair))
      coefs[-1] = draws.pick(MEDIUM_PRODUCT_COEFS)
  signs = [draws.pick((1, 1, -1)) for _ in names]
  terms = [(sign * coef, name) for sign, coef, name in zip(signs, coefs, names)]
  return _sum_rule(sorted(terms, key=lambda term: (not term[1], term[1])))


def _sum_rule(terms: Sequence[tuple[int, str]]) -> Rule:
  """Writes a sum of terms; a coefficient of 1 is left out."""
  text = ''
  for coef, name in terms:
    size = '*'.join(filter(None, [str(abs(coef)) * (abs(coef) > 1), name]))
    text += f' {"-" if coef < 0 else "+"} {size or abs(coef)}'
  text = text.removeprefix(' + ')
  if text.startswith(' - '):
    text = '-' + text.removeprefix(' - ')
  return Rule(text, frozenset(f'{coef}*{name}' for coef, name in terms))


def _full_rule(draws: '_Draws') -> Rule:
  """Draws an expression that uses every variable once, powers now and then."""
  leaves = [(name, 9) for name in draws.shuffled(arithmetic.VARIABLES)]
  nodes = _squared(leaves, draws) if draws.chance(1, 4) else leaves
  while len(nodes) > 1:
    i = draws.below(len(nodes) - 1)
    sign = draws.pick('+ - * / + - * / + - * **'.split())
    between_names = len(nodes[i][0]) == len(nodes[i + 1][0]) == 1
    if sign == '**' and not (between_names and draws.chance(1, 3)):
      sign = '*'
    nodes[i : i + 2] = [_joined(sign, nodes[i], nodes[i + 1], draws)]
    if len(nodes) < 4 and draws.chance(1, 10):
      nodes = _squared(nodes, draws)
  text = nodes[0][0]
  parts = re.findall(r'[\w)] \*\* \w|[-+*/()]|\w', text)
  return Rule(text, frozenset(parts))


_PRECEDENCE = {'+': 1, '-': 1, '*': 2, '/': 2, '**': 3}


def _joined(sign: str, left, right, draws: '_Draws') -> tuple[str, int]:
  """Joins two (text, precedence) nodes, with parentheses where needed."""
  rank = _PRECEDENCE[sign]
  # Superfluous ones now and then, as people write them.
  spare = draws.chance(1, 4)
  wrap_left = left[1] < rank + (sign == '**') or spare and left[1] < 9
  wrap_right = right[1] <= rank or (sign == '**' and right[1] < 9)
  return (
      f'{_wrapped(left[0], wrap_left)} {sign} {_wrapped(right[0], wrap_right)}',
      rank,
  )


def _wrapped(text: str, wrap: bool) -> str:
  return f'({text})' if wrap else text


def _squared(nodes, draws: '_Draws'):
  i = draws.below(len(nodes))
  text, rank = nodes[i]
  if '**' in text:
    return nodes
  squared = (f'{_wrapped(text, rank < 9)} ** 2', 3)
  return [*nodes[:i], squared, *nodes[i + 1 :]]


def _cases(level: str, rule: str, seed: int) -> list[tuple[list[int], int]]:
  """Draws test cases where the rule's value is an integer."""
  draws = _Draws('case', level, rule, seed)
  cases = {}
  for _ in range(50 * CASES_PER_RULE[level]):
    case = tuple(1 + draws.below(LARGEST_DIGIT[level]) for _ in range(4))
    value = _value(rule, case)
    if value is not None and value == int(value):
      cases[case] = int(value)
    if len(cases) == CASES_PER_RULE[level]:
      break
  return list(cases.items())


def _value(rule: str, values: Sequence[int]) -> float | None:
  try:
    value = arithmetic.evaluate(rule, values)
  except arithmetic.NoValueError:
    return None
  return value if abs(value) <= LARGEST_VALUE else None


# Rules that agree here are the same rule in two spellings.
_SIGNATURE_POINTS = ((2, 3, 5, 7), (3, 7, 4, 2), (5, 2, 3, 4), (7, 5, 2, 3))


def _signature(rule: str) -> tuple[float | None, ...]:
  values = []
  for point in _SIGNATURE_POINTS:
    try:
      values.append(round(arithmetic.evaluate(rule, point), 6))
    except arithmetic.NoValueError:
      values.append(None)
  return tuple(values)


class _Draws:
  """A stream of numbers that depends on its names alone, on every machine."""

  def __init__(self, *names):
    self._prefix = '/'.join(map(str, names))
    self._count = 0

  def below(self, bound: int) -> int:
    self._count += 1
    return _hashed(self._prefix, self._count) % bound

  def chance(self, numerator: int, denominator: int) -> bool:
    return self.below(denominator) < numerator

  def pick(self, options: Sequence):
    return options[self.below(len(options))]

  def shuffled(self, items: Iterable) -> list:
    self._count += 1
    return _shuffled(items, self._prefix, self._count)


def _shuffled(items: Iterable, *names) -> list:
  return sorted(items, key=lambda item: _hashed(*names, item))


def _hashed(*names) -> int:
  """Hashes names by SHA-256: Python's own generators differ by version."""
  text = '/'.join(map(str, names))
  return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], 'big')
