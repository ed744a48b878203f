"""Many conversations with models behind a server that fails a lot."""

import dataclasses
import pathlib
import runpy
import tempfile
import threading

from absl.testing import absltest
import fake_chat
import fake_players
import flax.linen as nn
import jax
import numpy as np
import pytest

from bao_jax import types
from bao_jax.envs import telepathy
from bao_jax.evaluation import evaluate
from bao_jax.evaluation import job as job_lib
from bao_jax.evaluation import records
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import rollout
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import batch as batch_lib
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import users

CONFIG = pathlib.Path(__file__).parents[1] / 'experiments/configs/quickstart.py'


def config_of(**changes):
  config = runpy.run_path(str(CONFIG))['get_config']('debug')
  del config.rows
  config.update_from_flattened_dict(changes)
  return config


def with_models(url, **changes):
  """Returns a config whose users a server plays, with few second chances."""
  models = {
      'users.kind': 'llm',
      'users.backoff': 0.05,
      'users.user.model': 'm',
      'users.user.base_url': url,
  }
  for role in ('user', 'judge'):
    models[f'users.{role}.max_retries'] = 2
    models[f'users.{role}.max_reasks'] = 1
  return config_of(**models, **changes)


class Faults:
  """A `fake_chat.FaultFn` that spoils 20 % of requests until it is mended."""

  def __init__(self):
    self.is_mended = threading.Event()
    self._draw = fake_chat.random_faults(0.2)

  def __call__(self, question, attempt):
    is_sound = self.is_mended.is_set()
    return fake_chat.OK if is_sound else self._draw(question, attempt)


class EvaluationTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.folder = pathlib.Path(folder.name)

  def evaluate(self, config, name, *, num_tasks, concurrency):
    """Returns the records of the honest teacher, in order, and their file."""
    path = self.folder / name / 'records.jsonl'
    job = job_lib.Job(
        'scripted:honest',
        'train',
        path,
        num_tasks=num_tasks,
        num_samples=2,
        num_threads=concurrency,
    )
    job_lib.run(config, job)
    return records.read(path), path.read_bytes()

  def check(self, num_tasks, *, concurrency, deadline):
    """Holds conversations with 20 % of faults, and holds them again."""
    more = {
        'teacher.slip': 0.2,
        'envs.max_turns': 10,
        'sampling.max_failed_share': 1.0,
    }
    size = dict(num_tasks=num_tasks, concurrency=concurrency)
    sound, _ = self.evaluate(config_of(**more), 'scripted', **size)
    more |= {
        'sampling.deadline': 300.0,
        'users.concurrency': concurrency,
        'users.cache_path': str(self.folder / 'replies.jsonl'),
    }
    for role in ('user', 'judge'):
      more[f'users.{role}.deadline'] = deadline
      more[f'users.{role}.budget'] = 120.0
    players = fake_players.Players(setup.tasks(config_of(), 'train'))
    faults = Faults()
    with fake_chat.Server(players, faults) as server:
      models = lambda cache: with_models(
          server.url, **{'users.cache': cache}, **more
      )
      held, written = self.evaluate(models('record'), 'models', **size)
      ledger = users.client(models('record')).ledger
      self.assertGreater(min(map(server.count, fake_chat.FAULTS)), 0)
      failed = self.check_records(held, sound)

      # Each failure is a question that the server knows it never answered.
      self.assertEqual(failed, server.num_lost)
      self.assertEqual(ledger.total('failed'), server.num_lost)
      spoiled = server.count(*fake_chat.FAULTS, 'late')
      told = ledger.summary()['roles'].values()
      self.assertEqual(sum(sum(t['errors'].values()) for t in told), spoiled)
      self.assertEqual(ledger.total('requests'), num_requests(server))
      figures = (
          f'{len(held)} conversations, {num_requests(server)} requests,'
          f' {spoiled} spoiled, {failed} conversations failed'
      )

      # The cache repeats the run without the server, failures included.
      before = num_requests(server)
      _, repeated = self.evaluate(models('replay'), 'again', **size)
      self.assertEqual(repeated, written)
      self.assertEqual(num_requests(server), before)

      # Started again, it holds what failed, and nothing else.
      faults.is_mended.set()
      whole, _ = self.evaluate(models('record'), 'models', **size)
      self.assertEqual(whole, sound)
    return figures

  def check_records(self, held, sound):
    """Checks that none is lost or paid for a fault; returns how many failed."""
    failed = 0
    for record, clean in zip(held, sound, strict=True):
      if record.status != types.FAILED:
        self.assertEqual(record, clean)
        continue
      failed += 1
      before = len(record.turns) - 1
      self.assertEqual(record.turns[:before], clean.turns[:before])
      self.assertEqual(record.turns[-1].reward, 0.0)
      self.assertFalse(record.solved)
      self.assertNotEmpty(record.error)
    self.assertBetween(failed, 1, len(held) // 5)
    return failed

  def test_forty_conversations(self):
    self.check(10, concurrency=32, deadline=4.0)

  @pytest.mark.slow
  def test_a_thousand_conversations(self):
    print(self.check(250, concurrency=128, deadline=5.0))


def prompt_faults(question, attempt):
  """Spoils 20 % of requests, none by silence, for which all rows would wait."""
  fault = fake_chat.random_faults(0.2)(question, attempt)
  return '500' if fault in ('hang', 'drip') else fault


def num_requests(server):
  return sum(map(len, server.outcomes.values()))


@dataclasses.dataclass(frozen=True)
class AnyQuestionGym(telepathy.TelepathyGym):
  """Takes what an untrained policy says for a question."""

  def step(self, state, action):
    said = action.error or action.content
    return super().step(state, types.Action('action', said))


class RolloutTest(absltest.TestCase):
  """Two waves of rows, while users fail."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.tokenizer = tokenizer_lib.train(
        ['is it small?'], vocab_size=360, phrases=chat.PHRASES
    )
    shape = config_lib.ModelConfig(
        vocab_size=360,
        num_layers=1,
        width=16,
        ff_width=32,
        num_heads=2,
        num_kv_heads=1,
        head_dim=8,
        rope_theta=1e4,
    )
    cls.params = nn.meta.unbox(qwen3.init(shape, jax.random.key(0)))
    cls.engine = engine_lib.Engine(
        shape,
        4,
        num_slots=640,
        prefix_rows=3,
        decode_tokens=4,
        append_buckets=(32, 256),
    )

  def hold(self, gym, requests, **changes):
    conversations = rollout.Conversations(
        self.engine,
        self.tokenizer,
        {'telepathy': gym},
        rollout.Limits(max_tokens=640, max_turn_tokens=4),
        num_waves=2,
        **changes,
    )
    return conversations.hold(self.params, requests)

  def test_failures_are_held_once_more_counted_and_teach_nothing(self):
    folder = self.enter_context(tempfile.TemporaryDirectory())
    # What was answered before a failure is not asked again.
    cache = {
        'users.cache': 'record',
        'users.cache_path': f'{folder}/replies.jsonl',
    }
    config = with_models('', **{'envs.names': ('telepathy',)}, **cache)
    tasks = setup.few_tasks(config, 'train', 10)
    requests = [rollout.Request(task, i) for task in tasks for i in range(4)]
    gym = AnyQuestionGym(max_turns=3)
    sound = self.hold(gym, requests)
    players = fake_players.Players(tasks)
    with fake_chat.Server(players, prompt_faults) as server:
      config.users.user.update(base_url=server.url, max_retries=0, max_reasks=0)
      gyms = users.played_by_models(config, {'telepathy': gym})
      held = self.hold(gyms['telepathy'], requests, num_threads=8)
    failed = [t.status == types.FAILED for t in held]
    self.assertBetween(sum(failed), 1, len(held) // 3)

    # Two faults make a failure; after one alone the second attempt was fine.
    self.assertEqual(sum(failed), server.num_lost)
    num_faults = server.count(*fake_chat.FAULTS)
    self.assertGreater(num_faults, 2 * sum(failed))
    for is_failed, trajectory, clean in zip(failed, held, sound):
      count = len(trajectory.turns) - is_failed
      self.assertEqual(trajectory.sample, clean.sample)
      for turn, other in zip(trajectory.turns[:count], clean.turns):
        np.testing.assert_array_equal(turn.tokens, other.tokens)
        self.assertEqual(turn.reply_text, other.reply_text)
      if not is_failed:
        self.assertLen(clean.turns, count)

    # Means are those of the others, and no token of a failed one has a loss.
    fine = [t for t in held if t.status != types.FAILED]
    metrics = evaluate.summarize(held, 'x')
    alone = evaluate.summarize(fine, 'x')
    self.assertEqual(metrics['x/score'], alone['x/score'])
    batch = batch_lib.to_batch(held, length=640, num_turns=3)
    mask = rl.policy_batch(batch, batch.logps, None).mask
    np.testing.assert_array_equal(mask.any(axis=1), np.logical_not(failed))


if __name__ == '__main__':
  absltest.main()
