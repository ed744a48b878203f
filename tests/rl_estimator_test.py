"""What the advantages estimate, by enumerating every group of a toy.

The toy: in each of three turns the policy asks or answers. The first question
earns 0.2, later ones nothing; an answer after n questions ends the conversation
and is right, for a reward of 1, with probability 0.1, 0.5 or 0.9. So there are
seven conversations: A+ A- QA+ QA- QQA+ QQA- QQQ, and 7^N groups of N. Three
logits, of asking after n questions, are the policy.
"""

import itertools

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.rl import advantages
from bao_jax.rl import losses

RIGHT = (0.1, 0.5, 0.9)  # Probability that an answer after n questions is.
LOGITS = np.array([-0.4, 0.3, -1.1], np.float32)

# Rows: A+ A- QA+ QA- QQA+ QQA- QQQ.
REWARDS = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.2, 1.0, 0.0],
        [0.2, 0.0, 0.0],
        [0.2, 0.0, 1.0],
        [0.2, 0.0, 0.0],
        [0.2, 0.0, 0.0],
    ]
)
FINAL_REWARDS = np.where(REWARDS == 1, 1.0, 0.0)
ASKED = np.array([0, 0, 1, 1, 2, 2, 3])
TURN_MASK = np.arange(3) < np.minimum(ASKED + 1, 3)[:, None]
LUCK = np.array([0.1, 0.9, 0.5, 0.5, 0.9, 0.1, 1.0])


def turn_logps(logits):
  """Returns `[7, 3]` log-probabilities of what was chosen in each turn."""
  sign = np.where(np.arange(3) < ASKED[:, None], 1, -1)
  logps = jax.nn.log_sigmoid(sign * logits[None])
  return jnp.where(TURN_MASK, logps, 0.0)


def probabilities(logits):
  return LUCK * jnp.exp(jnp.sum(turn_logps(logits), axis=1))


def exact_gradient(logits, rewards=REWARDS):
  value = lambda logits: probabilities(logits) @ np.sum(rewards, axis=1)
  return jax.grad(value)(logits)


def expected_gradient(
    logits, group_size, advantage_fn, mean_fn, rewards=REWARDS
):
  """Returns the estimated ascent direction, averaged over all groups."""
  members = np.array(list(itertools.product(range(7), repeat=group_size)))
  rows = members.reshape(-1)
  turn_values = advantage_fn(
      rewards[rows],
      TURN_MASK[rows],
      np.ones(rows.size, bool),
      group_size=group_size,
  )
  # A token of prompt, then one token per turn.
  turn = np.where(TURN_MASK, np.arange(3), -1)
  turn = np.pad(turn, ((0, 0), (1, 0)), constant_values=-1)
  values = advantages.to_tokens(turn_values, turn[rows])
  values = values.reshape(-1, group_size, 4)
  masks = turn[members] >= 0

  def loss(logits, values, mask, member):
    logps = jnp.pad(turn_logps(logits), ((0, 0), (1, 0)))[member]
    old_logps = jax.lax.stop_gradient(logps)
    return mean_fn(losses.clipped_losses(logps, old_logps, values, mask), mask)

  gradients = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0, 0))
  weights = jnp.prod(probabilities(logits)[members], axis=1)
  return -weights @ gradients(logits, values, masks, members)


def eq_5b(**options):
  return lambda *args, **group: advantages.turn_advantages(
      *args, **group, **options
  )


def on_scores(fn):
  return lambda rewards, *args, **group: fn(
      np.sum(rewards, axis=1), *args, **group
  )


def constant(x, mask):
  return losses.constant_mean(x, mask, max_tokens=1)


PLAIN = dict(scale_by_std=False, tol=-1)


