"""Every gym of the catalog keeps the contract, whatever it is told.

With scripted users and with models, good moves and hostile ones.
"""

import dataclasses
import functools
import gc
import json
import math
import pathlib
import random
import re
import tempfile
import time

from absl.testing import absltest
from absl.testing import parameterized
import fake_model
import pytest

from bao_jax import catalog
from bao_jax import types
from bao_jax.envs import testing
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import converse
from bao_jax.users import cache as cache_lib
from bao_jax.users import client as client_lib
from bao_jax.users import ledger as ledger_lib
from bao_jax.users import models

LEVELS = ('easy', 'medium', 'full')
# Gyms whose tasks are made here; others play games of another package.
GYMS = [name for name, entry in catalog.GYMS.items() if entry.generate]
PLAYED = [name for name in GYMS if catalog.GYMS[name].roles]
MAX_REPLY = 10_000  # Characters.


@functools.cache
def tasks_of(name, level, split='test'):
  return catalog.GYMS[name].generate(level, split, 0)


def scripted(name, **settings):
  return catalog.GYMS[name].gym(**settings)


def played(name, ask=fake_model.answer, **settings):
  """Returns a gym whose users and judges are models."""
  entry = catalog.GYMS[name]
  return dataclasses.replace(entry.gym(**settings), **entry.roles(ask))


def client(mode, path):
  """Returns what asks a model, or its cache alone while replaying."""
  model = models.Model('m', 'http://localhost/v1')
  return client_lib.Client(
      fake_model.post if mode == 'record' else fake_model.silent,
      {'user': model, 'judge': model},
      client_lib.Limits(),
      cache_lib.Cache(mode, path),
      ledger_lib.Ledger(),
  )


def moves(name, task):
  """Returns what the honest teacher does, hostile actions in between."""
  teacher = catalog.GYMS[name].make_teacher(teachers_base.Behaviors(), slip=0.0)
  held = converse.converse(teacher, scripted(name), task, seed=0)
  rng = random.Random(task.id)
  hostile = (
      action
      for action in testing.hostile_actions(rng)
      if action.choice != 'finish'
  )
  return [
      action
      for move in held.moves
      for action in (next(hostile), move.action)
      if action.choice != 'finish'
  ]


def words_of(task):
  """Returns words of a task, hidden ones among them, and whole values."""
  texts = re.findall(r'"((?:[^"\\]|\\.)*)"', json.dumps(dict(task.data)))
  words = [word for text in texts for word in text.split()]
  return sorted({*words, *(text for text in texts if len(text) < 200)})


def told_by_chance(task, said):
  """Whether noise held the numbers, like 12, that a user of Tau asked for."""
  outputs = task.data.get('outputs', ())
  return bool(outputs) and all(any(o in x for x in said) for o in outputs)


class ContractTest(parameterized.TestCase):

  @parameterized.product(name=GYMS, level=LEVELS)
  def test_scripted_users(self, name, level):
    for task in tasks_of(name, level)[::40]:
      testing.check_env(scripted(name), task, moves(name, task))

  @parameterized.product(name=PLAYED, level=LEVELS)
  def test_models(self, name, level):
    task = tasks_of(name, level)[0]
    testing.check_env(played(name), task, moves(name, task))

  @parameterized.parameters(*PLAYED)
  def test_models_recorded_and_replayed(self, name):
    folder = self.enter_context(tempfile.TemporaryDirectory())
    path = pathlib.Path(folder) / 'replies.jsonl'
    said = {}
    for mode in ('record', 'replay'):
      ask = client(mode, path)
      for level in LEVELS:
        task = tasks_of(name, level)[1]
        wrong = types.Action('answer', 'somebody else')
        actions = [wrong, *moves(name, task)]
        gym = played(name, ask)
        testing.check_env(gym, task, actions)
        said[mode, level] = testing.play(gym, task, actions)
      asks, replayed = map(ask.ledger.total, ('asks', 'replayed'))
    self.assertGreater(asks, 0)
    self.assertEqual(replayed, asks)
    for level in LEVELS:
      self.assertEqual(said['record', level], said['replay', level])


class FuzzTest(parameterized.TestCase):

  def check(self, gym, name, count, *, with_words, earns_nothing=False):
    """Lets a gym answer hostile actions; returns the slowest and its time."""
    slowest = 0.0, ''
    rng = random.Random(f'{name}/{count}')
    for level in LEVELS:
      left = -(-count // len(LEVELS))
      while left > 0:
        task = rng.choice(tasks_of(name, level))
        words = words_of(task) if with_words else ()
        noise = testing.hostile_actions(rng, words)
        state, _ = gym.reset(task, seed=0, sample=left)
        said = []
        while not state.done and left > 0:
          left -= 1
          action = next(noise)
          began = time.thread_time()
          after, step = gym.step(state, action)
          seconds = time.thread_time() - began
          slowest = max(slowest, (seconds, f'{level} {action!r:.200}'))
          self.check_step(gym, state, action, after, step)
          said.append(action.content)
          if earns_nothing and not told_by_chance(task, said):
            self.assertEqual((step.reward, step.solved), (0, False), action)
          state = after
    return slowest

  def check_step(self, gym, before, action, state, step):
    self.assertIsInstance(step.reply, str)
    self.assertLess(len(step.reply), MAX_REPLY, action)
    self.assertTrue(math.isfinite(step.reward), action)
    self.assertBetween(step.reward, 0, 1)
    self.assertEqual(state.turn, before.turn + 1)
    self.assertLessEqual(state.turn, gym.max_turns)
    self.assertEqual(state.done, step.terminated or step.truncated)
    self.assertFalse(step.terminated and step.truncated)
    self.assertEqual(state.solved, step.solved)
    if action.error or action.choice not in (*gym.choices, 'finish'):
      self.assertEqual((step.reward, step.is_user), (0, False))
    # As text: JSON joins the halves of surrogate pairs.
    memory = json.dumps(dict(state.memory))
    self.assertEqual(json.dumps(json.loads(memory)), memory)

  @parameterized.product(name=GYMS, max_turns=(8, 150))
  def test_noise_earns_nothing(self, name, max_turns):
    gym = scripted(name, max_turns=max_turns)
    self.check(gym, name, 200, with_words=False, earns_nothing=True)

  @parameterized.parameters(*GYMS)
  def test_noise_with_words_of_the_gym(self, name):
    gym = scripted(name, max_turns=30)
    self.check(gym, name, 200, with_words=True, earns_nothing=False)

  @parameterized.parameters(*PLAYED)
  def test_models_hear_noise(self, name):
    gym = played(name, max_turns=30)
    self.check(gym, name, 200, with_words=True, earns_nothing=False)

  @parameterized.product(name=GYMS, with_words=(False, True))
  @pytest.mark.slow  # Below the parameters, or they hide it.
  def test_ten_thousand(self, name, with_words):
    gc.disable()  # Its pauses are longer than any action takes.
    self.addCleanup(gc.enable)
    gym = scripted(name, max_turns=30)
    slow = self.check(
        gym, name, 10_000, with_words=with_words, earns_nothing=not with_words
    )
    print(f'\n{name}: the slowest took {1000 * slow[0]:.1f} ms: {slow[1]}')
    if name in PLAYED:
      gym = played(name, max_turns=30)
      self.check(gym, name, 10_000, with_words=with_words, earns_nothing=False)


if __name__ == '__main__':
  absltest.main()
