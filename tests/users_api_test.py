import asyncio
import os
import traceback
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import fake_chat

from bao_jax.users import api
from bao_jax.users import models

KEY = 'sk-canary/0123456789"abcdef'
REQUEST = {
    'model': 'm',
    'seed': 7,
    'messages': [{'role': 'user', 'content': 'So?'}],
}


def model_of(url, deadline=20.0, **kwargs):
  return models.Model('m', url, key_env='THE_KEY', deadline=deadline, **kwargs)


def post(*requests, deadline=20.0, url):
  """Sends requests one after the other; returns what comes of each."""

  async def send():
    connection = api.Connection(max_connections=4)
    outcomes = []
    for request in requests:
      try:
        outcomes.append(await connection.post(model_of(url, deadline), request))
      except (models.Unavailable, models.Refused, ValueError) as error:
        outcomes.append(error)
    return outcomes

  # A watchdog: what outlives its deadline fails the test.
  return asyncio.run(asyncio.wait_for(send(), 15.0))


class PostTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    environment = mock.patch.dict(os.environ, {'THE_KEY': KEY})
    environment.start()
    self.addCleanup(environment.stop)

  def test_carries_a_request(self):
    with fake_chat.Server(lambda request: 'Yes \u2028é') as server:
      (said,) = post(REQUEST, url=server.url + '/')
    self.assertEqual(said.text, 'Yes \u2028é')
    self.assertEqual((said.tokens_in, said.tokens_out), (1, 2))
    (sent,) = server.requests
    self.assertEqual(sent['_path'], b'/v1/chat/completions')
    self.assertEqual(sent['_headers']['authorization'], f'Bearer {KEY}')
    self.assertEqual(sent['messages'], REQUEST['messages'])

  @parameterized.parameters(
      ('429', 'busy', 'status 429'),
      ('500', 'server', 'status 500'),
      ('503', 'server', 'status 503'),
      ('408', 'server', 'status 408'),
      ('hang', 'timeout', 'no reply within 0.5 s'),
      # Each byte is in time; all of them are not.
      ('drip', 'timeout', 'no reply within 0.5 s'),
      ('reset', 'connection', 'Error'),
      ('cut', 'connection', 'Error'),
      ('half', 'body', 'no JSON'),
  )
  def test_what_may_work_later(self, fault, kind, message):
    deadline = 0.5 if kind == 'timeout' else 20.0
    with fake_chat.Server(lambda _: 'Yes', fake_chat.in_turn(fault)) as server:
      first, second = post(REQUEST, REQUEST, deadline=deadline, url=server.url)
    self.assertIsInstance(first, models.Unavailable)
    self.assertEqual(first.kind, kind)
    self.assertIn(message, str(first))
    self.assertEqual(second.text, 'Yes')

  @parameterized.parameters(400, 401, 403, 404, 422, 302)
  def test_what_never_will(self, status):
    faults = fake_chat.in_turn(str(status))
    with fake_chat.Server(lambda _: 'Yes', faults) as server:
      (refused,) = post(REQUEST, url=server.url)
    self.assertIsInstance(refused, models.Refused)
    self.assertEqual(refused.status, status)
    self.assertLen(server.requests, 1)  # A redirection is not followed.

  @parameterized.parameters(
      '',
      '[]',
      '{}',
      '{"choices": []}',
      '{"choices": [{"message": 1}]}',
      '{"choices": [{"message": {"content": [1]}}]}',
      'null',
      '[' * 100_000,
      '{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens":'
      ' 1e999}}',
  )
  def test_no_completion(self, body):
    with mock.patch.object(
        fake_chat, '_completion', lambda *_: body.encode()
    ), fake_chat.Server(lambda _: '') as server:
      (failed,) = post(REQUEST, url=server.url)
    self.assertIsInstance(failed, models.Unavailable)
    self.assertEqual(failed.kind, 'body')

  def test_no_text(self):
    body = b'{"choices": [{"message": {"content": null}}], "usage": null}'
    with mock.patch.object(
        fake_chat, '_completion', lambda *_: body
    ), fake_chat.Server(lambda _: '') as server:
      (said,) = post(REQUEST, url=server.url)
    self.assertEqual(said, models.Completion('', 0, 0))

  def test_too_much(self):
    with fake_chat.Server(lambda _: 'x' * 5_000_000) as server:
      (failed,) = post(REQUEST, url=server.url)
    self.assertIsInstance(failed, models.Unavailable)
    self.assertIn('more than 4194304 bytes', str(failed))

  def test_nobody_there(self):
    with fake_chat.Server(lambda _: '') as server:
      pass
    (failed,) = post(REQUEST, url=server.url)
    self.assertEqual(failed.kind, 'connection')

  @parameterized.parameters(
      ('7', 7.0),
      ('', 0.0),
      ('soon', 0.0),
      ('-1', 0.0),
      ('²', 0.0),
      ('Wed, 21 Oct 2015 07:28:00 GMT', 0.0),
  )
  def test_retry_after(self, value, seconds):
    self.assertEqual(api._retry_after({'retry-after': value}), seconds)
    later = api._retry_after({'retry-after': 'Wed, 21 Oct 2099 07:28:00 GMT'})
    self.assertGreater(later, 1e8)

  def test_a_spent_quota_does_not_come_back(self):
    error = api._failure(
        429, {}, '{"code": "insufficient_quota"}', model_of('http://x')
    )
    self.assertIsInstance(error, models.Refused)


class KeyTest(parameterized.TestCase):

  @parameterized.parameters('429', '400', '401', 'reset', 'half', 'ok')
  def test_is_in_nothing_that_comes_back(self, fault):
    echo = lambda request: request['_headers']['authorization']
    faults = fake_chat.in_turn(fault)
    with mock.patch.dict(os.environ, {'THE_KEY': KEY}):
      with fake_chat.Server(echo, faults) as server:
        (outcome,) = post(REQUEST, url=server.url)
    text = repr(outcome) + str(outcome)
    if isinstance(outcome, Exception):
      text += ''.join(traceback.format_exception(outcome))
    if fault not in ('reset', 'half'):
      self.assertIn('[key]', text)
    self.assertNotIn(KEY[:10], text)
    self.assertNotIn(KEY, repr(model_of('http://x')))

  @parameterized.parameters('two words', 'sk-\x00', 'sk-é', 'sk-\nx')
  def test_that_cannot_be_sent(self, key):
    with mock.patch.object(os, 'environ', {'THE_KEY': key}):
      (error,) = post(REQUEST, url='http://127.0.0.1:9/v1')
    self.assertRegex(str(error), r'^\$THE_KEY holds no key')
    self.assertNotIn(key, ''.join(traceback.format_exception(error)))

  @parameterized.parameters('401', '403')
  def test_not_set(self, status):
    with mock.patch.dict(os.environ):
      os.environ.pop('THE_KEY', None)
      with fake_chat.Server(lambda _: '', fake_chat.in_turn(status)) as server:
        (refused,) = post(REQUEST, url=server.url)
    self.assertNotIn('authorization', server.requests[0]['_headers'])
    self.assertIn('$THE_KEY is not set', str(refused))

  def test_of_a_local_server_is_no_secret(self):
    with mock.patch.dict(os.environ, {'THE_KEY': ' EMPTY\n'}):
      with fake_chat.Server(lambda _: 'EMPTY') as server:
        (said,) = post(REQUEST, url=server.url)
    self.assertEqual(said.text, 'EMPTY')
    sent = server.requests[0]['_headers']['authorization']
    self.assertEqual(sent, 'Bearer EMPTY')


if __name__ == '__main__':
  absltest.main()
