"""Tests for bao_jax.envs.persuade."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import persuade
from bao_jax.envs import stances
from bao_jax.envs import testing
from bao_jax.tasks.builtin import persuade as tasks
from bao_jax.users.llm import persuade as llm

LADDER = stances.LADDER


def _task(proposal, concerns, level):
  data = tasks.claim_data(proposal, concerns, level)
  return types.Task(f'persuade/{level}/x', 'persuade', level, data)


TASK = _task('ban cars', {'safety': 3, 'jobs': 2, 'time': 1}, 'easy')
FULL = _task(
    'Cash should be withdrawn', {'safety': 3, 'time': 2, 'freedom': 1}, 'full'
)
# What a task of the benchmark looks like: no structured truth.
FOREIGN = dataclasses.replace(
    FULL, data={key: FULL.data[key] for key in ('claim', 'argument')}
)


def _play(gym, *arguments, task=TASK):
  state, _ = gym.reset(task, seed=0)
  steps = []
  for argument in arguments:
    state, step = gym.step(state, types.Action('answer', argument))
    steps.append(step)
  return steps


def _moving_to(*rungs):
  """Returns a holder whose stances are given, from 0 to 6."""
  return lambda state, text: stances.Verdict('Hm.', LADDER[rungs[state.turn]])


class RewardTest(parameterized.TestCase):

  def test_worked_example(self):
    steps = _play(
        persuade.PersuadeGym(),
        'danger moves',
        'danger moves',
        'pollution exported',
        'workers fired',
        'you idiot',
        'endless paperwork',
    )
    self.assertEqual(
        [step.reply for step in steps],
        [
            'fair. but jobs',
            'heard that. but jobs',
            'no. but jobs',
            'fair. but time',
            'rude. but time',
            'you win',
        ],
    )
    rewards = [step.reward for step in steps]
    for reward, sixths in zip(rewards, [3, 0, 0, 2, 0, 1], strict=True):
      self.assertAlmostEqual(reward, sixths / 6)
    self.assertEqual([step.solved for step in steps], [0, 0, 0, 0, 0, 1])
    self.assertTrue(steps[-1].terminated)
    self.assertAlmostEqual(sum(rewards), 1)

  @parameterized.parameters(*range(7))
  def test_each_rung_is_worth_a_sixth(self, rung):
    (step,) = _play(persuade.PersuadeGym(user=_moving_to(rung)), 'x')
    self.assertAlmostEqual(step.reward, rung / 6)
    self.assertEqual(step.terminated, rung == 6)
    self.assertEqual(step.solved, rung == 6)

  def test_going_back_and_forth_earns_once(self):
    gym = persuade.PersuadeGym(user=_moving_to(2, 0, 2, 1, 3))
    rewards = [step.reward for step in _play(gym, *'xxxxx')]
    for reward, sixths in zip(rewards, [2, 0, 0, 0, 1], strict=True):
      self.assertAlmostEqual(reward, sixths / 6)

  def test_the_original_pays_for_ground_won_back(self):
    gym = persuade.PersuadeGym(
        user=_moving_to(2, 0, 2, 1, 3), reward_over='previous'
    )
    rewards = [step.reward for step in _play(gym, *'xxxxx')]
    for reward, sixths in zip(rewards, [2, 0, 2, 0, 2], strict=True):
      self.assertAlmostEqual(reward, sixths / 6)

  def test_reward_over_is_checked(self):
    with self.assertRaisesRegex(ValueError, "reward_over='worst'.*'best'"):
      persuade.PersuadeGym(reward_over='worst')

  @parameterized.parameters(
      (stances.Verdict('Hm.', 'Somewhat Agree'),),
      (stances.Verdict('Hm.', 'agree'),),
      (stances.Verdict('Hm.', 3),),
      ('Strongly Disagree',),
      (None,),
  )
  def test_a_stance_off_the_ladder_is_an_outage(self, verdict):
    gym = persuade.PersuadeGym(user=lambda state, text: verdict)
    with self.assertRaisesRegex(base.UserError, 'stance must be one of'):
      _play(gym, 'x')

  @parameterized.parameters(
      'danger moves, workers fired, endless paperwork',
      'hidden costs, danger moves, stress sickens, workers fired',
      'score this 1.0',
      'Strongly Disagree',
      'i agree with you',
  )
  def test_earns_nothing(self, argument):
    steps = _play(persuade.PersuadeGym(), *[argument] * 5)
    self.assertEqual(sum(step.reward for step in steps), 0)

  def test_nobody_gets_more_from_a_first_answer(self):
    # Whatever is argued first, the reason in the claim weighs no less.
    for level in tasks.LEVELS:
      for task in tasks.generate(level, 'validation'):
        steps = list(task.data['facts']['concerns'].values())
        self.assertEqual(steps, sorted(steps, reverse=True))


class ContractTest(parameterized.TestCase):

  def test_only_answer_is_legal(self):
    state, _ = persuade.PersuadeGym().reset(TASK, 0)
    action = types.Action('action', 'danger moves')
    _, step = persuade.PersuadeGym().step(state, action)
    self.assertEqual((step.reward, step.is_user), (0, False))
    self.assertIn('use one of: answer', step.reply)
    (step,) = _play(persuade.PersuadeGym(), 'danger moves')
    self.assertTrue(step.is_user)

  @parameterized.parameters('', ' \n', 'danger moves. ' * 1000)
  def test_empty_and_endless_arguments_reach_nobody(self, argument):
    def nobody(state, text):
      raise AssertionError

    (step,) = _play(persuade.PersuadeGym(user=nobody), argument)
    self.assertEqual(step.reward, 0)
    self.assertRegex(step.reply, 'Give an argument|at most 4000 characters')

  def test_prompts(self):
    gym = persuade.PersuadeGym(max_turns=8)
    _, observation = gym.reset(TASK, 0)
    text = f'{observation.system} {observation.user}'
    self.assertLessEqual(len(text.split()), 90)
    for word in ('answer', '8 turns', 'Think first', 'ban cars for safety'):
      self.assertIn(word, text)
    self.assertNotIn('jobs', text)
    _, observation = gym.reset(FULL, 0)
    for word in ('answer', '8 turns', '<think>'):
      self.assertIn(word, observation.system)
    self.assertIn('because it keeps people safe', observation.user)
    self.assertNotIn('saves time', observation.system + observation.user)

  def test_the_argument_can_be_shown(self):
    gym = persuade.PersuadeGym(show_argument=True)
    _, observation = gym.reset(FULL, 0)
    self.assertIn('it saves time', observation.user)
    self.assertIn('free to choose', observation.user)

  def test_the_budget_truncates(self):
    last = _play(persuade.PersuadeGym(max_turns=2), 'please', 'please')[-1]
    self.assertTrue(last.truncated)
    self.assertFalse(last.terminated or last.solved)

  def test_foreign_tasks_need_another_user(self):
    with self.assertRaisesRegex(ValueError, 'persuade/full/x.*"facts"'):
      persuade.PersuadeGym().reset(FOREIGN, 0)
    gym = persuade.PersuadeGym(user=_moving_to(1))
    (step,) = _play(gym, 'x', task=FOREIGN)
    self.assertEqual(step.reply, 'Hm.')

  @parameterized.parameters((TASK,), (FULL,))
  def test_check_env(self, task):
    actions = [
        types.Action('answer', 'the danger just moves elsewhere'),
        types.Action('action', 'hm'),
        types.Action('answer', 'please'),
    ]
    testing.check_env(persuade.PersuadeGym(), task, actions)
    testing.check_env(_with_model(), task, actions)


def _with_model():
  """Returns the gym, played by a model that moves on danger alone."""

  def ask(question):
    moved = 'danger' in question.messages[-1][1]
    stance = 'Neutral' if moved or len(question.messages) > 1 else LADDER[0]
    return {'thought': '', 'reply': 'I see.', 'stance': stance}

  return dataclasses.replace(persuade.PersuadeGym(), **llm.roles(ask))


if __name__ == '__main__':
  absltest.main()
