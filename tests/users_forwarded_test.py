"""Models that do as scripted users do pay the teacher as those do.

They see nothing but what they are asked, so this shows that it is enough.
"""

import dataclasses
import functools

from absl.testing import absltest
from absl.testing import parameterized
import fake_players
import numpy as np

from bao_jax import catalog
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import converse

PLAYED = [n for n, e in catalog.GYMS.items() if e.generate and e.roles]
NUM_TASKS = 12


class ForwardedTest(parameterized.TestCase):

  @parameterized.product(name=PLAYED, level=('easy', 'medium', 'full'))
  def test_roles_carry_all_that_matters(self, name, level):
    entry = catalog.GYMS[name]
    tasks = entry.generate(level, 'test', 0)[:: 96 // NUM_TASKS][:NUM_TASKS]
    players = fake_players.Players(tasks)
    gym = entry.gym(max_turns=40)  # The longest trips take that long.
    models = dataclasses.replace(gym, **entry.roles(players.answer))
    gyms = {'scripted': gym, 'models': models}
    teacher = entry.make_teacher(teachers_base.Behaviors(), slip=0.0)
    talk = functools.partial(converse.converse, teacher, seed=0)
    held = {
        kind: [talk(gym, task) for task in tasks] for kind, gym in gyms.items()
    }
    for mine, theirs in zip(held['models'], held['scripted'], strict=True):
      self.assertEqual(mine.error, '')
      self.assertEqual(
          [step.reward for step in mine.steps],
          [step.reward for step in theirs.steps],
          mine.task.id,
      )
    self.assertGreaterEqual(np.mean([d.solved for d in held['models']]), 0.9)


if __name__ == '__main__':
  absltest.main()
