"""Tests for bao_jax.users.gather."""

import contextlib
import dataclasses
import functools
import queue
import random
import tempfile
import threading
import time

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import base
from bao_jax.sampling import calls
from bao_jax.sampling import completions
from bao_jax.users import cache as cache_lib
from bao_jax.users import chat
from bao_jax.users import client as client_lib
from bao_jax.users import gather
from bao_jax.users import ledger as ledger_lib
from bao_jax.users import models

SCHEMA = {
    'type': 'object',
    'properties': {'right': {'type': 'boolean'}},
    'required': ['right'],
    'additionalProperties': False,
}
MODEL = models.Model('m', '', budget=100.0, deadline=90.0, structured='off')


class Echo:
  """A `gather.LocalModel` that repeats what it was asked last.

  Attributes:
    batches: the questions of each call, in order.
  """

  def __init__(self, reply=lambda said: said, seconds=0.0):
    self.batches = []
    self._reply = reply
    self._seconds = seconds

  def prompt(self, request):
    said = request['messages'][-1]['content']
    return completions.Prompt((), tuple(said.encode()), 9, seed=request['seed'])

  def complete(self, prompts, is_wanted):
    said = [bytes(prompt.rest).decode() for prompt in prompts]
    self.batches.append(said)
    for i, text in enumerate(said):
      time.sleep(self._seconds)
      if is_wanted(i):
        yield i, models.Completion(self._reply(text), len(text), 1)


def question(text, *, role='user', schema=None, **kwargs):
  return chat.Ask(
      role, 'You.', (('user', text),), f'{role}/x', schema, **kwargs
  )


