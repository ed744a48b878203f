"""Tests for benchmarks.remote."""

import os
import pathlib
import tempfile

from absl.testing import absltest

from benchmarks import remote


def make(folder):
  """Returns calls that leave a trace in a folder."""

  def note(text):
    pathlib.Path(folder, text).write_text(str(os.getpid()))

  return {'note': note, 'fail': lambda: 1 // 0}


def broken():
  raise ValueError('no peer')


class RemoteTest(absltest.TestCase):

  def test_runs_in_another_process_and_is_waited_for(self):
    folder = self.enter_context(tempfile.TemporaryDirectory())
    there = remote.Remote(make, folder)
    self.addCleanup(there.close)
    self.assertEqual(list(there.calls), ['note', 'fail'])
    there.calls['note']('a')
    there.calls['note']('b')
    a, b = (pathlib.Path(folder, name).read_text() for name in 'ab')
    self.assertEqual(a, b)
    self.assertNotEqual(a, str(os.getpid()))
    with self.assertRaisesRegex(RuntimeError, 'other process: ZeroDivision'):
      there.calls['fail']()

  def test_what_cannot_be_made(self):
    with self.assertRaisesRegex(RuntimeError, 'ValueError: no peer'):
      remote.Remote(broken)


if __name__ == '__main__':
  absltest.main()
