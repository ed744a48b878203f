"""Many conversations with models behind a server that fails a lot."""

import dataclasses
import functools
import pathlib
import tempfile

from absl.testing import absltest
import fake_chat
import fake_players
import pytest

from bao_jax import catalog
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import converse
from bao_jax.users import api
from bao_jax.users import cache as cache_lib
from bao_jax.users import client as client_lib
from bao_jax.users import ledger as ledger_lib
from bao_jax.users import models

GYMS = ('telepathy', 'turtle')


class LoadTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.path = pathlib.Path(folder.name) / 'replies.jsonl'

  def client(self, url, mode, *, concurrency, deadline):
    model = models.Model(
        'm',
        url,
        deadline=deadline,
        budget=120.0,
        max_retries=2,
        max_reasks=1,
    )
    return client_lib.Client(
        api.Connection(max_connections=concurrency).post,
        {'user': model, 'judge': model},
        client_lib.Limits(concurrency, backoff=0.05),
        cache_lib.Cache(mode, self.path),
        ledger_lib.Ledger(),
    )

  def check(self, count, *, concurrency, deadline):
    """Holds conversations with 20 % of faults, and holds them again."""
    tasks = [
        task
        for gym in GYMS
        for task in catalog.GYMS[gym].generate('easy', 'train', 0)[: count // 2]
    ]
    jobs = [(tasks[i % len(tasks)], i // len(tasks)) for i in range(count)]
    sound = hold(jobs, lambda entry: {}, 1)
    players = fake_players.Players(tasks)
    faults = fake_chat.random_faults(0.2)
    settings = dict(concurrency=concurrency, deadline=deadline)
    with fake_chat.Server(players, faults) as server:
      client = self.client(server.url, 'record', **settings)
      held = hold(jobs, lambda entry: entry.roles(client), concurrency)
    self.assertGreater(min(map(server.count, fake_chat.FAULTS)), 0)

    # Nothing is lost: each was held, to the very end that it had without
    # faults, or failed.
    failed = [dialogue for dialogue in held if dialogue.error]
    self.assertLen(held, count)
    self.assertBetween(len(failed), 1, count // 5)
    for dialogue, clean in zip(held, sound, strict=True):
      if not dialogue.error:
        self.assertEqual(dialogue, clean)

    # Nobody is paid for a fault: before it, all is as without it.
    for dialogue, clean in zip(held, sound, strict=True):
      if dialogue.error:
        before = len(dialogue.steps) - 1
        self.assertEqual(dialogue.steps[:before], clean.steps[:before])
        self.assertEqual(dialogue.steps[-1].reward, 0.0)
        self.assertFalse(dialogue.solved)

    # Each failure is a question that the server knows it never answered.
    self.assertLen(failed, server.num_lost)
    self.assertEqual(client.ledger.total('failed'), server.num_lost)
    spoiled = server.count(*fake_chat.FAULTS, 'late')
    told = client.ledger.summary()['roles'].values()
    self.assertEqual(sum(sum(t['errors'].values()) for t in told), spoiled)
    self.assertEqual(
        client.ledger.total('requests'),
        sum(map(len, server.outcomes.values())),
    )

    # The server is gone; the cache repeats the run, failures included.
    silent = self.client(server.url, 'replay', **settings)
    again = hold(jobs, lambda entry: entry.roles(silent), concurrency)
    self.assertEqual(again, held)
    self.assertEqual(silent.ledger.total('requests'), 0)

  def test_forty_conversations(self):
    self.check(40, concurrency=32, deadline=2.0)

  @pytest.mark.slow
  def test_a_thousand_conversations(self):
    self.check(1000, concurrency=128, deadline=5.0)


def hold(jobs, roles, num_threads):
  """Returns the dialogue of each task and sample."""
  gyms = {
      name: dataclasses.replace(entry.gym(max_turns=10), **roles(entry))
      for name, entry in catalog.GYMS.items()
      if name in GYMS
  }
  talks = [
      functools.partial(
          converse.converse,
          catalog.GYMS[task.gym].make_teacher(
              teachers_base.Behaviors(), slip=0.2
          ),
          gyms[task.gym],
          task,
          seed=0,
          sample=sample,
      )
      for task, sample in jobs
  ]
  return list(converse.converse_all(talks, num_threads=num_threads))


if __name__ == '__main__':
  absltest.main()
