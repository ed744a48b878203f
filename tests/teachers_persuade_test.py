"""Tests for bao_jax.teachers.persuade."""

import functools
import random
import statistics

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import base as envs_base
from bao_jax.envs import persuade as gyms
from bao_jax.tasks.builtin import persuade as tasks
from bao_jax.teachers import base
from bao_jax.teachers import converse
from bao_jax.teachers import persuade

_LEVELS = ('easy', 'medium', 'full')


@functools.cache
def _play_all(level, split, slip=0.0, show_argument=False, **switches):
  teacher = persuade.make_teacher(base.Behaviors(**switches), slip=slip)
  gym = gyms.PersuadeGym(
      max_turns=8 if level == 'easy' else 15, show_argument=show_argument
  )
  return [
      converse.converse(teacher, gym, task, seed=0)
      for task in tasks.generate(level, split)
  ]


def _solved(games):
  return statistics.mean(game.solved for game in games)


def _first(games):
  return statistics.mean(game.steps[0].reward for game in games)


def _turns(games):
  return statistics.mean(len(game.steps) for game in games)


def _thoughts(games):
  return [move.think for game in games for move in game.moves]


def _repeats(games):
  said = [[m.action.content for m in game.moves] for game in games]
  return sum(len(arguments) - len(set(arguments)) for arguments in said)


class PersuadeTeacherTest(parameterized.TestCase):

  @parameterized.product(
      level=_LEVELS, split=('train', 'validation', 'test'), slip=(0.0, 0.3)
  )
  def test_solves(self, level, split, slip):
    self.assertGreaterEqual(_solved(_play_all(level, split, slip)), 0.95)

  @parameterized.parameters(*_LEVELS)
  def test_every_argument_meets_the_concern_that_is_voiced(self, level):
    for game in _play_all(level, 'validation'):
      steps = game.task.data['facts']['concerns'].values()
      self.assertEqual(
          [round(6 * step.reward) for step in game.steps], list(steps)
      )
      self.assertTrue(all(move.is_target for move in game.moves))

  def test_shown_arguments_change_nothing(self):
    games = _play_all('full', 'validation', show_argument=True)
    self.assertEqual(_turns(games), _turns(_play_all('full', 'validation')))

  @parameterized.parameters(*_LEVELS)
  def test_a_slip_misses_at_times_and_is_corrected(self, level):
    games = _play_all(level, 'validation', 1.0)
    missed = 0
    for game in games:
      slips = [i for i, move in enumerate(game.moves) if not move.is_target]
      self.assertEqual(slips, [1])
      if game.steps[1].reward == 0:
        missed += 1
        self.assertRegex(game.moves[2].think, 'missed')
        self.assertGreater(game.steps[2].reward, 0)
    self.assertGreater(missed, len(games) / 4)

  def test_short_thoughts_are_short(self):
    for thought in _thoughts(_play_all('easy', 'train', 0.3)):
      self.assertLessEqual(len(thought.split()), 20, msg=thought)

  def test_memory_restates_and_forgetting_repeats(self):
    games = _play_all('easy', 'validation')
    self.assertEqual(_repeats(games), 0)
    self.assertIn('told', games[0].moves[1].think)
    games = _play_all('easy', 'validation', memory=False)
    self.assertGreater(_repeats(games), 10)
    self.assertFalse(any('told' in thought for thought in _thoughts(games)))

  def test_scheduling_counts_turns_and_haste_piles_points_up(self):
    games = _play_all('easy', 'validation', scheduling=False)
    self.assertFalse(any('left' in thought for thought in _thoughts(games)))
    self.assertLess(_solved(games), 0.9)
    replies = [step.reply for game in games for step in game.steps]
    self.assertTrue(any(reply.startswith('too much') for reply in replies))
    self.assertLess(_first(games), _first(_play_all('easy', 'validation')))

  def test_without_querying_it_does_not_listen(self):
    games = _play_all('easy', 'validation', querying=False)
    self.assertGreater(_turns(games), _turns(_play_all('easy', 'train')) + 1)

  def test_without_refinement_it_goes_on_at_random(self):
    games = _play_all('full', 'validation', 1.0, refinement=False)
    self.assertFalse(any('missed' in thought for thought in _thoughts(games)))
    careful = _play_all('full', 'validation', 1.0)
    self.assertGreater(_turns(games), _turns(careful) + 1)

  def test_depends_on_rng_alone(self):
    games = _play_all('full', 'validation', 0.3, querying=False)
    _play_all.cache_clear()
    again = _play_all('full', 'validation', 0.3, querying=False)
    self.assertEqual(games, again)

  def test_refuses_a_prompt_of_no_claim(self):
    teacher = persuade.make_teacher(base.Behaviors(), slip=0)
    observation = envs_base.Observation('', 'Guess: a number.')
    with self.assertRaisesRegex(ValueError, 'a number'):
      teacher(observation, [], 8, random.Random(0))


if __name__ == '__main__':
  absltest.main()
