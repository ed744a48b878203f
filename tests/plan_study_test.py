"""Tests for bao_jax.plan.study, text and kept, with a compiler that is told."""

import json
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import planned

from bao_jax import sharding
from bao_jax.plan import cells
from bao_jax.plan import chips
from bao_jax.plan import compiler
from bao_jax.plan import kept
from bao_jax.plan import loads
from bao_jax.plan import study
from bao_jax.plan import text

CHIP = chips.Chip('x', flops=1e12, hbm_rate=1e11, ici_rate=1e10, hbm_bytes=1e9)
CELL = cells.Cell(loads.Sizes(2, 2, 1), 32, 4, 2, 8, 0.0)
SMALL = compiler.Report(1e6, 2e6, 3e6, {'all-reduce': 1e9, 'all-gather': 1e9})


def studied(compile_fn, **options):
  return study.study(planned.make_config(), CELL, CHIP, compile_fn, **options)


def too_large(is_large):
  """Returns a compiler that refuses what `is_large` (config, program)."""

  def compile_fn(config, program):
    if is_large(config, program):
      return compiler.Report(error='Ran out of memory', total=2e9)
    return SMALL

  return compile_fn


class StudyTest(absltest.TestCase):

  def test_what_fits_is_compiled_once(self):
    calls = []

    def compile_fn(config, program):
      calls.append(program)
      self.assertEqual(config.mesh.to_dict(), dict(data=2, fsdp=2, tensor=1))
      self.assertEqual(config.sampling.rows, 32)
      self.assertEqual(config.sampling.prefix_rows, 8)
      self.assertEqual(config.sft.rows, 8)
      self.assertEqual(config.rl.num_microbatches, 2)
      return SMALL

    one = studied(compile_fn)
    self.assertTrue(one.fits)
    self.assertEqual(tuple(calls), study.PROGRAMS)
    self.assertEqual([x.times.exchange for x in one.lines], [0.2] * 4)
    self.assertEqual(one.lines[0].rows, 32)
    self.assertEqual(one.lines[3].rows, 16)  # 32 of a mini-batch, in halves.

  def test_what_waits_beside_a_rollout_counts(self):
    report = SMALL._replace(total=CHIP.hbm_bytes)
    one = studied(lambda *_: report, may_shrink=False)
    fits = {line.program: line.fits for line in one.lines}
    self.assertEqual(fits, dict(decode=False, append=False, sft=True, rl=True))

  def test_rows_shrink_until_the_compiler_agrees(self):
    one = studied(too_large(lambda config, _: config.sampling.rows > 20))
    self.assertTrue(one.fits)
    self.assertEqual((one.cell.rows, one.cell.waves), (16, 8))
    self.assertEqual(one.lines[0].rows, 16)

  def test_micro_batches_shrink_until_the_compiler_agrees(self):
    large = lambda config, name: name == 'rl' and config.rl.num_microbatches < 8
    one = studied(too_large(large))
    self.assertTrue(one.fits)
    self.assertEqual(one.cell.micro_batches, 8)
    self.assertEqual(one.lines[3].rows, 4)

  def test_what_never_fits_does_not(self):
    one = studied(too_large(lambda _, name: name == 'sft'))
    self.assertFalse(one.fits)
    said = text.mesh('v5e:2x2', one, planned.make_config())
    self.assertIn('sft does not fit: Ran out of memory', said)
    self.assertIn('**200%, does not fit**', said)

  def test_fields_of_the_config_stay_as_they_are(self):
    calls = []

    def compile_fn(config, name):
      calls.append((name, config.sampling.rows))
      return compiler.Report(error='no')

    config = planned.make_config()
    config.mesh = dict(data=-1, fsdp=1, tensor=2)
    cell = study.as_configured(config, sharding.make_mesh(config.mesh), CHIP)
    self.assertEqual(cell[:5], ((4, 1, 2), 16, 8, 4, 8))
    one = study.study(config, cell, CHIP, compile_fn, may_shrink=False)
    self.assertFalse(one.fits)
    self.assertEqual(calls, [(name, 16) for name in study.PROGRAMS])

  def test_rows_that_do_not_divide_are_named(self):
    config = planned.make_config()
    config.mesh = dict(data=8, fsdp=1, tensor=1)
    mesh = sharding.make_mesh(config.mesh)
    config.rl.num_microbatches = 8
    with self.assertRaisesRegex(
        ValueError, 'rl.num_microbatches: rows=4 must be a multiple of'
    ):
      study.as_configured(config, mesh, CHIP)


