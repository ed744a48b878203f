import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import jax
import numpy as np
import pytest

from bao_jax import catalog
from bao_jax import checkpoint
from bao_jax import logging as metrics_lib
from bao_jax import processes
from bao_jax.envs import base
from bao_jax.envs import turtle
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import credit
from bao_jax.train import lessons
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import sft

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIG = ROOT / 'experiments/configs/quickstart.py'

# Smaller than 'debug': what is tested here is not what is learned.
OVERRIDES = {
    'envs.names': ('turtle',),
    'envs.max_turns': 8,
    'envs.bad_calls_end': False,
    'model.num_layers': 1,
    'model.width': 32,
    'model.ff_width': 32,
    'model.num_heads': 2,
    'model.num_kv_heads': 1,
    'sampling.rows': 4,
    'sampling.max_turn_tokens': 6,
    'sampling.decode_tokens': 6,
    'sampling.append_buckets': (64,),
    'teacher.conversations': 8,
    'teacher.slip': 0.0,
    'sft.num_steps': 2,
    'sft.rows': 2,
    'rl.num_steps': 3,
    'rl.tasks_per_step': 2,
    'rl.samples_per_task': 2,
    'rl.num_microbatches': 1,
    'evaluation.num_tasks': 2,
    'evaluation.every_rl': 2,
    'checkpoint_every': 2,
}


class Killed(Exception):
  """Stands for the end of the process."""


def tiny(**changes):
  module = {}
  exec(compile(CONFIG.read_text(), str(CONFIG), 'exec'), module)
  config = module['get_config']('debug')
  with config.unlocked():
    if 'rows' in config:
      del config.rows
  config.update_from_flattened_dict(OVERRIDES | changes)
  return config


def lines(workdir):
  """Returns the metrics without times, which no two runs share."""
  return [
      {k: v for k, v in row.items() if not k.startswith('time/')}
      for row in metrics_lib.read_metrics(workdir / 'metrics.jsonl')
  ]


def assert_equal_trees(first, second):
  jax.tree.map(np.testing.assert_array_equal, first, second)


def dies_at(owner, name, call):
  """Patches a function to end the process at one of its calls."""
  original, calls = getattr(owner, name), []

  def wrapped(*args, **kwargs):
    calls.append(args)
    if len(calls) == call:
      raise Killed()
    return original(*args, **kwargs)

  return mock.patch.object(owner, name, wrapped)


class ResumeTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.root = pathlib.Path(folder.name)
    cls.warm = cls.root / 'warm'
    cls.warm_state = sft.train(tiny(), cls.warm)
    cls.config = tiny(warm_start=str(cls.warm))
    cls.state = rl.train(cls.config, cls.root / 'whole')

  def test_killed_run_ends_as_the_whole_one(self):
    self.check_killed(metrics_lib.MetricWriter, 'write', 3)

  @parameterized.named_parameters(
      ('after_the_update', metrics_lib, 'check_finite', 2),
      ('before_the_checkpoint', checkpoint.Checkpoints, 'save', 1),
      ('after_a_checkpoint', rl, 'describe', 3),
  )
  @pytest.mark.slow  # Below the parameters, or it is lost.
  def test_killed_elsewhere(self, owner, name, call):
    self.check_killed(owner, name, call)

  def check_killed(self, owner, name, call):
    workdir = self.root / self._testMethodName
    with dies_at(owner, name, call):
      with self.assertRaises(Killed):
        rl.train(self.config, workdir)
    state = rl.train(self.config, workdir)
    assert_equal_trees(state, self.state)
    self.assertEqual(lines(workdir), lines(self.root / 'whole'))
    said = [
        (folder / 'conversations.jsonl').read_text()
        for folder in (workdir, self.root / 'whole')
    ]
    self.assertEqual(*said)

  @pytest.mark.slow
  def test_killed_warm_start_ends_as_the_whole_one(self):
    workdir = self.root / 'killed_warm'
    config = tiny(checkpoint_every=1)
    with dies_at(metrics_lib.MetricWriter, 'write', 2):
      with self.assertRaises(Killed):
        sft.train(config, workdir)
    assert_equal_trees(sft.train(config, workdir), self.warm_state)
    self.assertEqual(lines(workdir), lines(self.warm))

  def test_outage_that_ends_the_run_is_forgotten(self):
    workdir = self.root / 'outage'
    original, asked = turtle.TurtleGym.step, []

    def step(gym, state, action):
      asked.append(state.task.id)
      if len(asked) > 2:
        raise base.UserError('no server')
      return original(gym, state, action)

    with mock.patch.object(turtle.TurtleGym, 'step', step):
      with self.assertRaisesRegex(base.UserError, 'no server'):
        rl.train(self.config, workdir)
    self.assertIn('no server', (workdir / 'faults.txt').read_text())
    assert_equal_trees(rl.train(self.config, workdir), self.state)

  def test_run_that_goes_on_from_another_has_its_tokenizer(self):
    config = tiny(warm_start=str(self.root / 'whole'))
    with mock.patch.object(setup, 'model_config', side_effect=Killed) as call:
      with self.assertRaises(Killed):
        rl.train(config, self.root / 'second')
    encoder = call.call_args.args[1]
    first = tokenizer_lib.load(self.warm)
    self.assertEqual(encoder.backend.to_str(), first.backend.to_str())
    for name in ('whole', 'second'):
      self.assertFalse((self.root / name / 'tokenizer.json').exists())

  def test_done_run_is_not_repeated(self):
    with mock.patch.object(rl.rollout.Conversations, 'hold') as hold:
      state = rl.train(self.config, self.root / 'whole')
    hold.assert_not_called()
    assert_equal_trees(state, self.state)

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT)
  @pytest.mark.slow
  def test_signal_saves_and_stops(self, number):
    workdir = self.root / f'stopped_{number}'
    original = metrics_lib.MetricWriter.write

    def write(*args):
      original(*args)
      os.kill(os.getpid(), number)

    with mock.patch.object(metrics_lib.MetricWriter, 'write', write):
      with self.assertRaisesRegex(SystemExit, 'Stopped after step 1'):
        rl.train(self.config, workdir)
    assert_equal_trees(rl.train(self.config, workdir), self.state)

  def test_prompts_that_do_not_fit_are_named_before_the_first_step(self):
    config = tiny(**{'warm_start': str(self.warm), 'sampling.max_tokens': 90})
    with mock.patch.object(rl.rollout.Conversations, 'hold') as hold:
      with self.assertRaisesRegex(ValueError, 'the prompt takes .*_tokens=90'):
        rl.train(config, self.root / 'long_prompts')
    hold.assert_not_called()

  def test_other_spelling_of_a_path_is_the_same_run(self):
    link = self.root / 'link'
    link.symlink_to(self.root)
    here = os.path.relpath(self.root)
    with mock.patch.object(rl.rollout.Conversations, 'hold') as hold:
      for root in (link, pathlib.Path(here)):
        rl.train(tiny(warm_start=f'{root}/warm'), root / 'whole')
    hold.assert_not_called()

  def test_moved_table_finds_its_warm_start(self):
    moved = self.root / 'moved'
    for name in ('warm', 'whole'):
      shutil.copytree(self.root / name, moved / name)
    config = setup.load_config(moved / 'whole')
    self.assertTrue((moved / 'warm').samefile(config.warm_start))
    with mock.patch.object(rl.rollout.Conversations, 'hold') as hold:
      rl.train(config, moved / 'whole')
    hold.assert_not_called()

  def test_full_disk_leaves_what_was_saved(self):
    workdir = self.root / 'full'
    saved = checkpoint.Checkpoints(workdir)
    saved.save(1, self.state)
    with mock.patch.object(
        saved._manager, 'save', side_effect=OSError('No space left on device')
    ):
      message = 'could not save step 2: No space left .* Checkpoint 1 is intact'
      with self.assertRaisesRegex(OSError, message):
        saved.save(2, self.state)
    again = checkpoint.Checkpoints(workdir)
    assert_equal_trees(again.restore(self.state), self.state)

  def test_loss_that_is_no_number_stops_and_saves_nothing(self):
    workdir = self.root / 'nan'
    original = rl.policy_batch

    def poisoned(batch, advantages, ref_logps):
      return original(batch, advantages * np.nan, ref_logps)

    with mock.patch.object(rl, 'policy_batch', poisoned):
      with self.assertRaisesRegex(FloatingPointError, 'step 0: policy/.* nan'):
        rl.train(self.config, workdir)
    self.assertIsNone(checkpoint.Checkpoints(workdir).latest())

  def test_folder_of_another_config_is_refused(self):
    other = self.config.copy_and_resolve_references()
    other.rl.gamma = 0.5
    before = lines(self.root / 'whole')
    message = r'rl\.gamma: 1\.0 there, 0\.5 here.*--workdir'
    with self.assertRaisesRegex(checkpoint.ConfigMismatchError, message):
      rl.train(other, self.root / 'whole')
    self.assertEqual(lines(self.root / 'whole'), before)


class BadConfigTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    folder = self.enter_context(tempfile.TemporaryDirectory())
    self.workdir = pathlib.Path(folder)

  def test_typo_names_the_near_miss(self):
    config = tiny()
    config.lock()  # As the launchers do.
    with self.assertRaisesRegex(AttributeError, 'mean "learning_rate"'):
      config.rl.optimizer.learning_rat = 0.1

  @parameterized.parameters(
      ({'envs.names': ('chess',)}, "envs.names: no gym 'chess'; there are: a"),
      ({'envs.names': ()}, r'envs.names=\(\): name at least one gym'),
      ({'envs.names': ('turtle', 'turtle')}, 'name .* gym, and each once'),
      ({'envs.user_choices': ('ask',)}, "envs.user_choices: no 'ask'; there"),
      (
          {'envs.options.turtle.user_choices': ('search',)},
          "options.turtle.user_choices: no 'search'; there are: action, answ",
      ),
      ({'envs.max_turns': 0}, 'envs.max_turns=0 must be at least 1'),
      ({'envs.level': 'hard'}, "envs.level: no 'hard'; there are: easy, full"),
      ({'rl.gamma': 1.5}, r'rl.gamma=1.5 must be in \[0, 1\]'),
      ({'rl.gamma': float('nan')}, r'rl.gamma=nan must be in \[0, 1\]'),
      ({'rl.dual_clip': 0.5}, 'rl.dual_clip=0.5 must be 0 or above 1'),
      ({'rl.length_buckets': ()}, r'rl.length_buckets=\(\) must be positive'),
      ({'sampling.append_buckets': (64, 16)}, 'must be positive and ascending'),
      ({'sampling.rows': 0}, 'sampling.rows=0 must be at least 1'),
      ({'sampling.prefix_rows': 0}, 'sampling.prefix_rows=0 must be at least'),
      ({'sampling.temperature': 0.0}, 'sampling.temperature=0.0 must be posi'),
      ({'sampling.temperature': np.inf}, 'sampling.temperature=inf must be fi'),
      ({'rewards.lambda_ans': np.nan}, 'rewards.lambda_ans=nan must be finite'),
      ({'rl.optimizer.b2': 1.0}, r'rl.optimizer.b2=1.0 must be in \[0, 1\)'),
      ({'evaluation.num_tasks': 0}, 'evaluation.num_tasks=0 must be at least'),
      ({'evaluation.split': 'dev'}, "evaluation.split: no 'dev'; there are: "),
      ({'seed': -1}, 'seed=-1 must not be negative'),
      ({'mesh.fsdp': 16}, 'fsdp=16, .* needs 16 devices, .* are 8; set'),
      ({'mesh.tensor': 8}, 'num_heads=2 must be a multiple of mesh.tensor ='),
      ({'mesh.data': 4, 'sampling.rows': 6}, 'sampling.rows=6 must be a mult'),
      ({'mesh.data': 4}, 'sft.rows=2 must be a multiple of .* = 4'),
      ({'sampling.max_tokens': 90}, 'the prompt takes .*sampling.max_tokens=9'),
      ({'model.vocab_size': 99}, r'model.vocab_size=99 is smaller than the to'),
      ({'model.num_heads': 3, 'model.num_kv_heads': 2}, 'must be a multiple'),
      (
          {'lora.rank': 2, 'lora.targets': ('qkv',)},
          "lora.targets: no 'qkv'; there are: q, k, v, o, gate, up, down",
      ),
      ({'lora.rank': -1}, 'lora.rank=-1 must not be negative'),
      ({'sft.length': 8}, r'sft.length=8 tokens; .*teacher.convers'),
      ({'text.tokenizer': '/nowhere'}, '/nowhere: no such tokenizer file'),
  )
  def test_warm_start(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      sft.train(tiny(**changes), self.workdir)

  @parameterized.parameters(
      ({'rl.estimator': 'ppo'}, "rl.estimator='ppo' must be one of"),
      ({'rl.turn_credit': 'x'}, "rl.turn_credit='x' must be one of"),
      ({'rl.trajectory_score': 'x'}, "rl.trajectory_score='x' must be one"),
      ({'rl.zero_variance_on': 'x'}, "rl.zero_variance_on='x' must be shaped"),
      ({'rewards.variant': 'x'}, "rewards.variant='x' must be paper, rele"),
      ({'rl.samples_per_task': 1}, "1: rl.estimator='turn' compares the sampl"),
      ({'rl.tasks_per_step': 9999}, 'tasks_per_step is 9999; it must be betw'),
      ({'mesh.fsdp': 4}, 'rl.num_microbatches=2 must be a multiple of .* = 4'),
  )
  def test_reinforcement_learning(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      rl.train(tiny(**changes), self.workdir / 'run')
    self.assertFalse((self.workdir / 'run').exists())

  @mock.patch.object(processes, 'count', return_value=3)
  def test_several_processes(self, _):
    message = 'rl.tasks_per_step=2 must be a multiple of the .* processes, 3'
    with self.assertRaisesRegex(ValueError, message):
      rl.train(tiny(), self.workdir / 'run')
    self.assertFalse((self.workdir / 'run').exists())

  @parameterized.parameters(
      ('aggregation', 'x', "rl.aggregation='x' must be token, sequence"),
      ('kl_estimator', 'k9', "rl.kl_estimator='k9' must be k1, k2, k3"),
  )
  def test_objective(self, field, value, message):
    config = tiny()
    config.rl[field] = value
    with self.assertRaisesRegex(ValueError, message):
      credit.objective(config.rl)


class DebugTest(parameterized.TestCase):

  @parameterized.parameters(*(n for n in catalog.GYMS if n != 'alfworld'))
  def test_every_gym_has_something_to_imitate(self, name):
    module = {}
    exec(compile(CONFIG.read_text(), str(CONFIG), 'exec'), module)
    config = module['get_config']('debug')
    config.update_from_flattened_dict(
        {'envs.names': (name,), 'sampling.max_tokens': 1000}
    )
    with tempfile.TemporaryDirectory() as folder:
      workdir = pathlib.Path(folder)
      encoder = lessons.tokenizer(config, workdir)
      for config.seed in range(3):
        self.assertNotEmpty(sft.teacher_sequences(config, encoder, workdir))


class PreemptionTest(parameterized.TestCase):

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT)
  def test_signal_is_noticed_and_ends_nothing(self, number):
    before = signal.getsignal(number)
    with checkpoint.Preemption() as preemption:
      self.assertFalse(preemption.is_requested)
      os.kill(os.getpid(), number)
      self.assertTrue(preemption.is_requested)
    self.assertEqual(signal.getsignal(number), before)

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT)
  def test_ctrl_c_after_a_signal_stops_at_once(self, number):
    with self.assertRaises(KeyboardInterrupt):
      with checkpoint.Preemption():
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)


class MetricsTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = self.enter_context(tempfile.TemporaryDirectory())
    self.path = pathlib.Path(folder) / 'metrics.jsonl'

  def test_torn_last_line_is_left_out(self):
    self.path.write_text('{"step": 0, "a": 1.0}\n{"step": 1, "a"')
    self.assertEqual(
        metrics_lib.read_metrics(self.path), [{'step': 0, 'a': 1.0}]
    )

  def test_other_bad_line_is_named(self):
    self.path.write_text('{"step": 0}\n{"st\n{"step": 2}\n')
    with self.assertRaisesRegex(ValueError, 'metrics.jsonl:2: not JSON'):
      metrics_lib.read_metrics(self.path)

  def test_resumed_writer_repeats_no_step(self):
    self.path.write_text('{"step": 0, "a": 0.0}\n{"step": 1, "a": 9.0}\n{"st')
    writer = metrics_lib.MetricWriter(self.path.parent, step=1)
    writer.write(1, {'a': np.float32(1)})
    writer.close()
    self.assertEqual(
        metrics_lib.read_metrics(self.path),
        [{'step': 0, 'a': 0.0}, {'step': 1, 'a': 1.0}],
    )

  def test_what_is_not_finite_is_null(self):
    self.path.write_text('{"step": 0, "a": NaN}\n')  # As it once was.
    writer = metrics_lib.MetricWriter(self.path.parent, step=1)
    with mock.patch.object(writer._board, 'add_scalar') as add_scalar:
      writer.write(1, {'a': np.float32(np.nan), 'b': np.inf, 'c': 2})
    writer.close()
    add_scalar.assert_called_once_with('c', 2.0, 1)
    self.assertEqual(
        self.path.read_text(),
        '{"step": 0, "a": null}\n'
        '{"step": 1, "a": null, "b": null, "c": 2.0}\n',
    )
    np.testing.assert_equal(
        metrics_lib.read_metrics(self.path),
        [
            {'step': 0, 'a': np.nan},
            {'step': 1, 'a': np.nan, 'b': np.nan, 'c': 2.0},
        ],
    )


