import contextlib
import io
import json
import logging
import os
import pathlib
import runpy
import sys
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import fake_chat
import fake_players

import bao_jax
from bao_jax import catalog
from bao_jax import checkpoint
from bao_jax.envs import base
from bao_jax.evaluation import job as job_lib
from bao_jax.evaluation import records
from bao_jax.train import lessons
from bao_jax.train import setup
from bao_jax.train import sft
from bao_jax.train import users
from bao_jax.users import chat
from bao_jax.users import scripted

CONFIG = 'experiments/configs/quickstart.py'
KEY = 'sk-canary-0123456789abcdef'


def config_of(**changes):
  path = pathlib.Path(__file__).parents[1] / CONFIG
  config = runpy.run_path(str(path))['get_config']('debug')
  del config.rows
  config.users.kind = 'llm'
  config.users.user.model = 'm'
  config.update_from_flattened_dict(changes)
  return config


class CheckTest(parameterized.TestCase):

  @parameterized.parameters(
      (
          {'users.kind': 'human'},
          "users.kind='human' must be one of: scripted, ",
      ),
      ({'users.user.model': ''}, 'users.user.model: name a model'),
      (
          {'users.judge.base_url': 'host/v1', 'users.judge.model': 'j'},
          'users.judge.base_url: must be like https://host/v1',
      ),
      (
          {'users.user.base_url': 'https://me:pass@host/v1'},
          'users.user.base_url: .* without credentials',
      ),
      (
          {'users.user.base_url': 'https://host/v1?key=x'},
          'users.user.base_url: .* without credentials',
      ),
      ({'users.user.key_env': KEY}, 'users.user.key_env: must name an enviro'),
      ({'users.user.structured': 'yes'}, "users.user.structured='yes' must be"),
      ({'users.user.extra': '[1]'}, 'users.user.extra: must be a JSON obj'),
      ({'users.user.extra': '{'}, 'users.user.extra: must be a JSON obj'),
      ({'users.user.deadline': 0.0}, 'users.user.deadline must be positive'),
      ({'users.policy.max_tokens': 0}, 'users.policy.max_tokens must be'),
      ({'users.teacher.max_retries': -1}, 'users.teacher.max_retries must not'),
      ({'users.concurrency': 0}, 'users.concurrency=0 must be at least 1'),
      ({'users.breaker_failures': 0}, 'users.breaker_failures=0 must be'),
      ({'users.max_cost': -1.0}, r'users.max_cost=-1.0 must not be negative'),
      ({'users.cache': 'on'}, "users.cache='on' must be one of: off, record"),
      ({'users.cache': 'record'}, "users.cache='record' with users.cache_path"),
      (
          {'users.cache_path': 'x'},
          "users.cache='off' with users.cache_path='x'",
      ),
      ({'sampling.deadline': 120.0}, 'sampling.deadline=120 must be more than'),
  )
  def test_says_which_field_is_wrong(self, changes, message):
    with self.assertRaisesRegex(ValueError, message) as raised:
      setup.check_names(config_of(**changes))
    self.assertNotIn(KEY, str(raised.exception))
    self.assertNotIn('pass@', str(raised.exception))

  def test_nothing_to_replay(self):
    config = config_of(
        **{'users.cache': 'replay', 'users.cache_path': '/nowhere/x.jsonl'}
    )
    with self.assertRaisesRegex(
        FileNotFoundError, 'users.cache_path: /nowhere'
    ):
      setup.check_names(config)

  def test_fine(self):
    setup.check_names(config_of())
    setup.check_names(config_of(**{'users.kind': 'scripted'}))

  @parameterized.parameters('httpx2', 'jsonschema')
  def test_missing_packages(self, name):
    kept = {
        module: sys.modules[module]
        for module in list(sys.modules)
        if module.startswith('bao_jax.users.')
    }
    self.addCleanup(self.restore, kept)
    self.restore({})
    with mock.patch.dict(sys.modules, {name: None}):
      message = rf"the package {name}; .* constraints.txt -e '\.\[llm\]'"
      with self.assertRaisesRegex(ValueError, message):
        setup.check_names(config_of())
      setup.check_names(config_of(**{'users.kind': 'scripted'}))

  def restore(self, modules):
    """Makes imports of the package's users begin anew, or as they were."""
    for name in ('api', 'client', 'models', 'structured'):
      sys.modules.pop(f'bao_jax.users.{name}', None)
      if hasattr(bao_jax.users, name):
        delattr(bao_jax.users, name)
    for name, module in modules.items():
      sys.modules[name] = module
      if name.count('.') == 2:
        setattr(bao_jax.users, name.rpartition('.')[2], module)


