"""The programs of a run are lowered and compiled without any array."""

import importlib.util
from unittest import mock

from absl.testing import absltest
import jax
import planned
import pytest

from bao_jax import sharding
from bao_jax.plan import check
from bao_jax.plan import chips
from bao_jax.plan import compiler
from bao_jax.plan import loads
from bao_jax.plan import programs
from bao_jax.plan import study


class ProgramsTest(absltest.TestCase):

  def test_shapes_are_the_largest(self):
    config = planned.make_config(dtype='float32')
    config.mesh = dict(data=2, fsdp=2, tensor=2)
    made = programs.programs(config, sharding.make_mesh(config.mesh))
    self.assertCountEqual(made, study.PROGRAMS)
    shapes = lambda name: {
        x.shape for x in jax.tree.leaves(made[name]().in_avals)
    }
    self.assertIn((16, 4, 32, 256), shapes('decode'))  # Keys of all slots.
    self.assertIn((16, 32), shapes('append'))  # The widest bucket.
    self.assertIn((8, 256), shapes('sft'))
    self.assertIn((128, 256), shapes('rl'))

  def test_what_the_compiler_says(self):
    config = planned.make_config(dtype='float32', attention='blockwise')
    config.mesh = dict(data=2, fsdp=2, tensor=2)
    mesh = sharding.make_mesh(config.mesh)
    decode = programs.programs(config, mesh)['decode']
    report = compiler.compile_program(decode)
    self.assertEqual(report.error, '')
    self.assertEqual(report.total, report.arguments + report.temporaries)
    # A chip's half of the weights, and keys and values of 4 rows.
    sizes = loads.Sizes(2, 2, 2)
    need = study.line_of(
        config, study.as_configured(config, mesh, CHIP), CHIP, 'decode', report
    )
    held = loads.cache_bytes(
        study.cells.config_lib.ModelConfig(**config.model.to_dict()),
        sizes,
        rows=16,
        slots=256,
    )
    self.assertGreater(report.arguments, held)
    self.assertLess(report.arguments, need.load.hbm_bytes)
    self.assertGreater(sum(report.sent.values()), 0)

  def test_too_large_a_program(self):
    said = (
        'RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory'
        ' required for HLO temporaries (17.59G) exceeds available HBM'
        ' (15.75G).\nMore.'
    )
    lowered = mock.Mock()
    lowered.compile.side_effect = jax.errors.JaxRuntimeError(said)
    report = compiler.compile_program(lambda: lowered)
    self.assertEqual(report.total, 17.59 * chips.GIB)
    self.assertEqual(report.error, said.splitlines()[0])


CHIP = chips.CHIPS['v5e']


def skip_without_libtpu(test):
  if importlib.util.find_spec('libtpu') is None:
    test.skipTest("needs the compiler for TPUs: pip install -e '.[tpu]'")


class CheckTest(absltest.TestCase):

  def test_formulas_agree_with_the_compiler(self):
    config = planned.make_config(dtype='float32')
    devices = jax.devices()[:1]

    def compile_fn(config, name):
      mesh = sharding.make_mesh(config.mesh, devices)
      return compiler.compile_program(programs.programs(config, mesh)[name])

    for name, (load, report) in check.compared(config, compile_fn).items():
      self.assertEqual(report.error, '')
      self.assertBetween(report.flops / load.flops, 0.9, 1.1, name)
      # Formulas say what has to be moved at the least.
      self.assertGreater(report.moved, load.hbm_bytes, name)


class CompilerTest(absltest.TestCase):

  def test_missing_package_is_named(self):
    with mock.patch.object(
        importlib.util, 'find_spec', return_value=None
    ), self.assertRaisesRegex(ValueError, r"pip install .* -e '.\[tpu\]'"):
      compiler.devices('v5e:2x2')

  def test_meshes_cut_axes_of_the_torus(self):
    skip_without_libtpu(self)
    for topology, sizes in ('v6e:8x8', (16, 1, 4)), ('v5p:2x2x4', (2, 2, 4)):
      devices = compiler.devices(topology)
      mesh = sharding.make_mesh(dict(zip(sharding.AXES, sizes)), devices)
      self.assertEqual(mesh.devices.shape, sizes)
      self.assertLen(set(mesh.devices.flat), len(devices))

  @pytest.mark.slow
  def test_real_compiler(self):
    skip_without_libtpu(self)
    config = planned.make_config(num_heads=4, num_kv_heads=2, head_dim=128)
    config.mesh = dict(data=1, fsdp=2, tensor=2)
    devices = compiler.devices('v5e:2x2')
    mesh = sharding.make_mesh(config.mesh, devices)
    made = programs.programs(config, mesh)
    one = study.study(
        config,
        study.as_configured(config, mesh, CHIP),
        CHIP,
        lambda _, name: compiler.compile_program(made[name], unknown_trips=4),
        may_shrink=False,
    )
    self.assertTrue(one.fits)
    for line in one.lines:
      self.assertGreater(line.report.arguments, 0)
      self.assertGreater(line.load.ici_bytes, 0)
    with self.assertRaisesRegex(ValueError, "topology='v5e:3x9'"):
      compiler.devices('v5e:3x9')


if __name__ == '__main__':
  absltest.main()