@pytest.mark.slow
class MeshTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = self.enter_context(tempfile.TemporaryDirectory())
    self.root = pathlib.Path(folder)
    sizes = {'mesh.data': 2, 'mesh.fsdp': 2, 'mesh.tensor': 2}
    rows = {'sft.rows': 4, 'rl.samples_per_task': 4, 'rl.kl_coef': 0.1}
    self.config = tiny(**sizes, **rows)

  def kill(self, workdir):
    with dies_at(metrics_lib.MetricWriter, 'write', 5):
      with self.assertRaises(Killed):
        rl.train(self.config, workdir)

  def test_killed_run_ends_as_the_whole_one(self):
    killed, whole = self.root / 'killed', self.root / 'whole'
    self.kill(killed)
    state = rl.train(self.config, killed)
    assert_equal_trees(state, rl.train(self.config, whole))
    self.assertEqual(lines(killed), lines(whole))
    self.assertGreater(lines(whole)[-1]['mesh/moved_bytes'], 0)

  def test_killed_run_goes_on_on_another_mesh(self):
    self.kill(self.root)
    self.config.mesh.update(data=1, fsdp=4, tensor=1)
    state = rl.train(self.config, self.root)
    self.assertLen(jax.tree.leaves(state.params)[0].sharding.device_set, 4)
    self.assertLen(lines(self.root), 3)
    self.assertEqual(setup.load_config(self.root).mesh.fsdp, 4)


@pytest.mark.slow
class KillTest(absltest.TestCase):

  def start(self, workdir):
    overrides = [f'--config.{k}={v}' for k, v in OVERRIDES.items()]
    # Programs are kept between processes and runs, or most of it is compiling.
    programs = {
        'JAX_COMPILATION_CACHE_DIR': str(ROOT / '.jax_cache'),
        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0.2',
    }
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / 'experiments/train_rl.py'),
            f'--config={CONFIG}:debug',
            f'--workdir={workdir}',
            *overrides,
        ],
        env=os.environ | {'JAX_PLATFORMS': 'cpu'} | programs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    self.addCleanup(process.kill)  # Of a test that gave up.
    return process

  def finish(self, workdir):
    process = self.start(workdir)
    _, errors = process.communicate(timeout=400)
    self.assertEqual(process.returncode, 0, errors)
    return lines(workdir), (workdir / 'conversations.jsonl').read_text()

  def test_sigkill_changes_nothing(self):
    root = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    killed = root / 'killed'
    # Within the warm start, then between steps: whole lines and files, or none.
    for trace in (
        killed / 'warm_start/tokenizer.json',
        killed / 'metrics.jsonl',
    ):
      process = self.start(killed)
      deadline = time.monotonic() + 300
      while not (trace.exists() and trace.read_text()):
        self.assertIsNone(process.poll(), 'It ended before it was killed.')
        self.assertLess(time.monotonic(), deadline)
        time.sleep(0.05)
      process.kill()
      process.communicate()
    self.assertEqual(self.finish(killed), self.finish(root / 'whole'))


if __name__ == '__main__':
  absltest.main()