class ServerTest(parameterized.TestCase):

  def client(self, named, *, roles=None, cache=None):
    server = gather.Server(named)
    self.addCleanup(server.close)
    roles = roles or {}
    return client_lib.Client(
        server.post,
        {role: roles.get(role, MODEL) for role in chat.ROLES},
        client_lib.Limits(concurrency=1000, backoff=0.0),
        cache or cache_lib.Cache('off'),
        ledger_lib.Ledger(),
    )

  def hold(self, talks, *, num_threads=8, first_deadline=60.0):
    seconds = [first_deadline, *[60.0] * (len(talks) - 1)]
    deadlines = [[calls.Deadline(s, 'deadline')] for s in seconds]
    running = calls.Round(talks, num_threads=num_threads, deadlines=deadlines)
    return [outcome.value for outcome in running.wait()]

  def test_a_question_outside_of_any_round_waits_for_nothing(self):
    client = self.client({'m': Echo()})
    self.assertEqual(client(question('so?')), 'so?')

  def test_questions_of_a_round_are_answered_together(self):
    rng = random.Random(0)

    def talk(i, client):
      time.sleep(rng.random() / 20)
      if i % 4 == 0:  # Asks nothing.
        return str(i)
      said = client(question(f'{i:02}'))
      if i % 2:
        said += client(question(f'{i:02}!', role='judge'))
      return said

    seen = []
    for _ in range(3):
      model = Echo()
      client = self.client({'m': model})
      talks = [functools.partial(talk, i, client) for i in range(16)]
      said = self.hold(talks)
      self.assertEqual(said[:4], ['0', '0101!', '02', '0303!'])
      seen.append(model.batches)
    self.assertEqual(seen[1:], seen[:1] * 2)
    # With eight threads: the first eight that ask; what these ask then and
    # whoever took the places of those that asked nothing more; the rest.
    self.assertEqual(
        seen[0],
        [
            '01 02 03 05 06 07 09 10'.split(),
            '01! 03! 05! 07! 09! 11 13 14'.split(),
            '11! 13! 15'.split(),
            ['15!'],
        ],
    )

  def test_rounds_do_not_mix(self):
    # As of two waves: one round asks while another one is thinking.
    model, thinks = Echo(), threading.Event()
    client = self.client({'m': model})

    def slow():
      thinks.wait(10)
      return client(question('slow'))

    rounds = [
        calls.Round(
            talks,
            num_threads=9,
            deadlines=[[calls.Deadline(60.0, 'deadline')]] * len(talks),
        )
        for talks in (
            [slow, lambda: client(question('early'))],
            [lambda: client(question('b')), lambda: client(question('a'))],
        )
    ]
    rounds[1].wait()
    thinks.set()
    rounds[0].wait()
    self.assertEqual(model.batches, [['a', 'b'], ['early', 'slow']])

  def test_models_are_asked_in_turn(self):
    asked = {name: Echo() for name in ('m', 'j')}
    judge = dataclasses.replace(MODEL, name='j')
    client = self.client(asked, roles={'judge': judge})
    ask = lambda text, role: client(question(text, role=role))
    said = self.hold(
        [
            functools.partial(ask, text, role)
            for text, role in (('1', 'user'), ('2', 'judge'), ('3', 'user'))
        ]
    )
    self.assertEqual(said, ['1', '2', '3'])
    self.assertEqual(asked['m'].batches, [['1', '3']])
    self.assertEqual(asked['j'].batches, [['2']])

  def test_equal_questions_are_answered_once(self):
    model = Echo()
    client = self.client({'m': model})
    ask = lambda: client(question('so?'))
    self.assertEqual(self.hold([ask] * 6), ['so?'] * 6)
    self.assertEqual(model.batches, [['so?']])

  def test_a_wrong_reply_is_sent_back(self):
    reply = lambda said: (
        '{"right": true}' if said.startswith('This reply') else 'perhaps'
    )
    model = Echo(reply)
    client = self.client({'m': model})
    ask = lambda i: client(question(str(i), role='judge', schema=SCHEMA))
    said = self.hold([functools.partial(ask, i) for i in range(5)])
    self.assertEqual(said, [{'right': True}] * 5)
    # Those sent back are gathered too; all five complaints are equal here.
    self.assertEqual([len(batch) for batch in model.batches], [5, 1])
    judge = client.ledger.summary()['roles']['judge']
    self.assertEqual(
        (judge['asks'], judge['requests'], judge['reasks'], judge['failed']),
        (5, 10, 5, 0),
    )
    self.assertEqual((judge['tokens_out'], judge['cost']), (10, 0.0))
    self.assertGreater(judge['tokens_in'], 5)
    self.assertEqual(judge['errors'], {'invalid': 5})

  def test_a_deadline_fails_its_question_alone(self):
    model = Echo(seconds=0.4)
    short = dataclasses.replace(MODEL, deadline=0.2, max_retries=0)
    client = self.client({'m': model}, roles={'judge': short})
    ask = lambda text, role: client(question(text, role=role))
    late, fine = self.hold(
        [
            functools.partial(ask, '1', 'judge'),
            functools.partial(ask, '2', 'user'),
        ]
    )
    self.assertIsInstance(late, base.UserError)
    self.assertIn('no reply within 0.2 s on our own devices', str(late))
    self.assertEqual(fine, '2')
    errors = client.ledger.summary()['roles']['judge']['errors']
    self.assertEqual(errors, {'timeout': 1})

  def test_whoever_hangs_holds_up_the_others_for_a_while_only(self):
    let_go = threading.Event()
    patient = dataclasses.replace(MODEL, deadline=6.0, max_retries=0)
    client = self.client({'m': Echo()}, roles={'user': patient})

    def ask():
      said = client(question('so?'))
      let_go.set()
      return said

    hang = functools.partial(let_go.wait, 60)
    self.assertEqual(self.hold([hang, ask]), [True, 'so?'])

  def test_a_thread_that_was_given_up_is_not_waited_for(self):
    # Its place is taken by another, and by that alone.
    let_go = threading.Event()
    self.addCleanup(let_go.set)
    model = Echo()
    client = self.client({'m': model})
    hang = functools.partial(let_go.wait, 60)
    ask = lambda i: client(question(str(i)))
    talks = [hang, *(functools.partial(ask, i) for i in range(4))]
    said = self.hold(talks, num_threads=2, first_deadline=0.5)
    self.assertEqual(said[1:], ['0', '1', '2', '3'])
    self.assertEqual(model.batches, [['0', '1'], ['2', '3']])

  def test_nothing_is_computed_for_a_round_that_is_over(self):
    begun, is_over, computed = threading.Event(), threading.Event(), []

    class Slow(Echo):

      def complete(self, prompts, is_wanted):
        begun.set()
        is_over.wait(10)
        for i, completion in super().complete(prompts, is_wanted):
          computed.append(i)
          yield i, completion

    client = self.client({'m': Slow()})
    outcomes = queue.SimpleQueue()

    def ask(text):
      try:
        outcomes.put(client(question(text)))
      except base.UserError as error:
        outcomes.put(str(error))

    running = calls.Round(
        [int, functools.partial(ask, 'a'), functools.partial(ask, 'b')],
        num_threads=3,
        deadlines=[[calls.Deadline(60.0, 'deadline')]] * 3,
    )
    with contextlib.closing(running.as_completed()) as listening:
      next(listening)
      self.assertTrue(begun.wait(10))
    is_over.set()
    lost = 'user/x: the user is not waited for any more'
    self.assertEqual([outcomes.get(timeout=10) for _ in 'ab'], [lost] * 2)
    self.assertEmpty(computed)
    self.assertEqual(client.ledger.total('retries'), 0)

  def test_a_bug_reaches_whoever_asked(self):
    class Broken(Echo):

      def complete(self, prompts, is_wanted):
        raise RuntimeError('out of memory')

    client = self.client({'m': Broken()})
    with self.assertRaisesRegex(RuntimeError, 'out of memory'):
      client(question('so?'))

  def test_a_recorded_run_needs_no_model(self):
    folder = self.enter_context(tempfile.TemporaryDirectory())
    path = f'{folder}/replies.jsonl'
    ask = question('so?')
    cache = cache_lib.Cache('record', path)
    said = self.client({'m': Echo()}, cache=cache)(ask)
    silent = self.client({}, cache=cache_lib.Cache('replay', path))
    self.assertEqual(silent(ask), said)


if __name__ == '__main__':
  absltest.main()
