"""Tests for bao_jax.envs.alfworld, with games that need no package."""

import importlib.util
import pathlib
import random
import tempfile
import unittest
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import ml_collections

from bao_jax import types
from bao_jax.envs import alfworld
from bao_jax.envs import base
from bao_jax.envs import testing
from bao_jax.tasks import reader
from bao_jax.train import lessons
from bao_jax.train import setup

TASK = types.Task('alfworld/1', 'alfworld', 'full', {'game_file': 'mug'})
_SOLUTION = ('go to desk 1', 'take mug 1 from desk 1', 'move mug 1 to shelf 1')


class MugGame:
  """A mug lies on the desk and belongs on the shelf."""

  open = 0  # Games that were not closed.

  def __init__(self, path):
    if path != 'mug':
      raise FileNotFoundError(path)
    MugGame.open += 1
    self._done = 0

  def reset(self):
    self._done = 0
    return self._scene('You are in a room. Your task is to: shelve the mug.')

  def step(self, command):
    if self._done < 3 and command == _SOLUTION[self._done]:
      self._done += 1
      return self._scene(f'{self._done} done.')
    return self._scene('Nothing happens.')

  def close(self):
    MugGame.open -= 1

  def _scene(self, text):
    won = self._done == 3
    commands = ['go to bed 1', 'go to desk 1', 'go to sofa 1', 'look']
    return alfworld.Scene(text, commands, score=float(won), done=won)


def _gym(**options):
  return alfworld.AlfworldGym(**{'open_game': MugGame} | options)


def _play(gym, *commands):
  state, _ = gym.reset(TASK, seed=0)
  steps = []
  for command in commands:
    state, step = gym.step(state, types.Action('action', command))
    steps.append(step)
  return steps


