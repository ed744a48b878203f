import asyncio
import pathlib
import tempfile
import threading

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import base
from bao_jax.users import cache as cache_lib
from bao_jax.users import chat
from bao_jax.users import client as client_lib
from bao_jax.users import ledger as ledger_lib
from bao_jax.users import models

SCHEMA = {
    'type': 'object',
    'properties': {'right': {'type': 'boolean'}},
    'required': ['right'],
    'additionalProperties': False,
}
RIGHT = '{"right": true}'
MODEL = models.Model('m', 'http://nowhere/v1', budget=10.0)
BUSY = models.Unavailable('busy', 'status 429')
REFUSED = models.Refused(400, 'status 400: no')


class Posts:
  """Replies with what it is given, in turn; the last of it for ever."""

  def __init__(self, *replies):
    self.replies = list(replies)
    self.requests = []

  async def __call__(self, model, request):
    del model
    self.requests.append(request)
    reply = self.replies[0]
    if len(self.replies) > 1:
      self.replies.pop(0)
    if isinstance(reply, Exception):
      raise reply
    return models.Completion(reply, tokens_in=100, tokens_out=10)


def make_client(post, *, model=MODEL, cache=None, **limits):
  limits = {'backoff': 0.0, **limits}
  return client_lib.Client(
      post,
      {'user': model, 'judge': model, 'policy': model},
      client_lib.Limits(**limits),
      cache or cache_lib.Cache('off'),
      ledger_lib.Ledger(),
  )


def ask(role='judge', schema=SCHEMA, key='turtle/full/test/7/0/3/judge', **kw):
  return chat.Ask(role, 'You judge.', (('user', 'So?'),), key, schema, **kw)


