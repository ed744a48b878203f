"""Tests for bao_jax.metrics.pareto."""

from absl.testing import absltest
import numpy as np

from bao_jax.metrics import pareto

# a (1, 1), b (2, 3), c (3, 2) which b beats, d (4, 4), e (2, 2) which b beats
# at equal cost, f (4, 4) equal to d, g (5, 4) which d beats at equal gain.
COSTS = np.array([1.0, 2.0, 3.0, 4.0, 2.0, 4.0, 5.0])
GAINS = np.array([1.0, 3.0, 2.0, 4.0, 2.0, 4.0, 4.0])


class ParetoTest(absltest.TestCase):

  def test_dominated(self):
    np.testing.assert_array_equal(
        pareto.dominated(COSTS, GAINS), [0, 0, 1, 0, 1, 0, 1]
    )

  def test_front_is_ordered_and_without_repeats(self):
    np.testing.assert_array_equal(pareto.pareto_front(COSTS, GAINS), [0, 1, 3])
    backwards = pareto.pareto_front(COSTS[::-1], GAINS[::-1])
    np.testing.assert_array_equal(COSTS[::-1][backwards], [1, 2, 4])

  def test_nothing_has_no_front(self):
    self.assertEmpty(pareto.pareto_front(np.array([]), np.array([])))


class HypervolumeTest(absltest.TestCase):

  def test_worked_example(self):
    # Up to cost 6, above gain 0: 1 wide 1 high, 2 wide 3 high, 2 wide 4 high.
    self.assertEqual(pareto.hypervolume(COSTS, GAINS, reference=(6, 0)), 15)

  def test_reference_cuts_both_sides(self):
    # Up to cost 3, above gain 2: only b counts, 1 wide 1 high.
    self.assertEqual(pareto.hypervolume(COSTS, GAINS, reference=(3, 2)), 1)
    self.assertEqual(pareto.hypervolume(COSTS, GAINS, reference=(0.5, 0)), 0)
    self.assertEqual(pareto.hypervolume(COSTS, GAINS, reference=(6, 4)), 0)

  def test_equals_the_share_of_random_points_that_are_beaten(self):
    rng = np.random.default_rng(0)
    costs, gains = rng.uniform(size=(2, 12))
    probes = rng.uniform(size=(2, 20_000))
    beaten = (costs[:, None] <= probes[0]) & (gains[:, None] >= probes[1])
    self.assertAlmostEqual(
        pareto.hypervolume(costs, gains, reference=(1, 0)),
        np.mean(np.any(beaten, axis=0)),
        delta=0.02,
    )

  def test_beaten_points_add_nothing(self):
    kept = pareto.pareto_front(COSTS, GAINS)
    self.assertEqual(
        pareto.hypervolume(COSTS[kept], GAINS[kept], reference=(6, 0)), 15
    )
    empty = np.array([])
    self.assertEqual(pareto.hypervolume(empty, empty, reference=(1, 0)), 0)


if __name__ == '__main__':
  absltest.main()
