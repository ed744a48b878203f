"""Tests for bao_jax.report.curves."""

import math

from absl.testing import absltest
import numpy as np

from bao_jax.report import curves


class SeriesTest(absltest.TestCase):

  def test_worked_example(self):
    rows = [
        {'step': 1, 'reward/raw': 0.1},
        {'step': 3, 'reward/raw': 0.3},  # Lost in a crash, then done again:
        {'step': 2, 'reward/raw': 0.2},
        {'step': 3, 'reward/raw': 0.4},
        {'step': 4, 'eval/score': 1.0},
        {'step': 5, 'reward/raw': math.nan},
    ]
    steps, values = curves.series(rows, 'reward/raw')
    np.testing.assert_array_equal(steps, [1, 2, 3])
    np.testing.assert_array_equal(values, [0.1, 0.2, 0.4])

  def test_a_metric_that_no_row_has_is_empty(self):
    steps, values = curves.series([{'step': 1}], 'reward/raw')
    self.assertEqual((steps.shape, values.shape), ((0,), (0,)))

  def test_a_row_without_step_is_named(self):
    with self.assertRaisesRegex(ValueError, "row 1 has no 'step': {'a': 2}"):
      curves.series([{'step': 1}, {'a': 2}], 'a')


if __name__ == '__main__':
  absltest.main()
