"""Tests for bao_jax.plan.hlo, on programs as compilers write them."""

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.plan import hlo

# A loop of 36 rounds. As for TPUs, one exchange (channel 2) is spread over two
# fusions; another one is gathered within the loop in the loop.
NESTED = """
HloModule jit_f, is_scheduled=true, entry_computation_layout={(f32[8]{0})->f32[8]}

%fused.1 (p.0: bf16[4,8]) -> bf16[4,64] {
  %p.0 = bf16[4,8]{1,0:T(8,128)(2,1)} parameter(0)
  ROOT %all-gather.1 = bf16[4,64]{1,0:T(8,128)(2,1)S(1)} all-gather(%p.0), channel_id=2, replica_groups=mesh['a'=8,'b'=2] {'a'}, dimensions={1}
}

%fused.2 (p.1: bf16[4,8]) -> bf16[4,64] {
  %p.1 = bf16[4,8]{1,0} parameter(0)
  ROOT %all-gather.2 = bf16[4,64]{1,0} all-gather(%p.1), channel_id=2, replica_groups=mesh['a'=8,'b'=2] {'a'}, dimensions={1}
}

%inner_body (i: (s32[], f32[10])) -> (s32[], f32[10]) {
  %i = (s32[], /*index=1*/f32[10]{0}) parameter(0)
  %x = f32[10]{0} get-tuple-element(%i), index=1
  %all-reduce.3 = f32[10]{0} all-reduce(%x), channel_id=3, replica_groups=[8,2]<=[16], to_apply=%add
  ROOT %t = (s32[], f32[10]{0}) tuple(%i, %all-reduce.3)
}

%inner_condition (j: (s32[], f32[10])) -> pred[] {
  %j = (s32[], f32[10]{0}) parameter(0)
  %k = s32[]{:T(128)} get-tuple-element(%j), index=0
  %n = s32[]{:T(128)} get-tuple-element(%j), index=1
  ROOT %lt = pred[]{:T(512)} compare(%k, %n), direction=LT
}

%body (b: (s32[], f32[10])) -> (s32[], f32[10]) {
  %b = (s32[], f32[10]{0}) parameter(0)
  %f.1 = bf16[4,64]{1,0} fusion(%b), kind=kOutput, calls=%fused.1
  %f.2 = bf16[4,64]{1,0} fusion(%b), kind=kOutput, calls=%fused.2
  ROOT %w = (s32[], f32[10]{0}) while(%b), condition=%inner_condition, body=%inner_body
}

%wrapped (c.0: s32[], c.1: s32[]) -> pred[] {
  %c.0 = s32[] parameter(0)
  %c.1 = s32[] parameter(1)
  ROOT %lt.2 = pred[] compare(%c.0, %c.1), direction=LT
}

%condition (c: (s32[], f32[10])) -> pred[] {
  %constant.5 = s32[]{:T(128)} constant(36)
  %c = (s32[], f32[10]{0}) parameter(0)
  %live = pred[] custom-call(%c), custom_call_target="x"
  %at = s32[]{:T(128)} get-tuple-element(%c), index=0
  %soon = pred[] fusion(%at, %constant.5), kind=kLoop, calls=%wrapped
  ROOT %both = pred[] and(%soon, %live)
}

ENTRY %main.7_spmd (arg: f32[8]) -> f32[8] {
  %arg = f32[8]{0} parameter(0)
  %psum = s32[]{:T(128)} all-reduce(%arg), channel_id=9, replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  %while.1 = (s32[], f32[10]{0}) while(%psum), condition=%condition, body=%body, metadata={op_name="jit(f)/while"}
  ROOT %out = f32[8]{0} copy(%arg)
}
"""  # noqa: E501

