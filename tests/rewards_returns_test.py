"""Tests for bao_jax.rewards.returns."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax.numpy as jnp
import numpy as np

from bao_jax.rewards import returns

jit = chex.variants(with_jit=True, without_jit=True)

# UserRL's example, in a row of six turns of which five happened; what the last
# one holds must not matter. Its γ is 0.8.
REWARDS = jnp.array([[0.0, 0.2, 0.0, 1.0, 0.0, jnp.nan]])
TURN_MASK = jnp.array([[True, True, True, True, True, False]])


class ScoreTest(chex.TestCase):

  @jit
  @parameterized.named_parameters(
      ('sum', returns.sum_score, {}, 1.2),
      # 1.2 / 5.
      ('mean', returns.mean_score, {}, 0.24),
      # 0.8 * 0.2 + 0.8^3 * 1 = 0.16 + 0.512.
      ('r2g', returns.r2g_score, dict(gamma=0.8), 0.672),
  )
  def test_worked_example(self, fn, options, expected):
    score = self.variant(lambda *args: fn(*args, **options))(REWARDS, TURN_MASK)
    np.testing.assert_allclose(score, [expected], rtol=1e-6)

  @parameterized.parameters(returns.sum_score, returns.mean_score)
  def test_rounds_to_four_decimals(self, fn):
    rewards = jnp.array([[0.12344], [0.12346]])
    mask = jnp.ones((2, 1), bool)
    np.testing.assert_allclose(fn(rewards, mask), [0.1234, 0.1235], rtol=1e-6)
    np.testing.assert_array_equal(
        fn(rewards, mask, decimals=None), rewards[:, 0]
    )

  @parameterized.named_parameters(
      ('sum', returns.sum_score, {}),
      ('mean', returns.mean_score, {}),
      ('r2g', returns.r2g_score, dict(gamma=0.8)),
  )
  def test_no_turns_score_nothing(self, fn, options):
    score = fn(jnp.ones((1, 3)), jnp.zeros((1, 3), bool), **options)
    np.testing.assert_array_equal(score, [0])


class CreditTest(chex.TestCase):

  @jit
  @parameterized.named_parameters(
      ('naive', returns.naive_credit, {}, [0, 0.2, 0, 1, 0]),
      ('equalized', returns.equalized_credit, {}, [1, 1, 1, 1, 1]),
      # 0, then 1, then 0.8 * 1, then 0.2 + 0.8 * 0.8, then 0.8 * 0.84.
      (
          'r2g',
          returns.r2g_credit,
          dict(gamma=0.8),
          [0.672, 0.84, 0.8, 1, 0],
      ),
      # 0.5 + 0.5 * (1 - e^-0.4) / (1 - e^-2) = 0.5 + 0.5 * 0.32968 / 0.86466.
      ('em', returns.em_credit, {}, [0.5, 0.6906, 0.5, 1, 0.5]),
  )
  def test_worked_example(self, fn, options, expected):
    credit = self.variant(lambda *args: fn(*args, **options))(
        REWARDS, TURN_MASK
    )
    np.testing.assert_allclose(credit, [expected + [0]], rtol=1e-6)
    chex.assert_type(credit, jnp.float32)

  def test_em_rounds_to_four_decimals(self):
    rewards, mask = jnp.array([[0.2]]), jnp.ones((1, 1), bool)
    # 0.3296800 / 0.8646647 / 2 + 0.5.
    credit = returns.em_credit(rewards, mask, decimals=None)
    np.testing.assert_allclose(credit, [[0.6906404]], rtol=1e-6)
    np.testing.assert_allclose(
        returns.em_credit(rewards, mask), [[0.6906]], rtol=1e-6
    )


class DiscountedReturnsTest(chex.TestCase):

  @jit
  def test_undiscounted_is_what_is_still_to_come(self):
    fn = self.variant(lambda *args: returns.discounted_returns(*args, gamma=1))
    rewards = jnp.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    mask = jnp.array([[True, True, True], [True, True, False]])
    np.testing.assert_array_equal(fn(rewards, mask), [[7, 6, 4], [24, 16, 0]])

  def test_without_a_future_it_is_the_reward(self):
    np.testing.assert_array_equal(
        returns.discounted_returns(REWARDS, TURN_MASK, gamma=0.0)[:, :5],
        REWARDS[:, :5],
    )

  def test_integer_rewards_are_fine(self):
    result = returns.discounted_returns(
        jnp.array([[0, 1]]), jnp.ones((1, 2), bool), gamma=0.5
    )
    np.testing.assert_array_equal(result, [[0.5, 1.0]])


if __name__ == '__main__':
  absltest.main()