class AskTest(parameterized.TestCase):

  def test_request(self):
    posts = Posts(RIGHT)
    model = models.dataclasses.replace(
        MODEL, temperature=0.5, extra='{"top_p": null, "n": 1}'
    )
    self.assertEqual(make_client(posts, model=model)(ask()), {'right': True})
    (sent,) = posts.requests
    self.assertEqual((sent['model'], sent['temperature']), ('m', 0.5))
    self.assertEqual(sent['n'], 1)
    self.assertNotIn('top_p', sent)
    system, question = sent['messages']
    self.assertStartsWith(system['content'], 'You judge.')
    self.assertIn('"right"', system['content'])  # The schema.
    self.assertEqual(question, {'role': 'user', 'content': 'So?'})
    self.assertEqual(sent['response_format']['json_schema']['schema'], SCHEMA)

  def test_samples_and_seeds_draw_differently(self):
    posts = Posts(RIGHT)
    client = make_client(posts)
    for key, seed in (
        ('t/0/1/judge', 0),
        ('t/1/1/judge', 0),
        ('t/0/1/judge', 1),
    ):
      client(ask(key=key, seed=seed))
    self.assertLen({request['seed'] for request in posts.requests}, 3)

  def test_retries_what_a_server_does_not_answer(self):
    client = make_client(Posts(BUSY, BUSY, RIGHT))
    self.assertEqual(client(ask()), {'right': True})
    judge = client.ledger.summary()['roles']['judge']
    self.assertEqual(
        (judge['asks'], judge['requests'], judge['retries'], judge['failed']),
        (1, 3, 2, 0),
    )
    self.assertEqual(judge['errors'], {'busy': 2})

  def test_gives_up(self):
    posts = Posts(BUSY)
    client = make_client(posts)
    with self.assertRaisesRegex(
        base.UserError, r'turtle/.*/judge: the judge is out of reach: .* 429'
    ):
      client(ask())
    self.assertLen(posts.requests, MODEL.max_retries + 1)
    self.assertEqual(client.ledger.total('failed'), 1)

  @parameterized.parameters(0.0, 1e9)
  def test_waits_as_long_as_it_is_told_but_not_beyond_its_budget(self, wait):
    posts = Posts(models.Unavailable('busy', 'status 429', wait), RIGHT)
    client = make_client(posts)
    if wait:
      with self.assertRaisesRegex(base.UserError, 'status 429'):
        client(ask())
    else:
      self.assertEqual(client(ask()), {'right': True})

  def test_a_run_has_only_so_many_retries(self):
    posts = Posts(BUSY)
    client = make_client(posts, retry_share=0.0, breaker_failures=1000)
    for _ in range(100):
      self.assertRaises(base.UserError, client, ask())
    self.assertEqual(client.ledger.total('retries'), 100)
    self.assertLen(posts.requests, 200)

  def test_a_question_has_a_budget(self):
    async def hang(model, request):
      del model, request
      await asyncio.sleep(600)

    model = models.dataclasses.replace(MODEL, budget=0.05)
    client = make_client(hang, model=model)
    with self.assertRaisesRegex(base.UserError, 'no valid reply within 0.05 s'):
      client(ask())
    errors = client.ledger.summary()['roles']['judge']['errors']
    self.assertEqual(errors, {'budget': 1})

  def test_sends_a_wrong_reply_back(self):
    posts = Posts('<think>hm</think>{"right": 1}', RIGHT)
    client = make_client(posts)
    self.assertEqual(client(ask()), {'right': True})
    again = posts.requests[1]['messages']
    self.assertEqual(again[:2], posts.requests[0]['messages'])
    self.assertEqual(again[2], {'role': 'assistant', 'content': '{"right": 1}'})
    self.assertIn('1 is not of type', again[3]['content'])
    judge = client.ledger.summary()['roles']['judge']
    self.assertEqual((judge['reasks'], judge['errors']), (1, {'invalid': 1}))

  def test_gives_up_on_wrong_replies(self):
    posts = Posts('perhaps')
    client = make_client(posts, breaker_failures=1)
    with self.assertRaisesRegex(base.UserError, 'no valid reply in 3 tries'):
      client(ask())
    self.assertLen(posts.requests, 3)
    # Each said something, so the server is in reach.
    self.assertRaises(base.UserError, client, ask())

  def test_text(self):
    said = '<think>aha</think> Yes. '
    client = make_client(Posts(said))
    self.assertEqual(client(ask('user', None)), 'Yes.')
    self.assertEqual(client(ask('policy', None)), said)
    self.assertRaises(
        base.UserError, make_client(Posts('<think>')), ask('user', None)
    )

  def test_role_without_a_model(self):
    with self.assertRaisesRegex(ValueError, 'users.teacher: no model'):
      make_client(Posts(RIGHT))(ask('teacher'))


class RefusalTest(parameterized.TestCase):

  @parameterized.parameters(400, 401, 403, 404, 422)
  def test_refused_at_once(self, status):
    posts = Posts(models.Refused(status, f'status {status}: no'))
    model = models.dataclasses.replace(MODEL, structured='off')
    client = make_client(posts, model=model)
    with self.assertRaisesRegex(ValueError, f'users.judge: m: status {status}'):
      client(ask())
    self.assertLen(posts.requests, 1)

  def test_one_question_is_refused(self):
    client = make_client(Posts(RIGHT, REFUSED))
    client(ask())
    self.assertRaisesRegex(
        base.UserError, 'refused the question: status 400', client, ask()
    )
    client = make_client(Posts(RIGHT, models.Refused(401, 'status 401')))
    client(ask())
    self.assertRaises(ValueError, client, ask())

  def test_a_server_that_takes_no_schema(self):
    posts = Posts(REFUSED, RIGHT)
    client = make_client(posts)
    for _ in range(3):
      self.assertEqual(client(ask()), {'right': True})
    self.assertEqual(
        ['response_format' in request for request in posts.requests],
        [True, False, False, False],
    )

  def test_a_schema_that_must_be_enforced(self):
    posts = Posts(REFUSED, RIGHT)
    model = models.dataclasses.replace(MODEL, structured='on')
    self.assertRaises(ValueError, make_client(posts, model=model), ask())
    self.assertLen(posts.requests, 1)


