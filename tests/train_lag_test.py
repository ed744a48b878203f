import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax import checkpoint
from bao_jax import logging as metrics_lib
from bao_jax import processes
from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import turtle
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import sft
from bao_jax.train import step as step_lib
from tests import train_resume_test as cases

# Weights move, whatever the rewards: older ones are other ones.
MOVES = {
    'rl.optimizer.learning_rate': 0.1,
    'rl.optimizer.warmup_steps': 0,
    'rl.optimizer.weight_decay': 0.1,
    'rl.num_minibatches': 1,
    'rl.num_steps': 4,
}


def outage(fails):
  """Patches the gym: a user of a task is out of reach where `fails` says so."""
  original = turtle.TurtleGym.step

  def step(gym, state, action):
    if fails(state.task.id):
      raise base.UserError('no server')
    return original(gym, state, action)

  return mock.patch.object(turtle.TurtleGym, 'step', step)


class TrainTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.root = pathlib.Path(folder.name)
    sft.train(cases.tiny(), cls.root / 'warm')
    cls.config = cases.tiny(
        warm_start=str(cls.root / 'warm'), **MOVES, **{'rl.max_lag': 2}
    )
    cls.state = rl.train(cls.config, cls.root / 'whole')
    cls.lines = cases.lines(cls.root / 'whole')

  def test_lag_is_told_and_weighs(self):
    self.assertEqual([row['policy/lag'] for row in self.lines], [0, 1, 2, 2])
    self.assertNotIn('policy/weight_mean', self.lines[0])
    for row in self.lines[1:]:
      self.assertNotEqual(row['policy/weight_mean'], 1)
      # Ratios are those to the policy of now: no update came between.
      self.assertAlmostEqual(row['policy/ratio'], 1, places=5)
    # Two updates apart is farther than one.
    gaps = [row['policy/logp_mismatch'] for row in self.lines]
    self.assertLess(10 * gaps[0], gaps[1])
    self.assertLess(gaps[1], gaps[2])
    timed = metrics_lib.read_metrics(self.root / 'whole/metrics.jsonl')
    self.assertBetween(timed[-1]['time/idle_share'], 0, 1)

  def test_killed_run_ends_as_the_whole_one(self):
    workdir = self.root / 'killed'
    with cases.dies_at(metrics_lib.MetricWriter, 'write', 4):
      with self.assertRaises(cases.Killed):
        rl.train(self.config, workdir)
    cases.assert_equal_trees(rl.train(self.config, workdir), self.state)
    self.assertEqual(cases.lines(workdir), self.lines)

  def test_outage_keeps_the_steps_before_it(self):
    workdir = self.root / 'outage'
    self.config.checkpoint_every = 100
    gone = {r.task.id for r in self.requests(1)} - {
        r.task.id for r in self.requests(0)
    }
    with outage(gone.__contains__):
      with self.assertRaisesRegex(base.UserError, 'no server'):
        rl.train(self.config, workdir)
    self.assertEqual(checkpoint.Checkpoints(workdir).latest(), 1)
    cases.assert_equal_trees(rl.train(self.config, workdir), self.state)
    self.assertEqual(cases.lines(workdir), self.lines)

  def requests(self, step):
    tasks = setup.tasks(self.config, 'train')
    return rl.requests_of_step(self.config, tasks, step)

  def test_loaded_parameters_are_those_of_the_end(self):
    mesh = setup.mesh(self.config)
    shape = setup.model_config(
        self.config, rl.lessons.saved_tokenizer(self.root / 'warm')
    )
    loaded = rl.latest_params(self.config, shape, self.root / 'whole', mesh)
    cases.assert_equal_trees(loaded, self.state.params)

  def test_several_processes_are_refused(self):
    with mock.patch.object(processes, 'count', return_value=2):
      with self.assertRaisesRegex(ValueError, 'rl.max_lag=2 takes one process'):
        rl.train(self.config, self.root / 'two')