class ExactEstimatorTest(parameterized.TestCase):

  def test_the_toy_is_a_distribution(self):
    np.testing.assert_allclose(jnp.sum(probabilities(LOGITS)), 1, rtol=1e-6)
    np.testing.assert_allclose(
        exact_gradient(LOGITS), [0.16834, 0.01719, -0.03888], atol=1e-5
    )

  @parameterized.parameters(2, 4)
  def test_eq_5b_is_the_gradient_times_the_others_share(self, group_size):
    gradient = expected_gradient(LOGITS, group_size, eq_5b(**PLAIN), constant)
    share = (group_size - 1) / group_size
    np.testing.assert_allclose(
        gradient, share * exact_gradient(LOGITS), atol=1e-6
    )

  @parameterized.parameters(2, 4)
  def test_leave_one_out_is_the_gradient(self, group_size):
    gradient = expected_gradient(
        LOGITS, group_size, eq_5b(**PLAIN, leave_one_out=True), constant
    )
    np.testing.assert_allclose(gradient, exact_gradient(LOGITS), atol=1e-6)

  @parameterized.named_parameters(
      ('rloo', advantages.rloo_advantages, 1),
      ('dr_grpo', advantages.grpo_advantages, 3 / 4),
  )
  def test_trajectory_advantages(self, fn, share):
    gradient = expected_gradient(LOGITS, 4, on_scores(fn), constant)
    np.testing.assert_allclose(
        gradient, share * exact_gradient(LOGITS), atol=1e-6
    )

  def test_the_filter_is_free_if_rewards_come_last(self):
    gradient = expected_gradient(
        LOGITS, 2, eq_5b(scale_by_std=False), constant, FINAL_REWARDS
    )
    np.testing.assert_allclose(
        gradient, exact_gradient(LOGITS, FINAL_REWARDS) / 2, atol=1e-6
    )


class BiasTest(parameterized.TestCase):
  """Pins the ratio to the exact gradient, (N - 1)/N per logit if unbiased."""

  @parameterized.named_parameters(
      # The sign of the second logit is wrong at both sizes.
      ('gamma_2', 2, eq_5b(**PLAIN, gamma=0.8), constant, (0.24, -0.271, 0.5)),
      ('gamma_4', 4, eq_5b(**PLAIN, gamma=0.8), constant, (0.49, -0.021, 0.75)),
      ('std_2', 2, eq_5b(), constant, (1.313, 1.362, 1.362)),
      ('std_4', 4, eq_5b(), constant, (1.747, 1.713, 1.713)),
      ('token_2', 2, eq_5b(**PLAIN), losses.masked_mean, (0.280, 0.210, 0.222)),
      ('token_4', 4, eq_5b(**PLAIN), losses.masked_mean, (0.450, 0.349, 0.393)),
      ('filter_2', 2, eq_5b(scale_by_std=False), constant, (0.5, 0.516, 0.516)),
      (
          'filter_4',
          4,
          eq_5b(scale_by_std=False),
          constant,
          (0.75, 0.752, 0.752),
      ),
  )
  def test_ratio_to_the_exact_gradient(self, size, fn, mean_fn, expected):
    gradient = expected_gradient(LOGITS, size, fn, mean_fn)
    np.testing.assert_allclose(
        gradient / exact_gradient(LOGITS), expected, atol=1e-3
    )


class JacobianTest(parameterized.TestCase):
  """A field is the gradient of something only if its Jacobian is symmetric."""

  def asymmetry(self, fn, mean_fn):
    field = lambda logits: expected_gradient(logits, 2, fn, mean_fn)
    jacobian = jax.jacfwd(field)(LOGITS)
    return np.max(np.abs(jacobian - jacobian.T))

  def test_eq_5b_is_the_gradient_of_something(self):
    self.assertLess(self.asymmetry(eq_5b(**PLAIN), constant), 1e-6)

  @parameterized.named_parameters(
      ('gamma', eq_5b(**PLAIN, gamma=0.8), constant, 0.00838),
      ('std', eq_5b(), constant, 0.02265),
      ('token_mean', eq_5b(**PLAIN), losses.masked_mean, 0.00309),
      ('filter', eq_5b(scale_by_std=False), constant, 0.00075),
  )
  def test_these_are_the_gradient_of_nothing(self, fn, mean_fn, expected):
    asymmetry = self.asymmetry(fn, mean_fn)
    np.testing.assert_allclose(asymmetry, expected, atol=1e-5)


if __name__ == '__main__':
  absltest.main()
