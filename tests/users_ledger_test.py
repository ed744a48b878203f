import json
import pathlib
import tempfile
import threading

from absl.testing import absltest

from bao_jax.users import ledger as ledger_lib


class LedgerTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.folder = pathlib.Path(folder.name)

  def test_counts(self):
    ledger = ledger_lib.Ledger()
    ledger.add('judge', asks=2, cost=0.5)
    ledger.add('user', asks=1, cost=0.25)
    ledger.add_error('judge', 'busy')
    for second in range(101):
      ledger.add_time('judge', float(second))
    metrics = ledger.metrics()
    self.assertEqual(metrics['users/cost'], 0.75)
    self.assertEqual(metrics['users/judge_asks'], 2)
    self.assertEqual(metrics['users/user_failed'], 0)
    self.assertEqual(metrics['users/judge_error_busy'], 1)
    self.assertEqual(metrics['users/judge_seconds_p50'], 50)
    self.assertEqual(metrics['users/judge_seconds_p95'], 95)
    self.assertEqual(metrics['users/user_seconds_p95'], 0)
    self.assertEqual(ledger.total('asks'), 3)

  def test_nobody_was_asked(self):
    ledger = ledger_lib.Ledger()
    ledger.open(self.folder / 'users.json')
    ledger.save()
    self.assertEqual(ledger.metrics(), {})
    saved = json.loads((self.folder / 'users.json').read_text())
    self.assertEqual(
        ledger_lib.sentence(saved),
        'Models were asked 0 questions, which cost 0.',
    )

  def test_sentence(self):
    ledger = ledger_lib.Ledger()
    ledger.add('user', asks=3, replayed=1, cost=0.5)
    ledger.add('judge', asks=2, failed=1, cost=0.25)
    self.assertEqual(
        ledger_lib.sentence(ledger.summary()),
        'Models were asked 5 questions (judge 2, user 3; 1 replayed; 1 failed),'
        ' which cost 0.75.',
    )

  def test_each_run_has_its_own_and_goes_on_with_it(self):
    first, second = self.folder / 'first.json', self.folder / 'second.json'
    ledger = ledger_lib.Ledger()
    ledger.open(first)
    ledger.add('judge', asks=2, cost=0.5)
    ledger.add_error('judge', 'busy')
    ledger.open(second)
    self.assertEqual(ledger.total('asks'), 0)
    ledger.add('judge', asks=7)
    ledger.open(second)  # Again: nothing changes.
    self.assertEqual(ledger.total('asks'), 7)
    ledger.save()
    self.assertEqual(
        json.loads(second.read_text())['roles']['judge']['asks'], 7
    )
    resumed = ledger_lib.Ledger()
    resumed.open(first)
    resumed.add('judge', asks=1)
    resumed.add_error('judge', 'busy')
    judge = resumed.summary()['roles']['judge']
    self.assertEqual((judge['asks'], judge['cost']), (3, 0.5))
    self.assertEqual(judge['errors'], {'busy': 2})

  def test_a_file_of_something_else(self):
    path = self.folder / 'users.json'
    for text in ('', '[]', '{}', '{"roles": {"judge": {"asks": 1}}}'):
      path.write_text(text)
      with self.assertRaisesRegex(ValueError, 'users.json: not a summary'):
        ledger_lib.Ledger().open(path)

  def test_many_threads(self):
    ledger = ledger_lib.Ledger()
    ledger.open(self.folder / 'users.json')

    def work():
      for _ in range(1000):
        ledger.add('judge', asks=1)
        ledger.add_error('judge', 'busy')

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
      thread.start()
    for _ in range(20):
      ledger.save()
    for thread in threads:
      thread.join(60)
    judge = ledger.summary()['roles']['judge']
    self.assertEqual((judge['asks'], judge['errors']['busy']), (8000, 8000))


if __name__ == '__main__':
  absltest.main()
