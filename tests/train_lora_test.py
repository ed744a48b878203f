"""Runs that train adapters alone."""

import dataclasses
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
import jax
import numpy as np
import pytest
import train_mesh_test as on_mesh
import train_resume_test as runs

from bao_jax import logging as metrics_lib
from bao_jax import sharding
from bao_jax import types
from bao_jax.evaluation import job as job_lib
from bao_jax.model import config as config_lib
from bao_jax.model import lora
from bao_jax.model import qwen3
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import adapted
from bao_jax.train import batch as batch_lib
from bao_jax.train import optimizer
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import sft
from bao_jax.train import step as step_lib
from benchmarks import measure

SHAPE = dataclasses.replace(
    on_mesh.SHAPE, lora=config_lib.LoraConfig(2, 3.0, ('q', 'o', 'up'))
)
CONFIG = setup.Config(dict(sft=dict(chunk=8)))
SGD = on_mesh.SGD
SLOPPY = dict(atol=1e-5, rtol=1e-5)


def adapters():
  """Returns adapters of which no factor is zero."""
  shapes = setup.abstract_state(SHAPE, SGD, on_mesh.make_mesh(on_mesh.ONE))
  rng = np.random.default_rng(3)
  draw = lambda x: rng.normal(scale=0.3, size=x.shape).astype(np.float32)
  return jax.tree.map(draw, shapes.params)


def placed(mesh):
  """Returns a state of adapters and its base; the same on every mesh."""
  like = setup.abstract_state(SHAPE, SGD, mesh)
  params = on_mesh.place(adapters(), sharding.of(like.params))
  base = on_mesh.place(
      measure.parameters(SHAPE), sharding.of(setup.abstract_base(SHAPE, mesh))
  )
  return setup.first_state(params, SGD, like), base


def imitate(sizes):
  mesh = on_mesh.make_mesh(sizes)
  step = sft.compile_step(CONFIG, SHAPE, SGD, mesh)
  state, base = placed(mesh)
  state, metrics = step(state, on_mesh.packed_batch(), base)
  return jax.device_get((state.params, metrics)), base


class GradientTest(absltest.TestCase):

  def test_it_is_that_of_the_sum_along_the_factors(self):
    (params, metrics), base = imitate(on_mesh.ONE)
    jax.tree.map(np.testing.assert_array_equal, base, measure.parameters(SHAPE))
    before = adapters()
    merged = jax.device_get(
        lora.merge(lora.attach(before, measure.parameters(SHAPE), SHAPE.lora))
    )
    mesh = on_mesh.make_mesh(on_mesh.ONE)
    like = setup.abstract_state(on_mesh.SHAPE, SGD, mesh)
    whole = on_mesh.place(merged, sharding.of(like.params))
    step = sft.compile_step(CONFIG, on_mesh.SHAPE, SGD, mesh)
    state, others = step(
        setup.first_state(whole, SGD, like), on_mesh.packed_batch(), None
    )
    self.assertAlmostEqual(metrics['sft/loss'], others['sft/loss'], places=5)
    self.assertEqual(
        jax.tree.structure(params), jax.tree.structure(before)
    )  # Adapters and nothing else.
    for sublayer, maps in before['layers'].items():
      for name, pair in maps.items():
        old, new = (
            x['layers'][sublayer][name]['kernel']
            for x in (merged, state.params)
        )
        a, b = pair['lora_a'], pair['lora_b']
        flat_a, flat_b = a.reshape(2, -1, 2), b.reshape(2, 2, -1)
        slope = np.reshape(old - new, (2, flat_a.shape[1], flat_b.shape[2]))
        after = params['layers'][sublayer][name]
        np.testing.assert_allclose(
            (a - after['lora_a']).reshape(flat_a.shape),
            1.5 * slope @ flat_b.transpose(0, 2, 1),
            **SLOPPY,
        )
        np.testing.assert_allclose(
            (b - after['lora_b']).reshape(flat_b.shape),
            1.5 * flat_a.transpose(0, 2, 1) @ slope,
            **SLOPPY,
        )
        self.assertGreater(np.max(np.abs(a - after['lora_a'])), 1e-3, name)


class WithoutAdaptersTest(absltest.TestCase):

  def test_program_has_no_trace_of_them(self):
    mesh = on_mesh.make_mesh(on_mesh.ONE)
    state = setup.abstract_state(on_mesh.SHAPE, SGD, mesh)
    where, rows = sharding.of(state), sharding.rows(mesh)

    def supervised_step(state, batch):
      model = step_lib.ModelFn(on_mesh.SHAPE, 8, mesh)
      return step_lib.supervised_step(state, batch, model=model, tx=SGD)

    plain = jax.jit(
        supervised_step,
        in_shardings=(where, rows),
        out_shardings=(where, sharding.replicated(mesh)),
        donate_argnums=0,
    )
    step = sft.compile_step(CONFIG, on_mesh.SHAPE, SGD, mesh)
    batch = on_mesh.packed_batch()
    self.assertEqual(
        step.lower(state, batch, None).as_text(),
        plain.lower(state, batch).as_text(),
    )


