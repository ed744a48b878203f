import dataclasses
import threading

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax.envs import base
from bao_jax.sampling import devices
from bao_jax.sampling import faults as faults_lib
from bao_jax.train import ahead

DEADLINE = 60.0


@dataclasses.dataclass(frozen=True)
class Speaker:
  faults: faults_lib.FaultLog = dataclasses.field(
      default_factory=faults_lib.FaultLog
  )
  turn: object = devices.TURN


def weights(step):
  """Stands for the weights that a step begins with."""
  return {'w': np.full(2, step)}


class Recorder:
  """Stands for what holds conversations; keeps whose weights held which."""

  def __init__(self):
    self.held = {}
    self.threads = set()

  def __call__(self, speaker, params, step, waited):
    with speaker.turn:
      self.held[step] = int(params['w'][0])
    waited(1.0, 2.0)
    self.threads.add(threading.get_ident())
    return [f'conversation of {step}']


class WeightsTest(parameterized.TestCase):

  @parameterized.parameters(
      (0, [0, 1, 2, 3, 4]), (1, [0, 0, 1, 2, 3]), (2, [0, 0, 0, 1, 2])
  )
  def test_follow_from_the_number_of_a_step(self, max_lag, expected):
    hold, said = Recorder(), []
    older = (weights(0),) * max_lag
    with ahead.Ahead(Speaker(), hold, range(5), older) as conversations:
      for step in range(5):
        said += conversations.held(step, weights(step)).trajectories
    self.assertEqual([hold.held[i] for i in range(5)], expected)
    self.assertEqual(said, [f'conversation of {i}' for i in range(5)])
    self.assertLen(hold.threads, 1)
    is_own = threading.get_ident() in hold.threads
    self.assertEqual(is_own, max_lag == 0)

  def test_resumed_run_has_the_same(self):
    hold = Recorder()
    older = (weights(0),) * 2
    with ahead.Ahead(Speaker(), hold, range(5), older) as conversations:
      for step in range(3):
        conversations.held(step, weights(step))
      older = conversations.older
    self.assertEqual([int(x['w'][0]) for x in older], [1, 2])
    hold = Recorder()
    with ahead.Ahead(Speaker(), hold, range(3, 5), older) as conversations:
      for step in range(3, 5):
        conversations.held(step, weights(step))
    self.assertEqual(hold.held, {3: 1, 4: 2})

  def test_later_ones_are_those_of_a_copy(self):
    hold, params, go = Recorder(), weights(0), threading.Event()

    def slow(speaker, params, step, waited):
      if step:
        self.assertTrue(go.wait(DEADLINE))
      return hold(speaker, params, step, waited)

    with ahead.Ahead(Speaker(), slow, range(2), (weights(0),)) as conversations:
      conversations.held(0, params)
      params['w'][:] = -1  # As an update that takes the state over.
      go.set()
      conversations.held(1, params)
    self.assertEqual(hold.held, {0: 0, 1: 0})


class BackgroundTest(absltest.TestCase):

  def test_next_conversations_are_held_during_an_update(self):
    begun = threading.Event()

    def hold(speaker, params, step, waited):
      if step == 1:
        begun.set()
      return []

    with ahead.Ahead(Speaker(), hold, range(2), (weights(0),)) as conversations:
      conversations.held(0, weights(0))
      # Nobody has asked for those of step 1 yet.
      self.assertTrue(begun.wait(DEADLINE))

  def test_error_comes_at_its_step_and_ends_the_rest(self):
    hold = Recorder()

    def failing(speaker, params, step, waited):
      if step == 1:
        raise base.UserError('no server')
      return hold(speaker, params, step, waited)

    older = (weights(0),) * 2
    with self.assertRaisesRegex(base.UserError, 'no server'):
      with ahead.Ahead(Speaker(), failing, range(9), older) as conversations:
        conversations.held(0, weights(0))
        conversations.held(1, weights(1))
    self.assertEqual(hold.held, {0: 0})
    # Those of steps 1 and 2: a run that goes on needs them.
    kept = [int(x['w'][0]) for x in conversations.older]
    self.assertEqual(kept, [0, 0])

  def test_what_is_under_way_at_the_end_is_given_up(self):
    begun, go, over = (threading.Event() for _ in range(3))
    log, ended = faults_lib.FaultLog(), []

    def hold(speaker, params, step, waited):
      if step == 0:
        return []
      log.record('1/x/0', 'no server')
      begun.set()
      go.wait(DEADLINE)
      try:
        with speaker.turn:
          ended.append('spoke')
      except devices.Revoked:
        ended.append('gave up')
      over.set()
      return []

    older = (weights(0),)
    with ahead.Ahead(Speaker(log), hold, range(9), older) as conversations:
      conversations.held(0, weights(0))
      self.assertTrue(begun.wait(DEADLINE))
    go.set()
    self.assertTrue(over.wait(DEADLINE))
    self.assertEqual(ended, ['gave up'])
    self.assertIsNone(log.error('1/x/0'))
    with devices.TURN:  # It was given back.
      pass


class IdleTest(parameterized.TestCase):

  @parameterized.parameters(
      # Before, across both ends, within, after.
      ([(0, 1)], 0),
      ([(1, 3), (4, 5), (9, 12)], 3),
      ([(0, 20)], 8),
      ([(10, 11)], 0),
      ([], 0),
  )
  def test_is_what_lies_within_the_span(self, waits, expected):
    self.assertEqual(ahead.idle_seconds(waits, 2, 10), expected)


if __name__ == '__main__':
  absltest.main()
