"""What the advantages estimate, by enumerating every group of a toy.

The toy: in each of three turns the policy asks or answers. The first question
earns 0.2, later ones nothing; an answer after n questions ends the conversation
and is right, for a reward of 1, with probability 0.1, 0.5 or 0.9. So there are
seven conversations: A+ A- QA+ QA- QQA+ QQA- QQQ, and 7^N groups of N. Three
logits, of asking after n questions, are the policy.
"""

import functools
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
# A token of prompt, then one token per turn.
TURN = np.pad(
    np.where(TURN_MASK, np.arange(3), -1), ((0, 0), (1, 0)), constant_values=-1
)
LUCK = np.array([0.1, 0.9, 0.5, 0.5, 0.9, 0.1, 1.0])


def turn_logps(logits):
  """Returns `[7, 3]` log-probabilities of what was chosen in each turn."""
  sign = np.where(np.arange(3) < ASKED[:, None], 1, -1)
  logps = jax.nn.log_sigmoid(sign * logits[None])
  return jnp.where(TURN_MASK, logps, 0.0)


def probabilities(logits):
  return LUCK * jnp.exp(jnp.sum(turn_logps(logits), axis=1))


@jax.jit
def exact_gradient(rewards=REWARDS):
  value = lambda logits: probabilities(logits) @ jnp.sum(rewards, axis=1)
  return jax.grad(value)(LOGITS)


def all_groups(group_size):
  return np.array(list(itertools.product(range(7), repeat=group_size)))


def token_advantages(group_size, advantage_fn, rewards=REWARDS):
  """Returns the advantages of all groups: `[7^N, N, 4]`."""
  rows = all_groups(group_size).reshape(-1)
  turn_values = advantage_fn(
      rewards[rows],
      TURN_MASK[rows],
      np.ones(rows.size, bool),
      group_size=group_size,
  )
  values = advantages.to_tokens(turn_values, TURN[rows])
  return values.reshape(-1, group_size, 4)


@functools.partial(jax.jit, static_argnums=2)
def mean_gradient(logits, values, mean_fn):
  """Returns the estimated ascent direction, averaged over all groups."""
  members = all_groups(values.shape[1])

  def loss(logits, values, member):
    logps = jnp.pad(turn_logps(logits), ((0, 0), (1, 0)))[member]
    old_logps = jax.lax.stop_gradient(logps)
    mask = jnp.array(TURN)[member] >= 0
    return mean_fn(losses.clipped_losses(logps, old_logps, values, mask), mask)

  def mean_loss(logits):
    return weights @ jax.vmap(loss, (None, 0, 0))(logits, values, members)

  weights = jnp.prod(probabilities(logits)[members], axis=1)
  return -jax.grad(mean_loss)(logits)


@functools.partial(jax.jit, static_argnums=2)
def jacobian(logits, values, mean_fn):
  return jax.jacfwd(mean_gradient)(logits, values, mean_fn)


def eq_5b(**options):
  return lambda *args, **group: advantages.turn_advantages(
      *args, **group, **options
  )


def on_scores(fn):
  return lambda rewards, *args, **group: fn(
      jnp.sum(rewards, axis=1), *args, **group
  )


def constant(x, mask):
  return losses.constant_mean(x, mask, max_tokens=1)


PLAIN = dict(scale_by_std=False, tol=-1)


class ExactEstimatorTest(parameterized.TestCase):

  def gradient(self, group_size, fn, rewards=REWARDS):
    values = token_advantages(group_size, fn, rewards)
    return mean_gradient(LOGITS, values, constant)

  def test_the_toy_is_a_distribution(self):
    np.testing.assert_allclose(jnp.sum(probabilities(LOGITS)), 1, rtol=1e-6)
    np.testing.assert_allclose(
        exact_gradient(), [0.16834, 0.01719, -0.03888], atol=1e-5
    )

  @parameterized.parameters(2, 4)
  def test_eq_5b_is_the_gradient_times_the_others_share(self, group_size):
    gradient = self.gradient(group_size, eq_5b(**PLAIN))
    share = (group_size - 1) / group_size
    np.testing.assert_allclose(gradient, share * exact_gradient(), atol=1e-6)

  @parameterized.parameters(2, 4)
  def test_leave_one_out_is_the_gradient(self, group_size):
    gradient = self.gradient(group_size, eq_5b(**PLAIN, leave_one_out=True))
    np.testing.assert_allclose(gradient, exact_gradient(), atol=1e-6)

  @parameterized.named_parameters(
      ('rloo', advantages.rloo_advantages, 1),
      ('dr_grpo', advantages.grpo_advantages, 3 / 4),
  )
  def test_trajectory_advantages(self, fn, share):
    gradient = self.gradient(4, on_scores(fn))
    np.testing.assert_allclose(gradient, share * exact_gradient(), atol=1e-6)

  def test_the_filter_is_free_if_rewards_come_last(self):
    gradient = self.gradient(2, eq_5b(scale_by_std=False), FINAL_REWARDS)
    np.testing.assert_allclose(
        gradient, exact_gradient(FINAL_REWARDS) / 2, atol=1e-6
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
  def test_ratio_to_the_exact_gradient(self, group_size, fn, mean_fn, expected):
    gradient = mean_gradient(LOGITS, token_advantages(group_size, fn), mean_fn)
    np.testing.assert_allclose(gradient / exact_gradient(), expected, atol=1e-3)


class JacobianTest(parameterized.TestCase):
  """A field is the gradient of something only if its Jacobian is symmetric."""

  @parameterized.named_parameters(
      ('eq_5b', eq_5b(**PLAIN), constant, 0),
      ('gamma', eq_5b(**PLAIN, gamma=0.8), constant, 0.00838),
      ('std', eq_5b(), constant, 0.02265),
      ('token_mean', eq_5b(**PLAIN), losses.masked_mean, 0.00309),
      ('filter', eq_5b(scale_by_std=False), constant, 0.00075),
  )
  def test_largest_asymmetry(self, fn, mean_fn, expected):
    matrix = jacobian(LOGITS, token_advantages(2, fn), mean_fn)
    asymmetry = np.max(np.abs(matrix - matrix.T))
    np.testing.assert_allclose(asymmetry, expected, atol=1e-5)


if __name__ == '__main__':
  absltest.main()
