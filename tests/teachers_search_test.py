"""Tests for bao_jax.teachers.search."""

import functools
import random
import statistics

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import search as gyms
from bao_jax.tasks.builtin import search as tasks
from bao_jax.teachers import base
from bao_jax.teachers import converse
from bao_jax.teachers import search

_TURNS = {'easy': 8, 'medium': 8, 'full': 15}


@functools.cache
def _play_all(level, split='validation', slip=0.0, stride=1, **switches):
  teacher = search.make_teacher(base.Behaviors(**switches), slip=slip)
  gym = gyms.SearchGym(max_turns=_TURNS[level])
  return [
      converse.converse(teacher, gym, task, seed=0)
      for task in tasks.generate(level, split)[::stride]
  ]


def _solved(games):
  return statistics.mean(game.solved for game in games)


def _choices(game):
  return [move.action.choice for move in game.moves]


def _in_a_row(games):
  return sum(
      pair == ('answer', 'answer')
      for game in games
      for pair in zip(_choices(game), _choices(game)[1:])
  )


def _repeats(games):
  contents = [[m.action.content for m in game.moves] for game in games]
  return sum(len(said) - len(set(said)) for said in contents)


def _thoughts(games):
  return [move.think for game in games for move in game.moves]


class SearchTeacherTest(parameterized.TestCase):

  @parameterized.product(
      level=tasks.LEVELS, split=('validation', 'test'), slip=(0.0, 1.0)
  )
  def test_solves(self, level, split, slip):
    self.assertGreaterEqual(_solved(_play_all(level, split, slip)), 0.95)

  @parameterized.parameters(*tasks.LEVELS)
  def test_searches_first_never_twice_and_answers_once(self, level):
    games = _play_all(level)
    self.assertEqual(_repeats(games), 0)
    for game in games:
      self.assertEqual(_choices(game).count('answer'), 1)
      self.assertEqual(_choices(game)[-1], 'answer')
      self.assertTrue(all(move.is_target for move in game.moves))
      hops = len(game.task.data['facts']['hops'])
      self.assertLessEqual(hops - 1, _choices(game).count('search'))

  def test_easy_thoughts_are_short(self):
    for think in _thoughts(_play_all('easy', 'train', 0.3)):
      tokens = think.replace(',', ' ,').replace(';', ' ;').split()
      self.assertLessEqual(len(tokens), 22, msg=think)

  @parameterized.parameters(*tasks.LEVELS)
  def test_a_slip_is_no_target_and_is_corrected_after_searching(self, level):
    games = _play_all(level, slip=1.0)
    self.assertEqual(_in_a_row(games), 0)
    slipped = 0
    for game in games:
      slips = [i for i, move in enumerate(game.moves) if not move.is_target]
      self.assertLessEqual(len(slips), 1)
      if not slips or len(game.moves) == slips[0] + 1:
        continue
      slipped += 1
      after = game.moves[slips[0] + 1]
      self.assertEqual(after.action.choice, 'search')
      self.assertIn('wrong', after.think)
      self.assertIn(game.moves[slips[0]].action.content, after.think)
    self.assertGreater(slipped, len(games) / 3)

  def test_slips_come_as_often_as_told(self):
    games = _play_all('full', slip=0.3)
    slips = [any(not m.is_target for m in game.moves) for game in games]
    self.assertBetween(statistics.mean(slips), 0.2, 0.4)

  @parameterized.parameters(*tasks.LEVELS)
  def test_thoughts_restate_what_is_known(self, level):
    for game in _play_all(level):
      middle = game.task.data['facts']['hops'][0][2]
      self.assertIn(middle, game.moves[-1].think)

  def test_without_memory_it_restates_nothing_and_repeats(self):
    games = _play_all('full', memory=False)
    self.assertGreater(_repeats(games), 10)
    self.assertFalse(any('know:' in think for think in _thoughts(games)))

  def test_without_scheduling_it_answers_early_and_in_a_row(self):
    games = _play_all('full', scheduling=False)
    self.assertGreater(_in_a_row(games), 10)
    self.assertTrue(any(_choices(game)[0] == 'answer' for game in games))
    self.assertFalse(any('left' in think for think in _thoughts(games)))

  def test_without_querying_it_searches_what_brings_nothing(self):
    games = _play_all('full', querying=False)
    lengths = [
        statistics.mean(map(lambda g: len(g.steps), x))
        for x in (games, _play_all('full'))
    ]
    self.assertGreater(lengths[0], lengths[1] + 1)

  def test_without_refinement_it_just_tries_another(self):
    games = _play_all('full', slip=1.0, refinement=False)
    self.assertGreater(_in_a_row(games), 10)
    self.assertFalse(any('wrong' in think for think in _thoughts(games)))

  def test_depends_on_rng_alone(self):
    games = _play_all('easy', slip=0.3, stride=10, querying=False)
    _play_all.cache_clear()
    again = _play_all('easy', slip=0.3, stride=10, querying=False)
    self.assertEqual(games, again)

  def test_answers_when_searching_is_over(self):
    gym = gyms.SearchGym(max_search_steps=0, max_turns=4)
    teacher = search.make_teacher(base.Behaviors(), slip=0)
    task = tasks.generate('full', 'test')[0]
    game = converse.converse(teacher, gym, task, seed=0)
    self.assertEqual(_choices(game), ['search'] + ['answer'] * 3)

  def test_refuses_another_question(self):
    teacher = search.make_teacher(base.Behaviors(), slip=0)
    gym = gyms.SearchGym()
    _, observation = gym.reset(tasks.generate('easy', 'test')[0], 0)
    other = type(observation)(observation.system, 'Guess a number.')
    with self.assertRaisesRegex(ValueError, 'Guess a number'):
      teacher(other, [], 8, random.Random(0))


if __name__ == '__main__':
  absltest.main()
