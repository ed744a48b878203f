"""Tests for bao_jax.teachers.function and what it deduces."""

from fractions import Fraction
import functools
import json
import os
import pathlib
import random
import re

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import types
from bao_jax.envs import base as envs
from bao_jax.envs import function as gyms
from bao_jax.tasks.builtin import function as tasks
from bao_jax.teachers import base
from bao_jax.teachers import function
from bao_jax.teachers import function_local
from bao_jax.teachers import function_notes
from bao_jax.teachers import function_sums

_ALL = base.Behaviors()
_NONE = base.Behaviors(False, False, False, False)
_TURNS = {'easy': 8, 'medium': 12, 'full': 15}
_ROOT = pathlib.Path(
    os.environ.get(
        'USERRL_ROOT',
        pathlib.Path(__file__).parents[2] / 'shared' / 'data' / 'userrl',
    )
)
# At most what a byte-level BPE needs: words, digits and signs, one token each.
_TOKENS = re.compile(r' ?[a-z]+| ?\d| ?[^\sa-z\d]+|\s')
# What is left of a turn of 48 tokens for the thought, by an answer.
_MOST_TOKENS = 38


def _play(task, teacher, seed=0, max_turns=None):
  """Returns the (move, step) pairs of a conversation."""
  max_turns = max_turns or _TURNS[task.level]
  gym = gyms.FunctionGym(max_turns=max_turns)
  rng = random.Random(seed)
  state, observation = gym.reset(task, seed=0)
  history, turns = [], []
  while not state.done:
    left = max_turns - state.turn
    move = teacher(observation, tuple(history), left, rng)
    state, step = gym.step(state, move.action)
    history.append((move.action, step.reply))
    turns.append((move, step))
  return turns


@functools.cache
def _conversations(level, split, behaviors=_ALL, slip=0.3, stride=1):
  teacher = function.make_teacher(behaviors, slip=slip)
  some = tasks.generate(level, split)[::stride]
  return [_play(task, teacher, seed) for seed, task in enumerate(some)]


def _solved(conversations):
  return sum(turns[-1][1].solved for turns in conversations) / len(
      conversations
  )


def _answers_in_a_row(turns):
  answers = [step.is_user for _, step in turns]
  return any(one and two for one, two in zip(answers, answers[1:]))


def _task(level, rule, case):
  data = {'rule': rule, 'test_case': case, 'expected': 0}
  return types.Task('function/test', 'function', level, data)


