"""Tests for bao_jax.train.lessons: what a config asks of the teachers."""

import collections

from absl.testing import absltest
import train_resume_test

from bao_jax.train import lessons
from bao_jax.train import setup


class ExceptionsTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.config = train_resume_test.tiny(
        **{'envs.names': ('function', 'turtle')}
    )

  def test_a_gym_with_another_number(self):
    dialogues = lessons.teacher_dialogues(
        self.config, 'train', 2, {'function': 5}
    )
    counts = collections.Counter(d.task.gym for d in dialogues)
    self.assertEqual(counts, {'function': 5, 'turtle': 2})

  def test_unknown_gym(self):
    self.config.teacher.exceptions = {'chess': 5}
    with self.assertRaisesRegex(ValueError, "exceptions: no gym 'chess'"):
      setup.check_names(self.config)


if __name__ == '__main__':
  absltest.main()
