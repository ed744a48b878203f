"""Tests for bao_jax.envs.intention."""

import dataclasses
import json

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import intention
from bao_jax.envs import testing
from bao_jax.tasks.builtin import intention as tasks
from bao_jax.users.llm import intention as llm


def _task(category, subject, values, missing, level='easy'):
  request = tasks.Request(category, subject, values, tuple(missing.split()))
  data = tasks.request_data(request, level)
  return types.Task(f'intention/{level}/x', 'intention', level, data)


COAT = {'size': 'small', 'color': 'red', 'price': 'cheap', 'day': 'monday'}
TASK = _task('clothes', 'coat', COAT, 'size price day')  # Worth 1, .7 and .4.
FULL = _task(
    'Travel',
    'Plan a trip',
    {
        'place': 'at the beach',
        'budget': 'fifty dollars',
        'duration': 'two weeks',
        'people': 'six people',
    },
    'place budget duration',
    'full',
)
# What a task of the benchmark looks like: no structured truth.
FOREIGN = dataclasses.replace(
    FULL, data={k: v for k, v in FULL.data.items() if k != 'facts'}
)


def _play(gym, *questions, task=TASK):
  state, _ = gym.reset(task, seed=0)
  steps = []
  for question in questions:
    state, step = gym.step(state, types.Action('action', question))
    steps.append(step)
  return steps


def _judged(verdict, **fields):
  """Returns a gym whose judge always says the same."""
  return intention.IntentionGym(judge=lambda state, text: verdict, **fields)


class RewardTest(parameterized.TestCase):

  def test_worked_example(self):
    steps = _play(
        intention.IntentionGym(),
        'what size?',
        'what size?',
        'what color?',
        'hello',
        'what price and day?',
    )
    self.assertEqual(
        [step.reply for step in steps],
        ['size small', 'still small', 'still red', 'what?']
        + ['price cheap, day monday'],
    )
    rewards = [step.reward for step in steps]
    # The last covers .7 and .4 at once: .7 - .2.
    for reward, expected in zip(rewards, [1, 0, 0, 0, 0.5], strict=True):
      self.assertAlmostEqual(reward, expected)
    self.assertEqual([step.solved for step in steps], [0, 0, 0, 0, 1])
    self.assertTrue(steps[-1].terminated)
    self.assertFalse(steps[-1].truncated)

  @parameterized.parameters(
      ([], 0),
      ([0], 1.0),
      ([1], 0.7),
      ([2], 0.4),
      ([2, 1], 0.5),
      ([2, 0], 0.8),
      ([2, 1, 0], 0.6),
      ((0,), 1.0),
  )
  def test_the_most_important_counts_less_a_penalty(self, verdict, expected):
    (step,) = _play(_judged(verdict), 'x')
    self.assertAlmostEqual(step.reward, expected)

  def test_the_reward_is_never_negative(self):
    gym = _judged([0, 1, 2], multi_detail_penalty=0.9, clip_rewards=False)
    (step,) = _play(gym, 'x')
    self.assertEqual(step.reward, 0)

  def test_rewards_add_up_to_more_than_one(self):
    steps = _play(
        intention.IntentionGym(), 'what size?', 'what price?', 'what day?'
    )
    self.assertAlmostEqual(sum(step.reward for step in steps), 2.1)

  def test_a_place_named_twice_counts_once(self):
    gym = _judged([0, 0, 2])
    self.assertAlmostEqual(_play(gym, 'x')[0].reward, 0.8)
    original = dataclasses.replace(gym, count_duplicates=True)
    steps = _play(original, 'x', 'x')
    self.assertAlmostEqual(steps[0].reward, 0.6)
    self.assertEqual(steps[1].reward, 0)
    # Covered is covered once, however often it was named.
    self.assertFalse(steps[1].terminated)

  def test_what_is_covered_is_not_paid_again(self):
    steps = _play(_judged([0]), *['x'] * 4)
    self.assertEqual([step.reward for step in steps], [1, 0, 0, 0])

  def test_the_budget_truncates_and_does_not_terminate(self):
    gym = intention.IntentionGym(max_turns=2)
    last = _play(gym, 'what size?', 'what size?')[-1]
    self.assertTrue(last.truncated)
    self.assertFalse(last.terminated or last.solved)
    last = _play(gym, 'what size?', 'what price and day?')[-1]
    self.assertTrue(last.terminated)
    self.assertFalse(last.truncated)

  @parameterized.parameters(
      (None,), ('0',), ([True],), (['0'],), ([3],), ([-1],), ([0.0],), (0,)
  )
  def test_a_verdict_that_is_none_is_an_outage(self, verdict):
    with self.assertRaisesRegex(base.UserError, 'whole numbers from 0 to 2'):
      _play(_judged(verdict), 'x')


