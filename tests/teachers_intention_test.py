"""Tests for bao_jax.teachers.intention."""

import functools
import random
import statistics

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import base as envs_base
from bao_jax.envs import intention as gyms
from bao_jax.tasks.builtin import intention as tasks
from bao_jax.teachers import base
from bao_jax.teachers import converse
from bao_jax.teachers import intention

_LEVELS = ('easy', 'medium', 'full')


@functools.cache
def _play_all(level, split, slip=0.0, **switches):
  teacher = intention.make_teacher(base.Behaviors(**switches), slip=slip)
  gym = gyms.IntentionGym(max_turns=8 if level == 'easy' else 15)
  return [
      converse.converse(teacher, gym, task, seed=0)
      for task in tasks.generate(level, split)
  ]


def _solved(games):
  return statistics.mean(game.solved for game in games)


def _score(games):
  return statistics.mean(sum(s.reward for s in game.steps) for game in games)


def _thoughts(games):
  return [move.think for game in games for move in game.moves]


def _repeats(games):
  asked = [[m.action.content for m in game.moves] for game in games]
  return sum(len(questions) - len(set(questions)) for questions in asked)


class IntentionTeacherTest(parameterized.TestCase):

  @parameterized.product(
      level=_LEVELS, split=('train', 'validation', 'test'), slip=(0.0, 0.3)
  )
  def test_solves(self, level, split, slip):
    self.assertGreaterEqual(_solved(_play_all(level, split, slip)), 0.95)

  @parameterized.parameters(*_LEVELS)
  def test_asks_for_each_missing_detail_once(self, level):
    games = _play_all(level, 'validation')
    self.assertEqual(_repeats(games), 0)
    for game in games:
      rewards = [step.reward for step in game.steps if step.reward]
      details = game.task.data['missing_details']
      worth = [gyms.REWARDS[detail['importance']] for detail in details]
      self.assertEqual(rewards, sorted(worth, reverse=True))
      # Only at level full is there anything that nobody cares about.
      self.assertLessEqual(len(game.steps) - len(rewards), level == 'full')
      self.assertTrue(all(move.is_target for move in game.moves))

  @parameterized.parameters(*_LEVELS)
  def test_a_slip_asks_two_at_once_and_is_regretted(self, level):
    games = _play_all(level, 'validation', 1.0)
    self.assertLess(_score(games), _score(_play_all(level, 'validation')) - 0.5)
    for game in games:
      slips = [not move.is_target for move in game.moves]
      self.assertEqual(slips, [True] + [False] * (len(slips) - 1))
      if len(game.moves) > 1:
        self.assertRegex(game.moves[1].think, 'at once')

  def test_short_thoughts_are_short(self):
    for thought in _thoughts(_play_all('easy', 'train', 0.3)):
      self.assertLessEqual(len(thought.split()), 20, msg=thought)

  def test_memory_restates_and_forgetting_repeats(self):
    with_memory = _play_all('easy', 'validation')
    self.assertTrue(all('?' in thought for thought in _thoughts(with_memory)))
    without = _play_all('easy', 'validation', memory=False)
    self.assertFalse(any('?' in thought for thought in _thoughts(without)))
    self.assertGreater(_repeats(without), 10)

  def test_scheduling_counts_turns_and_haste_piles_questions_up(self):
    hasty = _play_all('medium', 'validation', scheduling=False)
    self.assertFalse(any('left' in thought for thought in _thoughts(hasty)))
    self.assertLess(_score(hasty), 0.6 * _score(_play_all('medium', 'train')))

  def test_without_querying_it_asks_what_brings_nothing(self):
    games = _play_all('easy', 'validation', querying=False)
    replies = [step.reply for game in games for step in game.steps]
    self.assertGreater(replies.count('what?'), 50)

  def test_refinement_says_what_was_wrong(self):
    num_wrong = 0
    for game in _play_all('full', 'train'):
      for step, after in zip(game.steps, game.moves[1:]):
        idle = 'no preference' in step.reply
        self.assertEqual('I was wrong to assume' in after.think, idle)
        num_wrong += idle
    self.assertGreater(num_wrong, 10)
    games = _play_all('full', 'validation', 1.0, refinement=False)
    for thought in _thoughts(games):
      self.assertNotRegex(thought, 'wrong|mistake')
    # Unaware of it, it goes on asking two at once.
    self.assertLess(
        _score(games), _score(_play_all('full', 'validation', 1.0)) - 0.3
    )

  def test_depends_on_rng_alone(self):
    games = _play_all('easy', 'validation', 0.3, querying=False)
    _play_all.cache_clear()
    again = _play_all('easy', 'validation', 0.3, querying=False)
    self.assertEqual(games, again)

  def test_refuses_a_prompt_of_no_request(self):
    teacher = intention.make_teacher(base.Behaviors(), slip=0)
    observation = envs_base.Observation('', 'Guess a number.')
    with self.assertRaisesRegex(ValueError, 'Guess a number'):
      teacher(observation, [], 8, random.Random(0))


if __name__ == '__main__':
  absltest.main()
