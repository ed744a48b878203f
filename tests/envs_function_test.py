"""Tests for bao_jax.envs.function and bao_jax.envs.numerals."""

import collections
import json
import pathlib

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import types
from bao_jax.envs import function
from bao_jax.envs import numerals

_WORDING = pathlib.Path(__file__).parent / 'data' / 'function_wording.jsonl'
_DATA = {'rule': '2*a + 3*c + d', 'test_case': [3, 1, 2, 4], 'expected': 16}


def _task(level='easy', **changes):
  return types.Task('function/test', 'function', level, {**_DATA, **changes})


def _step(choice, content='', *, task=None, gym=None):
  gym = gym or function.FunctionGym()
  state, _ = gym.reset(task or _task(), seed=0)
  return gym.step(state, types.Action(choice, content))[1]


def _rows():
  return [json.loads(line) for line in _WORDING.read_text().splitlines()]


def _is_right(row):
  return row['reply_contains'] in _step(row['choice'], row['content']).reply


class FunctionGymTest(parameterized.TestCase):

  def test_a_conversation(self):
    gym = function.FunctionGym(max_turns=8)
    state, _ = gym.reset(_task(), seed=0)
    replies = []
    for choice, content in (
        ('action', '1 0 0 0'),
        ('search', 'test'),
        ('answer', '15'),
        ('answer', '14'),
        ('answer', '16'),
    ):
      state, step = gym.step(state, types.Action(choice, content))
      replies.append((step.reply, step.reward, step.is_user, step.terminated))
    self.assertEqual(
        replies,
        [
            ('f(1, 0, 0, 0) = 2', 0.0, False, False),
            ('test case: a=3 b=1 c=2 d=4', 0.0, False, False),
            ('wrong answer', 0.0, True, False),
            ('wrong answer', 0.0, True, False),
            ('correct', 1.0, True, True),
        ],
    )
    self.assertTrue(state.done and state.solved)

  def test_the_test_case_cannot_be_probed(self):
    for level in ('easy', 'medium', 'full'):
      step = _step('action', '3 1 2 4', task=_task(level))
      self.assertNotIn('16', step.reply)
      self.assertIn('the test case', step.reply)

  def test_integers_keep_the_value_hidden(self):
    original = function.FunctionGym(integer_probes=False)
    leak = _step('action', '3.0000001 1 2 4', gym=original)
    self.assertIn('= 16', leak.reply)
    fixed = _step('action', '3.0000001 1 2 4')
    self.assertEqual(fixed.reply, function.TERSE.not_a_probe)

  def test_the_original_probes_take_any_four_numbers(self):
    original = function.FunctionGym(integer_probes=False)
    for content, reply in (
        ('1e3 0 0', 'f(1.0, 3.0, 0.0, 0.0) = 2'),
        ('3-2 1 0', 'f(3.0, -2.0, 1.0, 0.0) = 9'),
        ('3 1 2 4', function.TERSE.is_test_case),
        ('1 2 3', function.TERSE.not_a_probe),
    ):
      self.assertEqual(_step('action', content, gym=original).reply, reply)

  @parameterized.parameters(
      ('1 / (a - 1)', '1 0 0 0'),
      ('a ** b ** c ** d', '9 9 9 9'),
      ('(0 - a) ** (1 / b)', '2 2 0 0'),
      ('a ** 2 ** d', '1000000 0 0 9'),
  )
  def test_no_value_is_a_reply(self, rule, content):
    step = _step('action', content, task=_task(rule=rule))
    self.assertEqual(step.reply, function.TERSE.no_value)

  @parameterized.parameters(
      ('a / 3', '1 0 0 0', '0.3333'),
      ('a / 4', '8 0 0 0', '2'),
      ('0 - a / 3', '0 0 0 0', '0'),
      ('a / 1000000', '1 0 0 0', '0'),
      ('a ** 9', '100 0 0 0', str(10**18)),
  )
  def test_writes_values_to_four_decimals(self, rule, content, value):
    step = _step('action', content, task=_task(rule=rule))
    self.assertEndsWith(step.reply, f' = {value}')

  def test_a_search_is_for_the_test_case_alone(self):
    for content in ('the weather test', 'test 1 0 0 0', 'latest', ''):
      step = _step('search', content)
      self.assertEqual(step.reply, function.TERSE.not_a_search, content)

  def test_an_answer_may_be_off_by_the_tolerance(self):
    task = _task(expected=0.5)
    self.assertEqual(_step('answer', '0.5000009', task=task).reward, 1.0)
    self.assertEqual(_step('answer', '0.500002', task=task).reward, 0.0)

  def test_the_end_gives_the_value_away(self):
    step = _step('finish')
    self.assertIn('16', step.reply)
    self.assertEqual((step.reward, step.terminated), (0.0, True))
    self.assertFalse(step.solved)

  def test_full_replies_have_the_shape_of_the_benchmark(self):
    replies = [
        _step(choice, content, task=_task('full')).reply
        for choice, content in (('action', '1 0 0 0'), ('search', 'test'))
    ]
    self.assertEqual(
        replies,
        [
            'With the numbers [1, 0, 0, 0] the rule yields 2.',
            'Test case: [3, 1, 2, 4]',
        ],
    )

  @parameterized.parameters('easy', 'medium')
  def test_short_prompts_say_what_is_needed(self, level):
    gym = function.FunctionGym(max_turns=9)
    observation = gym.prompt(_task(level))
    text = f'{observation.system} {observation.user}'
    self.assertLessEqual(len(text.split()), 90)
    self.assertEqual(text, text.lower())
    for word in ('a b c d', 'action', 'search', 'answer', 'think', '9 turns'):
      self.assertIn(word, text)

  @parameterized.parameters('easy', 'medium', 'full')
  def test_the_prompt_hides_the_task(self, level):
    gym = function.FunctionGym()
    one = gym.prompt(_task(level))
    other = gym.prompt(_task(level, rule='a', test_case=[7, 7, 7, 7]))
    self.assertEqual(one, other)

  def test_content_is_never_a_template(self):
    step = _step('action', '{value.__class__}', task=_task())
    self.assertEqual(step.reply, function.TERSE.not_a_probe)