class StopTest(absltest.TestCase):

  def test_stops_when_nobody_answers(self):
    posts = Posts(BUSY)
    client = make_client(posts, breaker_failures=3)
    for role in ('user', 'judge'):
      self.assertRaises(base.UserError, client, ask(role))
    with self.assertRaisesRegex(chat.StopError, '3 questions in a row, .* 429'):
      client(ask())
    asked = len(posts.requests)
    self.assertRaises(chat.StopError, client, ask('user'))
    self.assertLen(posts.requests, asked)

  def test_any_answer_counts(self):
    model = models.dataclasses.replace(MODEL, max_retries=0)
    posts = Posts(*[BUSY, BUSY, RIGHT] * 4)
    client = make_client(posts, model=model, breaker_failures=3)
    for _ in range(4):
      self.assertRaises(base.UserError, client, ask())
      self.assertRaises(base.UserError, client, ask())
      client(ask())

  def test_stops_when_the_money_is_spent(self):
    model = models.dataclasses.replace(
        MODEL, input_price=10.0, output_price=100.0
    )
    client = make_client(Posts(RIGHT), model=model, max_cost=0.005)
    for _ in range(3):  # Each is 100 * 10 / 1e6 + 10 * 100 / 1e6 = .002.
      client(ask())
    self.assertAlmostEqual(client.ledger.total('cost'), 0.006)
    with self.assertRaisesRegex(chat.StopError, 'users.max_cost=0.005'):
      client(ask())


class CacheTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.path = pathlib.Path(folder.name) / 'replies.jsonl'

  def client(self, mode, post, **kwargs):
    cache = cache_lib.Cache(mode, self.path)
    return make_client(post, cache=cache, **kwargs)

  def test_a_recorded_run_is_replayed(self):
    model = models.dataclasses.replace(MODEL, max_retries=0)
    posts = Posts(RIGHT, '{"right": false}', BUSY)
    client = self.client('record', posts, model=model)
    asks = [ask(key=f'task/{sample}/1/judge') for sample in range(3)]
    said = [outcome(client, a) for a in asks]
    self.assertEqual(said[:2], [{'right': True}, {'right': False}])
    self.assertIn('out of reach', said[2])
    asked = len(posts.requests)
    self.assertEqual(outcome(client, asks[0]), said[0])
    self.assertLen(posts.requests, asked)
    silent = self.client('replay', None, model=model)
    self.assertEqual([outcome(silent, a) for a in asks], said)
    self.assertEqual(silent.ledger.total('replayed'), 3)

  def test_what_is_not_recorded_is_an_error(self):
    self.client('record', Posts(RIGHT))(ask())
    client = self.client('replay', None)
    client(ask())
    for other in (
        ask(key='another'),
        ask(seed=1),
        ask('user'),
        ask(schema={'type': 'object'}),
    ):
      with self.assertRaisesRegex(
          ValueError, f'{other.key}: no reply is recor'
      ):
        client(other)
    hot = models.dataclasses.replace(MODEL, temperature=1.0)
    self.assertRaises(ValueError, self.client('replay', None, model=hot), ask())

  def test_the_first_of_two_at_once_counts(self):
    both = threading.Barrier(2)
    replies = iter([RIGHT, '{"right": false}'])

    async def post(model, request):
      del model, request
      await asyncio.to_thread(both.wait, 10)
      return models.Completion(next(replies))

    client = self.client('record', post)
    said = []
    threads = [
        threading.Thread(target=lambda: said.append(client(ask())))
        for _ in range(2)
    ]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join(10)
    self.assertLen(said, 2)
    self.assertEqual(said[0], said[1])


def outcome(client, question):
  try:
    return client(question)
  except base.UserError as error:
    return str(error)


if __name__ == '__main__':
  absltest.main()
