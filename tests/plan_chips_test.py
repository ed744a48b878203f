"""Tests for bao_jax.plan.chips."""

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.plan import chips


class RooflineTest(parameterized.TestCase):

  def test_seconds_of_each_part(self):
    chip = chips.Chip('x', flops=10.0, hbm_rate=4.0, ici_rate=2.0, hbm_bytes=1)
    times = chips.roofline(chip, chips.Load(20.0, 12.0, 1.0))
    self.assertEqual(times, (2.0, 3.0, 0.5))
    self.assertEqual(times.seconds, 3.0)
    self.assertEqual(times.bound, 'memory')

  @parameterized.parameters(
      ((1e20, 1.0, 1.0), 'compute'), ((1.0, 1.0, 1e20), 'exchange')
  )
  def test_bound(self, load, bound):
    times = chips.roofline(chips.CHIPS['v5e'], chips.Load(*load))
    self.assertEqual(times.bound, bound)

  @parameterized.parameters(
      ('v5e:8x8', 'TPU v5 lite'), ('v5p:2x2x4', 'TPU v5'), ('v6e:8x8', None)
  )
  def test_topology(self, topology, kind):
    chip = chips.of_topology(topology)
    self.assertEqual(chip.device_kind, kind or 'TPU v6 lite')

  def test_unknown_topology_is_named(self):
    with self.assertRaisesRegex(ValueError, "'v9:2x2': 'v9' is none of v5e"):
      chips.of_topology('v9:2x2')


if __name__ == '__main__':
  absltest.main()