class ClientTest(absltest.TestCase):

  def test_one_for_all(self):
    self.assertIs(users.client(config_of()), users.client(config_of()))
    other = users.client(config_of(**{'users.judge.temperature': 1.0}))
    self.assertIsNot(users.client(config_of()), other)

  def test_a_role_without_a_model_has_the_users(self):
    config = config_of(
        **{
            'users.user.base_url': 'http://here/v1',
            'users.user.input_price': 2.0,
            'users.teacher.model': 't',
            'users.teacher.base_url': 'http://there/v1',
        }
    )
    roles = dict(users._models(config))
    self.assertEqual(
        {
            role: (m.name, m.base_url, m.input_price)
            for role, m in roles.items()
        },
        {
            'user': ('m', 'http://here/v1', 2.0),
            'judge': ('m', 'http://here/v1', 2.0),
            'teacher': ('t', 'http://there/v1', 0.0),
            'policy': ('m', 'http://here/v1', 2.0),
        },
    )
    self.assertEqual(roles['policy'].max_tokens, 2048)

  def test_another_model_is_looked_for_on_the_users_server(self):
    here = {'users.user.base_url': 'http://here/v1', 'users.user.key_env': 'K'}
    config = config_of(
        **here,
        **{
            'users.policy.model': 'p',
            'users.teacher.model': 't',
            'users.teacher.key_env': 'T',
            'users.judge.model': 'j',
            'users.judge.base_url': 'http://there/v1',
        },
    )
    roles = dict(users._models(config))
    self.assertEqual(
        {role: (m.name, m.base_url, m.key_env) for role, m in roles.items()},
        {
            'user': ('m', 'http://here/v1', 'K'),
            'judge': ('j', 'http://there/v1', 'OPENAI_API_KEY'),
            'teacher': ('t', 'http://here/v1', 'T'),
            'policy': ('p', 'http://here/v1', 'K'),
        },
    )

  def test_servers_by_default(self):
    with mock.patch.dict(os.environ, {'OPENAI_BASE_URL': 'http://env/v1'}):
      roles = dict(users._models(config_of()))
      self.assertEqual(roles['user'].base_url, 'http://env/v1')
    with mock.patch.dict(os.environ):
      os.environ.pop('OPENAI_BASE_URL', None)
      roles = dict(users._models(config_of()))
      self.assertEqual(roles['user'].base_url, 'https://api.openai.com/v1')

  def test_gyms(self):
    names = 'function', 'telepathy', 'turtle'
    gyms = setup.gyms(config_of(**{'envs.names': names}))
    self.assertIsNot(gyms['turtle'].user, scripted.answer_question)
    self.assertIsNot(gyms['telepathy'].judge, scripted.telepathy_judge)
    self.assertEqual(list(gyms), list(names))
    gyms = setup.gyms(config_of(**{'users.kind': 'scripted'}))
    self.assertIs(gyms['turtle'].user, scripted.answer_question)


class ClaimTest(absltest.TestCase):

  def test_how_servers_are_reached_may_change(self):
    with tempfile.TemporaryDirectory() as folder:
      checkpoint.claim(folder, config_of().to_dict())
      (pathlib.Path(folder) / 'metrics.jsonl').write_text('{"step": 0}\n')
      moved = config_of(
          **{
              'users.user.base_url': 'http://there/v1',
              'users.max_cost': 5.0,
          }
      ).to_dict()
      checkpoint.claim(folder, moved)
      self.assertEqual(checkpoint.claimed(folder)['users']['max_cost'], 5.0)
      for changes in (
          {'users.user.model': 'another'},
          {'users.judge.temperature': 1.0},
          {'sampling.deadline': 151.0},
      ):
        with self.assertRaises(checkpoint.ConfigMismatchError):
          checkpoint.claim(folder, config_of(**changes).to_dict())

  def test_so_may_those_of_an_evaluation(self):
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder) / 'x.config.json'

      def claim(**changes):
        about = {'policy': 'x', 'config': config_of(**changes).to_dict()}
        checkpoint.claim_file(
            path, about, made=path, is_begun=True, flag='--out'
        )

      claim()
      claim(**{'users.max_cost': 5.0, 'users.user.base_url': 'http://there/v1'})
      saved = json.loads(path.read_text())
      self.assertEqual(saved['config']['users']['max_cost'], 5.0)
      with self.assertRaises(checkpoint.ConfigMismatchError):
        claim(**{'users.user.model': 'another'})


