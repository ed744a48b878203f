"""A run of two processes is the run of one, also when it is killed."""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile

from absl.testing import absltest
import jax
import numpy as np
import processes_test
import pytest

from bao_jax import logging as metrics_lib
from bao_jax import sharding
from bao_jax.train import lessons
from bao_jax.train import rl
from bao_jax.train import setup

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLAGS = {
    'envs.names': ('turtle',),
    'envs.max_turns': 4,
    'envs.bad_calls_end': False,
    'model.num_layers': 1,
    'model.width': 32,
    'model.ff_width': 32,
    'model.num_heads': 2,
    'model.num_kv_heads': 2,
    'mesh.data': 2,
    'mesh.fsdp': 2,
    'mesh.tensor': 2,
    'sampling.rows': 8,
    'sampling.max_turn_tokens': 6,
    'sampling.decode_tokens': 6,
    'sampling.append_buckets': (64,),
    'teacher.conversations': 8,
    'teacher.slip': 0.0,
    'sft.num_steps': 3,
    'sft.rows': 4,
    'rl.num_steps': 5,
    'rl.tasks_per_step': 4,
    'rl.samples_per_task': 4,
    'rl.num_microbatches': 2,
    'rl.kl_coef': 0.01,
    'evaluation.num_tasks': 3,
    'evaluation.every_rl': 2,
    'checkpoint_every': 2,
}


def start(workdir, count, end=''):
  """Starts the processes of a training run, with eight devices in all."""
  flags = [
      f'--config={ROOT}/experiments/configs/quickstart.py:debug',
      f'--workdir={workdir}',
      *(f'--config.{name}={value}' for name, value in FLAGS.items()),
  ]
  return start_script('../tests/train_processes_worker.py', flags, count, end)


def start_script(name, flags, count, end=''):
  port = processes_test.free_port()
  environment = processes_test.ENVIRONMENT | {
      'JAX_PLATFORMS': 'cpu',
      'JAX_NUM_CPU_DEVICES': str(8 // count),
      # Programs are kept between processes, or most of it is compiling.
      'JAX_COMPILATION_CACHE_DIR': str(ROOT / '.jax_cache'),
      'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0.2',
  }
  if end:
    environment['END'] = end
  joining = [f'--coordinator=localhost:{port}', f'--num_processes={count}']
  script = str(ROOT / 'experiments' / name)
  return [
      subprocess.Popen(
          [sys.executable, script, *flags, *joining, f'--process_id={i}'],
          stdout=subprocess.DEVNULL,
          stderr=subprocess.PIPE,
          text=True,
          env=environment,
      )
      for i in range(count)
  ]


def evaluate(run, out, count):
  """Starts the processes of an evaluation of a run, likewise."""
  flags = [f'--policy=checkpoint:{run}', f'--out={out}', '--num_tasks=5']
  return start_script('evaluate.py', flags, count)


def finish(started):
  """Returns the status and the errors of each process."""
  try:
    said = [process.communicate(timeout=1000)[1] for process in started]
  finally:
    for process in started:
      process.kill()
  return [(p.returncode, text) for p, text in zip(started, said)]


def params(folder):
  config = setup.load_config(folder)
  mesh = sharding.make_mesh({'data': 1, 'fsdp': 1, 'tensor': 1})
  encoder = lessons.saved_tokenizer(folder)
  shape = setup.model_config(config, encoder)
  return jax.device_get(rl.latest_params(config, shape, folder, mesh))


def tokens(folder):
  lines = (folder / 'conversations.jsonl').read_text().splitlines()
  return [
      (line['task_id'], line['sample'], [t['tokens'] for t in line['turns']])
      for line in map(json.loads, lines)
  ]


@pytest.mark.slow
class TwoProcessesTest(absltest.TestCase):

  def check_same(self, pair, whole):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
        params(pair),
        params(whole),
    )
    rows = [
        metrics_lib.read_metrics(folder / 'metrics.jsonl')
        for folder in (pair, whole)
    ]
    for ours, theirs in zip(*rows, strict=True):
      self.assertEqual(ours.keys(), theirs.keys())
      for name in ours:
        if not name.startswith('time/'):
          np.testing.assert_allclose(
              ours[name], theirs[name], rtol=1e-4, atol=1e-5, err_msg=name
          )

  def test_killed_and_stopped_run_is_that_of_one_process(self):
    root = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    whole, pair = root / 'whole', root / 'pair'
    ((status, said),) = finish(start(whole, 1))
    self.assertEqual(status, 0, said)

    (first, said), (second, _) = finish(start(pair, 2, end='1/2/9'))
    self.assertEqual((first, second), (1, -signal.SIGKILL))
    self.assertRegex(said, '\nerror: process 1 of 2 .* Start all again')

    for status, said in finish(start(pair, 2, end='0/3/15')):
      self.assertEqual(status, 1)
      self.assertIn('Stopped after step 4; start again to go on.', said)

    for status, said in finish(start(pair, 2)):
      self.assertEqual(status, 0, said)
    self.check_same(pair / 'warm_start', whole / 'warm_start')
    self.check_same(pair, whole)
    first, second = tokens(pair), tokens(whole)
    differ = sum(a != b for a, b in zip(first, second, strict=True))
    # None did when this was written: a near-tie may be broken otherwise.
    self.assertLessEqual(differ, 1)
    files = {path.name for path in pair.iterdir()}
    self.assertEqual(files, {path.name for path in whole.iterdir()})

    for count in (1, 2):
      out = root / f'records_{count}/records.jsonl'
      for status, said in finish(evaluate(whole, out, count)):
        self.assertEqual(status, 0, said)
    one, two = root / 'records_1', root / 'records_2'
    self.assertEqual(
        *((folder / 'records.jsonl').read_bytes() for folder in (one, two))
    )
    self.assertEqual(
        {p.name for p in one.iterdir()},
        {'records.jsonl', 'records.config.json'},
    )
    self.assertEqual(*(len(list(f.iterdir())) for f in (one, two)))


if __name__ == '__main__':
  absltest.main()
