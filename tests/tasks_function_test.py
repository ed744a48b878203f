"""Tests for bao_jax.tasks.builtin.function."""

import functools
import json
import re

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import arithmetic
from bao_jax.tasks.builtin import function

_LEVELS = function.LEVELS
_generate = functools.cache(function.generate)


def _rules(level, split):
  return {task.data['rule'] for task in _generate(level, split)}


def _parts(level, rule):
  if level == 'full':
    powers = re.findall(r'[abcd)] \*\* \w', rule)
    return {*re.findall(r'\*\*|[-+*/()]|\w', rule), *powers}
  signed = rule if rule.startswith('-') else f'+{rule}'
  return set(re.findall(r'[+-][^+-]+', signed.replace(' ', '')))


def _points():
  return [(1, 2, 3, 5), (7, 3, 2, 9), (2, 8, 5, 3), (4, 1, 9, 6), (9, 5, 4, 7)]


def _fingerprint(rule):
  """Tells what a rule computes, whatever its spelling."""
  values = []
  for point in _points():
    try:
      values.append(round(arithmetic.evaluate(rule, point), 6))
    except arithmetic.NoValueError:
      values.append(None)
  return tuple(values)


class GenerateTest(parameterized.TestCase):

  @parameterized.product(level=_LEVELS, split=function.SPLITS)
  def test_the_tasks_are_sound(self, level, split):
    tasks = _generate(level, split)
    self.assertGreaterEqual(len(tasks), 400 if split == 'train' else 80)
    self.assertLen({task.id for task in tasks}, len(tasks))
    self.assertLen({str(task.data) for task in tasks}, len(tasks))
    for i, task in enumerate(tasks):
      self.assertEqual(task.id, f'function/{level}/{split}/{i}')
      self.assertEqual((task.gym, task.level), ('function', level))
      self.assertEqual(json.loads(json.dumps(task.data)), dict(task.data))
      rule, case, expected = (
          task.data[key] for key in ('rule', 'test_case', 'expected')
      )
      self.assertEqual(arithmetic.evaluate(rule, case), expected)
      self.assertIsInstance(expected, int)
      self.assertLen(case, 4)
      self.assertBetween(min(case), 1, function.LARGEST_DIGIT[level])
      self.assertBetween(max(case), 1, function.LARGEST_DIGIT[level])

  @parameterized.parameters(*_LEVELS)
  def test_a_combination_is_in_one_split_alone(self, level):
    splits = [
        {_fingerprint(rule) for rule in _rules(level, split)}
        for split in function.SPLITS
    ]
    for i, one in enumerate(splits):
      for other in splits[i + 1 :]:
        self.assertEmpty(one & other)

  @parameterized.product(level=_LEVELS, seed=(0, 1))
  def test_every_part_occurs_in_train(self, level, seed):
    parts = {
        split: {
            part
            for task in _generate(level, split, seed)
            for part in _parts(level, task.data['rule'])
        }
        for split in function.SPLITS
    }
    self.assertContainsSubset(parts['validation'], parts['train'])
    self.assertContainsSubset(parts['test'], parts['train'])

  @parameterized.parameters(*_LEVELS)
  def test_every_digit_occurs_in_train(self, level):
    digits = {d for t in _generate(level, 'train') for d in t.data['test_case']}
    self.assertEqual(digits, set(range(1, function.LARGEST_DIGIT[level] + 1)))

  def test_easy_rules_have_small_terms(self):
    for split in function.SPLITS:
      for rule in _rules('easy', split):
        terms = rule.split(' + ')
        self.assertIn(len(terms), (2, 3), rule)
        self.assertLen({term[-1] for term in terms}, len(terms), rule)
        for term in terms:
          self.assertRegex(term, r'^([23]\*)?[abcd]$')

  def test_a_prefix_of_a_split_has_many_rules(self):
    prefix = _generate('easy', 'validation')[:24]
    self.assertLen({task.data['rule'] for task in prefix}, 24)

  def test_medium_rules_have_all_kinds_of_terms(self):
    rules = _rules('medium', 'train')
    for pattern in (r'[abcd]\*[abcd]', r'[+-] \d$', r'^-', r'9\*'):
      self.assertNotEmpty([r for r in rules if re.search(pattern, r)], pattern)
    self.assertLessEqual(max(len(_parts('medium', r)) for r in rules), 4)

  def test_full_rules_use_the_whole_grammar(self):
    rules = _rules('full', 'train')
    for pattern in (r'\+', '-', r' \* ', '/', r'\*\* 2', r'\)', r'\*\* [abcd]'):
      found = [rule for rule in rules if re.search(pattern, rule)]
      self.assertGreater(len(found), 5, pattern)
    for rule in rules:
      self.assertEqual(sorted(re.findall('[abcd]', rule)), list('abcd'))

  @parameterized.parameters(
      ('easy', '2*a + c + 2*d', [2, 1, 4, 3], 14),
      ('medium', '-9*b - 3', [8, 6, 5, 5], -57),
      ('full', 'd * c / a - b', [9, 3, 9, 2], -1),
  )
  def test_is_the_same_on_every_machine(self, level, rule, case, expected):
    self.assertEqual(
        dict(_generate(level, 'test')[0].data),
        {'rule': rule, 'test_case': case, 'expected': expected},
    )

  def test_the_seed_decides(self):
    for level in _LEVELS:
      self.assertEqual(
          function.generate(level, 'test', 3), _generate(level, 'test', 3)
      )
      self.assertNotEqual(
          _generate(level, 'test', 3), _generate(level, 'test', 0)
      )

  def test_refuses_what_does_not_exist(self):
    with self.assertRaisesRegex(ValueError, "level 'hard': use one of easy"):
      function.generate('hard', 'train')
    with self.assertRaisesRegex(ValueError, "split 'dev': use one of train"):
      function.generate('easy', 'dev')


if __name__ == '__main__':
  absltest.main()
