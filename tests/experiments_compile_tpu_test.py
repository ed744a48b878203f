"""Tests for experiments/compile_tpu.py, with a compiler that is told."""

import contextlib
import importlib.util
import io
import pathlib
import sys
import tempfile
from unittest import mock

from absl import flags
from absl.testing import absltest
from absl.testing import parameterized
import jax
import planned

from bao_jax.plan import compiler
from bao_jax.plan import kept
from bao_jax.plan import programs

EXPERIMENTS = pathlib.Path(__file__).parents[1] / 'experiments'
GIB = 2**30
SMALL = compiler.Report(GIB, GIB, 2 * GIB, {'all-reduce': 1e9})
LARGE = compiler.Report(error='Ran out of memory', total=20.0 * GIB)


def load():
  """Imports the script, as running it would, and forgets its flags."""
  before = set(flags.FLAGS)
  path = EXPERIMENTS / 'compile_tpu.py'
  spec = importlib.util.spec_from_file_location('compile_tpu', path)
  module = importlib.util.module_from_spec(spec)
  with mock.patch.object(sys, 'path', [str(EXPERIMENTS), *sys.path]):
    spec.loader.exec_module(module)
  for flag in set(flags.FLAGS) - before:
    delattr(flags.FLAGS, flag)
  return module


script = load()


class CompileTpuTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.kept = pathlib.Path(tempfile.mkdtemp()) / 'kept.jsonl'
    self.compiled = []
    self.report = SMALL
    self.enter_context(
        mock.patch.object(compiler, 'devices', lambda _: jax.devices())
    )
    self.enter_context(
        mock.patch.object(compiler, 'compile_program', self.compile_program)
    )
    lowered = dict.fromkeys(script.study_lib.PROGRAMS)
    self.enter_context(
        mock.patch.object(programs, 'programs', return_value=lowered)
    )
    self.enter_context(
        mock.patch.object(kept, 'versions', return_value={'libtpu': '1'})
    )

  def compile_program(self, lower, *, unknown_trips):
    self.compiled.append(lower)
    self.assertEqual(unknown_trips, 4)  # 256 tokens in pieces of 64.
    return self.report

  def run_script(self, config=None, **values):
    values = {
        'CONFIG': config or planned.make_config(),
        'TOPOLOGY': ['v5e:2x4'],
        'BEST': 1,
        'PROGRAMS': list(script.study_lib.PROGRAMS),
        'KEPT': str(self.kept),
        'CHECK': False,
        **values,
    }
    said = io.StringIO()
    flags_ = {f'_{k}': mock.Mock(value=v) for k, v in values.items()}
    with mock.patch.multiple(script, **flags_):
      with contextlib.redirect_stdout(said):
        try:
          returned, code = script.run(), 0
        except SystemExit as error:
          returned, code = '', error.code
    return code, said.getvalue() + returned

  def test_what_fits(self):
    code, said = self.run_script()
    self.assertEqual(code, 0)
    self.assertLen(self.compiled, 4)
    self.assertIn('v5e:2x4, 8 chips of 15.75 GiB as', said)
    self.assertNotIn('does not fit', said)

  def test_what_does_not_fit(self):
    self.report = LARGE
    code, said = self.run_script()
    self.assertEqual(code, 2)
    self.assertIn('decode does not fit: Ran out of memory', said)
    self.assertIn('**127%, does not fit**', said)

  def test_what_fits_on_no_mesh(self):
    config = planned.make_config(width=2**15, num_layers=500, ff_width=2**17)
    code, _ = self.run_script(config)
    self.assertEqual(code, 2)
    self.assertEmpty(self.compiled)

  def test_started_again_it_compiles_nothing(self):
    _, first = self.run_script(BEST=2)
    count = len(self.compiled)
    self.assertEqual(count, 8)
    _, second = self.run_script(BEST=2)
    self.assertLen(self.compiled, count)
    self.assertEqual(first, second)

  def test_several_topologies(self):
    _, said = self.run_script(TOPOLOGY=['v5e:2x4', 'v6e:2x4'], PROGRAMS=['sft'])
    self.assertLen(self.compiled, 2)
    self.assertIn('v6e:2x4, 8 chips of 31.25 GiB', said)

  def test_mesh_of_the_config(self):
    config = planned.make_config()
    config.mesh = dict(data=2, fsdp=1, tensor=4)
    self.report = LARGE
    code, said = self.run_script(config)
    self.assertEqual(code, 2)
    self.assertLen(self.compiled, 4)  # Nothing smaller is tried.
    self.assertIn('as 2 x 1 x 4', said)

  def test_unknown_program_is_named(self):
    with self.assertRaisesRegex(ValueError, '--programs=train: choose from'):
      self.run_script(PROGRAMS=['train', 'rl'])


if __name__ == '__main__':
  absltest.main()
