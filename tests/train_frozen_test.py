"""A user on our own devices, from its training to evaluations and rollouts."""

import dataclasses
import functools
import json
import pathlib
import runpy
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import jax
import numpy as np

from bao_jax import checkpoint
from bao_jax import types
from bao_jax.envs import telepathy
from bao_jax.evaluation import job as job_lib
from bao_jax.sampling import rollout
from bao_jax.text import chat as chat_format
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import batch as batch_lib
from bao_jax.train import exported
from bao_jax.train import frozen
from bao_jax.train import optimizer
from bao_jax.train import setup
from bao_jax.train import step as step_lib
from bao_jax.train import users
from bao_jax.users import local
from bao_jax.users import models

CONFIG = 'experiments/configs/quickstart.py'
SAYS = {
    'user': '{"reason": "so", "reply": "Yes"}',
    'judge': '{"reason": "so", "is_right": true}',
}
LENGTH = 448


def config_of(folder, **changes):
  path = pathlib.Path(__file__).parents[1] / CONFIG
  config = runpy.run_path(str(path))['get_config']('debug')
  del config.rows
  config.envs.names = ('telepathy',)
  config.users.update(kind='jax', rows=8, max_prompt_tokens=LENGTH)
  for role in ('user', 'judge'):
    config.users[role].update(max_tokens=32, max_reasks=0, budget=70.0)
    config.users[role].deadline = 65.0
  config.users.user.model = str(folder)
  config.model.update(num_layers=1, width=32, ff_width=32, vocab_size=640)
  config.rl.optimizer.update(learning_rate=1e-2, warmup_steps=1)
  config.update_from_flattened_dict(changes)
  return config


class Recorder:
  """A `client.PostFn` that says what the user is to learn."""

  def __init__(self):
    self.requests, self.replies = [], []

  async def __call__(self, model, request):
    del model
    system = request['messages'][0]['content']
    says = SAYS['judge' if '"is_right"' in system else 'user']
    self.requests.append(request)
    self.replies.append(says)
    return models.Completion(says)


def play(config, path, **changes):
  """Lets the scripted teacher meet the users; returns the records."""
  settings = {'num_tasks': 4} | changes
  job = job_lib.Job('scripted:honest', 'validation', path, **settings)
  return job_lib.run(config, job).records


def train_user(folder):
  """Trains a model of one layer to reply to any question; returns one."""
  recorder = Recorder()
  config = config_of(folder)
  setup.claim(folder, 'warm start', config)
  with mock.patch.object(users, '_post', lambda *_, **__: recorder):
    play(config_of(folder, **{'users.concurrency': 9}), folder / 'x.jsonl')
  corpus = [m['content'] for r in recorder.requests for m in r['messages']]
  encoder = tokenizer_lib.train(
      corpus + list(SAYS.values()), vocab_size=600, phrases=chat_format.PHRASES
  )
  tokenizer_lib.save(encoder, folder / 'tokenizer.json')
  shape = setup.model_config(config, encoder)
  tx = optimizer.make_optimizer(**config.rl.optimizer.to_dict())
  state = setup.train_state(config, shape, tx, setup.mesh(config))
  model = step_lib.ModelFn(shape, chunk=LENGTH)
  step = jax.jit(
      functools.partial(step_lib.supervised_step, model=model, tx=tx)
  )
  examples = to_examples(recorder, encoder)
  rng = np.random.default_rng(0)
  for _ in range(40):
    picked = [examples[i] for i in rng.choice(len(examples), 8)]
    state, _ = step(state, batch_lib.pack(picked, length=LENGTH))
  checkpoint.Checkpoints(folder).save(1, state)
  return json.loads(recorder.requests[0]['messages'][1]['content'])['question']


def to_examples(recorder, encoder):
  """Returns ids of each question with its reply, and masks of the latter."""
  stop = encoder.id(tokenizer_lib.IM_END)
  reader = local.ChatModel(
      mock.Mock(engine=mock.Mock(num_slots=LENGTH)), encoder, LENGTH
  )
  examples = []
  for request, reply in zip(recorder.requests, recorder.replies):
    prompt = reader.prompt(request).ids
    said = [*encoder.encode(tokenizer_lib.Piece(reply)), stop]
    mask = np.arange(len(prompt) + len(said)) >= len(prompt)
    examples.append((np.concatenate([prompt, said]).astype(np.int32), mask))
  return examples


