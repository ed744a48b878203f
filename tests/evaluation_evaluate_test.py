"""Tests for bao_jax.evaluation.evaluate: what records keep."""

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import catalog
from bao_jax.evaluation import evaluate
from bao_jax.report import runs
from bao_jax.report import table
from bao_jax.teachers import base
from bao_jax.teachers import converse
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib

_ORIGIN = {'run': 'x', 'split': 'train', 'seed': 0}


def _dialogues(gym, level):
  teacher = catalog.GYMS[gym].make_teacher(base.Behaviors(), slip=0.0)
  return [
      converse.converse(teacher, catalog.GYMS[gym].gym(), task, seed=0)
      for task in catalog.GYMS[gym].generate(level, 'train', 0)[:8]
  ]


class AspectsTest(parameterized.TestCase):

  @parameterized.parameters('easy', 'medium', 'full')
  def test_a_solved_trip_is_full_marks_in_userrl(self, level):
    dialogues = [d for d in _dialogues('travel', level) if d.solved]
    self.assertNotEmpty(dialogues)
    lines = [evaluate.of_dialogue(d, **_ORIGIN) for d in dialogues]
    row = table.row(runs.Run('x', lines))
    self.assertAlmostEqual(row.userrl_score.mean, 1.0)
    self.assertGreater(row.score.mean, 1.0)  # It was paid for finding out.
    self.assertEqual(
        [line.num_aspects for line in lines],
        [len(d.task.data['dimensions']) for d in dialogues],
    )

  @parameterized.parameters(('travel', True), ('turtle', False))
  def test_policies_and_players_of_text_keep_the_same(self, gym, has_aspects):
    encoder = tokenizer_lib.train(['x'], vocab_size=300, phrases=chat.PHRASES)
    dialogue, *_ = _dialogues(gym, 'easy')
    trajectory = converse.to_trajectory(dialogue, encoder)
    policy = evaluate.to_record(trajectory, encoder, **_ORIGIN)
    player = evaluate.of_dialogue(dialogue, **_ORIGIN)
    self.assertEqual(policy.num_aspects, player.num_aspects)
    self.assertEqual(player.num_aspects > 0, has_aspects)


if __name__ == '__main__':
  absltest.main()
