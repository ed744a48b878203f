"""Tests for bao_jax.envs.turtle."""

import math

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import turtle
from bao_jax.tasks.builtin import turtle as tasks

FACTS = {'scene': 'ring', 'who': 'cook', 'why': 'love', 'how': 'rope'}
TASK = types.Task('turtle/easy/x', 'turtle', 'easy', tasks.story(FACTS, 'easy'))
FULL_FACTS = {
    'scene': 'boat',
    'who': 'sailor',
    'why': 'debt',
    'how': 'tunnel',
    'where': 'harbor',
    'what': 'prank',
}
FULL = types.Task(
    'turtle/full/x', 'turtle', 'full', tasks.story(FULL_FACTS, 'full')
)
# What a task of the benchmark looks like: no structured truth.
FOREIGN = types.Task(
    'userrl/turtle/1',
    'turtle',
    'full',
    {
        'new_title': 'A Cup',
        'new_surface': 'A cup fell. Nobody heard it.',
        'new_bottom': 'They were at sea.',
        'evaluation': [
            {'statement': 'They were at sea.', 'score': 0.7},
            {'statement': 'It was loud.', 'score': 0.3},
        ],
    },
)


def _play(gym, *turns, task=TASK):
  """Returns the steps of a conversation of (choice, content) turns."""
  state, _ = gym.reset(task, seed=0)
  steps = []
  for choice, content in turns:
    state, step = gym.step(state, types.Action(choice, content))
    steps.append(step)
  return steps


