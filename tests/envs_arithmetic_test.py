"""Tests for bao_jax.envs.arithmetic."""

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import arithmetic


class EvaluateTest(parameterized.TestCase):

  @parameterized.parameters(
      ('2*a + 3*c + d', (3, 1, 2, 4), 16),
      ('a - b - c', (9, 2, 3, 0), 4),  # From the left.
      ('a - (b - c)', (9, 2, 3, 0), 10),
      ('a / b * c', (8, 2, 3, 0), 12.0),
      ('a ** b ** c', (2, 3, 2, 0), 512),  # From the right.
      ('-a ** 2', (3, 0, 0, 0), -9),
      ('(-a) ** 2', (3, 0, 0, 0), 9),
      ('+b', (0, 5, 0, 0), 5),
      ('a ** (0 - b)', (2, 2, 0, 0), 0.25),
      (' 1.5*a ', (2, 0, 0, 0), 3.0),
      ('0 ** a', (0, 0, 0, 0), 1),
      ('c ** d ** b ** a', (3, 3, 1, 10), 1),  # Passes 10 ** 27.
      ('2 ** 200 / 2 ** 190', (0, 0, 0, 0), 1024),
  )
  def test_worked_examples(self, rule, values, expected):
    self.assertEqual(arithmetic.evaluate(rule, values), expected)

  def test_stays_whole_without_division(self):
    self.assertIsInstance(arithmetic.evaluate('a*b - c', (2, 3, 4, 0)), int)

  @parameterized.parameters(
      'a / 0',
      'a / (b - b)',
      '0 ** (0 - 1)',
      '(0 - 8) ** (1 / 3)',  # A complex number in Python.
      '9 ** 9 ** 9',
      '9 ** 9 ** 9 ** 9',
      '(9 ** 19) ** 2',
      '10 ** 18 * 10 ** 18',
      '2 ** 64',
      '1 ** 2 ** 300',
      '2 ** 200 * 2 ** 200 / 2 ** 400',
      '1e999',
      '1e999 - 1e999',
      '9.5 ** 400',
      '0.5 ** 400',
  )
  def test_has_no_value(self, rule):
    with self.assertRaises(arithmetic.NoValueError):
      arithmetic.evaluate(rule, (1, 2, 3, 4))

  def test_has_no_value_at_a_huge_number(self):
    for value in (2**70, float('inf'), float('nan')):
      with self.assertRaises(arithmetic.NoValueError):
        arithmetic.evaluate('a', (value, 0, 0, 0))

  @parameterized.parameters(
      '',
      'a b',
      'a +',
      'e',
      'ab',
      'A',
      'a // b',
      'a % b',
      'a < b',
      'not a',
      '~a',
      'a if b else c',
      'a and b',
      '[a]',
      '(a, b)',
      'a.real',
      'a[0]',
      'f(a)',
      '(lambda: a)()',
      '(a := 3)',
      '__import__("os").system("true")',
      '().__class__.__bases__',
      '"a"',
      'True',
      'None',
      '1j',
      'a; b',
      'a = b',
      'a\x00',
      '-' * 201 + 'a',
      '(' * 190 + 'a',
  )
  def test_is_no_rule(self, rule):
    with self.assertRaises(arithmetic.RuleError):
      arithmetic.evaluate(rule, (1, 2, 3, 4))

  def test_the_error_names_what_is_wrong(self):
    with self.assertRaisesRegex(
        arithmetic.RuleError, r"rule '2\*a \+ x': 'x' is not allowed; use a, b"
    ):
      arithmetic.parse('2*a + x')

  def test_a_deep_rule_is_answered(self):
    self.assertEqual(arithmetic.evaluate('-' * 199 + 'a', (1, 0, 0, 0)), -1)

  def test_takes_four_values(self):
    with self.assertRaises(ValueError):
      arithmetic.evaluate('a', (1, 2, 3))


if __name__ == '__main__':
  absltest.main()
