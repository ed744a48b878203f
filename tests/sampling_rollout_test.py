import dataclasses
import pathlib
import tempfile
import threading
import time

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import testing
from bao_jax.evaluation import evaluate
from bao_jax.model import config as config_lib
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import faults as faults_lib
from bao_jax.sampling import rollout
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.users import chat as chat_lib
from benchmarks import measure

TOKENIZER = tokenizer_lib.train(
    ['Say something about it.', 'You speak to an echo.'],
    vocab_size=360,
    phrases=chat.PHRASES,
)
CONFIG = config_lib.ModelConfig(
    vocab_size=360,
    num_layers=1,
    width=16,
    ff_width=32,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
    rope_theta=1e4,
)
LIMITS = rollout.Limits(max_tokens=160, max_turn_tokens=7)


@dataclasses.dataclass(frozen=True)
class AnyCallGym(testing.EchoGym):
  """Takes what an untrained policy says for an answer."""

  def step(self, state, action):
    said = action.error or action.content
    return super().step(state, types.Action('answer', said))


def make_engine(num_rows, **changes):
  settings = dict(
      num_slots=160, prefix_rows=3, decode_tokens=4, append_buckets=(8, 32)
  )
  return engine_lib.Engine(CONFIG, num_rows, **(settings | changes))


ENGINE = make_engine(4)


def speaker(*, engine=ENGINE, limits=LIMITS, max_turns=3, **changes):
  gyms = {'echo': AnyCallGym(max_turns=max_turns)}
  return rollout.Conversations(engine, TOKENIZER, gyms, limits, **changes)


def requests_of(tasks, samples=2):
  return [rollout.Request(t, s) for t in tasks for s in range(samples)]


class RolloutTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.params = measure.parameters(CONFIG)

  def hold(self, conversations, requests, **kwargs):
    return conversations.hold(self.params, requests, **kwargs)

  def assertSameConversations(self, first, second):
    self.assertEqual(len(first), len(second))
    for a, b in zip(first, second):
      self.assertEqual((a.task, a.sample), (b.task, b.sample))
      self.assertEqual((a.status, a.error), (b.status, b.error))
      self.assertLen(a.turns, len(b.turns))
      for x, y in zip(a.turns, b.turns):
        np.testing.assert_array_equal(x.tokens, y.tokens)
        np.testing.assert_array_equal(x.reply, y.reply)
        np.testing.assert_allclose(x.logps, y.logps, atol=1e-5)

  def test_rows_are_refilled_and_change_nothing(self):
    # Lengths differ, so rows become free at different times.
    tasks = [
        testing.echo_task(i, **({'fail_at': i % 3} if i % 2 else {}))
        for i in range(5)
    ]
    requests = requests_of(tasks)
    few = self.hold(speaker(), requests)
    many = self.hold(speaker(engine=make_engine(10)), requests)
    self.assertSameConversations(few, many)
    self.assertEqual(
        [(t.task.id, t.sample) for t in few],
        [(r.task.id, r.sample) for r in requests],
    )
    self.assertSameConversations(few, self.hold(speaker(), requests))

  def test_waves_change_nothing(self):
    tasks = [
        testing.echo_task(i, **({'fail_at': i % 3} if i % 2 else {}))
        for i in range(5)
    ]
    requests = requests_of(tasks)
    one = self.hold(speaker(), requests)
    two = self.hold(speaker(num_waves=2), requests)
    self.assertSameConversations(one, two)
    self.assertSameConversations(one, self.hold(speaker(num_waves=3), requests))

  def test_one_wave_speaks_while_the_gyms_of_another_answer(self):
    # The first gym answers once the second is asked: with one wave of one row
    # that never happens in time.
    asked = threading.Event()

    class Patient(AnyCallGym):

      def step(self, state, action):
        if state.task.data.get('waits'):
          if not asked.wait(timeout=20):
            raise base.UserError('nobody else was asked')
        else:
          asked.set()
        return super().step(state, action)

    def hold(num_waves):
      asked.clear()
      conversations = dataclasses.replace(
          speaker(
              engine=make_engine(1),
              num_waves=num_waves,
              limits=dataclasses.replace(LIMITS, deadline=1.0, max_attempts=1),
          ),
          gyms={'echo': Patient(max_turns=1)},
      )
      tasks = [testing.echo_task(0, waits=True), testing.echo_task(1)]
      return [t.status for t in self.hold(conversations, requests_of(tasks, 1))]

    self.assertEqual(hold(2), [types.TRUNCATED, types.TRUNCATED])
    self.assertEqual(hold(1), [types.FAILED, types.TRUNCATED])

  def test_samples_seeds_and_steps_differ(self):
    requests = requests_of([testing.echo_task()], samples=3)
    said = lambda held: [tuple(t.turns[0].tokens.tolist()) for t in held]
    first = said(self.hold(speaker(), requests))
    self.assertLen(set(first), 3)
    self.assertNotEqual(first, said(self.hold(speaker(), requests, step=1)))
    self.assertNotEqual(first, said(self.hold(speaker(seed=1), requests)))

  def test_conversation_is_what_the_gym_said(self):
    (held,) = self.hold(speaker(), requests_of([testing.echo_task(7)], 1))
    text = TOKENIZER.decode(held.prompt)
    self.assertIn('You speak to an echo.', text)
    self.assertIn('Say something about echo/easy/test/7.', text)
    self.assertEqual(held.status, types.TRUNCATED)
    self.assertLen(held.turns, 3)
    self.assertEmpty(held.turns[-1].reply)
    for turn in held.turns[:-1]:
      self.assertIn(turn.reply_text, TOKENIZER.decode(turn.reply))
      self.assertTrue(turn.is_user)

  def test_budgets_on_turns_and_tokens(self):
    requests = requests_of([testing.echo_task()], 4)
    for limit in (100, 117, 130):
      limits = dataclasses.replace(LIMITS, max_tokens=limit)
      for held in self.hold(speaker(limits=limits, max_turns=9), requests):
        size = len(held.prompt)
        for turn in held.turns:
          self.assertBetween(len(turn.tokens), 1, LIMITS.max_turn_tokens)
          self.assertLen(turn.logps, len(turn.tokens))
          size += len(turn.tokens) + len(turn.reply)
        self.assertLessEqual(size, limit)
        self.assertEqual(held.status, types.TRUNCATED)
        self.assertLess(len(held.turns), 9)
        self.assertEmpty(held.turns[-1].reply)

  def test_failed_conversation_is_counted_and_not_rewarded(self):
    tasks = [testing.echo_task(0, fail_at=1), testing.echo_task(1)]
    failed, fine = self.hold(speaker(), requests_of(tasks, 1))
    self.assertEqual(failed.status, types.FAILED)
    self.assertEqual(failed.error, 'echo/easy/test/0: no user at turn 1')
    self.assertLen(failed.turns, 2)
    self.assertFalse(failed.solved)
    self.assertEqual(failed.turns[-1].reward, 0)
    self.assertEqual(fine.status, types.TRUNCATED)
    metrics = evaluate.summarize([failed, fine], 'x')
    alone = evaluate.summarize([fine], 'x')
    self.assertEqual(metrics['x/score'], alone['x/score'])

  def test_failed_conversation_is_held_once_more_after_all_others(self):
    order = []

    class Recovering(AnyCallGym):

      def step(self, state, action):
        order.append(state.task.data['n'])
        if order == [0]:
          raise base.UserError('out')
        return super().step(state, action)

    conversations = dataclasses.replace(
        speaker(engine=make_engine(1)), gyms={'echo': Recovering(max_turns=1)}
    )
    tasks = [testing.echo_task(i, n=i) for i in range(3)]
    faults = conversations.faults
    held = self.hold(conversations, requests_of(tasks, 1))
    self.assertEqual([t.status for t in held], [types.TRUNCATED] * 3)
    self.assertEqual([t.task.data['n'] for t in held], [0, 1, 2])
    self.assertEqual(order, [0, 1, 2, 0])
    self.assertEqual(faults.error('0/echo/easy/test/0/0/0'), 'out')

  def test_many_failures_stop_and_few_pass(self):
    tasks = [
        testing.echo_task(i, **({'fail_at': 0} if i < 2 else {}))
        for i in range(4)
    ]
    held = self.hold(speaker(max_turns=1), requests_of(tasks, 1))
    rollout.check_failures(held, max_share=0.5)
    message = (
        r'2 of 4 conversations failed, 50 %, above sampling.max_failed_share='
        r'0.4; the first: echo/easy/test/0: no user at turn 0'
    )
    with self.assertRaisesRegex(base.UserError, message):
      rollout.check_failures(held, max_share=0.4)
    rollout.check_failures([], max_share=0.0)

  def test_attempts_are_bounded(self):
    requests = requests_of([testing.echo_task(0, fail_at=0)], 1)
    for attempts in (1, 3):
      calls = []

      class Failing(AnyCallGym):

        def step(self, state, action):
          calls.append(1)  # noqa: B023
          raise base.UserError('out')

      limits = dataclasses.replace(LIMITS, max_attempts=attempts)
      conversations = dataclasses.replace(
          speaker(limits=limits), gyms={'echo': Failing()}
      )
      (failed,) = self.hold(conversations, requests)
      self.assertEqual(failed.status, types.FAILED)
      self.assertLen(calls, attempts)

  @parameterized.parameters('conversation_deadline', 'step_deadline')
  def test_deadlines_over_turns(self, name):
    limits = dataclasses.replace(LIMITS, max_attempts=1, **{name: 0.3})

    class Slow(AnyCallGym):

      def step(self, state, action):
        time.sleep(0.2)
        return super().step(state, action)

    conversations = dataclasses.replace(
        speaker(limits=limits), gyms={'echo': Slow(max_turns=4)}
    )
    (late,) = self.hold(conversations, requests_of([testing.echo_task()], 1))
    self.assertEqual(late.status, types.FAILED)
    self.assertIn(f'({name})', late.error)
    self.assertLess(len(late.turns), 4)

  def test_waits_for_gyms_are_told(self):
    waits = []
    self.hold(
        speaker(max_turns=1),
        requests_of([testing.echo_task(0, sleep_at=0, sleep=0.2)], 1),
        waited=lambda *wait: waits.append(wait),
    )
    self.assertGreaterEqual(sum(end - begin for begin, end in waits), 0.2)
    flat = [moment for wait in waits for moment in wait]
    self.assertEqual(flat, sorted(flat))

  def test_deadline_fails_the_conversation_alone(self):
    tasks = [testing.echo_task(0, sleep_at=1, sleep=1.5), testing.echo_task(1)]
    limits = dataclasses.replace(LIMITS, deadline=0.4)
    late, fine = self.hold(speaker(limits=limits), requests_of(tasks, 1))
    self.assertEqual((late.status, len(late.turns)), (types.FAILED, 2))
    self.assertEqual(late.error, 'no reply within 0.4 s (deadline)')
    self.assertEqual(fine.status, types.TRUNCATED)

  def test_gym_that_hangs_is_not_waited_for(self):
    let_go, ended = threading.Event(), threading.Event()

    class Hanging(testing.EchoGym):

      def step(self, state, action):
        let_go.wait(timeout=60)
        ended.set()
        return super().step(state, action)

    limits = dataclasses.replace(LIMITS, deadline=0.1)
    hanging = dataclasses.replace(
        speaker(limits=limits), gyms={'echo': Hanging()}
    )
    (late,) = self.hold(hanging, requests_of([testing.echo_task()], 1))
    self.assertEqual(late.status, types.FAILED)
    self.assertFalse(ended.is_set())
    let_go.set()

  def test_fired_deadline_is_repeated(self):
    # The second run's user is in time, yet the turn has failed before, twice.
    faults = faults_lib.FaultLog()
    faults.record('4/echo/easy/test/0/0/1', 'no reply')
    faults.record('4/echo/easy/test/0/0/1/1', 'no reply')
    held = self.hold(
        speaker(faults=faults), requests_of([testing.echo_task()]), step=4
    )
    self.assertEqual([t.status for t in held], [types.FAILED, types.TRUNCATED])
    self.assertLen(held[0].turns, 2)

  def test_faults_of_a_step_that_ended_the_run_are_forgotten(self):
    folder = self.enter_context(tempfile.TemporaryDirectory())
    path = pathlib.Path(folder) / 'faults.txt'
    faults = faults_lib.FaultLog(path)
    steps = {3: chat_lib.StopError, 4: base.UserError, 40: KeyError}
    for step in steps:
      faults.record(f'{step}/a', 'no reply')
    for step, error in steps.items():
      with self.assertRaises(error):
        with faults.of_step(step):
          raise error('x')
    for log in (faults, faults_lib.FaultLog(path)):
      known = [log.error(f'{step}/a') for step in steps]
      self.assertEqual(known, [None, None, 'no reply'])

  def test_error_of_a_gym_that_is_not_of_its_user_is_raised(self):

    class Buggy(testing.EchoGym):

      def step(self, state, action):
        raise KeyError('a bug')

    broken = dataclasses.replace(speaker(), gyms={'echo': Buggy()})
    with self.assertRaisesRegex(KeyError, 'a bug'):
      self.hold(broken, requests_of([testing.echo_task()]))

  def test_compiles_are_bounded_by_the_table(self):
    # Programs of another engine do not count.
    self.hold(
        speaker(engine=make_engine(2, num_slots=150)),
        requests_of([testing.echo_task(0)], 2),
    )
    engine = make_engine(3)
    self.assertEqual(engine.num_compiles(), 0)
    for text in ('a', 'b ' * 20, 'c ' * 33):
      self.hold(
          speaker(engine=engine),
          requests_of([testing.echo_task(0, greeting=text)], 4),
      )
    # For rows and for prefixes: append per bucket and bucket of held tokens,
    # write per bucket, share; for rows decode per bucket of held tokens.
    widths, helds = len(engine.append_buckets), len(engine.held_buckets)
    bound = 2 * (widths * helds + widths + 1) + helds
    self.assertLessEqual(engine.num_compiles(), bound)
    again = lambda: self.hold(
        speaker(engine=engine, max_turns=2),
        requests_of([testing.echo_task(i) for i in range(5)], 3),
        step=3,
    )
    again()
    compiled = engine.num_compiles()
    self.assertLessEqual(compiled, bound)
    again()
    self.assertEqual(engine.num_compiles(), compiled)

  def test_prompt_larger_than_the_budget_is_refused(self):
    task = testing.echo_task(0, greeting='x' * 500)
    message = (
        r'echo/easy/test/0: the prompt takes \d+ tokens, but .*max_tokens='
    )
    with self.assertRaisesRegex(ValueError, message):
      self.hold(speaker(), requests_of([task]))

  def test_unknown_gym_is_named(self):
    task = dataclasses.replace(testing.echo_task(), gym='chess')
    with self.assertRaisesRegex(ValueError, "no gym 'chess'; there are: echo"):
      self.hold(speaker(), requests_of([task]))

  def test_system_message_must_be_shared(self):

    class Personal(AnyCallGym):

      def prompt(self, task):
        return base.Observation(f'You are {task.id}.', 'Speak.')

    wrong = dataclasses.replace(speaker(), gyms={'echo': Personal()})
    tasks = [testing.echo_task(0), testing.echo_task(1)]
    with self.assertRaisesRegex(ValueError, 'echo/easy/test/1: its system'):
      self.hold(wrong, requests_of(tasks))

  def test_no_requests(self):
    self.assertEqual(self.hold(speaker(), []), [])

  def test_stream_yields_each_as_it_ends(self):
    tasks = [testing.echo_task(0), testing.echo_task(1, fail_at=0)]
    requests = requests_of(tasks, 2)
    ended = list(speaker().stream(self.params, requests))
    # Those that fail in their first turn are over first.
    self.assertEqual([i for i, _ in ended], [2, 3, 0, 1])
    held = self.hold(speaker(), requests)
    self.assertSameConversations([dict(ended)[i] for i in range(4)], held)


class FaultLogTest(absltest.TestCase):

  def test_outlives_the_process(self):
    path = pathlib.Path(tempfile.mkdtemp()) / 'faults.txt'
    faults_lib.FaultLog(path).record('3/turtle/1/0/2', 'no reply')
    with path.open('a') as file:
      file.write('{"4/tur')  # Torn by a kill.
    faults_lib.FaultLog(path).record('5/turtle/1/0/2', 'no user')
    log = faults_lib.FaultLog(path)
    self.assertEqual(log.error('3/turtle/1/0/2'), 'no reply')
    self.assertEqual(log.error('5/turtle/1/0/2'), 'no user')
    self.assertIsNone(log.error('4/turtle/1/0/2'))


if __name__ == '__main__':
  absltest.main()
