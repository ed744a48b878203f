"""The gym that the README adds, as a reader would: copied, and put to use."""

import pathlib
import random
import re
import runpy
import tempfile
from unittest import mock

from absl.testing import absltest

from bao_jax import catalog
from bao_jax import types
from bao_jax.envs import testing
from bao_jax.evaluation import job as job_lib
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import converse
from bao_jax.train import sft

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIG = ROOT / 'experiments/configs/quickstart.py'


def section():
  """Returns the README's text about a new gym."""
  text = (ROOT / 'README.md').read_text()
  return text.partition('\n### Add a gym\n')[2].partition('\n## ')[0]


class AddAGymTest(absltest.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.code = '\n'.join(re.findall(r'```python\n(.*?)```', section(), re.S))
    module = {'__name__': 'number'}
    exec(compile(cls.code, 'README.md', 'exec'), module)
    cls.entry = module['ENTRY']

  def setUp(self):
    super().setUp()
    self.enter_context(mock.patch.dict(catalog.GYMS, number=self.entry))

  def teacher(self, **behaviors):
    return self.entry.make_teacher(teachers_base.Behaviors(**behaviors), slip=0)

  def test_is_short(self):
    self.assertLess(len(self.code.splitlines()), 80)

  def test_splits_are_apart(self):
    splits = [
        {t.data['number'] for t in self.entry.generate('easy', split, 0)}
        for split in ('train', 'validation', 'test')
    ]
    self.assertEqual(list(map(len, splits)), [80, 10, 10])
    self.assertLen(set.union(*splits), 100)

  def test_keeps_the_contract(self):
    actions = [
        types.Action('action', '50'),
        types.Action('answer', '50'),
        types.Action('action', 'is it large?'),
    ]
    for task in self.entry.generate('easy', 'test', 0):
      testing.check_env(self.entry.gym(max_turns=5), task, actions)

  def test_stumbles_over_nothing(self):
    task, *_ = self.entry.generate('easy', 'test', 0)
    noise = testing.hostile_actions(random.Random(0))
    gym = self.entry.gym()
    for _ in range(60):
      state, _ = gym.reset(task, 0)
      while not state.done:
        state, step = gym.step(state, next(noise))
        self.assertEqual(step.reward, 0)

  def test_the_teacher_plays_it(self):
    gym = self.entry.gym(max_turns=8)
    for task in self.entry.generate('easy', 'test', 0):
      held = converse.converse(self.teacher(), gym, task, seed=0)
      self.assertTrue(held.solved)
      self.assertEqual(sum(step.reward for step in held.steps), 1)
      self.assertEqual(sum(step.is_user for step in held.steps), 1)
    hasty = converse.converse(self.teacher(scheduling=False), gym, task, seed=0)
    self.assertEqual({m.action.choice for m in hasty.moves}, {'answer'})

  def test_takes_part_in_everything(self):
    config = runpy.run_path(str(CONFIG))['get_config']('debug')
    del config.rows
    config.update_from_flattened_dict(
        {
            'envs.names': ('number',),
            'text.vocab_size': 400,
            'model.vocab_size': 400,
            'model.num_layers': 1,
            'model.width': 16,
            'model.ff_width': 16,
            'sampling.rows': 4,
            'sampling.max_turn_tokens': 8,
            'sampling.decode_tokens': 8,
            'sft.num_steps': 1,
            'teacher.slip': 0.0,
            'evaluation.num_tasks': 2,
        }
    )
    folder = self.enter_context(tempfile.TemporaryDirectory())
    workdir = pathlib.Path(folder) / 'run'
    sft.train(config, workdir)
    held = {}
    for policy in ('scripted:honest', f'checkpoint:{workdir}'):
      path = workdir / f'{policy.partition(":")[0]}.jsonl'
      job = job_lib.Job(policy, 'validation', path, num_tasks=4)
      held[policy] = job_lib.run(config, job).records
    self.assertEqual([r.solved for r in held['scripted:honest']], [True] * 4)
    for lines in held.values():
      self.assertEqual([r.gym for r in lines], ['number'] * 4)


if __name__ == '__main__':
  absltest.main()
