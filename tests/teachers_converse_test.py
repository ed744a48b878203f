"""Tests for bao_jax.teachers.converse."""

import functools
import threading
import time

from absl.testing import absltest

from bao_jax.teachers import converse
from bao_jax.users import chat


class ConverseAllTest(absltest.TestCase):

  def test_dialogues_come_in_order(self):
    second = threading.Event()

    def talk(i):
      if i == 0:
        self.assertTrue(second.wait(60))  # The first to begin ends late.
      elif i == 1:
        second.set()
      return i

    talks = [functools.partial(talk, i) for i in range(20)]
    got = converse.converse_all(talks, num_threads=3)
    self.assertEqual(list(got), list(range(20)))
    talks = [functools.partial(pow, i, 1) for i in range(3)]
    got = converse.converse_all(talks, num_threads=1)
    self.assertEqual(list(got), [0, 1, 2])

  def test_the_end_of_a_run_waits_for_nobody_and_begins_nothing(self):
    let_go, begun = threading.Event(), []
    self.addCleanup(let_go.set)

    def talk(i):
      begun.append(i)
      if i == 1:
        raise chat.StopError('all is spent')
      return let_go.wait(60)

    talks = [functools.partial(talk, i) for i in range(20)]
    with self.assertRaisesRegex(chat.StopError, 'all is spent'):
      list(converse.converse_all(talks, num_threads=2))
    self.assertFalse(let_go.is_set())
    let_go.set()
    time.sleep(0.2)
    self.assertLessEqual(len(begun), 4)


if __name__ == '__main__':
  absltest.main()