class WarmStartTest(absltest.TestCase):

  def test_outage_keeps_the_last_step(self):
    folder = self.enter_context(tempfile.TemporaryDirectory())
    workdir = pathlib.Path(folder)
    config = cases.tiny(**{'checkpoint_every': 100, 'evaluation.every_sft': 1})
    with outage(lambda task_id: 'validation' in task_id):
      with self.assertRaisesRegex(base.UserError, 'no server'):
        sft.train(config, workdir)
    self.assertEqual(checkpoint.Checkpoints(workdir).latest(), 1)
    sft.train(config, workdir)
    first, second = cases.lines(workdir)
    self.assertNotIn('validation/score', first)
    self.assertIn('validation/score', second)


class CatchUpTest(parameterized.TestCase):

  def batch(self, old_logps):
    shape = old_logps.shape
    return step_lib.PolicyBatch(
        tokens=jnp.ones(shape, jnp.int32),
        mask=jnp.array([[True, True, True, False]]),
        old_logps=old_logps,
        advantages=jnp.array([[2.0, -1.0, 0.5, jnp.nan]]),
        ref_logps=old_logps,
    )

  def test_worked_example(self):
    old = jnp.log(jnp.array([[0.5, 0.2, 0.1, 0.5]]))
    prox = jnp.log(jnp.array([[0.25, 0.3, 0.9, 0.5]]))
    batch, metrics = step_lib.catch_up(self.batch(old), prox, max_weight=2.0)
    np.testing.assert_allclose(
        batch.advantages, [[1.0, -1.5, 1.0, 0.0]], rtol=1e-6
    )
    np.testing.assert_array_equal(batch.old_logps, prox)
    np.testing.assert_array_equal(batch.ref_logps, old)
    expected = {
        'policy/weight_mean': (0.5 + 1.5 + 2) / 3,
        'policy/weight_truncated': 1 / 3,
        'policy/logp_mismatch': np.log([2, 1.5, 9]).mean(),
        'policy/logp_mismatch_max': np.log(9),
    }
    self.assertEqual(metrics.keys(), expected.keys())
    for name, value in metrics.items():
      np.testing.assert_allclose(value, expected[name], rtol=1e-6)

  def test_changes_nothing_of_the_same_policy(self):
    before = self.batch(jnp.log(jnp.array([[0.5, 0.2, 0.1, 0.5]])))
    after, _ = step_lib.catch_up(before, before.old_logps, max_weight=2.0)
    before = before.replace(advantages=before.advantages.at[0, 3].set(0.0))
    cases.assert_equal_trees(after, before)


class RestoreParamsTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    folder = self.enter_context(tempfile.TemporaryDirectory())
    self.saved = checkpoint.Checkpoints(folder)
    self.params = {'a': jnp.arange(4.0), 'b': {'c': jnp.ones((2, 3))}}
    moments = jax.tree.map(jnp.zeros_like, self.params)
    state = types.TrainState(jnp.int32(1), self.params, moments)
    self.saved.save(1, state)

  def test_are_those_saved(self):
    restored = self.saved.restore_params(self.params)
    cases.assert_equal_trees(restored, self.params)

  @parameterized.parameters(
      {'a': (5,)}, {'a': (4,)}, {'a': (4,), 'b': {'c': (2, 3), 'd': (2,)}}
  )
  def test_others_are_refused(self, **shapes):
    shapes.setdefault('b', {'c': (2, 3)} if shapes['a'] == (5,) else {})
    like = jax.tree.map(
        jnp.zeros, shapes, is_leaf=lambda x: isinstance(x, tuple)
    )
    with self.assertRaisesRegex(ValueError, 'checkpoint 1 does not fit the'):
      self.saved.restore_params(like)

  def test_of_nothing(self):
    empty = self.enter_context(tempfile.TemporaryDirectory())
    with self.assertRaisesRegex(FileNotFoundError, 'no checkpoint there'):
      checkpoint.Checkpoints(empty).restore_params(self.params)


if __name__ == '__main__':
  absltest.main()
