"""Tests for bao_jax.sampling.calls."""

import functools
import math
import subprocess
import sys
import threading
import time

from absl.testing import absltest

from bao_jax.sampling import calls


def fail():
  raise KeyError('a bug')


def call_all(jobs, *, num_threads, deadline):
  deadlines = [[calls.Deadline(deadline, 'deadline')]] * len(jobs)
  running = calls.Round(jobs, num_threads=num_threads, deadlines=deadlines)
  return [outcome.value for outcome in running.wait()]


class RoundTest(absltest.TestCase):

  def test_outcomes_come_in_order(self):
    jobs = [functools.partial(pow, i, 2) for i in range(20)]
    got = call_all(jobs, num_threads=3, deadline=60.0)
    self.assertEqual(got, [i * i for i in range(20)])
    self.assertEqual(call_all([], num_threads=3, deadline=60.0), [])

  def test_errors_are_handed_over(self):
    got = call_all([fail, lambda: 1], num_threads=1, deadline=60.0)
    self.assertIsInstance(got[0], KeyError)
    self.assertEqual(got[1], 1)

  def test_no_deadline(self):
    self.assertEqual(
        call_all([lambda: 1], num_threads=1, deadline=math.inf), [1]
    )

  def test_more_hang_than_there_are_threads_and_the_others_are_served(self):
    let_go = threading.Event()
    self.addCleanup(let_go.set)
    hang = functools.partial(let_go.wait, 60)
    jobs = [hang, hang, hang] + [lambda: 'served'] * 6
    got = call_all(jobs, num_threads=2, deadline=0.2)
    self.assertEqual(got[3:], ['served'] * 6)
    for outcome in got[:3]:
      self.assertIsInstance(outcome, TimeoutError)
      self.assertEqual(str(outcome), 'no reply within 0.2 s (deadline)')

  def test_waiting_for_a_thread_does_not_count(self):
    jobs = [functools.partial(time.sleep, 0.3)] * 3
    got = call_all(jobs, num_threads=1, deadline=0.8)
    self.assertEqual(got, [None] * 3)

  def test_an_end_does_not_wait_for_threads(self):
    let_go, begun = threading.Event(), []
    self.addCleanup(let_go.set)

    def hang():
      begun.append(1)
      let_go.wait(60)

    began = time.monotonic()
    both = [
        calls.Deadline(60.0, 'deadline'),
        calls.Deadline(0.3, 'step_deadline', end=began + 0.3),
    ]
    running = calls.Round([hang] * 30, num_threads=1, deadlines=[both] * 30)
    values = [str(outcome.value) for outcome in running.wait()]
    self.assertEqual(values, ['no reply within 0.3 s (step_deadline)'] * 30)
    self.assertLen(begun, 1)

  def test_a_late_beginner_is_given_up_when_it_is_late(self):
    let_go, order = threading.Event(), []
    self.addCleanup(let_go.set)
    hang = functools.partial(let_go.wait, 60)
    running = calls.Round(
        [hang, lambda: time.sleep(0.05), hang],
        num_threads=2,
        deadlines=[[calls.Deadline(s, 'deadline')] for s in (10.0, 10.0, 0.1)],
    )
    for i, _ in running.as_completed():
      order.append(i)
      if i == 2:
        let_go.set()
    self.assertEqual(order, [1, 2, 0])

  def test_nothing_begins_once_nobody_listens(self):
    let_go, begun = threading.Event(), []

    def call(i):
      begun.append(i)
      return i == 0 or let_go.wait(60)

    running = calls.Round(
        [functools.partial(call, i) for i in range(20)],
        num_threads=2,
        deadlines=[[calls.Deadline(60.0, 'deadline')]] * 20,
    )
    listening = running.as_completed()
    next(listening)
    while len(begun) < 3:
      time.sleep(0.01)
    listening.close()
    let_go.set()
    time.sleep(0.2)
    self.assertEqual(sorted(begun), [0, 1, 2])

  def test_what_hangs_does_not_keep_the_process_from_ending(self):
    script = (
        'import time\n'
        'from bao_jax.sampling import calls\n'
        'late = calls.Deadline(0.1, "deadline")\n'
        'calls.Round([lambda: time.sleep(600)], num_threads=1, '
        'deadlines=[[late]]).wait()\n'
    )
    done = subprocess.run([sys.executable, '-c', script], timeout=60)
    self.assertEqual(done.returncode, 0)


if __name__ == '__main__':
  absltest.main()
