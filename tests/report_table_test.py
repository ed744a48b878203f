"""Tests for bao_jax.report.table."""

from collections.abc import Sequence
import math

from absl.testing import absltest

from bao_jax.evaluation import records
from bao_jax.report import runs
from bao_jax.report import table


def _record(
    turns: str,
    rewards: Sequence[float],
    *,
    task: int = 0,
    gym: str = 'function',
    status: str = 'terminated',
    split: str = 'test',
) -> records.Record:
  """Makes a conversation from its kinds of turns, like 'eeu'."""
  return records.Record(
      run='BAO',
      gym=gym,
      level='easy',
      split=split,
      task_id=f'{gym}/easy/{split}/{task}',
      sample=0,
      seed=0,
      status=status,
      solved=False,
      max_turns=15,
      error='',
      num_prompt_tokens=1,
      prompt='',
      turns=[
          records.Turn('', 'action', '', '', reward, kind == 'u', 1)
          for kind, reward in zip(turns, rewards, strict=True)
      ],
  )


class RowTest(absltest.TestCase):

  def test_worked_example(self):
    run = runs.Run(
        'BAO',
        [
            _record('eeuu', [0, 0, 0.25, 0.75], task=0),
            _record('eu', [0, 0], task=1),
            # Wins, but an outage ended it: it is counted and nothing else.
            _record('uu', [1, 1], task=2, status='failed'),
        ],
    )
    row = table.row(run)
    self.assertAlmostEqual(row.pass_at_u[0].mean, (0.25 + 0) / 2)
    self.assertAlmostEqual(row.pass_at_u[1].mean, (1.0 + 0) / 2)
    self.assertAlmostEqual(row.pass_at_u[8].mean, (1.0 + 0) / 2)
    self.assertAlmostEqual(row.score.mean, 0.5)
    self.assertAlmostEqual(row.involvement.mean, (2 / 4 + 1 / 2) / 2)
    self.assertAlmostEqual(row.exploration.mean, (2 / 2 + 1 / 1) / 2)
    self.assertEqual(
        (row.num_tasks, row.num_conversations, row.num_failed), (2, 3, 1)
    )

  def test_a_task_counts_once_however_often_it_was_tried(self):
    tries = [_record('u', [1.0], task=0)] * 3
    row = table.row(runs.Run('BAO', [*tries, _record('u', [0.0], task=1)]))
    self.assertAlmostEqual(row.score.mean, 0.5)
    self.assertEqual(row.num_tasks, 2)
    # Of two tasks, all may be drawn from either.
    self.assertEqual((row.score.low, row.score.high), (0.0, 1.0))

  def test_samples_of_a_task_are_averaged(self):
    tries = [_record('u', [reward], task=0) for reward in (0.0, 1.0, 0.5)]
    row = table.row(runs.Run('BAO', tries))
    self.assertEqual(tuple(row.score), (0.5, 0.5, 0.5))

  def test_without_conversations_there_is_no_number(self):
    failed = _record('u', [1.0], status='failed')
    for found in ([], [failed]):
      row = table.row(runs.Run('BAO', found))
      self.assertEqual(row.num_tasks, 0)
      self.assertEqual(row.num_failed, len(found))
      for interval in (row.score, row.involvement, row.exploration):
        self.assertTrue(all(map(math.isnan, interval)))
      self.assertLen(row.pass_at_u, 9)


class GroupsTest(absltest.TestCase):

  def test_all_gyms_then_each(self):
    made = [
        runs.Run('BAO', [_record('u', [1.0]), _record('e', [0], gym='turtle')]),
        runs.Run('UserRL', [_record('e', [0.0], gym='turtle')]),
    ]
    groups = table.groups(made)
    scores = {g.name: [row.score.mean for row in g.rows] for g in groups}
    self.assertEqual(list(scores), ['all gyms', 'function', 'turtle'])
    self.assertEqual(scores['all gyms'], [0.5, 0.0])
    self.assertEqual(scores['turtle'], [0.0, 0.0])
    self.assertEqual(scores['function'][0], 1.0)
    self.assertTrue(math.isnan(scores['function'][1]))

  def test_one_gym_is_shown_once(self):
    (group,) = table.groups([runs.Run('BAO', [_record('u', [1.0])])])
    self.assertEqual(group.name, 'function')
    self.assertEqual(group.source, 'test split, easy level')

  def test_mixed_splits_are_said(self):
    found = [_record('u', [1.0], split=s) for s in ('test', 'validation')]
    (group,) = table.groups([runs.Run('BAO', found)])
    self.assertEqual(group.source, 'test, validation split, easy level')

  def test_no_runs(self):
    (group,) = table.groups([])
    self.assertEqual((group.rows, group.source), ((), 'no tasks'))


if __name__ == '__main__':
  absltest.main()