class ContractTest(parameterized.TestCase):

  def test_only_action_is_legal(self):
    gym = intention.IntentionGym()
    for choice in ('answer', 'search'):
      state, _ = gym.reset(TASK, 0)
      state, step = gym.step(state, types.Action(choice, 'what size?'))
      self.assertEqual((step.reward, step.is_user), (0, False))
      self.assertIn('use one of: action', step.reply)

  def test_who_counts_as_involved_is_a_setting(self):
    (step,) = _play(intention.IntentionGym(), 'what size?')
    self.assertFalse(step.is_user)
    gym = intention.IntentionGym(user_choices=('action',))
    (step,) = _play(gym, 'what size?')
    self.assertTrue(step.is_user)

  @parameterized.parameters('', '  \n', 'what size? ' * 1000)
  def test_empty_and_endless_questions_reach_nobody(self, question):
    def nobody(state, text):
      raise AssertionError

    gym = intention.IntentionGym(user=nobody, judge=nobody)
    (step,) = _play(gym, question)
    self.assertEqual(step.reward, 0)
    self.assertRegex(step.reply, 'Ask a question|at most 4000 characters')

  def test_the_user_does_not_see_what_is_missing(self):
    seen = []

    def user(state, text):
      seen.append(state.task.data)
      return 'yes'

    gym = intention.IntentionGym(user=user)
    _play(gym, 'what size?')
    _play(dataclasses.replace(gym, show_details=True), 'what size?')
    self.assertNotIn('missing_details', seen[0])
    self.assertEqual(seen[1]['missing_details'], TASK.data['missing_details'])

  def test_prompts(self):
    gym = intention.IntentionGym(max_turns=8)
    _, observation = gym.reset(TASK, 0)
    text = f'{observation.system} {observation.user}'
    self.assertLessEqual(len(text.split()), 90)
    for word in ('action', '8 turns', 'Think first', 'clothes: coat', 'red'):
      self.assertIn(word, text)
    _, observation = gym.reset(FULL, 0)
    for word in ('action', '8 turns', '<think>'):
      self.assertIn(word, observation.system)
    self.assertIn('Plan a trip. It is for six people.', observation.user)
    for hidden in ('beach', 'fifty', 'two weeks', 'importance'):
      self.assertNotIn(hidden, observation.system + observation.user)

  def test_foreign_tasks_need_another_user(self):
    with self.assertRaisesRegex(ValueError, 'intention/full/x.*"facts"'):
      intention.IntentionGym().reset(FOREIGN, 0)
    gym = intention.IntentionGym(
        user=lambda state, text: 'Hm.', judge=lambda state, text: [0]
    )
    (step,) = _play(gym, 'Where?', task=FOREIGN)
    self.assertEqual((step.reply, step.reward), ('Hm.', 1))

  def test_an_unknown_importance_is_named(self):
    data = json.loads(json.dumps(TASK.data))
    data['missing_details'][1]['importance'] = 'high'
    task = dataclasses.replace(TASK, data=data)
    with self.assertRaisesRegex(ValueError, "missing detail 1 is 'high'"):
      intention.IntentionGym().reset(task, 0)

  @parameterized.parameters((TASK,), (FULL,))
  def test_check_env(self, task):
    actions = [
        types.Action('action', 'what day?'),
        types.Action('answer', 'what day?'),
        types.Action('action', 'hello'),
    ]
    testing.check_env(intention.IntentionGym(), task, actions)
    testing.check_env(_with_model(), task, actions)


def _with_model():
  """Returns the gym, played by a model that covers one detail at a time."""

  def ask(question):
    if question.role == 'user':
      return {'reply': 'That one.'}
    asked = json.loads(question.messages[-1][1])['question']
    places = question.schema['properties']['covered']['items']['enum']
    return {
        'analysis': '',
        'is_related': 'day' in asked,
        'covered': places[:1],
    }

  return dataclasses.replace(intention.IntentionGym(), **llm.roles(ask))


if __name__ == '__main__':
  absltest.main()