class TextTest(absltest.TestCase):

  def test_mesh(self):
    said = text.mesh(
        'v5e:2x2', studied(lambda *_: SMALL), planned.make_config()
    )
    self.assertIn('v5e:2x2, 4 chips of 0.93 GiB as 2 x 2 x 1', said)
    self.assertIn('32 conversations in flight, 4 waves for 128', said)
    self.assertIn('--config.mesh.fsdp=2', said)
    self.assertIn('--config.rl.num_microbatches=2', said)
    self.assertNotIn('does not fit', said)

  def test_summary_has_a_line_per_mesh(self):
    one = studied(lambda *_: SMALL)
    lines = text.summary([('v5e:2x2', one), ('v6e:2x2', one)]).splitlines()
    self.assertLen(lines, 4)
    self.assertLen({line.count('|') for line in lines}, 1)
    self.assertIn('| v6e:2x2', lines[3])
    self.assertIn('32 x 4', lines[3])

  def test_summary_of_some_programs(self):
    one = studied(lambda *_: SMALL, names=('sft',))
    lines = text.summary([('v5e:2x2', one)]).splitlines()
    self.assertLen({line.count('|') for line in lines}, 1)


class KeptTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.versions = self.enter_context(
        mock.patch.object(kept, 'versions', return_value={})
    )

  def test_nothing_is_compiled_twice(self):
    path = pathlib.Path(tempfile.mkdtemp()) / 'new' / 'kept.jsonl'
    calls = []
    compute = lambda: calls.append(1) or SMALL
    for _ in range(2):
      found = kept.load(path)
      self.assertEqual(kept.keeping(path, compute, found, 'k'), SMALL)
    self.assertLen(calls, 1)
    self.assertLen(path.read_text().splitlines(), 1)

  def test_processes_share_a_file(self):
    path = pathlib.Path(tempfile.mkdtemp()) / 'kept.jsonl'
    ours, theirs = kept.load(path), kept.load(path)
    kept.keeping(path, lambda: SMALL, theirs, 'k')
    fail = lambda: self.fail('compiled again')
    self.assertEqual(kept.keeping(path, fail, ours, 'k'), SMALL)

  @parameterized.parameters(
      ('sampling.rows', 'decode', True),
      ('sampling.rows', 'rl', False),
      ('sft.rows', 'decode', False),
      ('sft.rows', 'sft', True),
      ('rl.num_microbatches', 'rl', True),
      ('model.width', 'append', True),
      ('mesh.data', 'append', True),
      ('sampling.temperature', 'rl', True),
  )
  def test_what_decides_about_a_program(self, field, program, decides):
    config = planned.make_config()
    before = kept.key(config, 'v5e:2x2', program)
    config.update_from_flattened_dict({field: config_value(config, field) * 2})
    after = kept.key(config, 'v5e:2x2', program)
    self.assertEqual(before != after, decides)

  def test_topology_and_versions_decide(self):
    config = planned.make_config()
    keys = {kept.key(config, x, 'rl') for x in ('v5e:2x2', 'v5e:4x4')}
    self.versions.return_value = {'libtpu': '2'}
    keys.add(kept.key(config, 'v5e:2x2', 'rl'))
    self.assertLen(keys, 3)

  @parameterized.parameters(
      '{', '{"key": "k"}', '{"key": 1, "report": {"x": 1}}'
  )
  def test_a_line_that_is_none_is_named(self, line):
    path = pathlib.Path(tempfile.mkdtemp()) / 'kept.jsonl'
    good = json.dumps({'key': 'k', 'report': SMALL._asdict()})
    path.write_text(f'{good}\n{line}\n')
    with self.assertRaisesRegex(ValueError, 'kept.jsonl:2: not a line of'):
      kept.load(path)


def config_value(config, field):
  section, name = field.split('.')
  return config[section][name]


if __name__ == '__main__':
  absltest.main()