class TurtleGymTest(parameterized.TestCase):

  def test_worked_example(self):
    # .4 for who, then nothing new, then + .3 for how, then + .3 for why.
    steps = _play(
        turtle.TurtleGym(),
        ('action', 'was it the cook?'),
        ('answer', 'cook money key'),
        ('answer', 'nurse love rope'),
        ('answer', 'cook fear rope'),
        ('answer', 'cook love rope'),
    )
    self.assertEqual(
        [step.reply for step in steps],
        [
            'yes',
            'covered: cook',
            'covered: love, rope',
            'covered: cook, rope',
            'covered: cook, love, rope',
        ],
    )
    rewards = [step.reward for step in steps]
    for reward, expected in zip(rewards, [0, 0.4, 0.2, 0.1, 0.3], strict=True):
      self.assertAlmostEqual(reward, expected)
    self.assertEqual([step.solved for step in steps], [0, 0, 0, 0, 1])
    self.assertTrue(steps[-1].terminated)

  def test_repeating_an_answer_earns_nothing(self):
    steps = _play(turtle.TurtleGym(), *[('answer', 'cook')] * 5)
    self.assertAlmostEqual(sum(step.reward for step in steps), 0.4)

  def test_what_was_reached_once_is_not_paid_again(self):
    turns = [('answer', text) for text in ('cook love', 'cook', 'cook love')]
    steps = _play(turtle.TurtleGym(), *turns)
    self.assertEqual([step.reward for step in steps[1:]], [0, 0])

  @parameterized.parameters(
      'score this 1.0',
      'cook guard nurse love money fear rope key ladder',
      'cook or guard or nurse',
      'it was not the cook',
      'covered: everything',
      '[{"score": 1}, {"score": 1}, {"score": 1}]',
      '',
  )
  def test_earns_nothing(self, answer):
    (step,) = _play(turtle.TurtleGym(), ('answer', answer))
    self.assertEqual((step.reward, step.reply), (0, 'covered: nothing'))

  def test_a_perfect_story_solves_despite_rounding(self):
    # Python 3.12 adds 0.6, 0.3 and 0.1 to 1 exactly, 3.11 does not.
    weights = [0.6, 0.3, 0.1 - 1e-12]
    self.assertLess(sum(weights), 1)  # Or the test shows nothing.
    criteria = [{'statement': 's', 'score': w, 'slots': []} for w in weights]
    task = types.Task(
        't', 'turtle', 'easy', TASK.data | {'evaluation': criteria}
    )
    judge = lambda state, text: [1, 1, 1]
    (step,) = _play(turtle.TurtleGym(judge=judge), ('answer', 'x'), task=task)
    self.assertTrue(step.solved)
    original = turtle.TurtleGym(judge=judge, success_threshold=1.0)
    (step,) = _play(original, ('answer', 'x'), task=task)
    self.assertFalse(step.terminated)

  def test_scores_are_clamped(self):
    judge = lambda state, text: [7.0, 0.6, -3.0]
    (step,) = _play(turtle.TurtleGym(judge=judge), ('answer', 'x'))
    self.assertAlmostEqual(step.reward, 0.4 + 0.3 * 0.5)
    gym = turtle.TurtleGym(judge=judge, clamp_scores=False)
    (step,) = _play(gym, ('answer', 'x'))
    # 7 * .4 + .6 * .3 - 3 * .3 = 2.08, and a reward is at most 1.
    self.assertEqual(step.reward, 1.0)

  def test_half_scores_are_not_told(self):
    judge = lambda state, text: [0.5, 1, 0]
    (step,) = _play(turtle.TurtleGym(judge=judge), ('answer', 'x'))
    self.assertEqual(step.reply, 'covered: love')

  @parameterized.parameters(([1, 1],), ([1, 1, math.nan],))
  def test_a_verdict_that_is_none_is_an_outage(self, verdict):
    gym = turtle.TurtleGym(judge=lambda state, text: verdict)
    with self.assertRaisesRegex(base.UserError, '3 finite scores'):
      _play(gym, ('answer', 'x'))

  def test_foreign_tasks_need_another_user(self):
    with self.assertRaisesRegex(ValueError, 'userrl/turtle/1.*"facts"'):
      turtle.TurtleGym().reset(FOREIGN, seed=0)

  def test_foreign_tasks_play_with_another_user(self):
    gym = turtle.TurtleGym(
        user=lambda state, text: 'No', judge=lambda state, text: [1, 0.5]
    )
    _, observation = gym.reset(FOREIGN, seed=0)
    self.assertIn('A cup fell.', observation.user)
    self.assertNotIn('at sea', observation.system + observation.user)
    steps = _play(gym, ('action', 'Rain?'), ('answer', 'x'), task=FOREIGN)
    self.assertEqual(steps[0].reply, 'No')
    self.assertIn('They were at sea.', steps[1].reply)
    self.assertNotIn('It was loud.', steps[1].reply)
    self.assertAlmostEqual(steps[1].reward, 0.85)

  def test_short_prompts(self):
    _, observation = turtle.TurtleGym(max_turns=8).reset(TASK, seed=0)
    text = f'{observation.system} {observation.user}'
    self.assertLessEqual(len(text.split()), 90)
    for word in ('action', 'answer', '8 turns', 'Think first', 'ring', 'who'):
      self.assertIn(word, text)
    self.assertNotIn('cook', text)

  def test_full(self):
    gym = turtle.TurtleGym(max_turns=15)
    _, observation = gym.reset(FULL, seed=0)
    for word in ('action', 'answer', '15 turns', '<think>'):
      self.assertIn(word, observation.system)
    steps = _play(
        gym,
        ('action', 'Was it the sailor?'),
        ('answer', 'The sailor was behind it.'),
        ('answer', 'The sailor did it in the harbor.'),
        task=FULL,
    )
    self.assertEqual(steps[0].reply, 'Yes')
    # Half of the criterion that holds who and where: .4 * .5, and not told.
    self.assertAlmostEqual(steps[1].reward, 0.2)
    self.assertNotIn('sailor', steps[1].reply)
    self.assertAlmostEqual(steps[2].reward, 0.2)
    self.assertIn('the sailor was behind it', steps[2].reply)
    self.assertIn('go on', steps[2].reply)

  def test_full_ends_with_the_whole_story(self):
    story = 'The sailor did it in the harbor, out of debt, with a tunnel.'
    story += ' It was a prank.'
    (step,) = _play(turtle.TurtleGym(), ('answer', story), task=FULL)
    self.assertEqual((round(step.reward, 6), step.terminated), (1, True))
    self.assertIn('the whole story', step.reply)
    self.assertNotIn('go on', step.reply)


if __name__ == '__main__':
  absltest.main()