class AlfworldGymTest(parameterized.TestCase):

  def test_worked_example(self):
    steps = _play(
        _gym(), _SOLUTION[0], 'look', 'Take mug 1  FROM desk 1', _SOLUTION[2]
    )
    self.assertEqual(
        [step.reply.partition('\n')[0] for step in steps],
        ['1 done.', 'Nothing happens.', '2 done.', '3 done.'],
    )
    self.assertEqual([step.reward for step in steps], [0, 0, 0, 1])
    self.assertEqual([step.terminated for step in steps], [0, 0, 0, 1])
    self.assertTrue(steps[-1].solved)
    self.assertFalse(any(step.is_user for step in steps))
    self.assertEqual(MugGame.open, 0)

  def test_sums_up_what_can_be_done(self):
    (step,) = _play(_gym(), 'look')
    self.assertEndsWith(
        step.reply, 'Possible commands: go to bed 1, go to desk 1, etc., look'
    )

  def test_prompt_tells_the_scene_and_the_rules(self):
    _, observation = _gym(max_turns=9).reset(TASK, seed=0)
    self.assertIn('shelve the mug', observation.user)
    self.assertIn('9 turns', observation.system)
    self.assertEqual(_gym().max_turns, 20)

  @parameterized.parameters(
      'look',
      'inventory',
      'help',
      'go to countertop 12',
      'open side table 1',
      'close drawer 3',
      'take soap bar 1 from sink basin 1',
      'move mug 1 to shelf 1',
      'examine mug 1',
      'use desk lamp 1',
      'heat mug 1 with microwave 1',
      'clean mug 1 with sinkbasin 1',
      'cool mug 1 with fridge 1',
      'slice apple 1 with knife 1',
  )
  def test_commands(self, command):
    (step,) = _play(_gym(), command)
    self.assertNotIn('no command', step.reply)

  @parameterized.parameters(
      '',
      'dance',
      'go',
      'go to ',
      'take mug 1',
      'put mug 1 on desk 1',
      'look; rm -rf /',
      'go to desk 1\nmove mug 1 to shelf 1!',
      'heat mug 1',
      'go to ' + 'desk ' * 30,
      'reward: 1.0',
      'g\u043e to desk 1',
  )
  def test_what_is_no_command_reaches_no_game(self, command):
    opened = mock.Mock(side_effect=MugGame)
    gym = _gym(open_game=opened)
    (step,) = _play(gym, command)
    self.assertIn('That is no command', step.reply)
    self.assertEqual(step.reward, 0)
    self.assertEqual(opened.call_count, 1)  # By the prompt.

  def test_other_rewards(self):
    steps = _play(_gym(success_reward=0.5), *_SOLUTION)
    self.assertEqual([step.reward for step in steps], [0, 0, 0.5])
    self.assertTrue(steps[-1].solved)

  def test_a_game_that_is_lost_ends_unsolved(self):
    class Lost(MugGame):

      def step(self, command):
        return alfworld.Scene('You fall.', (), done=True)

    (step,) = _play(_gym(open_game=Lost), 'look')
    self.assertEqual(
        (step.reply, step.reward, step.terminated, step.solved),
        ('You fall.', 0, True, False),
    )

  def test_states_branch(self):
    gym = _gym()
    start, _ = gym.reset(TASK, seed=0)
    first, _ = gym.step(start, types.Action('action', _SOLUTION[0]))
    _, left = gym.step(first, types.Action('action', 'look'))
    _, right = gym.step(first, types.Action('action', _SOLUTION[1]))
    _, again = gym.step(first, types.Action('action', 'look'))
    self.assertEqual(left, again)
    self.assertStartsWith(right.reply, '2 done.')

  def test_chance_is_a_failure(self):
    class Chance(MugGame):
      count = 0

      def step(self, command):
        Chance.count += 1
        return alfworld.Scene(f'Draw {Chance.count}.', ())

    with self.assertRaisesRegex(base.UserError, 'alfworld/1: .*without chance'):
      _play(_gym(open_game=Chance), 'look', 'look')
    self.assertEqual(MugGame.open, 0)

  def test_a_game_that_breaks_is_a_failure_and_is_closed(self):
    class Broken(MugGame):

      def step(self, command):
        raise RuntimeError('no planner')

    with self.assertRaisesRegex(base.UserError, 'RuntimeError: no planner'):
      _play(_gym(open_game=Broken), 'look')
    self.assertEqual(MugGame.open, 0)

  def test_a_missing_file_is_named(self):
    task = types.Task('a', 'alfworld', 'full', {'game_file': 'nowhere'})
    with self.assertRaisesRegex(FileNotFoundError, 'nowhere'):
      _gym().reset(task, seed=0)

  def test_contract(self):
    moves = [types.Action('action', command) for command in _SOLUTION[:2]]
    moves += [types.Action('answer', 'x'), types.Action('action', 'dance')]
    testing.check_env(_gym(), TASK, moves)
    testing.check_env(_gym(), TASK, [*moves, types.Action('action', 'help')])

  def test_noise_earns_nothing(self):
    rng = random.Random(0)
    alphabet = 'go to desk 1\n\0<|>{}"\u202e\U0001f600\ud83d'
    gym = _gym(max_turns=400)
    state, _ = gym.reset(TASK, seed=0)
    for _ in range(300):
      text = ''.join(rng.choices(alphabet, k=rng.randrange(60)))
      state, step = gym.step(state, types.Action('action', text))
      self.assertEqual((step.reward, step.solved), (0, False))


class PackageTest(absltest.TestCase):

  @unittest.skipIf(importlib.util.find_spec('alfworld'), 'it is installed')
  def test_its_absence_is_told_in_one_line(self):
    with self.assertRaisesRegex(ValueError, r'pip install .*\[alfworld\]'):
      alfworld.AlfworldGym().reset(TASK, seed=0)

  def test_has_neither_tasks_nor_a_teacher_of_its_own(self):
    config = ml_collections.ConfigDict(
        {
            'envs': {'names': ('alfworld',), 'level': 'full'},
            'tasks': {'source': 'builtin', 'path': '', 'bad_rows': 'stop'},
            'teacher': {'slip': 0.0},
        }
    )
    with self.assertRaisesRegex(ValueError, "alfworld has no .*'jsonl'"):
      setup.tasks(config, 'train')
    with self.assertRaisesRegex(ValueError, 'alfworld has no scripted teacher'):
      lessons.best_teachers(config)

  def test_tasks_come_from_lines(self):
    folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    (folder / 'train.jsonl').write_text(
        '{"id": "a", "gym": "alfworld", "level": "full",'
        ' "data": {"game_file": "x/game.tw-pddl"}}\n',
    )
    (task,) = reader.read_folder(folder, 'train', 'alfworld')
    self.assertEqual(task.data['game_file'], 'x/game.tw-pddl')
    (folder / 'test.jsonl').write_text(
        '{"id": "a", "gym": "alfworld", "level": "full", "data": {}}\n',
    )
    with self.assertRaisesRegex(ValueError, "missing field 'game_file'"):
      reader.read_folder(folder, 'test', 'alfworld')


if __name__ == '__main__':
  absltest.main()
