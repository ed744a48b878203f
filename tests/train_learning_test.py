"""A small run of the whole chain that has to learn something."""

import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
import numpy as np
import train_resume_test

from bao_jax import catalog
from bao_jax import logging as metrics_lib
from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import testing
from bao_jax.teachers import base as teachers_base
from bao_jax.train import rl

WORDS = ('red', 'blue', 'green', 'black')
SECRET = 'green'
OVERRIDES = {
    'envs.names': ('echo',),
    'envs.max_turns': 1,
    'envs.bad_calls_end': True,
    'text.vocab_size': 300,
    'model.vocab_size': 300,
    'sampling.rows': 32,
    'sampling.max_tokens': 96,
    'sampling.max_turn_tokens': 24,
    'sampling.decode_tokens': 24,
    'sampling.append_buckets': (32,),
    'teacher.conversations': 32,
    'sft.num_steps': 100,
    'sft.rows': 8,
    'sft.length': 96,
    'sft.chunk': 96,
    'rl.num_steps': 24,
    'rl.tasks_per_step': 4,
    'rl.samples_per_task': 8,
    'rl.length_buckets': (96,),
    'rl.chunk': 96,
    'rl.num_minibatches': 1,
    'rl.optimizer.learning_rate': 2e-3,
    'evaluation.num_tasks': 2,
    'evaluation.every_sft': 100,
    'evaluation.every_rl': 24,
}


class WordGym(testing.EchoGym):
  """Ends after a word, whose reward alone says whether it was the right one.

  So the warm start, which imitates what is solved, knows all words.
  """

  def respond(self, state, action):
    reward = float(action.content == SECRET)
    return base.Response('', reward=reward, solved=True, terminated=True)


def tasks(level, split, seed):
  del level, split, seed
  return [testing.echo_task(i, greeting='Go.') for i in range(8)]


def make_teacher(behaviors, *, slip):
  """Says any of the words, each as often as the others."""
  del behaviors, slip

  def teacher(observation, history, turns_left, rng):
    del observation, history, turns_left
    return teachers_base.Move('', types.Action('action', rng.choice(WORDS)))

  return teacher


class LearningTest(absltest.TestCase):

  def test_the_rewarded_word_is_found(self):
    word = catalog.Entry(WordGym, tasks, make_teacher)
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(catalog.GYMS, {'echo': word}),
    ):
      rl.train(train_resume_test.tiny(**OVERRIDES), folder)
      rows = metrics_lib.read_metrics(pathlib.Path(folder) / 'metrics.jsonl')
    scores = [row['train/score'] for row in rows]
    # One draw from four words.
    self.assertLess(np.mean(scores[:3]), 0.5)
    self.assertGreater(np.mean(scores[-3:]), 0.7)
    self.assertEqual(rows[-1]['validation/score'], 1.0)


if __name__ == '__main__':
  absltest.main()
