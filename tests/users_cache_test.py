import json
import multiprocessing
import pathlib
import tempfile
import threading

from absl.testing import absltest

from bao_jax.users import cache as cache_lib
from bao_jax.users import chat

ASK = chat.Ask('judge', 'You judge.', (('user', 'So?'),), 'task/0/1/judge')
Entry = cache_lib.Entry


def put_many(path, number):
  cache = cache_lib.Cache('record', path)
  for i in range(200):
    cache.put(f'{number}/{i}', ASK, Entry({'text': 'x' * i, 'by': number}))


class CacheTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.path = pathlib.Path(folder.name) / 'new' / 'replies.jsonl'

  def open(self, mode):
    return cache_lib.Cache(mode, self.path)

  def test_off_keeps_nothing(self):
    cache = self.open('off')
    self.assertEqual(cache.put('k', ASK, Entry('x')), Entry('x'))
    self.assertIsNone(cache.get('k'))
    self.assertFalse(self.path.parent.exists())

  def test_keeps_what_it_is_given(self):
    replies = ['', 'é\n\ud800"', {'a': [1, 0.1, None, True]}, {}]
    cache = self.open('record')
    for i, reply in enumerate(replies):
      cache.put(str(i), ASK, Entry(reply))
    for reader in (cache, self.open('record'), self.open('replay')):
      self.assertEqual(
          [reader.get(str(i)).reply for i in range(len(replies))], replies
      )
      self.assertIsNone(reader.get('another'))

  def test_replaying_writes_nothing(self):
    self.open('record').put('k', ASK, Entry('x'))
    before = self.path.read_bytes()
    self.open('replay').put('l', ASK, Entry('y'))
    self.assertEqual(self.path.read_bytes(), before)
    self.path.unlink()
    self.assertRaises(FileNotFoundError, self.open, 'replay')

  def test_first_reply_counts(self):
    cache = self.open('record')
    cache.put('k', ASK, Entry('first'))
    self.assertEqual(cache.put('k', ASK, Entry('second')), Entry('first'))
    self.assertEqual(self.open('replay').get('k'), Entry('first'))

  def test_failures_are_tried_again_and_replayed(self):
    cache = self.open('record')
    cache.put('k', ASK, Entry(error='no'))
    self.assertIsNone(cache.get('k'))
    self.assertEqual(self.open('replay').get('k'), Entry(error='no'))
    cache.put('k', ASK, Entry('yes'))
    cache.put('k', ASK, Entry(error='no'))
    for reader in (cache, self.open('record'), self.open('replay')):
      self.assertEqual(reader.get('k'), Entry('yes'))

  def test_first_reply_of_several_processes_counts(self):
    results = {'error': 'no'}, {'reply': 1}, {'error': 'no'}, {'reply': 2}
    lines = [json.dumps({'key': 'k', **result}) for result in results]
    self.path.parent.mkdir()
    self.path.write_text('\n'.join(lines))
    for mode in ('record', 'replay'):
      self.assertEqual(self.open(mode).get('k'), Entry(1))

  def test_torn_lines(self):
    cache = self.open('record')
    cache.put('a', ASK, Entry('x'))
    cache.put('b', ASK, Entry('y' * 100))
    whole = self.path.read_bytes()
    self.path.write_bytes(whole[:-50] + b'\n[]\n{"key": 1}\n\xff\xfe\n{"ke')
    cache = self.open('record')
    self.assertEqual(cache.get('a'), Entry('x'))
    self.assertIsNone(cache.get('b'))
    cache.put('b', ASK, Entry('z'))
    cache = self.open('replay')
    self.assertEqual(cache.get('a'), Entry('x'))
    self.assertEqual(cache.get('b'), Entry('z'))

  def test_many_threads_and_processes(self):
    context = multiprocessing.get_context('spawn')
    other = context.Process(target=put_many, args=(self.path, 0))
    other.start()
    threads = [
        threading.Thread(target=put_many, args=(self.path, number))
        for number in (1, 2, 3)
    ]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join(60)
    other.join(60)
    self.assertEqual(other.exitcode, 0)
    cache = self.open('replay')
    for number in range(4):
      for i in range(200):
        self.assertEqual(
            cache.get(f'{number}/{i}').reply, {'text': 'x' * i, 'by': number}
        )

  def test_lines_are_for_people_too(self):
    self.open('record').put('k', ASK, Entry({'right': True}))
    self.assertEqual(
        json.loads(self.path.read_text()),
        {
            'key': 'k',
            'ask': 'task/0/1/judge',
            'role': 'judge',
            'reply': {'right': True},
        },
    )


if __name__ == '__main__':
  absltest.main()
