"""Tests for bao_jax.rl.advantages."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
from jax.sharding import AxisType
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
import numpy as np

from bao_jax.rewards import returns
from bao_jax.rl import advantages

jit = chex.variants(with_jit=True, without_jit=True)


def turn_level(**options):
  return lambda rewards, mask, valid, group_size: advantages.turn_advantages(
      rewards, mask, valid, group_size=group_size, **options
  )


def on_scores(fn, **options):
  return lambda rewards, mask, valid, group_size: fn(
      returns.sum_score(rewards, mask, decimals=None),
      mask,
      valid,
      group_size=group_size,
      **options,
  )


def userrl(rewards, mask, valid, group_size):
  """One token per turn."""
  turn = jnp.where(mask, jnp.arange(mask.shape[1])[None], -1)
  return advantages.userrl_advantages(
      returns.sum_score(rewards, mask, decimals=None),
      returns.equalized_credit(rewards, mask),
      turn,
      valid,
      group_size=group_size,
  )


ESTIMATORS = {
    'eq_5b': turn_level(),
    'eq_5b_discounted': turn_level(gamma=0.8, ddof=1),
    'eq_5b_plain': turn_level(scale_by_std=False, leave_one_out=True),
    'rloo': on_scores(advantages.rloo_advantages),
    'dr_grpo': on_scores(advantages.grpo_advantages),
    'grpo': on_scores(advantages.grpo_advantages, scale_by_std=True),
    'userrl': userrl,
}
# Compiled once for all tests that share shapes.
ESTIMATORS = {
    name: jax.jit(fn, static_argnums=3) for name, fn in ESTIMATORS.items()
}


def random_batch(num_rows=8, num_turns=3):
  rng = np.random.default_rng(0)
  rewards = rng.normal(size=(num_rows, num_turns)).astype(np.float32)
  lengths = rng.integers(1, num_turns + 1, size=(num_rows, 1))
  return rewards, np.arange(num_turns) < lengths


class GroupStatsTest(chex.TestCase):

  @jit
  @parameterized.parameters((0, 14 / 3), (1, 14 / 2))
  def test_worked_example(self, ddof, variance):
    # 1, 2, 6 (the 9 is invalid): sum 9, mean 3, squares 4 + 1 + 9 = 14.
    scores = jnp.array([1.0, 2.0, 6.0, 9.0])
    valid = jnp.array([True, True, True, False])
    stats = self.variant(
        lambda *args: advantages.group_stats(*args, group_size=4, ddof=ddof)
    )(scores, valid)
    np.testing.assert_array_equal(stats.total, [9] * 4)
    np.testing.assert_array_equal(stats.mean, [3] * 4)
    np.testing.assert_allclose(stats.std, [variance**0.5] * 4, rtol=1e-6)
    np.testing.assert_array_equal(stats.count, [3] * 4)

  def test_rows_must_fill_groups(self):
    with self.assertRaisesRegex(ValueError, '5 rows .* group_size=2'):
      advantages.group_stats(jnp.zeros(5), jnp.ones(5, bool), group_size=2)


class ZeroVarianceTest(chex.TestCase):

  @jit
  def test_worked_example(self):
    scores = jnp.array(
        [
            [0.0, 1.0, 2.0],  # Learnable.
            [0.3, 0.3 + 1e-7, 0.3],  # Equal but for noise.
            [0.5, 0.5, jnp.nan],  # Equal beside a failure.
            [0.0, 1.0, jnp.nan],  # Learnable beside a failure.
            [1.0, 7.0, 7.0],  # One valid member.
            [1.0, 2.0, 3.0],  # Padding: no group at all.
        ]
    )
    valid = jnp.array(
        [
            [True, True, True],
            [True, True, True],
            [True, True, False],
            [True, True, False],
            [True, False, False],
            [False, False, False],
        ]
    )
    filtered, share = self.variant(
        lambda *args: advantages.zero_variance(*args, group_size=3)
    )(scores.ravel(), valid.ravel())
    np.testing.assert_array_equal(
        filtered, [False, True, True, False, True, True]
    )
    np.testing.assert_allclose(share, 3 / 5, rtol=1e-6)

  @parameterized.parameters((0.05, True), (0.2, True), (-1.0, False))
  def test_the_tolerance_is_a_distance(self, tol, filtered):
    scores = jnp.array([1.0, 1.0 if tol < 0.1 else 1.1])
    result, share = advantages.zero_variance(
        scores, jnp.ones(2, bool), group_size=2, tol=tol
    )
    self.assertEqual(bool(result[0]), filtered)
    self.assertEqual(float(share), filtered)

  def test_one_valid_member_is_never_a_group(self):
    filtered, _ = advantages.zero_variance(
        jnp.array([1.0, 2.0]), jnp.array([True, False]), group_size=2, tol=-1
    )
    np.testing.assert_array_equal(filtered, [True])

  def test_no_groups_have_no_share(self):
    _, share = advantages.zero_variance(
        jnp.ones(4), jnp.zeros(4, bool), group_size=2
    )
    self.assertEqual(float(share), 0)


class TurnAdvantagesTest(chex.TestCase):
  # Rewards (0.2, 1) and (0, 0, 0): R is 1.2 and 0, mean 0.6, std 0.6.
  rewards = jnp.array([[0.2, 1.0, 5.0], [0.0, 0.0, 0.0]])
  mask = jnp.array([[True, True, False], [True, True, True]])

  @jit
  @parameterized.named_parameters(
      # G is (1.2, 1): (0.6, 0.4) / 0.6.
      ('default', {}, [[1, 2 / 3, 0], [-1, -1, -1]]),
      # G is (0.2 + 0.5 * 1, 1): (0.1, 0.4) / 0.6; R stays undiscounted.
      ('discounted', dict(gamma=0.5), [[1 / 6, 2 / 3, 0], [-1, -1, -1]]),
      ('no_std', dict(scale_by_std=False), [[0.6, 0.4, 0], [-0.6] * 3]),
      # The sample deviation: sqrt(2 * 0.36) = 0.848528.
      (
          'sample_std',
          dict(ddof=1),
          [[0.707107, 0.471405, 0], [-0.707107] * 3],
      ),
      # Baselines 0 and 1.2.
      (
          'leave_one_out',
          dict(leave_one_out=True, scale_by_std=False),
          [[1.2, 1.0, 0], [-1.2] * 3],
      ),
      # 0.6 / (0.6 + 0.6).
      ('eps', dict(eps=0.6), [[0.5, 1 / 3, 0], [-0.5] * 3]),
  )
  def test_worked_example(self, options, expected):
    fn = self.variant(
        lambda *args: advantages.turn_advantages(*args, group_size=2, **options)
    )
    result = fn(self.rewards, self.mask, jnp.ones(2, bool))
    np.testing.assert_allclose(result, expected, atol=1e-5)

  def test_equal_scores_are_not_divided_by_their_noise(self):
    # Both rows score 1.2, up to float noise, along different ways.
    rewards = jnp.array([[0.2, 1.0], [1.2 - 1e-7, 1e-7]])
    mask, valid = jnp.ones((2, 2), bool), jnp.ones(2, bool)
    fn = lambda tol: advantages.turn_advantages(
        rewards, mask, valid, group_size=2, tol=tol
    )
    np.testing.assert_array_equal(fn(1e-6), np.zeros((2, 2)))
    self.assertGreater(jnp.max(jnp.abs(fn(-1))), 1e5)

  def test_a_success_below_the_mean_at_gamma_below_one(self):
    # The docstring's example: solved in turn 8 against a failure.
    rewards = jnp.zeros((2, 8)).at[0, 7].set(1.0)
    mask, valid = jnp.ones((2, 8), bool), jnp.ones(2, bool)
    fn = lambda gamma: advantages.turn_advantages(
        rewards, mask, valid, group_size=2, gamma=gamma, scale_by_std=False
    )[0]
    np.testing.assert_allclose(fn(0.8)[0], 0.8**7 - 0.5, rtol=1e-5)
    np.testing.assert_array_equal(fn(0.8) > 0, [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(fn(1.0), [0.5] * 8)


class TrajectoryAdvantagesTest(chex.TestCase):
  # Scores 0, 1, 5 and an outage. The mean is 2, the squares 4 + 1 + 9 = 14.
  scores = jnp.array([0.0, 1.0, 5.0, jnp.nan])
  valid = jnp.array([True, True, True, False])
  mask = jnp.array([[True, True], [True, False], [True, True], [True, True]])

  @jit
  @parameterized.named_parameters(
      # 0 - (1 + 5) / 2, 1 - (0 + 5) / 2, 5 - (0 + 1) / 2.
      ('rloo', advantages.rloo_advantages, {}, [-3, -1.5, 4.5]),
      ('dr_grpo', advantages.grpo_advantages, {}, [-2, -1, 3]),
      # sqrt(14 / 3) = 2.160247.
      (
          'grpo',
          advantages.grpo_advantages,
          dict(scale_by_std=True),
          [-0.925820, -0.462910, 1.388730],
      ),
  )
  def test_worked_example(self, fn, options, expected):
    result = self.variant(lambda *args: fn(*args, group_size=4, **options))(
        self.scores, self.mask, self.valid
    )
    a, b, c = expected
    np.testing.assert_allclose(
        result,
        [[a, a], [b, 0], [c, c], [0, 0]],
        rtol=1e-5,
    )


class UserrlAdvantagesTest(chex.TestCase):

  def advantages(self, credits, z=1.0, turn=None):
    """Returns the advantages of a row whose normalized score, ±1, is z."""
    # Mean 0, and the sample deviation is sqrt((1 + 0 + 1) / 2) = 1.
    scores = jnp.array([1.0, 0.0, -1.0]) * z
    credits = jnp.array([credits] * 3)
    if turn is None:
      turn = range(credits.shape[1])
    turn = jnp.array([list(turn)] * 3)
    valid = jnp.ones(3, bool)
    return advantages.userrl_advantages(
        scores, credits, turn, valid, group_size=3, eps=0.0
    )[0]

  def test_equal_credit_gives_every_token_the_score(self):
    # z = (1 - 0) / 1; the prompt's and the reply's tokens get nothing.
    result = self.advantages([1.0, 1.0], turn=[-1, 0, 0, 0, -1, 1])
    np.testing.assert_allclose(result, [0, 1, 1, 1, 0, 1], rtol=1e-6)

  def test_credit_is_averaged_over_tokens(self):
    # Weights 0.8 0.8 1 0: N₊ = 3, Σ = 2.6.
    result = self.advantages([0.8, 1.0, 0.0], turn=[0, 0, 1, 2])
    np.testing.assert_allclose(
        result, [0.8 * 3 / 2.6, 0.8 * 3 / 2.6, 3 / 2.6, 0], rtol=1e-6
    )

  @parameterized.named_parameters(
      # N₊ = 2, Σ = -0.5: -1 * 2 / -0.5 and 0.5 * 2 / -0.5.
      ('flips', [-1.0, 0.5], 1.0, [4, -2]),
      # N₊ = 2, Σ = 0.01.
      ('explodes', [-0.50, 0.51], 1.0, [-100, 102]),
      ('cancels', [-0.5, 0.5], 1.0, [0, 0]),
      # A failure without any credit: nothing is learned from it.
      ('nothing', [0.0, 0.0], -1.0, [0, 0]),
      # The turn that was penalized is encouraged: N₊ = 2, Σ = 0.9, z = -1.
      ('encourages', [-0.1, 1.0], -1.0, [2 / 9, -20 / 9]),
  )
  def test_known_faults(self, credits, z, expected):
    np.testing.assert_allclose(self.advantages(credits, z), expected, rtol=1e-4)

  @jit
  def test_the_deviation_is_that_of_a_sample(self):
    # Scores 1 and 0: mean 0.5, std sqrt(0.5), z = ±0.707107.
    result = self.variant(
        lambda *args: advantages.userrl_advantages(*args, group_size=2)
    )(
        jnp.array([1.0, 0.0]),
        jnp.ones((2, 1)),
        jnp.zeros((2, 1), int),
        jnp.ones(2, bool),
    )
    np.testing.assert_allclose(result, [[0.707106], [-0.707106]], atol=2e-6)

  def test_failed_conversations_may_hold_anything(self):
    result = advantages.userrl_advantages(
        jnp.array([1.0, 0.0, jnp.nan]),
        jnp.array([[1.0], [1.0], [jnp.nan]]),
        jnp.zeros((3, 1), int),
        jnp.array([True, True, False]),
        group_size=3,
    )
    np.testing.assert_allclose(
        result, [[0.707106], [-0.707106], [0]], atol=2e-6
    )

  def test_a_group_of_one_is_its_score(self):
    result = advantages.userrl_advantages(
        jnp.array([0.7, 0.4]),
        jnp.ones((2, 1)),
        jnp.zeros((2, 1), int),
        jnp.array([True, False]),
        group_size=1,
    )
    np.testing.assert_allclose(result, [[0.7], [0]], rtol=1e-5)


class EveryEstimatorTest(parameterized.TestCase):

  @parameterized.named_parameters(*ESTIMATORS.items())
  def test_a_failed_sample_changes_no_other(self, fn):
    rewards, mask = random_batch()
    before = fn(rewards, mask, np.ones(8, bool), 4)
    add = lambda x, row: np.insert(x, [4, 8], row, axis=0)
    after = fn(
        add(rewards, np.nan), add(mask, True), add(np.ones(8, bool), False), 5
    )
    added = np.arange(10) % 5 == 4
    np.testing.assert_allclose(after[~added], before, atol=1e-6)
    np.testing.assert_array_equal(after[added], np.zeros((2, 3)))

  @parameterized.named_parameters(*ESTIMATORS.items())
  def test_no_valid_or_one_valid_member_is_zero(self, fn):
    rewards, mask = random_batch()
    valid = np.array([False] * 4 + [True] + [False] * 3)
    result = fn(rewards, mask, valid, 4)
    np.testing.assert_array_equal(result, np.zeros((8, 3)))

  @parameterized.named_parameters(*ESTIMATORS.items())
  def test_turns_that_did_not_happen_may_hold_anything(self, fn):
    rewards, mask = random_batch()
    valid = np.ones(8, bool)
    result = fn(np.where(mask, rewards, np.nan), mask, valid, 4)
    np.testing.assert_array_equal(result, fn(rewards, mask, valid, 4))
    np.testing.assert_array_equal(np.where(mask, 0.0, result), 0)

  @parameterized.named_parameters(*ESTIMATORS.items())
  def test_groups_do_not_see_each_other(self, fn):
    rewards, mask = random_batch()
    valid = np.ones(8, bool)
    changed = np.where(np.arange(8)[:, None] < 4, rewards, -7 * rewards)
    np.testing.assert_array_equal(
        fn(rewards, mask, valid, 4)[:4], fn(changed, mask, valid, 4)[:4]
    )

  @parameterized.named_parameters(*ESTIMATORS.items())
  def test_shifting_the_end_of_a_group_changes_nothing(self, fn):
    rewards, _ = random_batch()
    mask, valid = np.ones((8, 3), bool), np.ones(8, bool)
    # The last turn's reward is in every return; at γ < 1 it is not in full.
    shifted = rewards.copy()
    shifted[:, 2] += np.repeat([2.0, -1.0], 4)
    result, expected = fn(shifted, mask, valid, 4), fn(rewards, mask, valid, 4)
    np.testing.assert_allclose(result[:, 2], expected[:, 2], atol=1e-5)
    if fn is not ESTIMATORS['eq_5b_discounted']:
      np.testing.assert_allclose(result, expected, atol=1e-5)

  @parameterized.named_parameters(*ESTIMATORS.items())
  def test_carries_no_gradient(self, fn):
    rewards, mask = random_batch()
    # Not the sum, which is constant for some estimators whatever they carry.
    first = lambda rewards: fn(rewards, mask, np.ones(8, bool), 4)[0, 0]
    np.testing.assert_array_equal(jax.grad(first)(rewards), np.zeros((8, 3)))

  @parameterized.named_parameters(*ESTIMATORS.items())
  def test_is_the_same_on_a_mesh(self, fn):
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
    rewards, mask = random_batch(32)
    args = rewards, mask, np.arange(32) % 5 > 0
    sharded = jax.device_put(args, NamedSharding(mesh, P('data')))
    # A group of eight spans two devices.
    np.testing.assert_allclose(fn(*sharded, 8), fn(*args, 8), atol=1e-6)


class ToTokensTest(chex.TestCase):

  @jit
  def test_worked_example(self):
    values = jnp.array([[0.5, -1.0, jnp.nan], [2.0, 3.0, 4.0]])
    turn = jnp.array([[-1, 0, 0, -1, 1], [-1, 0, 1, 2, -1]])
    np.testing.assert_array_equal(
        self.variant(advantages.to_tokens)(values, turn),
        [[0, 0.5, 0.5, 0, -1], [0, 2, 3, 4, 0]],
    )

  def test_other_tokens_send_no_gradient(self):
    turn = jnp.array([[-1, 0, 0, -1]])
    grad = jax.grad(lambda x: jnp.sum(advantages.to_tokens(x, turn)))
    np.testing.assert_array_equal(grad(jnp.ones((1, 2))), [[2, 0]])


if __name__ == '__main__':
  absltest.main()
