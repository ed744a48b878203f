"""Tests for bao_jax.teachers.tau."""

import functools
import random
import statistics

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import base as envs_base
from bao_jax.envs.tau import gym as gyms
from bao_jax.tasks.builtin import tau as tasks
from bao_jax.teachers import base
from bao_jax.teachers import converse
from bao_jax.teachers import tau

_TURNS = {'easy': 8, 'medium': 12, 'full': 16}


@functools.cache
def _play_all(level, split, slip=0.0, stride=1, **switches):
  """Returns the dialogues of every task."""
  teacher = tau.make_teacher(base.Behaviors(**switches), slip=slip)
  gym = gyms.TauGym(max_turns=_TURNS[level])
  return [
      converse.converse(teacher, gym, task, seed=0)
      for task in tasks.generate(level, split)[::stride]
  ]


def _solved(dialogues):
  return statistics.mean(dialogue.solved for dialogue in dialogues)


def _repeats(dialogues):
  return sum(
      len(said) - len(set(said))
      for dialogue in dialogues
      for said in [[m.action.content for m in dialogue.moves]]
  )


def _thoughts(dialogues):
  return [move.think for dialogue in dialogues for move in dialogue.moves]


class TauTeacherTest(parameterized.TestCase):

  @parameterized.product(level=('easy', 'medium', 'full'), slip=(0.0, 0.3))
  def test_solves_tasks(self, level, slip):
    for split in ('validation', 'test'):
      self.assertGreaterEqual(_solved(_play_all(level, split, slip)), 0.95)

  def test_easy_conversations_are_short(self):
    dialogues = _play_all('easy', 'validation')
    self.assertBetween(statistics.mean(len(d.moves) for d in dialogues), 3, 4.5)
    for think in _thoughts(dialogues):
      self.assertLessEqual(len(think.split()), 16, think)

  @parameterized.parameters('easy', 'medium', 'full')
  def test_asks_nothing_twice_and_makes_no_errors(self, level):
    dialogues = _play_all(level, 'validation')
    self.assertEqual(_repeats(dialogues), 0)
    for dialogue in dialogues:
      for move, step in zip(dialogue.moves, dialogue.steps):
        self.assertTrue(move.is_target)
        self.assertFalse(step.reply.startswith('Error'), step.reply)

  @parameterized.parameters('easy', 'medium', 'full')
  def test_changes_nothing_without_a_yes(self, level):
    for dialogue in _play_all(level, 'validation'):
      said = ''
      for move, step in zip(dialogue.moves, dialogue.steps):
        names = [a['name'] for a in dialogue.task.data['actions']]
        if any(name in move.action.content for name in names):
          is_transfer = 'transfer' in move.action.content
          self.assertTrue(is_transfer or said.lower().startswith('yes'))
        said = step.reply

  def test_a_slip_is_no_target_and_is_refuted(self):
    dialogues = _play_all('medium', 'validation', 1.0)
    self.assertGreaterEqual(_solved(dialogues), 0.95)
    for dialogue in dialogues:
      first, second = dialogue.moves[:2]
      self.assertFalse(first.is_target)
      self.assertTrue(all(move.is_target for move in dialogue.moves[1:]))
      self.assertStartsWith(dialogue.steps[0].reply, 'Error')
      self.assertRegex(second.think, r'^wrong, so not (#W00|R000)')

  def test_without_refinement_nothing_is_refuted(self):
    dialogues = _play_all('easy', 'validation', 1.0, refinement=False)
    self.assertFalse(any('wrong' in think for think in _thoughts(dialogues)))

  def test_slips_come_as_often_as_told(self):
    dialogues = _play_all('easy', 'train', 0.3)
    slips = [not d.moves[0].is_target for d in dialogues]
    self.assertBetween(statistics.mean(slips), 0.2, 0.4)

  def test_without_memory_it_restates_nothing_and_repeats(self):
    dialogues = _play_all('easy', 'validation', memory=False)
    self.assertGreater(_repeats(dialogues), 10)
    for think in _thoughts(dialogues):
      self.assertNotIn('#', think)
    self.assertTrue(any('#' in t for t in _thoughts(_play_all('easy', 'test'))))

  def test_without_scheduling_it_looks_up_before_it_asks(self):
    dialogues = _play_all('easy', 'validation', scheduling=False)
    choices = [d.moves[0].action.choice for d in dialogues]
    self.assertBetween(choices.count('answer') / len(choices), 0.35, 0.65)
    for think in _thoughts(dialogues):
      self.assertNotIn('left', think)

  def test_without_querying_it_says_what_brings_nothing(self):
    dialogues = _play_all('easy', 'validation', querying=False)
    said = [m.action.content for d in dialogues for m in d.moves]
    self.assertGreater(said.count('how can i help you?'), 10)
    self.assertLess(_solved(dialogues), 0.95)

  def test_depends_on_rng_alone(self):
    games = _play_all('easy', 'validation', 0.3, 5, querying=False)
    _play_all.cache_clear()
    again = _play_all('easy', 'validation', 0.3, 5, querying=False)
    self.assertEqual(games, again)

  def test_refuses_a_wish_that_it_has_no_script_for(self):
    teacher = tau.make_teacher(base.Behaviors(), slip=0)
    observation = envs_base.Observation('', 'user: i want to fly to the moon')
    with self.assertRaisesRegex(ValueError, 'fly to the moon'):
      teacher(observation, [], 8, random.Random(0))


if __name__ == '__main__':
  absltest.main()