@dataclasses.dataclass(frozen=True)
class AnyQuestionGym(telepathy.TelepathyGym):
  """Takes whatever a policy says for the same question."""

  question: str = ''

  def step(self, state, action):
    del action
    return super().step(state, types.Action('action', self.question))


class FrozenTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.user = pathlib.Path(folder.name) / 'user'
    cls.user.mkdir()
    cls.question = train_user(cls.user)
    cls.model = frozen.chat_model(
        cls.user,
        setup.mesh(config_of(cls.user)),
        rows=8,
        max_prompt_tokens=LENGTH,
        max_tokens=32,
    )

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(
        self.enter_context(tempfile.TemporaryDirectory())
    )
    self.model_fn = self.enter_context(
        mock.patch.object(frozen, 'chat_model', return_value=self.model)
    )

  def config(self, **changes):
    # A cache of its own makes a client of its own.
    changes = {
        'users.cache': 'record',
        'users.cache_path': str(self.folder / 'replies.jsonl'),
    } | changes
    return config_of(self.user, **changes)

  def test_an_evaluation(self):
    path = self.folder / 'first.jsonl'
    config = self.config()
    held = play(config, path)
    self.assertEqual({record.status for record in held}, {types.TERMINATED})
    for record in held:
      *asked, answered = [turn.reply for turn in record.turns]
      self.assertEqual(set(asked), {'yes'})
      self.assertEqual(answered, 'correct')
    spent = json.loads(path.with_suffix('.users.json').read_text())
    self.assertEqual(spent['roles']['judge']['asks'], 4)
    self.assertEqual(spent['cost'], 0)
    for counts in spent['roles'].values():
      self.assertEqual((counts['failed'], counts['errors']), (0, {}))
      self.assertGreater(counts['tokens_in'], 100 * counts['requests'])
      self.assertBetween(counts['tokens_out'] / counts['requests'], 5, LENGTH)
      self.assertGreater(counts['seconds_p50'], 0)
    _, sizes = self.model_fn.call_args
    self.assertEqual(
        sizes, dict(rows=8, max_prompt_tokens=LENGTH, max_tokens=32)
    )

    # A replay needs no model.
    self.model_fn.reset_mock()
    again = self.folder / 'again.jsonl'
    play(self.config(**{'users.cache': 'replay'}), again)
    self.assertEqual(again.read_text(), path.read_text())
    self.model_fn.assert_not_called()

  def test_published_weights_play_as_the_run_that_they_are_of(self):
    mesh = setup.mesh(config_of(self.user))
    exported.export(self.user, self.folder / 'out', dtype='bfloat16')
    theirs = frozen.load(self.folder / 'out', mesh)
    ours = frozen.load(self.user, mesh)
    self.assertEqual(theirs[0], dataclasses.replace(ours[0], dtype='bfloat16'))
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a, b.astype(a.dtype)),
        *(theirs[1], ours[1]),
    )
    self.assertEqual(*(loaded[2].backend.to_str() for loaded in (theirs, ours)))

  @parameterized.parameters(0.0, 2.0)
  def test_a_run_repeats_itself(self, temperature):
    written = []
    for name in ('first', 'second'):
      path = self.folder / f'{name}.jsonl'
      config = self.config(
          **{
              'users.user.temperature': temperature,
              'users.cache_path': str(self.folder / f'{name}.replies'),
              'sampling.max_failed_share': 1.0,
          }
      )
      play(config, path, num_tasks=12)
      written.append(path.read_text())
    self.assertEqual(written[0], written[1])
    self.assertEqual('"failed"' in written[0], temperature > 0)

  def test_what_it_was_not_trained_for_fails(self):
    config = self.config(**{'sampling.max_failed_share': 1.0})
    config.envs.names = ('turtle',)
    for record in play(config, self.folder / 'x.jsonl'):
      self.assertEqual(record.status, types.FAILED)
      self.assertIn('gave no valid reply in 1 tries', record.error)

  def test_a_long_question_names_the_field(self):
    config = self.config()
    short = dataclasses.replace(self.model, max_prompt_tokens=99)
    self.model_fn.return_value = short
    message = r'users.user: .* takes \d+ tokens, but users.max_prompt_tokens=99'
    with self.assertRaisesRegex(ValueError, message):
      play(config, self.folder / 'x.jsonl')

  @parameterized.parameters(1, 2)
  def test_a_rollout_asks_for_a_whole_wave_at_once(self, num_waves):
    config = self.config()
    batches = []
    model = mock.Mock(wraps=self.model)

    def complete(prompts, is_wanted):
      batches.append(len(prompts))
      return self.model.complete(prompts, is_wanted)

    model.complete = complete
    self.model_fn.return_value = model
    gym = AnyQuestionGym(max_turns=2, question=self.question)
    gyms = users.played_by_models(config, {'telepathy': gym})
    completer = self.model.completer
    conversations = rollout.Conversations(
        completer.engine,
        self.model.tokenizer,
        gyms,
        rollout.Limits(
            max_tokens=completer.engine.num_slots, max_turn_tokens=8
        ),
        num_waves=num_waves,
        num_threads=users.num_threads(config),
    )
    tasks = setup.few_tasks(config, 'train', 8)
    requests = [rollout.Request(task, i) for task in tasks for i in range(2)]
    _, params, _ = frozen.load(self.user, setup.mesh(config))
    held = conversations.hold(params, requests)
    said = [turn.reply_text for t in held for turn in t.turns]
    self.assertLen(said, 32)
    self.assertEqual(users.client(config).ledger.total('asks'), 32)
    # Sixteen conversations in eight rows, or twice eight: two turns each. Both
    # samples of a task ask the same.
    self.assertEqual(batches, [4] * 4)
    self.assertEqual(set(said), {'yes'})


class CheckTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(
        self.enter_context(tempfile.TemporaryDirectory())
    )
    (self.folder / 'config.json').write_text('{}')

  @parameterized.parameters(
      ({'users.rows': 0}, 'users.rows=0 must be at least 1'),
      ({'users.max_prompt_tokens': 0}, 'users.max_prompt_tokens=0 must be'),
      ({'users.user.structured': 'on'}, "users.user.structured='on': nothing"),
      ({'users.user.extra': '{"n": 1}'}, "users.user.extra: 'n' means noth"),
      ({'users.user.model': ''}, 'users.user.model: name a model'),
      ({'users.judge.max_tokens': 0}, 'users.judge.max_tokens must be posit'),
      ({'users.judge.base_url': 'x', 'users.judge.model': 'j'}, 'must be like'),
  )
  def test_says_which_field_is_wrong(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      setup.check_names(config_of(self.folder, **changes))

  def test_no_such_folder(self):
    message = 'users.judge.model: m: no such folder'
    with self.assertRaisesRegex(FileNotFoundError, message):
      setup.check_names(config_of(self.folder, **{'users.judge.model': 'm'}))

  def test_roles(self):
    changes = {
        'users.judge.model': 'j',
        'users.judge.base_url': 'http://there/v1',
        'users.policy.model': str(self.folder),
    }
    config = config_of(self.folder, **changes)
    setup.check_names(config)
    roles = dict(users._models(config))
    self.assertEqual(
        {role: (m.name, m.base_url) for role, m in roles.items()},
        {
            'user': (str(self.folder), ''),
            'judge': ('j', 'http://there/v1'),
            'policy': (str(self.folder), ''),
        },
    )
    plain = dict(users._models(config_of(self.folder)))
    self.assertEqual(list(plain), ['user', 'judge'])
    self.assertEqual(plain['judge'].name, str(self.folder))
    self.assertEqual(plain['judge'].structured, 'off')


if __name__ == '__main__':
  absltest.main()
