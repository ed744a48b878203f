"""Tests for bao_jax.plan.cells."""

from absl.testing import absltest
import planned

from bao_jax.plan import cells
from bao_jax.plan import chips
from bao_jax.plan import loads

LARGE = chips.Chip(
    'x', flops=1e12, hbm_rate=1e11, ici_rate=1e10, hbm_bytes=1e10
)


def sizes_of(found):
  return [tuple(cell.sizes) for cell in found]


class CellsTest(absltest.TestCase):

  def test_meshes_divide_the_model_and_the_rows(self):
    # Four heads of keys; 32 rows of a mini-batch.
    config = planned.make_config(num_heads=4)
    found = {tuple(x) for x in cells.divisions(config, 64)}
    self.assertIn((32, 1, 2), found)
    self.assertIn((1, 16, 4), found)
    self.assertNotIn((64, 1, 1), found)  # More shards than rows.
    self.assertNotIn((8, 1, 8), found)  # More chips than heads.

  def test_ranked_by_time(self):
    config = planned.make_config()
    found = cells.ranked(config, 8, LARGE)
    seconds = [cell.seconds for cell in found]
    self.assertEqual(seconds, sorted(seconds))
    self.assertLen(set(sizes_of(found)), len(found))

  def test_links_decide(self):
    config = planned.make_config(num_kv_heads=8)
    slow = cells.ranked(config, 8, LARGE._replace(ici_rate=1e5))
    self.assertEqual(slow[0].sizes.tensor, 1)
    # Weights are read for every token: cut, if that costs nothing.
    chip = LARGE._replace(ici_rate=1e20, flops=1e20)
    fast = cells.ranked(config, 8, chip)
    self.assertEqual(fast[0].sizes.tensor, 8)

  def test_most_rows_that_fit(self):
    config = planned.make_config()
    config.sampling.max_tokens = 8192
    sizes = loads.Sizes(2, 1, 1)
    chip = LARGE._replace(hbm_bytes=5e8)
    cell = cells.cell_of(config, sizes, chip)
    self.assertBetween(cell.rows, 2, 126)
    self.assertEqual(cell.rows % 2, 0)
    self.assertEqual(cell.waves, -(-128 // cell.rows))
    room = cells.SAFE_SHARE * chip.hbm_bytes - cells.beside_rollouts(
        config, sizes
    )
    most = lambda rows: max(
        x.bytes for x in cells.rollout_needs(config, sizes, rows).values()
    )
    self.assertLessEqual(most(cell.rows), room)
    self.assertGreater(most(cell.rows + 2), room)

  def test_no_more_rows_than_a_step_has(self):
    cell = cells.cell_of(planned.make_config(), loads.Sizes(8, 1, 1), LARGE)
    self.assertEqual((cell.rows, cell.waves), (128, 1))

  def test_less_memory_takes_more_micro_batches(self):
    config = planned.make_config()
    sizes = loads.Sizes(2, 1, 1)
    micro = [
        cells.cell_of(config, sizes, LARGE._replace(hbm_bytes=x)).micro_batches
        for x in (1e9, 3e8, 1.5e8)
    ]
    self.assertEqual(micro[0], 1)
    self.assertEqual(micro, sorted(micro))
    self.assertGreater(micro[-1], 1)

  def test_nothing_fits_a_chip_that_is_too_small(self):
    config = planned.make_config()
    self.assertEmpty(cells.ranked(config, 8, LARGE._replace(hbm_bytes=1e5)))

  def test_rows_of_the_warm_start_are_rounded_up(self):
    cell = cells.cell_of(planned.make_config(), loads.Sizes(16, 1, 1), LARGE)
    self.assertEqual(cell.sft_rows, 16)


if __name__ == '__main__':
  absltest.main()
