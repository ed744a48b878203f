"""Arithmetic over a, b, c and d, read from text without `eval`.

  evaluate('(a + b) ** 2 - c / d', [1, 2, 9, 3]) == 6.0

It refuses everything that is not a number, one of the four variables, + - * /
** or a parenthesis, and every number too large to be meant. Numbers on the way
may be larger than the value, so that 1 ** 10 ** 27 is 1.
"""

import ast
from collections.abc import Sequence
import functools
import math
import operator

VARIABLES = 'abcd'
MAX_LENGTH = 200  # Of a rule, in characters; bounds the depth of its tree too.
MAX_MAGNITUDE = 2**63  # Of the value.
MAX_BITS = 256  # Of every number on the way.


class RuleError(ValueError):
  """The text is no rule over a, b, c and d."""


class NoValueError(ArithmeticError):
  """The rule has no real number of bounded size as its value there."""


def evaluate(rule: str, values: Sequence[float]) -> float:
  """Computes the value of a rule.

  Args:
    rule: for example '2*a - (b + c) ** 2'.
    values: of a, b, c and d, in this order.

  Returns:
    The value; an int where nothing was divided and all `values` are ints.

  Raises:
    RuleError: the text is no rule.
    NoValueError: a division by zero, a root of a negative number, a value
      above `MAX_MAGNITUDE`, or a number of more than `MAX_BITS` on the way.
  """
  value = _value(parse(rule), dict(zip(VARIABLES, values, strict=True)))
  if abs(value) > MAX_MAGNITUDE:
    raise NoValueError(f'{value!r} is not of bounded size')
  return value


@functools.lru_cache(maxsize=4096)
def parse(rule: str) -> ast.expr:
  """Parses a rule and raises `RuleError` unless it is one."""
  if len(rule) > MAX_LENGTH:
    raise RuleError(
        f'rule {rule[:20]!r}...: {len(rule)} characters; at most {MAX_LENGTH}'
    )
  try:
    tree = ast.parse(rule.strip(), mode='eval').body
  except (SyntaxError, ValueError, MemoryError, RecursionError):
    raise RuleError(f'rule {rule!r}: cannot be read as arithmetic') from None
  _check(tree, rule)
  return tree


def _check(node: ast.expr, rule: str) -> None:
  match node:
    case ast.BinOp() if type(node.op) in _BINARY:
      _check(node.left, rule)
      _check(node.right, rule)
    case ast.UnaryOp() if type(node.op) in _UNARY:
      _check(node.operand, rule)
    case ast.Constant() if type(node.value) in (int, float):
      pass
    case ast.Name() if len(node.id) == 1 and node.id in VARIABLES:
      pass
    case _:
      raise RuleError(
          f'rule {rule!r}: {ast.unparse(node)!r} is not allowed; use a, b, c,'
          ' d, numbers, + - * / ** and parentheses'
      )


def _value(node: ast.expr, values: dict[str, float]) -> float:
  match node:
    case ast.BinOp():
      function = _BINARY[type(node.op)]
      left, right = _value(node.left, values), _value(node.right, values)
      return _bounded(function, left, right)
    case ast.UnaryOp():
      return _bounded(_UNARY[type(node.op)], _value(node.operand, values))
    case ast.Name():
      return _bounded(operator.pos, values[node.id])
    case _:
      return _bounded(operator.pos, node.value)


def _bounded(function, *args: float) -> float:
  try:
    value = function(*args)
  except (ZeroDivisionError, OverflowError) as error:
    raise NoValueError(str(error)) from None
  # Written so that NaN fails it.
  if isinstance(value, complex) or not abs(value) <= 2**MAX_BITS:
    raise NoValueError(f'{value!r} is not a real number of bounded size')
  return value


def _power(base: float, exponent: float) -> float:
  # Bounded before it is computed: 9 ** 9 ** 9 must not be.
  if base and abs(exponent * math.log2(abs(base))) > MAX_BITS:
    raise OverflowError(f'{base!r} ** {exponent!r} is too large or too small')
  return base**exponent


_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: _power,
}
_UNARY = {ast.UAdd: operator.pos, ast.USub: operator.neg}
