import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import function
from bao_jax.envs import telepathy
from bao_jax.envs import testing
from bao_jax.envs import turtle
from bao_jax.envs.tau import gym as tau
from bao_jax.tasks.builtin import function as function_tasks
from bao_jax.tasks.builtin import tau as tau_tasks
from bao_jax.tasks.builtin import telepathy as telepathy_tasks
from bao_jax.tasks.builtin import turtle as turtle_tasks

ACTIONS = [
    types.Action('action', '1 2 3'),
    types.Action('answer', 'Is it alive?'),
    types.Action('', error='Bad call: no.'),
    types.Action('action', 'Is it 🙂?'),
]


class CheckEnvTest(parameterized.TestCase):

  @parameterized.parameters(
      (testing.EchoGym, None),
      (function.FunctionGym, function_tasks),
      (telepathy.TelepathyGym, telepathy_tasks),
      (turtle.TurtleGym, turtle_tasks),
      (tau.TauGym, tau_tasks),
  )
  def test_gyms_of_the_package(self, gym, tasks):
    task = tasks.generate('easy', 'test', 0)[0] if tasks else None
    task = task or testing.echo_task(secret='1')
    testing.check_env(gym(max_turns=5), task, ACTIONS)
    testing.check_env(gym(max_turns=3, bad_calls_end=True), task, ACTIONS)

  def test_broken_gyms_are_found(self):

    class Forgetful(testing.EchoGym):
      said = 0

      def respond(self, state, action):
        Forgetful.said += 1
        return base.Response(str(Forgetful.said))

    class Endless(testing.EchoGym):

      def step(self, state, action):
        state, step = super().step(dataclasses.replace(state, turn=0), action)
        return dataclasses.replace(state, done=step.terminated), step

    class Mutating(testing.EchoGym):

      def respond(self, state, action):
        state.memory['said'] = 1
        return base.Response('ok')

    class Lenient(testing.EchoGym):

      def step(self, state, action):
        return super().step(dataclasses.replace(state, done=False), action)

    class Generous(testing.EchoGym):

      def _response(self, state, action):
        response = super()._response(state, action)
        return dataclasses.replace(response, reward=float(bool(action.error)))

    for gym, complaint in (
        (Forgetful, 'two episodes differ'),
        (Endless, 'beyond max_turns'),
        (Mutating, 'changed the state'),
        (Lenient, 'no ValueError'),
        (Generous, 'a bad call is rewarded'),
    ):
      with self.assertRaisesRegex(AssertionError, complaint):
        testing.check_env(gym(max_turns=3), testing.echo_task(), ACTIONS)


class StepPenaltyTest(parameterized.TestCase):

  @parameterized.parameters(
      (testing.EchoGym(step_penalty=0.25), [0.0, 0.5]),
      (testing.EchoGym(step_penalty=2.0), [0.0, 0.0]),
      (testing.EchoGym(step_penalty=-2.0), [1.0, 1.0]),
      (testing.EchoGym(step_penalty=0.25, clip_rewards=False), [-0.25, 0.5]),
  )
  def test_reward_stays_in_the_unit_interval(self, gym, expected):
    state, _ = gym.reset(testing.echo_task(secret='7'), 0)
    rewards = []
    for content in '17':
      state, step = gym.step(state, types.Action('action', content))
      rewards.append(step.reward)
    self.assertEqual(rewards, expected)

  @parameterized.parameters(
      (True, [0, 0, 0, 0.6]), (False, [-0.1, -0.2, -0.3, 0.6])
  )
  def test_every_turn_is_charged(self, clip_rewards, expected):
    gym = function.FunctionGym(step_penalty=0.1, clip_rewards=clip_rewards)
    data = {'rule': 'a + b', 'test_case': [1, 2, 3, 4], 'expected': 3}
    state, _ = gym.reset(types.Task('t', 'function', 'easy', data), 0)
    rewards = []
    for action in (
        types.Action('action', '5 6 7 8'),
        types.Action('', error='Bad call.'),
        types.Action('answer', '4'),
        types.Action('answer', '3'),
    ):
      state, step = gym.step(state, action)
      rewards.append(step.reward)
    np.testing.assert_allclose(rewards, expected)

  def test_only_function_charges_in_full(self):
    self.assertFalse(function.FunctionGym().clip_rewards)
    self.assertTrue(telepathy.TelepathyGym().clip_rewards)
    self.assertTrue(turtle.TurtleGym().clip_rewards)


class EchoGymTest(absltest.TestCase):

  def test_fails_when_told(self):
    gym = testing.EchoGym()
    state, _ = gym.reset(testing.echo_task(fail_at=1), 0)
    state, step = gym.step(state, types.Action('answer', 'hi'))
    self.assertEqual(step.reply, '1: hi')
    self.assertTrue(step.is_user)
    with self.assertRaisesRegex(base.UserError, 'no user at turn 1'):
      gym.step(state, types.Action('answer', 'hi'))

  def test_secret_solves(self):
    gym = testing.EchoGym()
    state, _ = gym.reset(testing.echo_task(secret='7'), 0)
    _, step = gym.step(state, types.Action('action', '7'))
    self.assertEqual(step.reward, 1)
    self.assertTrue(step.solved and step.terminated)


if __name__ == '__main__':
  absltest.main()