class MeshTest(absltest.TestCase):

  def test_imitation(self):
    (one, _), (cube, _) = imitate(on_mesh.ONE), imitate(on_mesh.CUBE)
    on_mesh.assert_close(cube, one, 1e-5)

  def test_reference_costs_nothing_at_first(self):
    self.check_reference([on_mesh.ONE])

  @pytest.mark.slow
  def test_reference_is_the_same_on_a_mesh(self):
    one, cube = self.check_reference([on_mesh.ONE, on_mesh.CUBE])
    np.testing.assert_allclose(cube, one, atol=1e-5)

  def check_reference(self, meshes):
    """Nothing is won or lost: what is left of the loss is the KL term."""
    config = runs.tiny(
        **{
            'rl.kl_coef': 1.0,
            'rl.chunk': 8,
            'rl.num_microbatches': 2,
            'rl.num_minibatches': 1,
        }
    )
    seen = []
    for sizes in meshes:
      mesh = on_mesh.make_mesh(sizes)
      programs = rl.compile_programs(config, SHAPE, SGD, mesh)
      state, base = placed(mesh)
      drawn = on_mesh.policy_batch()
      batch = types.Batch(
          tokens=drawn.tokens,
          turn=np.where(drawn.mask, 0, -1).astype(np.int32),
          logps=drawn.old_logps,
          rewards=np.zeros((on_mesh.B, 1), np.float32),
          is_user=np.zeros((on_mesh.B, 1), bool),
          turn_mask=np.ones((on_mesh.B, 1), bool),
          solved=np.zeros(on_mesh.B, bool),
          valid=np.ones(on_mesh.B, bool),
          max_turns=np.ones(on_mesh.B, np.int32),
      )
      logps = programs.logps(state.params, batch, base)
      seen.append(jax.device_get(logps))
      still = drawn.replace(
          advantages=np.zeros_like(drawn.advantages),
          ref_logps=logps,
          old_logps=logps,
      )
      state, metrics = programs.update(state, still, base)
      self.assertLess(abs(metrics['policy/loss']), 1e-9)
      self.assertLess(metrics['policy/gradient_norm'], 1e-6)
    self.assertGreater(np.max(np.abs(seen[0])), 1.0)
    return seen

  def test_speech_is_that_of_the_sum(self):
    cube = on_mesh.make_mesh(on_mesh.CUBE)
    merged = lora.merge(
        lora.attach(adapters(), measure.parameters(SHAPE), SHAPE.lora)
    )
    config = runs.tiny(**{'sampling.rows': 8})
    state, base = placed(cube)
    spoken = setup.engine(config, SHAPE, cube).unstack(
        lora.attach(state.params, base, SHAPE.lora)
    )
    on_mesh.assert_close(
        jax.device_get(spoken), jax.device_get(qwen3.unstack(merged)), 1e-5
    )


class MemoryTest(absltest.TestCase):

  def test_a_step_needs_no_moments_and_no_gradient_of_the_base(self):
    full = config_lib.ModelConfig(
        vocab_size=1024,
        num_layers=1,
        width=128,
        ff_width=1024,
        num_heads=4,
        num_kv_heads=2,
        head_dim=32,
    )
    mesh = on_mesh.make_mesh(on_mesh.ONE)
    tx = optimizer.make_optimizer(learning_rate=1e-3)
    ids = jax.ShapeDtypeStruct((1, 16), np.int32)
    packed = batch_lib.Packed(
        ids, ids, ids, jax.ShapeDtypeStruct((1, 16), bool)
    )
    total = []
    for shape in (full, dataclasses.replace(full, lora=SHAPE.lora)):
      state = setup.abstract_state(shape, tx, mesh)
      base = setup.abstract_base(shape, mesh)
      step = sft.compile_step(CONFIG, shape, tx, mesh)
      used = step.lower(state, packed, base).compile().memory_analysis()
      total.append(used.argument_size_in_bytes + used.temp_size_in_bytes)
    params = sum(x.size * 4 for x in jax.tree.leaves(base))
    self.assertGreater(total[0], 4 * params)  # Two moments, a gradient.
    self.assertLess(total[1], 0.4 * total[0])