class RunTest(absltest.TestCase):
  """A warm start and an evaluation with models, behind a server that leaks."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.tokenizer = pathlib.Path(folder.name)
    plain = config_of(**{'users.kind': 'scripted', 'envs.names': ('turtle',)})
    lessons.tokenizer(plain, cls.tokenizer)

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(
        self.enter_context(tempfile.TemporaryDirectory())
    )
    self.enter_context(mock.patch.dict(os.environ, {'OPENAI_API_KEY': KEY}))
    self.said = io.StringIO()
    handler = logging.StreamHandler(self.said)
    logger = logging.getLogger()
    levels = {logger: logger.level}
    levels |= {logging.getLogger(n): 0 for n in ('httpx2', 'httpcore2')}
    logger.addHandler(handler)
    self.addCleanup(logger.removeHandler, handler)
    for each, level in levels.items():
      self.addCleanup(each.setLevel, level)
    for name in ('httpx2', 'httpcore2', 'asyncio', 'bao_jax'):
      logging.getLogger(name).setLevel(logging.DEBUG)
    self.enter_context(contextlib.redirect_stderr(self.said))
    self.enter_context(contextlib.redirect_stdout(self.said))

  def config(self, url, cache):
    return config_of(
        **{
            'envs.names': ('turtle',),
            'text.tokenizer': str(self.tokenizer / 'tokenizer.json'),
            'model.num_layers': 1,
            'model.width': 16,
            'model.ff_width': 16,
            'sampling.rows': 4,
            'sampling.max_turn_tokens': 4,
            'sampling.decode_tokens': 4,
            'sft.num_steps': 1,
            'teacher.conversations': 6,
            'evaluation.num_tasks': 2,
            'sampling.max_failed_share': 1.0,
            'users.backoff': 0.0,
            'users.concurrency': 4,
            'users.cache': cache,
            'users.cache_path': str(self.folder / 'replies.jsonl'),
            'users.user.base_url': url,
            'users.user.max_retries': 1,
            'users.judge.max_retries': 1,
            'users.user.input_price': 1.0,
        }
    )

  def run_all(self, url, name, cache):
    """Returns the records of an evaluation."""
    workdir = self.folder / name
    config = self.config(url, cache)
    sft.train(config, workdir)
    path = workdir / 'records.jsonl'
    job_lib.run(
        config,
        job_lib.Job('scripted:honest', 'validation', path, num_tasks=8),
    )
    return path.read_text()

  def test_a_run_keeps_no_key_and_can_be_repeated(self):
    tasks = [
        task
        for split in ('train', 'validation')
        for task in catalog.GYMS['turtle'].generate('easy', split, 0)
    ]
    players = fake_players.Players(tasks)

    def leak(request):
      key = request['_headers']['authorization']
      return players(request).replace('So it is.', f'Your {key} is good.')

    def faults(question, attempt):
      kinds = ('429', '500', 'wrong', 'half')
      number = int(question[:4], 16) + attempt
      return kinds[number % 4] if number % 3 == 0 else fake_chat.OK

    with fake_chat.Server(leak, faults) as server:
      first = self.run_all(server.url, 'first', 'record')
      self.assertGreater(server.count('429', '500', 'half'), 10)
    again = self.run_all(server.url, 'again', 'replay')
    self.assertEqual(again, first)

    summary = json.loads(
        (self.folder / 'first' / 'records.users.json').read_text()
    )
    self.assertGreater(summary['roles']['user']['asks'], 20)
    self.assertGreater(summary['cost'], 0)
    rows = (self.folder / 'first' / 'metrics.jsonl').read_text()
    self.assertIn('"users/cost"', rows)
    statuses = {json.loads(line)['status'] for line in first.splitlines()}
    self.assertIn('terminated', statuses)

    files = [p for p in self.folder.rglob('*') if p.is_file()]
    self.assertGreater(len(files), 10)
    self.assertIn('[key]', (self.folder / 'replies.jsonl').read_text())
    for path in files:
      self.assertNotIn(KEY[:12].encode(), path.read_bytes(), path)
    self.assertIn('send_request_headers', self.said.getvalue())
    self.assertNotIn(KEY[:12], self.said.getvalue())

  def test_a_model_is_evaluated_and_teaches(self):
    asked = []

    def answer(request):
      asked.append(request)
      call = {'choice': 'answer', 'content': 'cook love rope'}
      call = {'name': 'interact_with_env', 'arguments': call}
      said = f'<tool_call>{json.dumps(call)}</tool_call>'
      return f'<think>It was the cook.</think>{said}'

    with fake_chat.Server(answer) as server:
      config = config_of(
          **{
              'users.kind': 'scripted',
              'envs.names': ('turtle',),
              'users.policy.base_url': server.url,
              'users.teacher.base_url': server.url,
          }
      )
      for kind in ('openai', 'teacher'):
        job = job_lib.Job(
            f'{kind}:mine', 'train', self.folder / f'{kind}.jsonl', num_tasks=3
        )
        row = job_lib.run(config, job)
        self.assertEqual([r.run for r in row.records], ['mine'] * 3)
        for record in records.read(job.path):
          self.assertEqual(record.turns[0].think, 'It was the cook.')
          self.assertEqual(record.turns[0].choice, 'answer')
    self.assertEqual({request['model'] for request in asked}, {'mine'})
    systems = [request['messages'][0]['content'] for request in asked]
    self.assertEqual(
        sorted({'How to work' in system for system in systems}), [False, True]
    )
    for kind in ('openai', 'teacher'):
      said = users.spent(self.folder / f'{kind}.users.json')
      role = {'openai': 'policy'}.get(kind, kind)
      self.assertRegex(
          said, rf'asked (\d+) questions \({role} \1\), which cost'
      )

  def test_nobody_was_asked(self):
    config = config_of(**{'envs.names': ('function',)})
    path = self.folder / 'none.jsonl'
    job = job_lib.Job('scripted:honest', 'train', path, num_tasks=1)
    job_lib.run(config, job)
    said = users.spent(path.with_suffix('.users.json'))
    self.assertStartsWith(said, 'Models were asked 0 questions, which cost 0.')

  def test_a_model_is_evaluated_on_the_users_server(self):
    with fake_chat.Server(lambda _: 'Hello.') as server:
      config = config_of(
          **{
              'users.kind': 'scripted',
              'users.user.model': '',
              'users.user.base_url': server.url,
              'envs.names': ('turtle',),
          }
      )
      path = self.folder / 'mine.jsonl'
      job = job_lib.Job('openai:mine', 'train', path, num_tasks=1)
      self.assertLen(job_lib.run(config, job).records, 1)
      self.assertEqual({r['model'] for r in server.requests}, {'mine'})

  def lessons_config(self, url, **changes):
    config = self.config(url, 'off')
    config.users.cache_path = ''
    config.update_from_flattened_dict(changes)
    return config

  def test_what_is_imitated_is_asked_for_once(self):
    tasks = catalog.GYMS['turtle'].generate('easy', 'train', 0)
    with fake_chat.Server(fake_players.Players(tasks)) as server:
      config = self.lessons_config(
          server.url,
          **{
              'envs.names': ('function', 'turtle'),
              'text.tokenizer': '',
              'teacher.slip': 1.0,
          },
      )
      lessons.tokenizer(config, self.folder)
      asked = server.count(fake_chat.OK)
      held = lessons.dialogues(config, 6, config.teacher.exceptions)
      again = lessons.imitated(config, self.folder)
      self.assertEqual(server.count(fake_chat.OK), 2 * asked)
    self.assertEqual(again, held)
    self.assertGreater(sum(not m.is_target for d in held for m in d.moves), 0)
    self.assertEqual(lessons.imitated(config, self.folder), held)
    path = self.folder / 'lessons.jsonl'
    path.write_text(path.read_text() + '{"task": "x"}\n')
    with self.assertRaisesRegex(ValueError, r'lessons.jsonl:\d+: no dial'):
      lessons.imitated(config, self.folder)

  def test_many_failed_lessons_end_the_run_and_few_are_told(self):
    tasks = catalog.GYMS['turtle'].generate('easy', 'train', 0)
    faults = lambda question, _: 'ok' if int(question[:4], 16) % 3 else '500'
    with fake_chat.Server(fake_players.Players(tasks), faults) as server:
      config = self.lessons_config(
          server.url,
          **{'sampling.max_failed_share': 0.0, 'users.breaker_failures': 999},
      )
      with self.assertRaisesRegex(base.UserError, 'of 6 conversations failed'):
        lessons.imitated(config, self.folder)
      self.assertFalse((self.folder / 'lessons.jsonl').exists())
      config.sampling.max_failed_share = 1.0
      lessons.imitated(config, self.folder)
    self.assertRegex(self.said.getvalue(), r'Left out: \d of 6 conversations')

  def test_a_dead_server_ends_the_run(self):
    with fake_chat.Server(lambda _: '') as server:
      pass
    config = self.config(server.url, 'record')
    config.users.breaker_failures = 2
    message = '2 questions in a row, last: 127.0.0.1:.*Error'
    with self.assertRaisesRegex(chat.StopError, message):
      lessons.teacher_dialogues(config, 'train', 4)


if __name__ == '__main__':
  absltest.main()