STARTED = """
ENTRY %main (a: f32[4]) -> f32[16] {
  %a = f32[4]{0} parameter(0)
  %s = (f32[4]{0}, f32[16]{0}) all-gather-start(%a), replica_groups={{0,1,2,3}}
  %g = f32[16]{0} all-gather-done(%s)
  %r = (f32[2]{0}, f32[2]{0}) all-reduce-start(%a, %a), replica_groups={{0,1}}
  %d = (f32[2]{0}, f32[2]{0}) all-reduce-done(%r)
  %p = (f32[4]{0}, f32[4]{0}, u32[], u32[]) collective-permute-start(%a), source_target_pairs={{0,1},{1,0}}
  ROOT %q = f32[4]{0} collective-permute-done(%p)
}
"""  # noqa: E501

SCATTER = """
ENTRY %main (a: f32[8]) -> f32[2] {
  %a = f32[8]{0} parameter(0)
  %one = f32[8]{0} all-reduce(%a), replica_groups={{0},{1}}, to_apply=%add
  ROOT %r = f32[2]{0} reduce-scatter(%a), replica_groups=mesh['x'=2,'y'=8] {'y':(2)4}, dimensions={0}, to_apply=%add
}
"""  # noqa: E501


class CollectivesTest(parameterized.TestCase):

  def test_loops_within_loops(self):
    found = hlo.collectives(NESTED, unknown_trips=5)
    self.assertEqual(
        found,
        [
            hlo.Collective('all-reduce', 4, 1, 4 * 2 * 3 / 4),
            hlo.Collective('all-gather', 8, 36, 36 * 512 * 7 / 8),
            hlo.Collective('all-reduce', 2, 36 * 5, 36 * 5 * 40 * 2 * 1 / 2),
        ],
    )
    self.assertEqual(
        hlo.sent_bytes(found),
        {'all-reduce': 6.0 + 7200.0, 'all-gather': 16128.0},
    )

  def test_started_and_done_is_one(self):
    found = {x.kind: x.sent for x in hlo.collectives(STARTED)}
    self.assertEqual(
        found,
        {'all-gather': 48.0, 'all-reduce': 16.0, 'collective-permute': 16.0},
    )

  def test_scatter_sends_what_others_get(self):
    found = hlo.collectives(SCATTER)
    self.assertEqual(found[0], hlo.Collective('all-reduce', 1, 1, 0.0))
    self.assertEqual(found[1], hlo.Collective('reduce-scatter', 4, 1, 24.0))

  def test_count_that_the_compiler_knows(self):
    known = (
        'condition=%condition, backend_config={"known_trip_count":{"n":"7"}}'
    )
    text = NESTED.replace('condition=%condition', known)
    self.assertEqual(hlo.collectives(text)[1].times, 7)

  def test_text_without_program(self):
    with self.assertRaisesRegex(ValueError, 'no ENTRY'):
      hlo.collectives('nothing')

  def test_of_this_machines_compiler(self):
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:4]), ('x',))
    spec = jax.sharding.PartitionSpec

    def add_up(x):
      step = lambda i, x: jax.lax.psum(x, 'x') + i
      return jax.lax.fori_loop(0, 12, step, x)

    call = jax.shard_map(
        add_up,
        mesh=mesh,
        in_specs=spec('x'),
        out_specs=spec('x'),
        check_vma=False,
    )
    x = jnp.zeros((4, 1000))
    found = hlo.collectives(jax.jit(call).lower(x).compile().as_text())
    self.assertEqual(
        found, [hlo.Collective('all-reduce', 4, 12, 12 * 4000 * 1.5)]
    )


class NumBytesTest(parameterized.TestCase):

  @parameterized.parameters(
      ('f32[]', 4),
      ('bf16[3,5]{1,0:T(8,128)(2,1)S(1)}', 30),
      ('(s32[2]{0}, /*index=1*/pred[8]{0}, f8e4m3fn[4], s4[6])', 23),
      ('token[]', 0),
  )
  def test_types(self, result, expected):
    self.assertEqual(hlo.num_bytes(result), expected)


if __name__ == '__main__':
  absltest.main()