class AllBehaviorsTest(parameterized.TestCase):

  @parameterized.product(split=tasks.SPLITS, slip=(0.0, 0.3))
  def test_solves_easy_tasks(self, split, slip):
    conversations = _conversations('easy', split, slip=slip)
    self.assertGreaterEqual(_solved(conversations), 0.95)

  @parameterized.product(split=tasks.SPLITS)
  def test_solves_medium_tasks(self, split):
    conversations = _conversations('medium', split, stride=5)
    self.assertGreaterEqual(_solved(conversations), 0.95)

  @parameterized.product(split=tasks.SPLITS)
  def test_solves_full_tasks(self, split):
    self.assertGreaterEqual(_solved(_conversations('full', split)), 0.95)

  def test_solves_the_benchmark(self):
    path = _ROOT / 'gyms/FunctionGym/functiongym/data/functions.json'
    if not path.exists():
      self.skipTest(f'no {path}; set USERRL_ROOT to a checkout')
    teacher = function.make_teacher(_ALL, slip=0.3)
    solved = []
    for item in json.loads(path.read_text()):
      data = {
          'rule': item['rule'],
          'test_case': item['test_case'],
          'expected': item['expected_result'],
      }
      task = types.Task(item['id'], 'function', 'full', data)
      solved.append(_play(task, teacher)[-1][1].solved)
    self.assertGreaterEqual(sum(solved) / len(solved), 0.95)

  def test_a_conversation(self):
    task = _task('easy', '2*a + 3*c + d', [3, 1, 2, 4])
    turns = _play(task, function.make_teacher(_ALL, slip=0.0), max_turns=6)
    self.assertEqual(
        [(m.think, m.action.choice, m.action.content) for m, _ in turns],
        [
            ('know nothing, ask a', 'action', '1 0 0 0'),
            ('know a2, ask b', 'action', '0 1 0 0'),
            ('know a2 b0, ask c', 'action', '0 0 1 0'),
            ('know a2 b0 c3, ask d', 'action', '0 0 0 1'),
            ('know a2 b0 c3 d1, ask case', 'search', 'test'),
            ('a2*3=6 c3*2=6 6+6=12 d1*4=4 12+4=16', 'answer', '16'),
        ],
    )

  def test_a_slip_is_refined_after_a_check(self):
    task = _task('easy', '2*a + 3*c + d', [3, 1, 2, 4])
    task.data['expected'] = 16
    turns = _play(task, function.make_teacher(_ALL, slip=1.0))
    (slip, verdict), (check, reply), (refined, end) = turns[-3:]
    self.assertEqual(verdict.reply, 'wrong answer')
    self.assertEqual(check.action, types.Action('action', '3 1 2 0'))
    self.assertEndsWith(
        check.think, f'{slip.action.content} wrong, check without d'
    )
    self.assertEqual(reply.reply, 'f(3, 1, 2, 0) = 12')
    self.assertEqual(
        refined.think, '12 holds so the last sum slipped, d1*4=4 12+4=16'
    )
    self.assertTrue(end.solved)
    self.assertEqual(
        [move.is_target for move, _ in turns], [True] * 5 + [False, True, True]
    )

  @parameterized.parameters(*tasks.LEVELS)
  def test_only_slips_are_no_targets(self, level):
    slips = 0
    conversations = _conversations(level, 'validation', stride=2)
    for turns in conversations:
      for move, step in turns:
        if not move.is_target:
          slips += 1
          self.assertEqual((move.action.choice, step.reward), ('answer', 0.0))
          self.assertIn(move.action.content, move.think)
    self.assertBetween(slips / len(conversations), 0.1, 0.5)

  @parameterized.parameters(*tasks.LEVELS)
  def test_answers_late_and_never_in_a_row(self, level):
    for turns in _conversations(level, 'validation', stride=2):
      self.assertFalse(_answers_in_a_row(turns))
      answers = [step.is_user for _, step in turns]
      searches = [m.action.choice == 'search' for m, _ in turns]
      self.assertLess(searches.index(True), answers.index(True))

  def test_never_asks_twice(self):
    for level in tasks.LEVELS:
      for turns in _conversations(level, 'validation', stride=2):
        actions = [move.action for move, _ in turns]
        self.assertLen(set(actions), len(actions))

  def test_easy_thoughts_are_short(self):
    for turns in _conversations('easy', 'train', stride=3):
      for move, _ in turns:
        count = len(_TOKENS.findall(move.think))
        self.assertLessEqual(count, _MOST_TOKENS, move.think)

  def test_easy_thoughts_compute_right(self):
    for turns in _conversations('easy', 'test', stride=2):
      for move, _ in turns:
        if move.is_target:
          for left, right, product in re.findall(
              r'(\d)\*(\d)=(\d+)', move.think
          ):
            self.assertEqual(int(left) * int(right), int(product))

  @parameterized.parameters(*tasks.LEVELS)
  def test_is_the_same_for_the_same_rng(self, level):
    task = tasks.generate(level, 'test')[0]
    for behaviors in (_ALL, _NONE):
      teacher = function.make_teacher(behaviors, slip=0.5)
      self.assertEqual(_play(task, teacher, 3), _play(task, teacher, 3))

  @parameterized.product(level=tasks.LEVELS, max_turns=(1, 2, 3, 5))
  def test_answers_in_the_last_turn_of_any_budget(self, level, max_turns):
    for behaviors in (_ALL, _NONE):
      teacher = function.make_teacher(behaviors, slip=1.0)
      turns = _play(
          tasks.generate(level, 'test')[1], teacher, max_turns=max_turns
      )
      self.assertEqual(turns[-1][0].action.choice, 'answer')

  def test_survives_a_rule_of_another_kind(self):
    rules = ('a ** b', 'a * b * c', '1 / (a - 1)', 'a / (b - b)', '7')
    for level in tasks.LEVELS:
      for rule in rules:
        for behaviors in (_ALL, _NONE):
          teacher = function.make_teacher(behaviors, slip=0.5)
          for case in ([2, 3, 1, 1], [1, 1, 1, 1], [1, 0, 0, 0]):
            turns = _play(_task(level, rule, case), teacher)
            self.assertNotEmpty(turns)

  @parameterized.parameters(
      ('2*a*b + c', [1, 1, 1, 1], 3), ('-3*b*d + 2', [1, 2, 3, 5], -28)
  )
  def test_finds_a_product_where_its_probe_is_refused(
      self, rule, case, expected
  ):
    task = _task('medium', rule, case)
    task.data['expected'] = expected
    turns = _play(task, function.make_teacher(_ALL, slip=0.0))
    self.assertIn(gyms.TERSE.is_test_case, [step.reply for _, step in turns])
    self.assertTrue(turns[-1][1].solved)

  def test_sees_only_prompt_and_replies(self):
    # The replies of one rule, played back under the prompt of a level.
    replies = {'1 0 0 0': 2, '0 1 0 0': 0, '0 0 1 0': 3, '0 0 0 1': 1}
    history = [
        (
            types.Action('action', content),
            f'f({content.replace(" ", ", ")})' f' = {value}',
        )
        for content, value in replies.items()
    ]
    case = 'test case: a=3 b=1 c=2 d=4'
    history.append((types.Action('search', 'test'), case))
    teacher = function.make_teacher(_ALL, slip=0.0)
    observation = envs.Observation('terms like 2*a', 'begin')
    move = teacher(observation, history, 3, random.Random(0))
    self.assertEqual(move.action, types.Action('answer', '16'))


