"""Tests for bao_jax.plan.loads."""

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.model import config as config_lib
from bao_jax.model import costs
from bao_jax.plan import loads

CONFIG = config_lib.ModelConfig(
    vocab_size=4096,
    num_layers=3,
    width=256,
    ff_width=768,
    num_heads=8,
    num_kv_heads=4,
    head_dim=32,
    dtype='bfloat16',
    remat='full',
)
ONE = loads.Sizes(1, 1, 1)
CALL = dict(rows=32, slots=256, tokens=8)
UPDATE = dict(rows=32, length=256, chunk=64)


class LoadsTest(parameterized.TestCase):

  def test_one_chip_sends_nothing(self):
    needs = (
        loads.decode(CONFIG, ONE, **CALL),
        loads.append(CONFIG, ONE, **CALL),
        loads.update(CONFIG, ONE, **UPDATE),
    )
    self.assertEqual([need.load.ici_bytes for need in needs], [0.0] * 3)

  def test_one_chip_has_the_costs_of_the_whole(self):
    need = loads.decode(CONFIG, ONE, rows=32, slots=256, tokens=1)
    self.assertEqual(
        need.load.hbm_bytes, costs.decode_bytes(CONFIG, rows=32, held=256)
    )
    need = loads.update(CONFIG, ONE, **UPDATE)
    self.assertEqual(
        need.load.hbm_bytes, costs.update_bytes(CONFIG, rows=32, length=256)
    )
    flops = costs.update_flops(CONFIG, rows=32, length=256)
    flops += costs.again_flops(CONFIG, rows=32, length=256)
    self.assertEqual(need.load.flops, flops)

  def test_micro_batches_move_what_costs_say(self):
    need = loads.update(CONFIG, ONE, **UPDATE, micro_batches=4)
    moved = costs.update_bytes(CONFIG, rows=8, length=256, micro_batches=4)
    self.assertAlmostEqual(need.load.hbm_bytes / moved, 1.0)

  @parameterized.parameters((2, 1, 1), (1, 4, 1), (1, 1, 4), (2, 2, 2))
  def test_chips_share_the_work(self, *sizes):
    sizes = loads.Sizes(*sizes)
    for call, fields in (
        (loads.decode, CALL),
        (loads.append, CALL),
        (loads.update, UPDATE),
    ):
      whole = call(CONFIG, ONE, **fields)
      part = call(CONFIG, sizes, **fields)
      self.assertAlmostEqual(
          part.load.flops * sizes.chips / whole.load.flops, 1.0
      )
      self.assertLess(part.bytes, whole.bytes)

  def test_what_is_sent_in_decoding(self):
    # A token of 32 rows: two sums per layer and one of the look-up, of D words
    # of 2 bytes, and the logits of all words, by a ring of four.
    need = loads.decode(
        CONFIG, loads.Sizes(1, 1, 4), rows=32, slots=256, tokens=1
    )
    sums = 7 * 2 * 3 / 4 * 32 * 256 * 2
    logits = 3 / 4 * 32 * 4096 * 4
    self.assertEqual(need.load.ici_bytes, sums + logits)

  def test_heads_of_keys_are_repeated(self):
    size = lambda tensor: loads.cache_bytes(
        CONFIG, loads.Sizes(1, 1, tensor), rows=8, slots=16
    )
    self.assertEqual(size(4), size(1) / 4)
    self.assertEqual(size(8), size(4))

  def test_rows_are_cut_by_both_axes(self):
    size = lambda *sizes: loads.cache_bytes(
        CONFIG, loads.Sizes(*sizes), rows=32, slots=16
    )
    self.assertEqual(size(2, 4, 1), size(1, 1, 1) / 8)

  def test_state_is_cut_but_for_data(self):
    self.assertEqual(
        loads.state_bytes(CONFIG, loads.Sizes(4, 2, 2)),
        costs.state_bytes(CONFIG) / 4,
    )


if __name__ == '__main__':
  absltest.main()