class WordingTest(absltest.TestCase):

  def test_the_table_is_large_and_a_third_adversarial(self):
    groups = collections.Counter(row['group'] for row in _rows())
    self.assertGreaterEqual(groups.total(), 200)
    self.assertGreaterEqual(3 * groups['adversarial'], groups.total())
    pairs = {(row['choice'], row['content']) for row in _rows()}
    self.assertLen(pairs, groups.total())

  def test_nine_in_ten_are_right(self):
    rows = _rows()
    wrong = [row for row in rows if not _is_right(row)]
    self.assertLessEqual(10 * len(wrong), len(rows), wrong)

  def test_nothing_adversarial_leaks_or_is_rewarded(self):
    for row in _rows():
      step = _step(row['choice'], row['content'])
      if row['group'] in ('adversarial', 'negation', 'two in one'):
        self.assertEqual((step.reward, step.solved), (0.0, False), row)
        self.assertNotIn('16', step.reply, row)

  def test_only_the_value_is_rewarded(self):
    for row in _rows():
      step = _step(row['choice'], row['content'])
      self.assertEqual(step.reward, row['reply_contains'] == 'correct', row)


class NumeralsTest(parameterized.TestCase):

  @parameterized.parameters(
      ('', []),
      ('nothing here', []),
      ('16', [(16, '')]),
      ('a=3, b: 1', [(3, 'a'), (1, 'b')]),
      ('b to -2 and A3', [(-2, 'b'), (3, 'a')]),
      ('a b c d are 1 2 3 4', [(1, ''), (2, ''), (3, ''), (4, '')]),
      ('minus two', [(-2, '')]),
      ('one of these', []),  # Words count only where nothing else is said.
      ('this one: 5', [(5, '')]),
      ('1.50', [(1.5, '')]),
  )
  def test_reads(self, text, expected):
    found = [(n.value, n.name) for n in numerals.read(text)]
    self.assertEqual(found, expected)

  @parameterized.parameters(
      *('not 3', '3-2', '3 - 2', '1e3', '3²', '½', '2 * 3', '--3', '1_0'),
      *('more than 3', '0x10', '9' * 16, '- 3', '3/4', 'twice 3', 'all but 3'),
  )
  def test_refuses(self, text):
    self.assertIsNone(numerals.read(text))


if __name__ == '__main__':
  absltest.main()
