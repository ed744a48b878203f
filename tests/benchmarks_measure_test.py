import os
import unittest

from absl.testing import absltest

from benchmarks import measure


@unittest.skipUnless(
    hasattr(os, 'sched_setaffinity'), 'this system pins no thread to cores'
)
class UseCoresTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.cores = os.sched_getaffinity(0)
    self.addCleanup(os.sched_setaffinity, 0, self.cores)

  def test_all_that_the_process_may_use(self):
    self.assertEqual(measure.use_cores(None), len(self.cores))
    os.sched_setaffinity(0, {min(self.cores)})
    self.assertEqual(measure.use_cores(None), 1)

  def test_a_smaller_number_holds_for_both_sides(self):
    self.assertEqual(measure.use_cores(1), 1)
    self.assertLen(os.sched_getaffinity(0), 1)

  def test_more_than_there_are(self):
    for count in (0, len(self.cores) + 1):
      with self.assertRaisesRegex(ValueError, f'--threads={count}: .* cores'):
        measure.use_cores(count)
    self.assertEqual(os.sched_getaffinity(0), self.cores)


if __name__ == '__main__':
  absltest.main()
