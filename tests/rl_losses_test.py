"""Tests for bao_jax.rl.losses."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
from jax.sharding import AxisType
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
import numpy as np

from bao_jax.rl import losses

jit = chex.variants(with_jit=True, without_jit=True)

MEANS = (
    ('token', losses.masked_mean),
    ('sequence', losses.sequence_mean),
    (
        'constant',
        lambda *args, **kw: losses.constant_mean(*args, max_tokens=10, **kw),
    ),
)


def random_batch(num_rows=4, num_tokens=5):
  rng = np.random.default_rng(0)
  shape = (3, num_rows, num_tokens)
  values = rng.normal(scale=0.5, size=shape).astype(np.float32)
  lengths = rng.integers(1, num_tokens + 1, size=(num_rows, 1))
  return *values, np.arange(num_tokens) < lengths


class MeanTest(chex.TestCase):
  # Rows of three tokens, one token and none.
  x = jnp.array([[1.0, 2.0, 6.0], [5.0, jnp.nan, jnp.nan], [jnp.inf] * 3])
  mask = jnp.array([[True] * 3, [True, False, False], [False] * 3])

  @jit
  @parameterized.named_parameters(
      # (1 + 2 + 6 + 5) / 4.
      ('token', MEANS[0][1], 3.5),
      # (3 + 5) / 2.
      ('sequence', MEANS[1][1], 4),
      # (9 + 5) / (10 * 2).
      ('constant', MEANS[2][1], 0.7),
  )
  def test_worked_example(self, fn, expected):
    result = self.variant(lambda *args: fn(*args))(self.x, self.mask)
    np.testing.assert_allclose(result, expected, rtol=1e-6)

  @parameterized.named_parameters(*MEANS)
  def test_of_nothing_is_zero(self, fn):
    mask = jnp.zeros((2, 3), bool)
    value, grad = jax.value_and_grad(fn)(jnp.ones((2, 3)), mask)
    self.assertEqual(value, 0)
    np.testing.assert_array_equal(grad, np.zeros((2, 3)))

  @parameterized.named_parameters(*MEANS)
  def test_sends_no_gradient_under_the_mask(self, fn):
    grad = jax.grad(fn)(self.x, self.mask)
    np.testing.assert_array_equal(grad != 0, self.mask)

  @parameterized.named_parameters(
      ('token', MEANS[0][1], lambda mask: jnp.sum(mask)),
      ('sequence', MEANS[1][1], lambda mask: jnp.sum(jnp.any(mask, axis=1))),
      ('constant', MEANS[2][1], lambda mask: jnp.sum(jnp.any(mask, axis=1))),
  )
  def test_micro_batches_add_up(self, fn, count):
    x, _, _, mask = random_batch(6)
    mask[2] = False  # One micro-batch has a row without tokens.
    whole = fn(x, mask)
    parts = [
        fn(x[i : i + 2], mask[i : i + 2], denominator=count(mask))
        for i in (0, 2, 4)
    ]
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-5)


class ClippedLossesTest(chex.TestCase):

  @jit
  @parameterized.named_parameters(
      # ratio 1.5: the gain of a good token is capped at 1.2 or 1.28.
      ('high', 1.5, 2.0, {}, -2.4),
      ('higher', 1.5, 2.0, dict(clip_high=0.28), -2.56),
      # The loss of a bad one is not, unless by the dual clip.
      ('bad_high', 1.5, -2.0, {}, 3.0),
      ('very_bad', 5.0, -2.0, {}, 10.0),
      ('dual', 5.0, -2.0, dict(dual_clip=3.0), 6.0),
      ('dual_spares_good', 5.0, 2.0, dict(dual_clip=3.0), -2.4),
      # ratio 0.5: the gain of a bad token is capped at 0.8 or 0.9.
      ('low', 0.5, -2.0, {}, 1.6),
      ('lower', 0.5, -2.0, dict(clip_low=0.1), 1.8),
      ('good_low', 0.5, 2.0, {}, -1.0),
      ('inside', 1.1, 2.0, {}, -2.2),
  )
  def test_worked_example(self, ratio, advantage, options, expected):
    one = jnp.ones((1, 1))
    result = self.variant(
        lambda *args: losses.clipped_losses(*args, **options)
    )(jnp.log(ratio) * one, 0 * one, advantage * one, one == 1)
    np.testing.assert_allclose(result, [[expected]], rtol=1e-6)

  @jit
  def test_on_policy_gradient_is_reinforce(self):
    logps, _, advantages, mask = random_batch()
    loss = lambda x: jnp.sum(losses.clipped_losses(x, logps, advantages, mask))
    grad = self.variant(jax.grad(loss))(logps)
    np.testing.assert_allclose(
        grad, -jnp.where(mask, advantages, 0.0), atol=1e-6
    )

  def test_clipped_tokens_send_no_gradient(self):
    # Good and too high, bad and too low; then the two that may come back.
    logps = jnp.log(jnp.array([[1.5, 0.5, 1.5, 0.5]]))
    advantages = jnp.array([[1.0, -1.0, -1.0, 1.0]])
    mask = jnp.ones((1, 4), bool)
    fn = lambda x: jnp.sum(
        losses.clipped_losses(x, jnp.zeros((1, 4)), advantages, mask)
    )
    np.testing.assert_allclose(jax.grad(fn)(logps), [[0, 0, 1.5, -0.5]])

  def test_masked_tokens_may_hold_anything(self):
    mask = jnp.array([[True, False, False, False]])
    logps = jnp.array([[-1.0, jnp.nan, jnp.inf, 9e9]])
    old_logps = jnp.array([[-1.0, -jnp.inf, 0.0, jnp.nan]])
    advantages = jnp.array([[1.0, jnp.nan, jnp.inf, 1.0]])
    fn = lambda *args: jnp.sum(losses.clipped_losses(*args, mask))
    value, grad = jax.value_and_grad(fn)(logps, old_logps, advantages)
    self.assertEqual(value, -1)
    np.testing.assert_array_equal(grad, [[-1, 0, 0, 0]])

  def test_huge_ratios_stay_finite(self):
    logps, mask = jnp.array([[0.0, -500.0]]), jnp.ones((1, 2), bool)
    fn = lambda x: jnp.sum(
        losses.clipped_losses(x, logps[:, ::-1], -jnp.ones((1, 2)), mask)
    )
    chex.assert_tree_all_finite(jax.value_and_grad(fn)(logps))

  def test_advantages_receive_no_gradient(self):
    args = random_batch()
    fn = lambda *args: jnp.sum(losses.clipped_losses(*args))
    grad = jax.grad(fn, argnums=2)(*args)
    np.testing.assert_array_equal(grad, np.zeros((4, 5)))

  def test_is_the_same_on_a_mesh(self):
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
    args = random_batch(16)
    sharded = jax.device_put(args, NamedSharding(mesh, P('data')))

    @jax.jit
    def loss(*args):
      return losses.masked_mean(losses.clipped_losses(*args), args[-1])

    np.testing.assert_allclose(loss(*sharded), loss(*args), rtol=1e-6)


class TruncatedWeightsTest(chex.TestCase):

  @jit
  def test_worked_example(self):
    old = jnp.log(jnp.array([[0.5, 0.2, 0.1, 0.5]]))
    prox = jnp.log(jnp.array([[0.25, 0.3, 0.9, 0.5]]))
    mask = jnp.array([[True, True, True, False]])
    weigh = lambda *args: losses.truncated_weights(*args, max_weight=2.0)
    result = self.variant(weigh)(prox, old, mask)
    # Half as likely, half again as likely, nine times as likely, not sampled.
    np.testing.assert_allclose(result, [[0.5, 1.5, 2.0, 0.0]], rtol=1e-6)

  def test_masked_tokens_may_hold_anything(self):
    mask = jnp.array([[True, False, False]])
    logps = jnp.array([[-1.0, jnp.nan, jnp.inf]])
    weigh = lambda x, y: losses.truncated_weights(x, y, mask, max_weight=2.0)
    expected = [[np.exp(-2), 0, 0]]
    np.testing.assert_allclose(weigh(logps, -logps), expected, rtol=1e-6)

  def test_gradient_is_that_of_the_later_policy(self):
    """Of two tokens, over all that the older policy may sample."""
    old = jnp.log(jnp.array([0.3, 0.7]))
    score = jnp.array([0.4, -0.2])
    advantages, mask = jnp.array([[2.0, -1.0]]), jnp.ones((1, 2), bool)

    def loss(score):
      logps = jax.nn.log_softmax(score)[None]
      prox = jax.lax.stop_gradient(logps)
      weights = losses.truncated_weights(logps, old[None], mask, max_weight=9.0)
      each = losses.clipped_losses(logps, prox, weights * advantages, mask)
      return jnp.sum(jnp.exp(old) * each[0])

    exact = lambda score: -jnp.sum(jax.nn.softmax(score) * advantages[0])
    np.testing.assert_allclose(
        jax.grad(loss)(score), jax.grad(exact)(score), rtol=1e-5
    )


class KlTest(chex.TestCase):
  """Means over all tokens of a vocabulary of three, weighted by π."""

  logits = jnp.array([0.3, -0.5, 1.0])
  ref_logps = jnp.log(jnp.array([0.5, 0.2, 0.3]))
  mask = jnp.ones((1, 3), bool)

  def mean_value(self, fn):
    logps = jax.nn.log_softmax(self.logits)
    values = fn(logps[None], self.ref_logps[None], self.mask)[0]
    return jnp.exp(logps) @ values

  def mean_gradient(self, fn):
    probs = jax.nn.softmax(self.logits)  # Drawn from, not differentiated.
    value = (
        lambda logits: probs
        @ fn(jax.nn.log_softmax(logits)[None], self.ref_logps[None], self.mask)[
            0
        ]
    )
    return jax.grad(value)(self.logits)

  def kl(self, logits):
    logps = jax.nn.log_softmax(logits)
    return jnp.sum(jnp.exp(logps) * (logps - self.ref_logps))

  def reverse_kl(self, logits):
    logps = jax.nn.log_softmax(logits)
    return jnp.sum(jnp.exp(self.ref_logps) * (self.ref_logps - logps))

  @jit
  @parameterized.named_parameters(
      # log π - log π_ref = log 2 = 0.693147; π_ref / π = 0.5.
      ('k1', losses.kl_k1, 0.693147),
      # 0.480453 / 2.
      ('k2', losses.kl_k2, 0.240227),
      # 0.5 - 1 + 0.693147.
      ('k3', losses.kl_k3, 0.193147),
  )
  def test_worked_example(self, fn, expected):
    logps = jnp.log(jnp.array([[0.5, jnp.nan]]))
    ref_logps = jnp.log(jnp.array([[0.25, 0.1]]))
    mask = jnp.array([[True, False]])
    np.testing.assert_allclose(
        self.variant(fn)(logps, ref_logps, mask), [[expected, 0]], rtol=1e-5
    )

  @parameterized.parameters(losses.kl_k1, losses.kl_k3)
  def test_are_unbiased(self, fn):
    np.testing.assert_allclose(
        self.mean_value(fn), self.kl(self.logits), rtol=1e-5
    )

  def test_k2_is_biased(self):
    gap = self.mean_value(losses.kl_k2) - self.kl(self.logits)
    self.assertGreater(abs(gap), 1e-2)

  def test_gradients(self):
    np.testing.assert_allclose(
        self.mean_gradient(losses.kl_k1), np.zeros(3), atol=1e-6
    )
    np.testing.assert_allclose(
        self.mean_gradient(losses.kl_k2),
        jax.grad(self.kl)(self.logits),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        self.mean_gradient(losses.kl_k3),
        jax.grad(self.reverse_kl)(self.logits),
        atol=1e-6,
    )

  @parameterized.named_parameters(
      # The policy is far likelier, or far less likely, than the reference.
      ('far_above', 0.0, -50.0, 49.0, 1.0),
      ('far_below', -500.0, 0.0, np.expm1(20.0) - 20, 0.0),
  )
  def test_k3_stays_finite_and_never_pulls_the_wrong_way(
      self, logp, ref, value, sign
  ):
    mask = jnp.ones((1, 1), bool)
    fn = lambda x: jnp.sum(losses.kl_k3(x, jnp.full((1, 1), ref), mask))
    result, grad = jax.value_and_grad(fn)(jnp.full((1, 1), logp))
    np.testing.assert_allclose(result, value, rtol=1e-5)
    self.assertEqual(jnp.sign(grad[0, 0]), sign)

  @parameterized.parameters(losses.kl_k1, losses.kl_k2, losses.kl_k3)
  def test_masked_tokens_may_hold_anything(self, fn):
    mask = jnp.array([[True, False]])
    loss = lambda x: jnp.sum(fn(x, jnp.array([[-1.0, -jnp.inf]]), mask))
    grad = jax.grad(loss)(jnp.array([[-2.0, jnp.nan]]))
    chex.assert_tree_all_finite(grad)
    self.assertEqual(grad[0, 1], 0)


class PolicyMetricsTest(chex.TestCase):

  @jit
  def test_worked_example(self):
    # Ratios 2 1.1 0.5 0.5 and one masked. Clipped are the good one that rose
    # and the bad one that fell.
    ratio = jnp.array([[2.0, 1.1, 0.5, 0.5, jnp.nan]])
    advantages = jnp.array([[1.0, 1.0, -1.0, 1.0, 1.0]])
    entropies = jnp.array([[1.0, 2.0, 3.0, 4.0, jnp.inf]])
    mask = jnp.array([[True] * 4 + [False]])
    metrics = self.variant(losses.policy_metrics)(
        jnp.log(ratio), jnp.zeros((1, 5)), advantages, entropies, mask
    )
    expected = {
        'policy/ratio': 1.025,
        'policy/clip_fraction': 0.5,
        # (1 + 0.1 - 0.5 - 0.5 - log(2 * 1.1 / 4)) / 4.
        'policy/kl': (0.1 - np.log(0.55)) / 4,
        'policy/logp_gap': (3 * np.log(2) + np.log(1.1)) / 4,
        'policy/entropy': 2.5,
    }
    chex.assert_trees_all_close(
        metrics, jax.tree.map(np.float32, expected), rtol=1e-5
    )

  def test_clip_fraction_counts_tokens_without_gradient(self):
    logps, old_logps, advantages, mask = random_batch(16)
    fn = lambda x: jnp.sum(
        losses.clipped_losses(
            x, old_logps, advantages, mask, clip_low=0.1, clip_high=0.3
        )
    )
    still = (jax.grad(fn)(logps) == 0) & mask
    metrics = losses.policy_metrics(
        logps,
        old_logps,
        advantages,
        jnp.zeros((16, 5)),
        mask,
        clip_low=0.1,
        clip_high=0.3,
    )
    self.assertGreater(jnp.sum(still), 5)
    np.testing.assert_allclose(
        metrics['policy/clip_fraction'],
        jnp.sum(still) / jnp.sum(mask),
        rtol=1e-6,
    )

  def test_micro_batches_add_up(self):
    logps, old_logps, advantages, mask = random_batch()
    args = logps, old_logps, advantages, advantages, mask
    whole = losses.policy_metrics(*args)
    first, second = (
        losses.policy_metrics(
            *(x[part] for x in args), denominator=jnp.sum(mask)
        )
        for part in (slice(1), slice(1, None))
    )
    total = jax.tree.map(jnp.add, first, second)
    chex.assert_trees_all_close(total, whole, rtol=1e-5)


if __name__ == '__main__':
  absltest.main()
