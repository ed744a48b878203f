"""Which groups teach nothing: those of alike scores, shaped or raw."""

from absl.testing import absltest
from absl.testing import parameterized
import ml_collections
import numpy as np

from bao_jax import types
from bao_jax.train import credit

GROUP = 8
LAMBDA = 0.05


def batch(solved):
  """Returns a group of two turns each; the first one answers in both."""
  solved = np.array(solved)
  is_user = np.zeros((GROUP, 2), bool)
  is_user[0] = True
  return types.Batch(
      tokens=np.ones((GROUP, 2), np.int32),
      turn=np.tile(np.arange(2, dtype=np.int32), (GROUP, 1)),
      logps=np.zeros((GROUP, 2), np.float32),
      rewards=np.stack([0 * solved, solved], 1).astype(np.float32),
      is_user=is_user,
      turn_mask=np.ones((GROUP, 2), bool),
      solved=solved,
      valid=np.ones(GROUP, bool),
      max_turns=np.full(GROUP, 2, np.int32),
  )


def assign(solved, compared):
  """Credits the group; returns `[8]` advantages of last turns, the share."""
  rewards = ml_collections.ConfigDict(
      dict(variant='paper', lambda_ans=LAMBDA, lambda_think=0.0, user_cost=0.0)
  )
  rl = ml_collections.ConfigDict(
      dict(
          estimator='turn',
          gamma=1.0,
          scale_by_std=True,
          zero_variance_tol=0.02,
          zero_variance_on=compared,
          samples_per_task=GROUP,
          trajectory_score='sum',
          turn_credit='naive',
      )
  )
  credited = credit.assign(
      batch(solved),
      terms=credit.terms_fn(rewards),
      advantages=credit.advantage_fn(rl),
      compared=credit.compared_fn(rl),
      group_size=GROUP,
      tol=rl.zero_variance_tol,
  )
  return np.asarray(credited.advantages[:, 1]), float(credited.zero_variance)


class ZeroVarianceTest(parameterized.TestCase):

  @parameterized.parameters(True, False)
  def test_a_penalty_alone_counts_like_a_solved_task(self, solved):
    advantages, share = assign([solved] * GROUP, 'shaped')
    expected = [-np.sqrt(7)] + [1 / np.sqrt(7)] * 7
    np.testing.assert_allclose(advantages, expected, rtol=1e-3)
    self.assertEqual(share, 0)

  @parameterized.parameters(True, False)
  def test_raw_scores_leave_such_groups_out(self, solved):
    advantages, share = assign([solved] * GROUP, 'raw')
    np.testing.assert_array_equal(advantages, 0)
    self.assertEqual(share, 1)

  @parameterized.parameters('shaped', 'raw')
  def test_a_difference_in_rewards_keeps_a_group_and_its_penalties(self, on):
    advantages, share = assign([False] * 7 + [True], on)
    scores = np.array([-LAMBDA] + [0] * 6 + [1])
    expected = (scores - scores.mean()) / scores.std()
    np.testing.assert_allclose(advantages, expected, rtol=1e-3)
    # As docs/concepts.md has them.
    np.testing.assert_allclose(advantages[:2], [-0.51, -0.36], atol=0.005)
    self.assertEqual(share, 0)


if __name__ == '__main__':
  absltest.main()
