"""Tests for bao_jax.teachers.turtle."""

import functools
import random
import statistics

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import turtle as gyms
from bao_jax.tasks.builtin import turtle as tasks
from bao_jax.teachers import base
from bao_jax.teachers import turtle

_TURNS = {'easy': 8, 'medium': 15, 'full': 15}


@functools.cache
def _play_all(level, split, slip=0.0, stride=1, **switches):
  """Returns the (move, step) pairs of every conversation."""
  behaviors = base.Behaviors(**switches)
  teacher = turtle.make_teacher(behaviors, slip=slip)
  gym = gyms.TurtleGym(max_turns=_TURNS[level])
  return [
      _play(teacher, gym, task, seed)
      for seed, task in enumerate(tasks.generate(level, split)[::stride])
  ]


def _play(teacher, gym, task, seed):
  rng = random.Random(seed)
  state, observation = gym.reset(task, seed=0)
  history, turns = [], []
  while not state.done:
    move = teacher(observation, history, gym.max_turns - state.turn, rng)
    state, step = gym.step(state, move.action)
    history.append((move.action, step.reply))
    turns.append((move, step))
  return turns


def _solved(games):
  return statistics.mean(game[-1][1].solved for game in games)


def _choices(game):
  return [move.action.choice for move, _ in game]


def _answers_in_a_row(games):
  return sum(
      pair == ('answer', 'answer')
      for game in games
      for pair in zip(_choices(game), _choices(game)[1:])
  )


def _repeats(games):
  return sum(
      len(asked) - len(set(asked))
      for game in games
      for asked in [[m.action.content for m, _ in game]]
  )


class TurtleTeacherTest(parameterized.TestCase):

  @parameterized.product(
      split=('train', 'validation', 'test'), slip=(0.0, 0.3, 1.0)
  )
  def test_solves_easy_tasks(self, split, slip):
    games = _play_all('easy', split, slip)
    self.assertGreaterEqual(_solved(games), 0.95)
    turns = statistics.mean(map(len, games))
    self.assertBetween(turns, 5.3, 6.5)

  @parameterized.parameters('medium', 'full')
  def test_solves_harder_tasks(self, level):
    self.assertEqual(_solved(_play_all(level, 'test', 0.3)), 1)

  def test_easy_thoughts_are_short(self):
    for game in _play_all('easy', 'train', 0.3):
      for move, _ in game:
        tokens = move.think.replace(',', ' ,').replace(';', ' ;').split()
        self.assertLessEqual(len(tokens), 22, msg=move.think)

  @parameterized.parameters('easy', 'medium', 'full')
  def test_asks_first_never_twice_and_answers_last(self, level):
    games = _play_all(level, 'validation')
    self.assertEqual(_repeats(games), 0)
    for game in games:
      self.assertEqual(_choices(game).count('answer'), 1)
      self.assertEqual(_choices(game)[-1], 'answer')
      self.assertTrue(all(move.is_target for move, _ in game))

  def test_every_question_is_understood(self):
    for level in _TURNS:
      for game in _play_all(level, 'validation', 0.3):
        for move, step in game:
          if move.action.choice == 'action':
            self.assertIn(step.reply.lower(), ('yes', 'no'), msg=move)

  def test_a_slip_is_no_target_and_is_corrected_after_asking(self):
    games = _play_all('easy', 'train', 1.0)
    self.assertEqual(_answers_in_a_row(games), 0)
    num_wrong = 0
    for game in games:
      slips = [i for i, (move, _) in enumerate(game) if not move.is_target]
      self.assertLen(slips, 1)
      after = game[slips[0] + 1 :]
      if not after:
        continue  # The guess happened to be right.
      num_wrong += 1
      guessed = game[slips[0]][0].action.content.split()
      refuted = after[0][0].think.split(';')[0].removeprefix('wrong, so not ')
      self.assertIn(refuted, guessed)
      self.assertEqual(after[0][0].action.choice, 'action')
      final = after[-1][0].action.content.split()
      self.assertNotIn(refuted, final)
      self.assertTrue(after[-1][1].solved)
    self.assertBetween(num_wrong / len(games), 0.5, 0.8)

  def test_slips_come_as_often_as_told(self):
    games = _play_all('easy', 'train', 0.3)
    slips = [any(not move.is_target for move, _ in game) for game in games]
    self.assertBetween(statistics.mean(slips), 0.2, 0.4)

  def test_thoughts_restate_what_is_known(self):
    game = _play_all('easy', 'validation')[0]
    known = [m.think for m, _ in game][-1].split(';')[0].split(', ')
    self.assertEqual(' '.join(known), game[-1][0].action.content)
    self.assertIn('who ?', game[0][0].think)

  def test_without_memory_it_restates_nothing_and_repeats(self):
    games = _play_all('easy', 'validation', memory=False)
    self.assertGreater(_repeats(games), 10)
    for game in games:
      for move, _ in game:
        self.assertNotIn('?', move.think)

  def test_without_scheduling_it_answers_early_and_in_a_row(self):
    games = _play_all('easy', 'validation', scheduling=False)
    self.assertGreater(_answers_in_a_row(games), 10)
    self.assertTrue(any(_choices(game)[0] == 'answer' for game in games))
    for game in games:
      for move, _ in game:
        self.assertNotIn('left', move.think)

  def test_without_querying_it_asks_what_brings_nothing(self):
    games = _play_all('easy', 'validation', querying=False)
    replies = [step.reply for game in games for _, step in game]
    self.assertIn('maybe', replies)
    self.assertGreater(_repeats(games), 10)
    self.assertLess(_solved(games), 0.9)

  def test_without_refinement_it_just_tries_another(self):
    games = _play_all('easy', 'validation', 1.0, refinement=False)
    self.assertGreater(_answers_in_a_row(games), 10)
    for game in games:
      for move, _ in game:
        self.assertNotIn('wrong', move.think)

  def test_depends_on_rng_alone(self):
    games = _play_all('easy', 'validation', 0.3, 10, querying=False)
    _play_all.cache_clear()
    again = _play_all('easy', 'validation', 0.3, 10, querying=False)
    self.assertEqual(games, again)

  def test_refuses_a_prompt_of_no_level(self):
    teacher = turtle.make_teacher(base.Behaviors(), slip=0)
    gym = gyms.TurtleGym()
    _, observation = gym.reset(tasks.generate('easy', 'test')[0], 0)
    other = type(observation)(observation.system, 'Guess a number.')
    with self.assertRaisesRegex(ValueError, 'Guess a number'):
      teacher(other, [], 8, random.Random(0))


if __name__ == '__main__':
  absltest.main()
