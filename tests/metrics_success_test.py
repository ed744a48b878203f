"""Tests for bao_jax.metrics.success."""

import itertools

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax.metrics import success

# Rows, with A an answer and E an exploring turn, over six turns at most:
#   E A A A     rewards 0 0 0.5 0.5    solved by its third answer
#   A           reward 1               solved by its first
#   E E E       reward 0.3 without an answer
#   A E A E E E rewards -0.1 0.2 0 0 0 0.4   earns more after its last answer
IS_USER = np.array(
    [
        [0, 1, 1, 1, 1, 1],
        [1, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],
        [1, 0, 1, 0, 0, 0],
    ],
    bool,
)
REWARDS = np.array(
    [
        [0, 0, 0.5, 0.5, np.nan, 9],
        [1, 0, 0, 0, 0, 7],
        [0, 0, 0.3, 5, 0, 0],
        [-0.1, 0.2, 0, 0, 0, 0.4],
    ]
)
TURN_MASK = np.arange(6) < np.array([[4], [1], [3], [6]])


class AspectScoreTest(absltest.TestCase):

  def test_worked_example(self):
    # A search, two answers about aspect 0, one about 1; then one of three
    # aspects alone is answered, and nothing at all.
    rewards = np.array([[0.2, 0.8, 1, 0.8], [0.2, 0, 1, 5], [0.2, 0.2, 0, 0]])
    aspects = np.array([[-1, 0, 0, 1], [-1, -1, 2, 0], [-1, -1, -1, -1]])
    turn_mask = np.arange(4) < np.array([[4], [3], [4]])
    found = success.aspect_score(
        rewards, aspects, turn_mask, np.array([2, 3, 2])
    )
    np.testing.assert_allclose(found, [0.9, 1 / 3, 0])

  def test_what_a_penalty_takes_counts_nothing(self):
    found = success.aspect_score(
        np.array([[-0.4]]), np.array([[0]]), np.array([[True]]), np.array([1])
    )
    np.testing.assert_array_equal(found, [0])


class PassTest(parameterized.TestCase):

  @parameterized.parameters(
      (1, [0, 1, 0, -0.1]),
      (2, [0.5, 1, 0, 0.1]),
      (3, [1, 1, 0, 0.1]),
      (9, [1, 1, 0, 0.1]),
  )
  def test_worked_example(self, k, expected):
    result = success.pass_at_u(REWARDS, IS_USER, TURN_MASK, k=k)
    np.testing.assert_allclose(result, expected)

  @parameterized.parameters((1, [0, 1, 0, 0]), (2, [0, 1, 0, 0]))
  def test_solved_is_strict(self, k, expected):
    result = success.solved_at_u(REWARDS, IS_USER, TURN_MASK, k=k)
    np.testing.assert_array_equal(result, expected)

  def test_solved_forgives_rounding_and_takes_a_threshold(self):
    rewards, ones = np.full((1, 10), 0.1), np.ones((1, 10), bool)
    solved = lambda **options: success.solved_at_u(
        rewards.astype(np.float32), ones, ones, **options
    )
    self.assertTrue(solved(k=10))
    self.assertFalse(solved(k=9))
    self.assertTrue(solved(k=9, threshold=0.8))


class SamplesTest(parameterized.TestCase):

  def test_is_the_share_of_draws(self):
    # All draws of k of n samples, c of them solved, counted one by one.
    for n, c, k in itertools.product((1, 4, 6), range(7), (1, 2, 3)):
      if c > n or k > n:
        continue
      draws = list(itertools.combinations([True] * c + [False] * (n - c), k))
      args = np.array([c]), np.array([n])
      self.assertAlmostEqual(
          success.pass_at_k(*args, k=k)[0], np.mean([any(d) for d in draws])
      )
      self.assertAlmostEqual(
          success.pass_hat_k(*args, k=k)[0], np.mean([all(d) for d in draws])
      )


