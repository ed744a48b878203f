"""Tests for bao_jax.rewards.behavior."""

from absl.testing import absltest
import chex
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.rewards import behavior

jit = chex.variants(with_jit=True, without_jit=True)

# The released over-thinking totals of 1, 2, … 16 turns, at coef 0.05.
RELEASED_TOTALS = (
    -0.500,
    -0.283,
    -0.400,
    -0.450,
    -0.467,
    -0.464,
    -0.450,
    -0.428,
) + (-0.400, -0.368, -0.333, -0.296, -0.257, -0.217, 0.0, 0.0)


def happened(num_turns, max_turns=16):
  return jnp.arange(max_turns)[None] < jnp.array([list(num_turns)]).T


class InformationSeekingTest(chex.TestCase):

  @jit
  def test_worked_example(self):
    # E explores, U involves the user: U U E U, E U U U, and U U that failed.
    is_user = jnp.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 1]], bool)
    valid = jnp.array([True, True, False])
    fn = self.variant(
        lambda *args: behavior.information_seeking(*args, coef=0.5)
    )
    np.testing.assert_array_equal(
        fn(is_user, jnp.ones_like(is_user), valid),
        [[0, -0.5, 0, 0], [0, 0, -0.5, -0.5], [0, 0, 0, 0]],
    )

  def test_turns_that_did_not_happen_are_not_repeated(self):
    terms = behavior.information_seeking(
        jnp.ones((2, 4), bool), happened([2, 0], 4), jnp.ones(2, bool), coef=1.0
    )
    np.testing.assert_array_equal(terms, [[0, -1, 0, 0], [0, 0, 0, 0]])

  @jit
  def test_released_spares_conversations_that_earned_something(self):
    # Sums of rewards 1, 0 and -0.1; the last row is a failed conversation.
    rewards = jnp.array([[0, 0, 1.0], [0, 0, 0], [0, -0.1, 0], [0, 0, jnp.nan]])
    is_user = jnp.ones((4, 3), bool)
    valid = jnp.array([True, True, True, False])
    fn = self.variant(
        lambda *args: behavior.information_seeking_released(*args, coef=0.005)
    )
    np.testing.assert_allclose(
        fn(rewards, is_user, is_user, valid),
        [[0, 0, 0], [0, -0.005, -0.005], [0, -0.005, -0.005], [0, 0, 0]],
    )

  def test_released_ignores_rewards_of_turns_that_did_not_happen(self):
    terms = behavior.information_seeking_released(
        jnp.array([[0.0, 0.0, 1.0]]),
        jnp.ones((1, 3), bool),
        happened([2], 3),
        jnp.ones(1, bool),
        coef=1.0,
    )
    np.testing.assert_array_equal(terms, [[0, -1, 0]])


class OverThinkingTest(chex.TestCase):

  @jit
  def test_worked_example(self):
    # Budget 12, λ 0.1. Two turns: 0.1 * (12 - 2) / 2 = 0.5 for each. Then one
    # solved, one that used its budget of 3, one without turns, one failed.
    terms = self.variant(lambda *args: behavior.over_thinking(*args, coef=0.1))(
        happened([2, 2, 3, 0, 2], 4),
        jnp.array([False, True, False, False, False]),
        jnp.array([12, 12, 3, 12, 12]),
        jnp.array([True, True, True, True, False]),
    )
    expected = np.zeros((5, 4))
    expected[0, :2] = -0.5
    np.testing.assert_allclose(terms, expected, rtol=1e-6)

  def test_sums_to_the_unused_turns(self):
    num_turns = jnp.arange(1, 16)
    terms = behavior.over_thinking(
        happened(num_turns),
        jnp.zeros(15, bool),
        jnp.full(15, 15),
        jnp.ones(15, bool),
        coef=0.05,
    )
    np.testing.assert_allclose(
        jnp.sum(terms, axis=1), -0.05 * (15 - num_turns), rtol=1e-5
    )

  @jit
  def test_released_table(self):
    # At n = 4: 0.05 * 11 + 0.2 = 0.75, over 5 is 0.15, on three turns 0.45.
    terms = self.variant(
        lambda *args: behavior.over_thinking_released(*args, coef=0.05)
    )(jnp.zeros((16, 16)), happened(range(1, 17)), jnp.ones(16, bool))
    np.testing.assert_allclose(
        jnp.sum(terms, axis=1), RELEASED_TOTALS, atol=5e-4
    )

  def test_released_skips_the_first_turn_unless_it_is_the_only_one(self):
    terms = behavior.over_thinking_released(
        jnp.zeros((2, 4)), happened([4, 1], 4), jnp.ones(2, bool), coef=0.05
    )
    np.testing.assert_allclose(
        terms, [[0, -0.15, -0.15, -0.15], [-0.5, 0, 0, 0]], rtol=1e-6
    )

  def test_released_asks_for_a_sum_of_zero(self):
    # Unlike information seeking, a negative sum is spared. The last row failed.
    rewards = jnp.array([[1.0, 0, 0], [-0.1, 0, 0], [0, 0, 9], [0, jnp.nan, 0]])
    terms = behavior.over_thinking_released(
        rewards,
        happened([2, 2, 2, 2], 3),
        jnp.array([True, True, True, False]),
        coef=0.05,
    )
    # 0.05 * 13 + 0.2 = 0.85, over 3.
    expected = [[0, 0, 0], [0, 0, 0], [0, -0.28333, 0], [0, 0, 0]]
    np.testing.assert_allclose(terms, expected, atol=1e-5)


class InvolvementCostTest(chex.TestCase):

  @jit
  def test_sums_to_the_price_of_all_answers(self):
    is_user = jnp.array([[1, 0, 1, 1], [1, 1, 1, 1]], bool)
    fn = self.variant(
        lambda *args: behavior.involvement_cost(*args, weight=0.2)
    )
    terms = fn(is_user, happened([3, 4], 4), jnp.array([True, False]))
    np.testing.assert_allclose(terms, [[-0.2, 0, -0.2, 0], [0, 0, 0, 0]])


class TermsTest(chex.TestCase):

  def test_agree_on_type_and_shape(self):
    mask, valid = jnp.ones((2, 3), bool), jnp.ones(2, bool)
    rewards, budget = jnp.zeros((2, 3)), jnp.array([9, 9])
    chex.assert_type(
        [
            behavior.information_seeking(mask, mask, valid, coef=1),
            behavior.information_seeking_released(
                rewards, mask, mask, valid, coef=1
            ),
            behavior.over_thinking(mask, ~valid, budget, valid, coef=1),
            behavior.over_thinking_released(rewards, mask, valid, coef=1),
            behavior.involvement_cost(mask, mask, valid, weight=1),
        ],
        jnp.float32,
    )

  def test_wrong_shapes_are_refused(self):
    with self.assertRaises(AssertionError):
      behavior.information_seeking(
          jnp.ones((2, 3), bool),
          jnp.ones((2, 4), bool),
          jnp.ones(2, bool),
          coef=1.0,
      )

  def test_the_coefficient_may_be_traced(self):
    mask, valid = jnp.ones((1, 2), bool), jnp.ones(1, bool)
    fn = lambda coef: behavior.information_seeking(mask, mask, valid, coef=coef)
    np.testing.assert_array_equal(jax.jit(fn)(0.25), [[0, -0.25]])


if __name__ == '__main__':
  absltest.main()
