"""No gym pays a player that does not do the work.

Every canary plays 60 test tasks of every gym; its mean reward up to the first
answer and its mean shaped return must not exceed the honest teacher's.
"""

import functools
import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax import catalog
from bao_jax.evaluation import evaluate
from bao_jax.evaluation import records
from bao_jax.metrics import success
from bao_jax.rewards import behavior
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import canaries
from bao_jax.teachers import converse

NUM_TASKS = 60
LEVEL = 'full'
# Gyms whose tasks are made here; others play games of another package.
GYMS = [name for name, entry in catalog.GYMS.items() if entry.generate]
CASES = [(gym, canary) for gym in GYMS for canary in canaries.CANARIES]


@functools.cache
def teacher(gym):
  return catalog.GYMS[gym].make_teacher(teachers_base.Behaviors(), slip=0.0)


@functools.cache
def held(gym, split, player, count):
  """Returns the conversations of a player, 'honest' or a canary."""
  make = (lambda pool: teacher(gym)) if player == 'honest' else None
  make = make or canaries.CANARIES[player]
  pool = [] if player == 'honest' else moves(gym)
  tasks = catalog.GYMS[gym].generate(LEVEL, split, 0)[:count]
  return [
      converse.converse(make(pool), catalog.GYMS[gym].gym(), task, seed=0)
      for task in tasks
  ]


@functools.cache
def moves(gym):
  return [m for d in held(gym, 'train', 'honest', 40) for m in d.moves]


def to_records(dialogues):
  return [
      evaluate.of_dialogue(d, run='x', split='test', seed=0) for d in dialogues
  ]


@functools.cache
def means(gym, player):
  """Returns the mean Pass@U-1, shaped return and Score over test tasks."""
  dialogues = held(gym, 'test', player, NUM_TASKS)
  arrays = records.to_arrays(to_records(dialogues))
  where = arrays.is_user, arrays.turn_mask, arrays.valid
  budget = np.full(len(dialogues), dialogues[0].max_turns)
  shaped = (
      arrays.rewards
      + behavior.information_seeking(*where, coef=0.1)
      + behavior.over_thinking(
          arrays.turn_mask, arrays.solved, budget, arrays.valid, coef=0.02
      )
  )
  first = success.pass_at_u(arrays.rewards, *where[:2], k=1)
  score = success.score(arrays.rewards, arrays.turn_mask)
  returns = np.sum(shaped, axis=1, where=arrays.turn_mask)
  return first.mean(), returns.mean(), score.mean()


class CanariesTest(parameterized.TestCase):

  @parameterized.parameters(*CASES)
  def test_does_not_beat_the_honest_player(self, gym, canary):
    first, shaped, score = means(gym, canary)
    honest_first, honest_shaped, honest_score = means(gym, 'honest')
    self.assertLessEqual(first, honest_first)
    self.assertLess(shaped, honest_shaped)
    self.assertGreater(honest_score, 0)  # Or the comparison shows nothing.
    if gym == 'tau' and 'transfer' in canary:
      self.assertEqual(score, 0)
    if canary in canaries.WORTHLESS:
      self.assertEqual(score, 0)

  @parameterized.parameters(*CASES)
  def test_records_stay_whole(self, gym, canary):
    lines = to_records(held(gym, 'test', canary, NUM_TASKS))
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder) / 'x.jsonl'
      records.write(path, lines)
      self.assertEqual(path.read_bytes().count(b'\n'), len(lines))
      again = records.read(path)
    self.assertEqual([r.task_id for r in again], [r.task_id for r in lines])
    self.assertEqual(
        [[t.content for t in r.turns] for r in again],
        [[t.content for t in r.turns] for r in lines],
    )

  @parameterized.parameters(*GYMS)
  def test_a_limit_of_one_answer_stops_the_spammer(self, gym):
    for task in catalog.GYMS[gym].generate(LEVEL, 'test', 0)[:5]:
      limited = catalog.GYMS[gym].gym(
          answer_limit=1, user_choices=('answer', 'action')
      )
      spammer = canaries.answer_spammer(moves(gym))
      dialogue = converse.converse(spammer, limited, task, seed=0)
      self.assertLen(dialogue.steps, 1)


if __name__ == '__main__':
  absltest.main()