class CountsTest(absltest.TestCase):

  def test_worked_example(self):
    np.testing.assert_allclose(
        success.score(REWARDS, TURN_MASK), [1, 1, 0.3, 0.5]
    )
    np.testing.assert_array_equal(success.turns(TURN_MASK), [4, 1, 3, 6])
    np.testing.assert_array_equal(
        success.answers(IS_USER, TURN_MASK), [3, 1, 0, 2]
    )
    np.testing.assert_allclose(
        success.involvement_rate(IS_USER, TURN_MASK), [3 / 4, 1, 0, 2 / 6]
    )
    # Three questions without an answer count as over one answer.
    np.testing.assert_allclose(
        success.exploration_ratio(IS_USER, TURN_MASK), [1 / 3, 0, 3, 2]
    )

  def test_measures_of_userrl(self):
    np.testing.assert_array_equal(
        success.effective_turns(REWARDS, TURN_MASK), [4, 1, 3, 6]
    )
    # 0.5 / 3 + 0.5 / 4; 1; 0.3 / 3; -0.1 + 0.2 / 2 + 0.4 / 6.
    np.testing.assert_allclose(
        success.time_weighted_score(REWARDS, TURN_MASK),
        [0.291667, 1, 0.1, 0.066667],
        rtol=1e-5,
    )

  def test_effective_turns_end_with_the_last_reward(self):
    rewards = np.array([[0, 0.5, 0, 0], [0, 0, 0, 1]])
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], bool)
    np.testing.assert_array_equal(
        success.effective_turns(rewards, mask), [2, 0]
    )

  def test_a_conversation_without_turns(self):
    none = np.zeros((1, 6), bool)
    for fn in (success.involvement_rate, success.exploration_ratio):
      np.testing.assert_array_equal(fn(IS_USER[:1], none), [0])
    self.assertEqual(success.effective_turns(REWARDS[:1], none), [0])
    self.assertEqual(success.pass_at_u(REWARDS[:1], IS_USER[:1], none, k=1), 0)


class SummaryTest(absltest.TestCase):

  def test_averages_what_did_not_fail(self):
    valid = np.array([True, True, True, False])
    result = success.summary(REWARDS, IS_USER, TURN_MASK, valid, max_k=2)
    expected = {
        'eval/pass_at_u1': 1 / 3,
        'eval/pass_at_u2': 0.5,
        'eval/solved_at_u1': 1 / 3,
        'eval/solved_at_u2': 1 / 3,
        'eval/score': 2.3 / 3,
        'eval/involvement_rate': (0.75 + 1 + 0) / 3,
        'eval/exploration_ratio': (1 / 3 + 0 + 3) / 3,
        'eval/exploration_ratio_of_totals': 1.0,  # (1 + 0 + 3) / (3 + 1 + 0).
        'eval/turns': 8 / 3,
        'eval/answers': 4 / 3,
        'eval/effective_turns': 8 / 3,
        'eval/time_weighted_score': (0.291667 + 1 + 0.1) / 3,
        'eval/conversations': 4,
        'eval/failed': 1,
    }
    self.assertSameElements(result, expected)
    for name, value in expected.items():
      self.assertAlmostEqual(result[name], value, places=5, msg=name)

  def test_failed_conversations_may_hold_anything(self):
    valid = np.array([True, True, True, False])
    rewards = np.where(valid[:, None], REWARDS, np.nan)
    self.assertEqual(
        success.summary(rewards, IS_USER, TURN_MASK, valid),
        success.summary(REWARDS, IS_USER, TURN_MASK, valid),
    )

  def test_nothing_valid_is_not_a_zero(self):
    result = success.summary(REWARDS, IS_USER, TURN_MASK, np.zeros(4, bool))
    self.assertTrue(np.isnan(result['eval/score']))
    self.assertEqual(result['eval/failed'], 4)

  def test_no_answer_at_all_has_an_infinite_ratio(self):
    result = success.summary(
        REWARDS, 0 * IS_USER == 1, TURN_MASK, np.ones(4, bool)
    )
    self.assertEqual(result['eval/exploration_ratio_of_totals'], np.inf)
    self.assertEqual(result['eval/exploration_ratio'], 14 / 4)


if __name__ == '__main__':
  absltest.main()
