"""Tests for bao_jax.metrics.intervals."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax.metrics import intervals


class BootstrapMeanTest(parameterized.TestCase):

  def test_worked_example(self):
    # 30 of 100 tasks solved. The resampled count is binomial (100, 0.3), whose
    # 2.5 % and 97.5 % quantiles are 21 and 39.
    values = np.repeat([1.0, 0.0], [30, 70])
    interval = intervals.bootstrap_mean(values)
    self.assertAlmostEqual(interval.mean, 0.3)
    self.assertAlmostEqual(interval.low, 0.21, delta=0.011)
    self.assertAlmostEqual(interval.high, 0.39, delta=0.011)

  def test_covers_the_truth_about_as_often_as_it_says(self):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
      interval = intervals.bootstrap_mean(
          rng.normal(size=50), num_resamples=200, level=0.8
      )
      covered += interval.low < 0 < interval.high
    self.assertBetween(covered / 200, 0.7, 0.87)  # 0.8 ± 3 sigma, less bias.

  def test_repeats_with_the_seed_alone(self):
    values = np.arange(20.0)
    first = intervals.bootstrap_mean(values, seed=1)
    self.assertEqual(first, intervals.bootstrap_mean(values, seed=1))
    self.assertNotEqual(first, intervals.bootstrap_mean(values, seed=2))

  def test_equal_values_have_no_width(self):
    self.assertEqual(intervals.bootstrap_mean(np.full(3, 0.5)), (0.5, 0.5, 0.5))

  @parameterized.parameters(
      ([], 'N > 0'), ([[1.0]], 'N > 0'), ([0.0, np.nan], 'value 1 is nan')
  )
  def test_bad_values_are_named(self, values, message):
    with self.assertRaisesRegex(ValueError, message):
      intervals.bootstrap_mean(np.array(values))


class PairedDifferenceTest(absltest.TestCase):

  def test_worked_example(self):
    # Differences 1 and 0 in equal parts, so the mean of n = 4 is binomial / 4:
    # above 0 with 15/16, equal to 0 with 1/16, together 31/32.
    result = intervals.paired_difference(
        np.array([1.0, 1.0, 3.0, 4.0]), np.array([0.0, 0.0, 3.0, 4.0])
    )
    self.assertEqual(result.mean, 0.5)
    self.assertAlmostEqual(result.probability, 31 / 32, delta=0.01)
    self.assertEqual((result.low, result.high), (0, 1))

  def test_pairing_removes_what_tasks_share(self):
    rng = np.random.default_rng(0)
    tasks = 10 * rng.normal(size=100)
    result = intervals.paired_difference(tasks + 0.1, tasks)
    self.assertAlmostEqual(result.low, 0.1)
    self.assertEqual(result.probability, 1)

  def test_swapping_mirrors(self):
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 30))
    there = intervals.paired_difference(ours, theirs)
    back = intervals.paired_difference(theirs, ours)
    self.assertAlmostEqual(there.low, -back.high)
    self.assertAlmostEqual(there.probability, 1 - back.probability)

  def test_equal_policies_improve_with_probability_half(self):
    result = intervals.paired_difference(np.ones(5), np.ones(5))
    self.assertEqual(result, (0, 0, 0, 0.5))

  def test_shapes_must_match(self):
    with self.assertRaisesRegex(ValueError, r'\(3,\), \(1,\)'):
      intervals.paired_difference(np.ones(3), np.ones(1))


if __name__ == '__main__':
  absltest.main()
