"""Tests for bao_jax.report.viewer."""

from collections.abc import Sequence

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.evaluation import records
from bao_jax.report import runs
from bao_jax.report import viewer


def _turn(
    tokens: Sequence[str] = (),
    advantages: Sequence[float] = (),
    *,
    reward: float = 0.0,
    is_user: bool = False,
) -> records.Turn:
  return records.Turn(
      think='',
      choice='answer',
      content='',
      reply='',
      reward=reward,
      is_user=is_user,
      num_tokens=len(tokens) or len(advantages) or 3,
      tokens=tokens,
      advantages=advantages,
  )


def _record(
    turns: Sequence[records.Turn],
    *,
    task: int = 0,
    gym: str = 'function',
    status: str = 'terminated',
    solved: bool = False,
) -> records.Record:
  return records.Record(
      run='BAO',
      gym=gym,
      level='easy',
      split='test',
      task_id=f'{gym}/easy/test/{task}',
      sample=0,
      seed=0,
      status=status,
      solved=solved,
      max_turns=15,
      error='',
      num_prompt_tokens=1,
      prompt='',
      turns=turns,
  )


def _only(record: records.Record) -> viewer.Conversation:
  (made,) = viewer.conversations([runs.Run('BAO', [record])], max_tasks=1)
  return made


class ConversationsTest(parameterized.TestCase):

  def test_worked_example(self):
    made = _only(
        _record(
            [
                _turn(['a', 'b', 'c'], [0.5, 0.5, -1.0]),
                _turn(reward=0.25, is_user=True),
                _turn(reward=0.5, is_user=True),
            ]
        )
    )
    self.assertEqual(made.score, 0.75)
    self.assertEqual(made.num_answers, 2)
    self.assertEqual(made.num_tokens, 9)
    self.assertEqual(made.largest, 1.0)
    first, second, _ = made.turns
    self.assertEqual(
        [(span.text, span.advantage) for span in first.spans],
        [('ab', 0.5), ('c', -1.0)],
    )
    self.assertEqual(first.advantage, 0.0)
    self.assertEqual(second.spans, ())
    self.assertIsNone(second.advantage)

  @parameterized.parameters(
      ('terminated', True, 'solved'),
      ('truncated', True, 'solved'),
      ('terminated', False, 'not solved'),
      ('failed', False, 'failed'),
  )
  def test_outcome(self, status, solved, expected):
    record = _record([_turn()], status=status, solved=solved)
    self.assertEqual(_only(record).outcome, expected)

  def test_advantages_without_tokens_give_their_mean(self):
    (turn,) = _only(_record([_turn((), [1.0, 0.0])])).turns
    self.assertEqual((turn.spans, turn.advantage), ((), 0.5))

  def test_zero_advantages_are_white(self):
    (turn,) = _only(_record([_turn(['a'], [0.0])])).turns
    self.assertEqual([span.color for span in turn.spans], ['#ffffff'])

  def test_every_run_shows_the_same_tasks_of_each_gym(self):
    ours = [_record([], task=i) for i in range(6)]
    theirs = [_record([], task=i) for i in (5, 3, 0)]
    turtle = [_record([], task=7, gym='turtle')]
    made = viewer.conversations(
        [runs.Run('BAO', ours), runs.Run('UserRL', theirs + turtle)],
        max_tasks=2,
    )
    self.assertEqual(
        [(c.run, c.record.task_id) for c in made],
        [
            (0, 'function/easy/test/0'),
            (0, 'function/easy/test/3'),
            (1, 'function/easy/test/3'),
            (1, 'function/easy/test/0'),
            (1, 'turtle/easy/test/7'),
        ],
    )


class ColorTest(absltest.TestCase):

  def test_sign_and_size_are_seen(self):
    rgb = lambda x: tuple(bytes.fromhex(viewer.color(x, 2.0)[1:]))
    self.assertEqual(rgb(0.0), (255, 255, 255))
    below, above = rgb(-2.0), rgb(2.0)
    self.assertGreater(below[0], below[2])  # Orange: more red than blue.
    self.assertGreater(above[2], above[0])
    self.assertLess(sum(above), sum(rgb(1.0)))
    self.assertEqual(above, rgb(5.0))  # The scale ends there.

  def test_dark_text_stays_readable(self):
    for advantage in (-1.0, 1.0):
      channels = bytes.fromhex(viewer.color(advantage, 1.0)[1:])
      linear = [(c / 255) ** 2.2 for c in channels]
      luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear))
      # 4.5 is the contrast that WCAG asks of text; the ink has about 0.013.
      self.assertGreater((luminance + 0.05) / (0.013 + 0.05), 4.5)


if __name__ == '__main__':
  absltest.main()