class RunTest(absltest.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.root = pathlib.Path(folder.name)
    cls.changes = {
        'lora.rank': 2,
        'lora.targets': ('q', 'down'),
        # The warm start moves far away from its base in two steps.
        'sft.optimizer.learning_rate': 0.3,
        'sft.optimizer.warmup_steps': 0,
        'rl.kl_coef': 0.1,
        'rl.num_steps': 2,
        'checkpoint_every': 1,
    }
    cls.warm = cls.root / 'warm'
    cls.warm_state = sft.train(runs.tiny(**cls.changes), cls.warm)
    cls.config = runs.tiny(**cls.changes, seed=1, warm_start=str(cls.warm))
    spy = mock.patch.object(rl, 'policy_batch', wraps=rl.policy_batch)
    with spy as cls.prepared:
      cls.state = rl.train(cls.config, cls.root / 'whole')
    cls.mesh = setup.mesh(cls.config)
    encoder = tokenizer_lib.load(cls.warm)
    cls.shape = setup.model_config(cls.config, encoder)

  def first(self, **changes):
    """Returns what a run with another config would start with."""
    config = runs.tiny(**self.changes | changes)
    adapters = setup.lora_config(config)
    shape = dataclasses.replace(self.shape, lora=adapters)
    return adapted.first(config, shape, self.warm, self.mesh), adapters

  def whole(self):
    """Returns the sum that the warm start ended with."""
    drawn = setup.initial_params(
        runs.tiny(**self.changes), self.shape, self.mesh
    )
    params = lora.attach(self.warm_state.params, drawn, self.shape.lora)
    return drawn, lora.merge(params)

  def test_adapters_alone_are_saved(self):
    saved = self.root / 'whole/checkpoints/2'
    (tree,) = [path.read_text() for path in saved.rglob('_METADATA')]
    self.assertIn('lora_a', tree)
    self.assertNotIn('kernel', tree)
    self.assertNotIn('embedding', tree)
    size = sum(x.stat().st_size for x in saved.rglob('*') if x.is_file())
    base = sum(x.nbytes for x in jax.tree.leaves(self.whole()[0]))
    self.assertLess(size, base)

  def test_killed_run_ends_as_the_whole_one(self):
    with runs.dies_at(metrics_lib.MetricWriter, 'write', 2):
      with self.assertRaises(runs.Killed):
        rl.train(self.config, self.root / 'killed')
    state = rl.train(self.config, self.root / 'killed')
    runs.assert_equal_trees(state, self.state)
    self.assertEqual(
        runs.lines(self.root / 'killed'), runs.lines(self.root / 'whole')
    )

  def test_reference_is_what_speaks_at_first(self):
    batch, _, ref_logps = self.prepared.call_args_list[0].args
    is_said = (batch.turn >= 0) & batch.valid[:, None]
    gap = np.where(is_said, ref_logps - batch.logps, 0)
    np.testing.assert_allclose(gap, 0, atol=1e-4)

  def test_same_adapters_go_on(self):
    policy, _ = self.first(seed=1)
    runs.assert_equal_trees(policy.params, self.warm_state.params)
    maps = policy.params['layers']['mlp']  # They are far from how they began.
    self.assertGreater(np.max(np.abs(maps['down']['lora_b'])), 0.1)
    runs.assert_equal_trees(policy.base, self.whole()[0])

  def test_others_begin_on_the_sum(self):
    policy, adapters = self.first(**{'lora.rank': 3, 'lora.targets': ('o',)})
    _, whole = self.whole()
    on_mesh.assert_close(policy.base, whole, 1e-6)
    params = lora.attach(*policy, adapters)
    runs.assert_equal_trees(lora.merge(params), policy.base)
    self.assertEqual(list(policy.params['layers']['attention']), ['o'])

  def test_base_may_take_half_the_memory(self):
    policy, adapters = self.first(**{'lora.base_dtype': 'bfloat16'})
    whole = self.whole()[1]
    for x, y in zip(*map(jax.tree.leaves, (policy.base, whole))):
      self.assertEqual(x.nbytes * 2, y.nbytes)
      np.testing.assert_allclose(x.astype(np.float32), y, rtol=1e-2)
    for x in jax.tree.leaves(policy.params):
      self.assertEqual(x.dtype, np.float32)
    self.assertEqual(adapters.rank, 2)

  def test_all_of_the_sum_may_be_trained(self):
    policy, _ = self.first(**{'lora.rank': 0})
    self.assertIsNone(policy.base)
    on_mesh.assert_close(policy.params, self.whole()[1], 1e-6)

  def test_warm_start_of_another_model_is_named(self):
    with self.assertRaisesRegex(
        ValueError, 'model.ff_width: 32 there, 64 here'
    ):
      shape = dataclasses.replace(self.shape, ff_width=64)
      adapted.first(self.config, shape, self.warm, self.mesh)

  def test_evaluation_finds_base_and_adapters(self):
    params = rl.latest_params(
        self.config, self.shape, self.root / 'whole', self.mesh
    )
    ended = lora.attach(self.state.params, self.whole()[0], self.shape.lora)
    runs.assert_equal_trees(params, ended)
    path = self.root / 'records.jsonl'
    job = job_lib.Job(
        f'checkpoint:{self.root / "whole"}', 'validation', path, num_tasks=1
    )
    row = job_lib.run(setup.load_config(self.root / 'whole'), job)
    self.assertLen(row.records, 1)


if __name__ == '__main__':
  absltest.main()
