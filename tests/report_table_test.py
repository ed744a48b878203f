"""Tests for bao_jax.report.table."""

from collections.abc import Sequence
import dataclasses
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


def _trip(
    *turns: tuple[str, str, float], num_aspects: int, task: int = 0
) -> records.Record:
  """Makes a conversation about a trip from choices, contents and rewards."""
  said = [
      records.Turn('', choice, content, '', reward, choice == 'answer', 1)
      for choice, content, reward in turns
  ]
  empty = _record('', [], task=task, gym='travel')
  return dataclasses.replace(empty, turns=said, num_aspects=num_aspects)


# By hand, as UserRL counts: of the two answers F the better one, of H and of
# the bad call none, since searches, questions and bad calls are no answers:
# (.8 + 1) / 3.
_GOLDEN = _trip(
    ('search', 'flight to rome', 0.2),
    ('action', 'Hotel by the sea?', 0.2),
    ('answer', 'F3', 0.0),
    ('answer', 'F1', 0.8),
    ('answer', 'C2', 1.0),
    ('', 'H1', 0.0),
    ('search', 'H1', 0.2),
    num_aspects=3,
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

  def test_a_trip_counts_by_aspect_in_userrl(self):
    row = table.row(runs.Run('BAO', [_GOLDEN]))
    self.assertAlmostEqual(row.userrl_score.mean, 0.6, places=6)
    self.assertAlmostEqual(row.score.mean, 2.4, places=6)

  def test_letters_are_those_of_one_conversation(self):
    # Half a trip, then a whole one: blanks before a letter are none.
    first = _trip(('answer', 'F1', 1.0), num_aspects=2)
    second = _trip(
        ('answer', ' ', 0.0),
        ('answer', ' H1', 0.8),
        ('answer', ' F1', 1.0),
        num_aspects=2,
        task=1,
    )
    row = table.row(runs.Run('BAO', [first, second]))
    self.assertAlmostEqual(row.userrl_score.mean, (0.5 + 0.9) / 2, places=6)

  def test_userrl_weighs_gyms_by_their_tasks(self):
    other = [_record('uu', [0.5, 0.75], task=i) for i in range(3)]
    failed = _record('u', [1.0], gym='travel', task=9, status='failed')
    row = table.row(runs.Run('BAO', [failed, _GOLDEN, *other]))
    self.assertAlmostEqual(row.userrl_score.mean, (0.6 + 3 * 1.25) / 4)

  def test_an_unknown_number_of_aspects_is_not_guessed(self):
    old = dataclasses.replace(_GOLDEN, num_aspects=0, task_id='travel/9')
    row = table.row(runs.Run('BAO', [_GOLDEN, old]))
    self.assertTrue(math.isnan(row.userrl_score.mean))
    self.assertAlmostEqual(row.score.mean, 2.4, places=6)

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
      for interval in (
          row.score,
          row.userrl_score,
          row.involvement,
          row.exploration,
      ):
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
