"""Two processes tell each other what they know, and end together."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from bao_jax import cluster
from bao_jax import processes

WORKER = pathlib.Path(__file__).with_name('processes_worker.py')
ENVIRONMENT = os.environ | {'PYTHONPATH': str(WORKER.parents[1])}


def free_port():
  with contextlib.closing(socket.socket()) as found:
    found.bind(('localhost', 0))
    return found.getsockname()[1]


def of_slurm(job, index):
  """Returns what Slurm tells a process of two on this machine."""
  return {
      'SLURM_JOB_ID': str(job),
      'SLURM_STEP_NODELIST': 'localhost',
      'SLURM_STEP_NUM_NODES': '1',
      'SLURM_NTASKS': '2',
      'SLURM_PROCID': str(index),
      'SLURM_LOCALID': str(index),
  }


def run(what, which=(0, 1), job=None):
  """Returns status, output and errors of each process, in a job of Slurm."""
  port = free_port()
  started = [
      subprocess.Popen(
          [sys.executable, str(WORKER), what, str(port), str(i)],
          stdout=subprocess.PIPE,
          stderr=subprocess.PIPE,
          text=True,
          env=ENVIRONMENT | (of_slurm(job, i) if job else {}),
      )
      for i in which
  ]
  try:
    return [
        (process.returncode, *said)
        for process in started
        for said in [process.communicate(timeout=400)]
    ]
  finally:
    for process in started:
      process.kill()


class OneProcessTest(parameterized.TestCase):

  @parameterized.parameters(
      (range(8), 2, [[0, 1, 2, 3], [4, 5, 6, 7]]),
      (range(6), 2, [[0, 1], [2, 3, 4, 5]]),
      (range(3), 1, [[0], [1, 2]]),
      (range(1), 1, [[], [0]]),
      (range(5), 2, [[0, 1], [2, 3, 4]]),
      ((), 4, [[], []]),
  )
  def test_runs_stay_together(self, items, size, expected):
    found = []
    for index in (0, 1):
      with (
          mock.patch.object(processes, 'count', return_value=2),
          mock.patch.object(processes, 'index', return_value=index),
      ):
        found.append(list(processes.own(items, size)))
    self.assertEqual(found, expected)

  def test_nothing_is_exchanged(self):
    with mock.patch.object(processes, 'client', side_effect=AssertionError):
      self.assertEqual(processes.together(lambda: 3), [3])
      self.assertEqual(processes.by_first(lambda: 3), 3)
      self.assertTrue(processes.any_of(True))
      with self.assertRaisesRegex(KeyError, 'mine'):
        processes.together(lambda: {}['mine'])
    path = pathlib.Path('a/faults.txt')
    self.assertEqual(processes.own_path(path), path)

  @mock.patch.object(processes, 'index', return_value=3)
  def test_others_write_files_of_their_own(self, _):
    path = processes.own_path(pathlib.Path('a/faults.txt'))
    self.assertEqual(path, pathlib.Path('a/faults.3.txt'))

  @mock.patch.object(processes, 'index', return_value=1)
  @mock.patch.object(processes, 'count', return_value=2)
  @mock.patch.object(processes, '_gather', return_value=['theirs', None])
  def test_others_wait_for_the_first_as_long_as_it_may_take(self, gather, *_):
    said = processes.by_first(self.fail, deadline=5.0)
    self.assertEqual(said, 'theirs')
    gather.assert_called_once_with(None, 5.0)

  @mock.patch.object(cluster.jax.distributed, 'initialize')
  def test_nobody_waits_for_others_that_are_not_to_come(self, initialize):
    cluster.join(deadline=1)
    cluster.join('localhost:1', 1, 0, deadline=1)
    initialize.assert_not_called()

  def test_half_of_what_is_needed(self):
    with self.assertRaisesRegex(ValueError, 'processes need --coordinator'):
      cluster.join('localhost:1', 2, None, deadline=60)


class TwoProcessesTest(parameterized.TestCase):

  def found(self, what, job=None):
    done = run(what, job=job)
    self.assertEqual([status for status, *_ in done], [0, 0], done)
    return [json.loads(said.splitlines()[-1]) for _, said, _ in done]

  def test_all_know_what_each_knows(self):
    first, second = self.found('talk')
    self.assertEqual(first.pop('own'), [0, 1])
    self.assertEqual(second.pop('own'), [2, 3, 4, 5])
    self.assertEqual(first, second)
    size = 3 * 2**20
    self.assertEqual(
        first,
        {
            'together': [0, 1],
            'large': [[size, 0, 0], [size + 1, 1, 1]],
            'by_first': 0,
            'any_of': [True, False],
            'raised': ["KeyError: 'mine'"] * 2,
            'after': ['still in step'] * 2,
        },
    )

  def test_arrays_of_all_and_of_each(self):
    job = os.getpid()  # JAX makes a port of it.
    first, second = self.found('arrays', job=job)
    self.assertEqual(first.pop('own_rows'), [[[0, 1, 2], [3, 4, 5]]] * 2)
    self.assertEqual(second.pop('own_rows'), [[[6, 7, 8], [9, 10, 11]]] * 2)
    self.assertEqual(first, second)
    self.assertEqual(
        first,
        {
            'mesh': [0, 0, 1, 1],
            'to_host': [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]],
            'is_local': True,
            'is_equal': True,
        },
    )

  @pytest.mark.slow
  def test_each_has_a_user_of_its_own(self):
    first, second = self.found('completed')
    self.assertLen(first, 3)
    self.assertEqual(first, second)

  def check_killed(self, which):
    done = run(f'killed_{which}')
    status, _, errors = done[1 - which]
    self.assertEqual(done[which][0], -signal.SIGKILL)
    self.assertNotEqual(status, 0)
    # JAX may say something too, before or after.
    said = '(?m)^error: .*process [01].* Start all again; the same'
    self.assertRegex(errors, said)

  def check_failed(self, which):
    done = run(f'failed_{which}')
    self.assertEqual([status for status, *_ in done], [1, 1])
    self.assertIn('ValueError: what went wrong', done[which][2])
    self.assertEqual(
        done[1 - which][2].splitlines()[-1],
        f'error: process {which} of 2 ended: what went wrong. Start all again;'
        ' the same command goes on from what is saved.',
    )

  def check_alone(self, which):
    ((status, _, errors),) = run('alone', [which])
    self.assertEqual(status, 1)
    message = 'error: not all processes came within 2 s; .*'
    self.assertRegex(errors, f'^\n{message}\n$')

  def test_killed_first(self):
    self.check_killed(0)

  def test_failed_second(self):
    self.check_failed(1)

  def test_alone(self):
    self.check_alone(1)

  @pytest.mark.slow
  def test_killed_second(self):
    self.check_killed(1)

  @pytest.mark.slow
  def test_failed_first(self):
    self.check_failed(0)

  @pytest.mark.slow
  def test_alone_first(self):
    self.check_alone(0)


if __name__ == '__main__':
  absltest.main()