class SwitchedOffTest(parameterized.TestCase):

  @parameterized.parameters(*tasks.LEVELS)
  def test_scheduling(self, level):
    off = base.Behaviors(scheduling=False)
    turns = _conversations(level, 'validation', off, stride=2)
    early = [any(s.is_user and not s.solved for _, s in t[:3]) for t in turns]
    self.assertGreater(sum(early) / len(early), 0.5)
    self.assertGreater(sum(map(_answers_in_a_row, turns)) / len(turns), 0.15)

  def test_querying(self):
    off = base.Behaviors(querying=False)
    units = {'1 0 0 0', '0 1 0 0', '0 0 1 0', '0 0 0 1'}
    first = [
        turns[0][0].action.content
        for turns in _conversations('easy', 'validation', off)
    ]
    self.assertLess(sum(content in units for content in first), 10)

  @parameterized.parameters(*tasks.LEVELS)
  def test_memory(self, level):
    off = base.Behaviors(memory=False)
    repeats = []
    for turns in _conversations(level, 'validation', off, stride=2):
      actions = [move.action for move, _ in turns]
      repeats.append(len(set(actions)) < len(actions))
      for move, _ in turns:
        self.assertNotIn('know', move.think)
    self.assertGreater(sum(repeats) / len(repeats), 0.2)

  @parameterized.parameters(*tasks.LEVELS)
  def test_refinement(self, level):
    off = base.Behaviors(refinement=False)
    conversations = _conversations(level, 'validation', off, 1.0, 2)
    for turns in conversations:
      self.assertTrue(_answers_in_a_row(turns))
      self.assertNotIn('slipped', ' '.join(m.think for m, _ in turns))

  @parameterized.parameters('easy', 'medium', 'full')
  def test_enough_is_solved_to_learn_from(self, level):
    conversations = _conversations(level, 'validation', _NONE, stride=2)
    self.assertGreaterEqual(_solved(conversations), 0.5)


class DeductionTest(parameterized.TestCase):

  def test_reads_both_wordings(self):
    for wording in (gyms.TERSE, gyms.FULL):
      history = [
          (
              types.Action('action', '1 0 -2 0'),
              wording.value.format(1, 0, -2, 0, value='-0.3333'),
          ),
          (types.Action('action', '0 0 0 0'), wording.no_value),
          (types.Action('action', '1 2 3'), wording.not_a_probe),
          (types.Action('search', 'best'), wording.not_a_search),
          (
              types.Action('search', 'test'),
              wording.test_case.format(3, 1, 2, 4),
          ),
          (types.Action('answer', '-7'), wording.wrong),
      ]
      notes = function_notes.read(history)
      self.assertEqual(
          notes.values,
          {(1, 0, -2, 0): Fraction('-0.3333'), (0, 0, 0, 0): None},
      )
      self.assertEqual(notes.case, (3, 1, 2, 4))
      self.assertEqual(notes.wrong, (-7,))

  def test_a_refused_probe_reveals_the_test_case(self):
    for wording in (gyms.TERSE, gyms.FULL):
      action = types.Action('action', '1 1 1 1')
      notes = function_notes.read([(action, wording.is_test_case)])
      self.assertEqual(notes.case, (1, 1, 1, 1))

  def test_solves_what_is_determined(self):
    # f = 2a + 3c + d: a + b is known only as a sum.
    values = {(1, 1, 0, 0): 2, (0, 0, 1, 1): 4, (0, 0, 1, 2): 5}
    values = {point: Fraction(value) for point, value in values.items()}
    self.assertEqual(function_sums.solve(values, 'abcd'), {'c': 3, 'd': 1})
    self.assertEqual(function_sums.num_open(values, 'abcd'), 1)

  def test_knows_what_no_sum_explains(self):
    values = {(1, 0, 0, 0): Fraction(1), (2, 0, 0, 0): Fraction(4)}
    self.assertIsNone(function_sums.solve(values, 'abcd'))

  @parameterized.parameters(
      ('line', lambda x: 3 * x - 1, 3),
      ('parabola', lambda x: 2 * x * x - x + 5, 4),
      ('quotient', lambda x: Fraction(3 * x + 2, x + 7), 4),
  )
  def test_fits_once_one_sample_confirms(self, shape, curve, num_needed):
    samples = [(x, Fraction(curve(x))) for x in (1, 3, 4, 5)]
    found, fitted = function_local.fit(samples[:num_needed], 2)
    self.assertEqual(found, shape)
    self.assertEqual(fitted(2), curve(2))
    _, fitted = function_local.fit(samples[: num_needed - 1], 2)
    self.assertIsNone(fitted)

  def test_fits_no_power(self):
    samples = [(x, Fraction(2**x)) for x in (1, 3, 4, 5)]
    self.assertEqual(function_local.fit(samples, 2), ('', None))


if __name__ == '__main__':
  absltest.main()
