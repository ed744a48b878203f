"""Tasks of the benchmark, played by a config with models for users."""

import dataclasses
import json
import pathlib
import runpy
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import checkout

from bao_jax import types
from bao_jax.envs import search_index
from bao_jax.envs.tau import backend
from bao_jax.tasks.userrl import sources
from bao_jax.train import setup
from bao_jax.train import users
from bao_jax.users import structured

CONFIG = pathlib.Path(__file__).parents[1] / 'experiments/configs/quickstart.py'


def _cancel(db, order_id):
  return {**db, order_id: 'cancelled'}, 'done'


def _shop(task):
  tool = backend.Tool(_cancel, 'Cancels.', {'order_id': backend.STRING})
  del task
  return backend.Backend('Be kind.', {'cancel': tool}, {'orders': 1})


def _pages(query):
  return [search_index.Result('A page', f'About {query}')]


# What is not the benchmark's to give: tau-bench's database, a search engine.
OWN = {'tau': {'backend': _shop}, 'search': {'search': _pages}}


@dataclasses.dataclass(frozen=True)
class Talk:
  """A conversation: what models reply, and what comes of it.

  Attributes:
    replies: purpose of a question to its reply.
    turns: (choice, content, reward) triples; {id} is the task's name.
    told: what a model must have read of the hidden truth.
    solved: whether it is solved then.
  """

  replies: dict[str, dict[str, object]]
  turns: tuple[tuple[str, str, float], ...]
  told: str
  solved: bool = True


TALKS = {
    'intention': Talk(
        {
            'user': {'reply': 'Small.'},
            'judge': {'analysis': '', 'is_related': True, 'covered': [0]},
        },
        (('action', 'How large?', 1.0),),
        'How large?',
        solved=False,
    ),
    'persuade': Talk(
        {'user': {'thought': '', 'reply': 'Hm.', 'stance': 'Neutral'}},
        (('answer', 'It costs a lot.', 0.5), ('answer', 'And more.', 0.0)),
        'Since {id}.',
        solved=False,
    ),
    'search': Talk(
        {'judge': {'reason': '', 'candidates': 1, 'correct': True}},
        (('search', '{id}', 0.0), ('answer', 'Somebody else', 1.0)),
        '"reference": "{id}"',
    ),
    'tau': Talk(
        {'user': {'thought': '', 'reply': 'Thanks!', 'is_satisfied': True}},
        (
            ('answer', 'cancel: {{"order_id": "{id}"}}', 0.0),
            ('action', 'It is cancelled.', 1.0),
        ),
        'You want {id} cancelled.',
    ),
    'telepathy': Talk(
        {
            'user': {'reason': '', 'reply': 'No'},
            'judge': {'reason': '', 'is_right': True},
        },
        (('action', 'Is it hot?', 0.0), ('answer', 'A kettle', 1.0)),
        'Thing {id} - one of many',
    ),
    'travel': Talk(
        {
            'search': {'reason': '', 'fits': 'yes', 'aspect': 'flight'},
            'classify': {'reason': '', 'kind': 'asks', 'wish': 'P1'},
            'voice': {'reply': 'I rise early.'},
        },
        (
            ('search', 'a flight to Rome', 0.2),
            ('action', 'When do you fly?', 0.2),
            ('answer', 'F1', 1.0),
            ('answer', 'H2', 0.8),
        ),
        'hint 0',
        solved=False,
    ),
    'turtle': Talk(
        {
            'user': {'reason': '', 'reply': 'Yes'},
            'judge': {'reason': '', 'scores': {'point_1': 1, 'point_2': 1}},
        },
        (('action', 'Rain?', 0.0), ('answer', 'A keeper.', 1.0)),
        'The bottom of {id}.',
    ),
}


class PlayTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))

  def config(self, gym):
    config = runpy.run_path(str(CONFIG))['get_config']('debug')
    config.update_from_flattened_dict(
        {
            'envs.names': (gym,),
            'tasks.source': 'userrl',
            'tasks.path': str(self.root),
            'users.kind': 'llm',
            'users.user.model': 'm',
        }
    )
    setup.check_names(config)
    return config

  def gym(self, config, talk, asks):
    def chat(ask):
      asks.append(ask)
      reply = talk.replies[ask.key.rpartition('/')[2]]
      return structured.read(json.dumps(reply), ask.schema)

    (name,) = config.envs.names
    with mock.patch.object(users, 'client', lambda config: chat):
      gym = setup.gyms(config)[name]
    return dataclasses.replace(gym, **OWN.get(name, {}))

  @parameterized.parameters(*TALKS)
  def test_a_task_is_played(self, name):
    short = {'travel': sources.SOURCES['travel'][:1]}  # One file of eight.
    self.enter_context(mock.patch.dict(sources.SOURCES, short))
    checkout.write(self.root, name)
    talk, asks, config = TALKS[name], [], self.config(name)
    gym = self.gym(config, talk, asks)
    for task in setup.tasks(config, 'test')[:2]:
      id_ = task.id.rpartition('/')[2]
      state, observation = gym.reset(task, seed=0)
      self.assertNotIn(talk.told.format(id=id_), observation.user)
      for choice, content, reward in talk.turns:
        action = types.Action(choice, content.format(id=id_))
        state, step = gym.step(state, action)
        self.assertAlmostEqual(step.reward, reward, msg=content)
      self.assertEqual(step.solved, talk.solved)
      said = [text for ask in asks for text in (ask.system, str(ask.messages))]
      self.assertTrue(any(talk.told.format(id=id_) in text for text in said))

  def test_function_needs_no_user(self):
    checkout.write(self.root, 'function')
    config = self.config('function')
    gym = self.gym(config, Talk({}, (), ''), [])
    task = setup.tasks(config, 'validation')[0]
    state, _ = gym.reset(task, seed=0)
    expected = str(task.data['expected'])
    _, step = gym.step(state, types.Action('answer', expected))
    self.assertEqual((step.reward, step.solved), (1.0, True))

  @parameterized.parameters(
      ('tau', 'give TauGym a `backend`'), ('search', 'give the gym a `search`')
  )
  def test_what_is_missing_is_said(self, name, message):
    checkout.write(self.root, name)
    config = self.config(name)
    with mock.patch.dict(OWN, clear=True):
      gym = self.gym(config, TALKS[name], [])
    task = setup.tasks(config, 'test')[0]
    with self.assertRaisesRegex(ValueError, message):
      gym.reset(task, seed=0)

  def test_alfworld_has_no_files(self):
    config = self.config('alfworld')
    with self.assertRaisesRegex(ValueError, 'alfworld: .* no files with tasks'):
      setup.tasks(config, 'test')

  def test_merged_set(self):
    checkout.write(self.root, 'function')
    checkout.write_merged(self.root, 'test')
    config = self.config('function')
    config.tasks.merged = True
    self.assertLen(setup.tasks(config, 'test'), 50)


class BadRowsTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))

  def config(self, source, bad_rows, *names):
    config = runpy.run_path(str(CONFIG))['get_config']('debug')
    config.envs.names = names
    config.tasks.update(source=source, path=str(self.root), bad_rows=bad_rows)
    setup.check_names(config)
    return config

  def test_rows_of_the_benchmark(self):
    checkout.write(self.root, 'function', with_parquet=False)
    file = sources.SOURCES['function'][0].tasks['train']
    rows = [dict(row) for row in checkout.rows('function', file)]
    rows[485]['rule'] = rows[3]['rule'] = 'a +'
    checkout.dump(self.root, file, rows)
    with self.assertRaisesRegex(ValueError, 'functions.json: row 485: rule'):
      setup.tasks(self.config('userrl', 'stop', 'function'), 'train')
    config = self.config('userrl', 'skip', 'function')
    with self.assertLogs(level='WARNING') as logs:
      tasks = setup.tasks(config, 'train')
      tasks += setup.tasks(config, 'validation')
    self.assertLen(tasks, 458)
    self.assertLen(logs.output, 2)
    self.assertIn('left out 2 bad rows; the first: ', logs.output[0])
    self.assertIn('functions.json: row 485: rule', logs.output[0])

  def test_lines_of_a_file_of_two_gyms_are_counted_once(self):
    data = {'claim': 'c', 'argument': 'a'}
    good = [
        types.Task('1', 'persuade', 'full', data),
        types.Task('2', 'search', 'full', {'question': 'q', 'answer': 'a'}),
    ]
    lines = [json.dumps(vars(task)) for task in good]
    lines = [lines[0], '{', lines[1], '{"id": 1}', lines[0]]
    (self.root / 'test.jsonl').write_text('\n'.join(lines))
    with self.assertRaisesRegex(ValueError, 'test.jsonl:2: not valid JSON'):
      setup.tasks(self.config('jsonl', 'stop', 'persuade', 'search'), 'test')
    config = self.config('jsonl', 'skip', 'persuade', 'search')
    with self.assertLogs(level='WARNING') as logs:
      self.assertEqual(setup.tasks(config, 'test'), good)
    self.assertLen(logs.output, 1)
    self.assertIn('left out 3 bad rows; the first: ', logs.output[0])
    self.assertIn('test.jsonl:2: not valid JSON', logs.output[0])

  def test_nothing_is_said_of_good_rows(self):
    checkout.write(self.root, 'function')
    with self.assertNoLogs(level='WARNING'):
      setup.tasks(self.config('userrl', 'skip', 'function'), 'test')

  def test_a_file_of_bad_lines_alone_is_an_error(self):
    (self.root / 'test.jsonl').write_text('{\n')
    config = self.config('jsonl', 'skip', 'persuade')
    message = 'test.jsonl: no good line .*test.jsonl:1: not valid'
    with self.assertRaisesRegex(ValueError, message):
      setup.tasks(config, 'test')

  @parameterized.parameters(
      ({'bad_rows': 'ignore'}, "tasks.bad_rows='ignore': use 'stop' or 'skip'"),
      ({'merged': True}, "tasks.merged=True, but tasks.source='builtin'"),
      (
          {'bad_rows': 'skip'},
          "tasks.bad_rows='skip', but tasks.source='builtin' reads no rows",
      ),
  )
  def test_bad_settings_are_refused(self, changes, message):
    config = runpy.run_path(str(CONFIG))['get_config']('debug')
    config.tasks.update(changes)
    with self.assertRaisesRegex(ValueError, message):
      setup.check_names(config)


if __name__ == '__main__':
  absltest.main()
