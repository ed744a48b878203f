"""Tests for bao_jax.teachers.travel."""

import functools
import random
import statistics

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import travel as gyms
from bao_jax.tasks.builtin import travel as tasks
from bao_jax.teachers import base
from bao_jax.teachers import converse
from bao_jax.teachers import travel

# At `full`, twelve wishes and more take longer than the benchmark's 15.
_TURNS = {'easy': 8, 'medium': 15, 'full': 28}
_STRIDES = {'easy': 2, 'medium': 2, 'full': 4}  # Some tasks suffice.


@functools.cache
def _play_all(level, split, slip=0.0, turns=0, **switches):
  """Returns a dialogue for every task."""
  teacher = travel.make_teacher(base.Behaviors(**switches), slip=slip)
  gym = gyms.TravelGym(max_turns=turns or _TURNS[level])
  return [
      converse.converse(teacher, gym, task, seed=0)
      for task in tasks.generate(level, split)[:: _STRIDES[level]]
  ]


def _solved(games):
  return statistics.mean(game.solved for game in games)


def _score(games):
  return statistics.mean(sum(s.reward for s in game.steps) for game in games)


def _choices(game):
  return [move.action.choice for move in game.moves]


def _contents(game, choice):
  found = [m.action for m in game.moves if m.action.choice == choice]
  return [action.content for action in found]


def _repeats(games):
  asked = [_contents(game, 'action') for game in games]
  return sum(len(texts) - len(set(texts)) for texts in asked)


class TravelTeacherTest(parameterized.TestCase):

  @parameterized.product(
      split=('train', 'validation', 'test'), slip=(0.0, 0.3, 1.0)
  )
  def test_solves_easy_tasks(self, split, slip):
    self.assertGreaterEqual(_solved(_play_all('easy', split, slip)), 0.95)

  @parameterized.parameters('medium', 'full')
  def test_solves_harder_tasks(self, level):
    self.assertGreaterEqual(_solved(_play_all(level, 'test', 0.3)), 0.95)

  def test_books_all_it_can_when_turns_run_out(self):
    for turns in (4, 8, 15):
      for game in _play_all('full', 'test', turns=turns):
        booked = _contents(game, 'answer')
        searches = _choices(game).count('search')
        count = len(game.task.data['dimensions'])
        self.assertEqual(len(booked), min(count, turns - searches))

  def test_earns_every_reward(self):
    for game in _play_all('easy', 'test'):
      aspects = game.task.data['dimensions']
      self.assertAlmostEqual(
          sum(step.reward for step in game.steps[-len(aspects) :]), len(aspects)
      )

  @parameterized.parameters('easy', 'medium', 'full')
  def test_gathers_first_never_twice_and_books_last(self, level):
    games = _play_all(level, 'validation')
    self.assertEqual(_repeats(games), 0)
    for game in games:
      choices = _choices(game)
      count = len(game.task.data['dimensions'])
      self.assertEqual(choices[-count:], ['answer'] * count)
      self.assertEqual(choices.count('answer'), count)
      self.assertEqual(choices.count('search'), count)
      self.assertTrue(all(move.is_target for move in game.moves))

  def test_easy_thoughts_are_short(self):
    for game in _play_all('easy', 'train', 0.3):
      for move in game.moves:
        tokens = move.think.replace(',', ' ,').replace(';', ' ;').split()
        self.assertLessEqual(len(tokens), 22, msg=move.think)

  def test_a_slip_is_no_target_and_is_put_right(self):
    games = _play_all('easy', 'train', 1.0)
    slipped = [g for g in games if not all(m.is_target for m in g.moves)]
    self.assertGreater(len(slipped), len(games) / 3)
    for game in slipped:
      self.assertEqual([m.is_target for m in game.moves].count(False), 1)
      self.assertEqual(game.steps[0].reward, 0)
      self.assertIn('the day was missing', game.moves[1].think)
      self.assertEqual(game.steps[1].reward, 0.2)
      self.assertTrue(game.solved)

  def test_slips_come_as_often_as_told(self):
    share = lambda slip: statistics.mean(
        any(not move.is_target for move in game.moves)
        for game in _play_all('easy', 'train', slip)
    )
    self.assertBetween(share(0.3) / share(1.0), 0.2, 0.4)

  def test_thoughts_restate_what_is_known(self):
    game = next(g for g in _play_all('easy', 'validation') if len(g.moves) == 8)
    self.assertIn('? ?', game.moves[0].think)
    notes = game.moves[-2].think.split(';')[0].replace(',', '').split()
    wishes = [w.values() for w in game.task.data['facts'].values()]
    for value in [value for values in wishes for value in values]:
      self.assertIn(value, notes)

  def test_without_memory_it_restates_nothing_and_repeats(self):
    games = _play_all('easy', 'validation', memory=False)
    self.assertGreater(_repeats(games), 10)
    for game in games:
      for move in game.moves:
        self.assertNotIn('?', move.think)

  def test_without_scheduling_it_books_early(self):
    games = _play_all('easy', 'validation', scheduling=False)
    self.assertLess(_solved(games), 0.9)
    self.assertTrue(any(_choices(g).index('answer') == 1 for g in games))
    for game in games:
      for move in game.moves:
        self.assertNotIn('left', move.think)

  def test_without_querying_it_asks_what_brings_nothing(self):
    games = _play_all('easy', 'validation', querying=False)
    replies = [step.reply for game in games for step in game.steps]
    self.assertIn('ask about one thing', replies)
    self.assertLess(_solved(games), 0.9)

  def test_without_refinement_it_tries_the_same_again(self):
    games = _play_all('easy', 'validation', 1.0, refinement=False)
    again = [
        game for game in games if game.moves[0].action == game.moves[1].action
    ]
    self.assertNotEmpty(again)
    for game in games:
      for move in game.moves:
        self.assertNotIn('wrong', move.think)

  def test_every_behavior_pays(self):
    best = _score(_play_all('medium', 'validation'))
    for name in ('memory', 'scheduling', 'querying'):
      games = _play_all('medium', 'validation', **{name: False})
      self.assertLess(_score(games), best - 0.1, msg=name)

  def test_depends_on_rng_alone(self):
    games = _play_all('easy', 'validation', 0.3, querying=False)
    _play_all.cache_clear()
    again = _play_all('easy', 'validation', 0.3, querying=False)
    self.assertEqual(games, again)

  def test_refuses_a_prompt_of_no_level(self):
    teacher = travel.make_teacher(base.Behaviors(), slip=0)
    _, seen = gyms.TravelGym().reset(tasks.generate('easy', 'test')[0], 0)
    other = type(seen)(seen.system, 'Guess a number.')
    with self.assertRaisesRegex(ValueError, 'Guess a number'):
      teacher(other, [], 8, random.Random(0))


if __name__ == '__main__':
  absltest.main()
