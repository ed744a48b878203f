"""What users see on the command line: one line per mistake, nothing lost."""

import contextlib
import dataclasses
import datetime
import errno
import importlib.util
import io
import json
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from unittest import mock

from absl import flags
from absl.testing import absltest
from absl.testing import parameterized
import checkout
import fake_chat
import fake_players
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax import checkpoint
from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import turtle
from bao_jax.evaluation import job as job_lib
from bao_jax.evaluation import policies
from bao_jax.evaluation import reads
from bao_jax.evaluation import records
from bao_jax.report import collect
from bao_jax.report import runs as runs_lib
from bao_jax.report import table
from bao_jax.report import text
from bao_jax.tasks import userrl
from bao_jax.teachers import base as teachers_base
from bao_jax.train import lessons
from bao_jax.train import optimizer
from bao_jax.train import pipeline
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import sft

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXPERIMENTS = ROOT / 'experiments'
CONFIG = EXPERIMENTS / 'configs/quickstart.py'


def load(name):
  """Imports a script of the folder, as running it would."""
  spec = importlib.util.spec_from_file_location(
      f'experiments_{name}', EXPERIMENTS / f'{name}.py'
  )
  module = importlib.util.module_from_spec(spec)
  before = set(flags.FLAGS)
  with mock.patch.object(sys, 'path', [str(EXPERIMENTS), *sys.path]):
    spec.loader.exec_module(module)
  for flag in set(flags.FLAGS) - before:  # Scripts share names.
    delattr(flags.FLAGS, flag)
  return module


evaluate = load('evaluate')
script = load('script')
report = load('report')


def tiny(**changes):
  module = {}
  exec(compile(CONFIG.read_text(), str(CONFIG), 'exec'), module)
  config = module['get_config']('debug')
  del config.rows
  tiny_model = {
      'envs.names': ('turtle',),
      'envs.max_turns': 2,
      'text.vocab_size': 400,
      'model.vocab_size': 400,
      'model.num_layers': 1,
      'model.width': 16,
      'model.ff_width': 16,
      'model.num_heads': 1,
      'model.num_kv_heads': 1,
      'sampling.rows': 4,
      'sampling.max_tokens': 320,
      'sampling.max_turn_tokens': 4,
      'sampling.decode_tokens': 4,
      'sampling.append_buckets': (64,),
      'sft.num_steps': 1,
      'sft.length': 640,
  }
  config.update_from_flattened_dict(tiny_model | changes)
  return config


def make_run(workdir, config, loop='warm start'):
  """Makes the folder of a run that has learned nothing."""
  checkpoint.claim(workdir, {'loop': loop, **config.to_dict()})
  encoder = lessons.tokenizer(config, workdir)
  shape = setup.model_config(config, encoder)
  tx = optimizer.make_optimizer(**config.rl.optimizer.to_dict())
  state = setup.train_state(config, shape, tx, setup.mesh(config))
  saved = checkpoint.Checkpoints(workdir)
  saved.save(1, state)
  saved.close()


def contents(folder):
  return {
      path: path.read_bytes()
      for path in sorted(pathlib.Path(folder).rglob('*'))
      if path.is_file()
  }


class CliTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(
        self.enter_context(tempfile.TemporaryDirectory())
    )

  def fails(self, call, *args):
    """Returns the one line that a launcher prints, and checks the status."""
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
      with self.assertRaises(SystemExit) as context:
        with script.errors_in_one_line('the-folder'):
          call(*args)
    self.assertEqual(context.exception.code, 1)
    lines = [x for x in errors.getvalue().splitlines() if 'error' in x]
    self.assertLen(lines, 1)
    self.assertStartsWith(lines[0], 'error: ')
    return lines[0]


class TaskSourceTest(CliTest):

  def write(self, split, *lines):
    (self.folder / f'{split}.jsonl').write_text('\n'.join(lines))

  def jsonl(self):
    return tiny(**{'tasks.source': 'jsonl', 'tasks.path': str(self.folder)})

  def test_builtin_by_default(self):
    tasks = setup.tasks(tiny(), 'validation')
    self.assertEqual(tasks[0].id, 'turtle/easy/validation/0')

  def test_file_of_each_split(self):
    builtin = setup.few_tasks(
        tiny(**{'envs.names': ('function', 'turtle')}), 'train', 3
    )
    self.write('train', *(json.dumps(vars(task)) for task in builtin))
    config = self.jsonl()
    self.assertEqual(setup.tasks(config, 'train'), builtin[3:])
    config.envs.names = ('turtle', 'function')
    self.assertEqual(setup.tasks(config, 'train'), builtin[3:] + builtin[:3])

  def test_tfds(self):
    config = tiny(**{'tasks.source': 'tfds', 'tasks.path': str(self.folder)})
    setup.check_names(config)
    self.assertEqual(
        setup.tasks(config, 'validation'), setup.tasks(tiny(), 'validation')
    )
    self.assertNotIn('tensorflow', sys.modules)

  def test_checkout(self):
    checkout.write(self.folder, 'function')
    config = tiny(
        **{
            'envs.names': ('function',),
            'tasks.source': 'userrl',
            'tasks.path': str(self.folder),
        }
    )
    setup.check_names(config)
    train, validation, test = (
        setup.tasks(config, split) for split in ('train', 'validation', 'test')
    )
    whole = userrl.read(self.folder, 'function', 'train')
    self.assertEqual(validation, whole[9::10])
    self.assertEqual(train, [task for task in whole if task not in validation])
    self.assertEqual(test, userrl.read(self.folder, 'function', 'test'))

  @parameterized.parameters(
      ('jsonl', '', 'tasks.path: source .jsonl. needs a folder'),
      ('tfds', '', 'tasks.path: source .tfds. needs a folder'),
      ('jsonl', '/nowhere', 'tasks.path: /nowhere: no such folder'),
      ('userrl', '/nowhere', 'tasks.path: /nowhere: no such folder'),
      ('builtin', '/nowhere', 'tasks.path=./nowhere., but .* reads no folder'),
      ('json', '/nowhere', 'tasks.source: no source .json.; there are: built'),
  )
  def test_bad_source_is_refused_before_anything_is_written(
      self, source, path, message
  ):
    config = tiny(**{'tasks.source': source, 'tasks.path': path})
    for train in (sft.train, rl.train):
      line = self.fails(train, config, self.folder / 'run')
      self.assertRegex(line, message)
    self.assertFalse((self.folder / 'run').exists())

  @parameterized.parameters(
      ([''], 'train.jsonl: no tasks in the file'),
      (['', '{"id": '], 'train.jsonl:2: not valid JSON'),
      (
          ['{"id": "1", "gym": "chess", "level": "easy", "data": {}}'],
          "train.jsonl:1: unknown gym 'chess'; use alfworld, function,",
      ),
      (
          [
              '{"id": "1", "gym": "function", "level": "easy", "data":'
              ' {"rule": "a", "test_case": [1, 2, 3, 4], "expected": 1}}'
          ],
          "train.jsonl: no task of gym 'turtle'",
      ),
      (
          [
              '{"id": "1", "gym": "function", "level": "easy", "data":'
              ' {"rule": "a", "test_case": [1, 2, 3, 4], "expected": 2}}'
          ],
          "train.jsonl:1: data: expected is 2, but 'a' is 1 at",
      ),
      (
          [
              '{"id": "1", "gym": "function", "level": "hard", "data":'
              ' {"rule": "a", "test_case": [1, 2, 3, 4], "expected": 1}}'
          ],
          "train.jsonl:1: unknown level 'hard'; use easy, medium, full",
      ),
      (None, 'train.jsonl: not found; put the train tasks there'),
  )
  def test_bad_file_is_named(self, lines, message):
    if lines is not None:
      self.write('train', *lines)
    line = self.fails(sft.train, self.jsonl(), self.folder / 'run')
    self.assertIn(message, line)

  @parameterized.parameters('validation', 'test')
  def test_held_out_task_of_train_is_refused_or_skipped(self, split):
    lines = [json.dumps(vars(t)) for t in setup.few_tasks(tiny(), 'train', 3)]
    self.write('train', *lines[:2])
    self.write(split, '', lines[2], lines[1])
    config = self.jsonl()
    for read in ('train', split):
      line = self.fails(setup.tasks, config, read)
      self.assertIn(f"{split}.jsonl:3: id 'turtle/easy/train/1' is that", line)
      self.assertIn('train.jsonl:2;', line)
    config.tasks.bad_rows = 'skip'
    self.assertLen(setup.tasks(config, 'train'), 2)
    self.assertLen(setup.tasks(config, split), 1)

  def test_benchmark_tasks_without_a_user_are_refused(self):
    task = setup.tasks(tiny(), 'train')[0]
    data = {k: v for k, v in task.data.items() if k != 'facts'}
    self.write('train', json.dumps(vars(task) | {'data': data}))
    line = self.fails(sft.train, self.jsonl(), self.folder / 'run')
    self.assertIn(task.id, line)


class BadInputTest(CliTest):

  @parameterized.parameters(
      ({'envs.names': ('chess',)}, "envs.names: no gym 'chess'"),
      ({'envs.weights': (1.0, 0.0)}, 'envs.weights='),
      ({'model.vocab_size': 300}, 'model.vocab_size=300 is smaller than'),
      (
          {'sampling.max_tokens': 90},
          'the prompt takes .* but sampling.max_tokens=90',
      ),
  )
  def test_config(self, changes, message):
    line = self.fails(sft.train, tiny(**changes), self.folder)
    self.assertRegex(line, message)

  def test_folder_of_another_config_is_left_alone(self):
    checkpoint.claim(self.folder, {'loop': 'rl', **tiny().to_dict()})
    (self.folder / 'metrics.jsonl').write_text('{"step": 0}\n')
    before = contents(self.folder)
    line = self.fails(rl.train, tiny(seed=1), self.folder)
    self.assertIn('seed: 0 there, 1 here', line)
    self.assertEqual(contents(self.folder), before)

  @parameterized.parameters((0, 'warm start'), (1, 'warm start'), (1, 'rl'))
  def test_unfinished_warm_start(self, done, loop):
    warm = self.folder / 'warm'
    steps = {'sft.num_steps': 2, 'rl.num_steps': 2}
    checkpoint.claim(warm, {'loop': loop, **tiny(**steps).to_dict()})
    if done:
      checkpoint.Checkpoints(warm).save(done, {'w': jnp.zeros(1)})
    config = tiny(warm_start=str(warm))
    line = self.fails(rl.train, config, self.folder / 'run')
    script = 'train_rl' if loop == 'rl' else 'train_sft'
    self.assertRegex(
        line, f'warm has done {done} of 2 steps; finish .*/{script}.py --workd'
    )
    self.assertFalse((self.folder / 'run').exists())

  @parameterized.product(
      train=(sft.train, rl.train),
      changes=(
          {'model.num_heads': 3, 'model.num_kv_heads': 2},
          {'model.num_layers': 0},
          {'model.dtype': 'float'},
          {'text.tokenizer': '/nowhere'},
      ),
  )
  def test_failed_check_writes_nothing(self, train, changes):
    self.fails(train, tiny(**changes), self.folder / 'run')
    self.assertFalse((self.folder / 'run').exists())

  @parameterized.product(
      train=(sft.train, rl.train),
      changes=(
          {'text.vocab_size': 300, 'model.vocab_size': 280},
          {'sampling.max_tokens': 90},
      ),
  )
  def test_failed_start_leaves_the_folder_free(self, train, changes):
    self.fails(train, tiny(**changes), self.folder)
    loop = 'warm start' if train is sft.train else 'rl'
    setup.claim(self.folder, loop, tiny())
    warm = self.folder if train is sft.train else self.folder / 'warm_start'
    setup.claim(warm, 'warm start', tiny())
    # What another config trained is not taken for this one's.
    self.assertFalse((warm / 'tokenizer.json').exists())

  @parameterized.parameters(
      'metrics.jsonl',
      'checkpoints/3/state',
      'records/bao.jsonl',
      'warm_start/checkpoints/3/state',
      'bao/metrics.jsonl',
  )
  def test_result_makes_the_folder_that_of_its_config(self, name):
    checkpoint.claim(self.folder, {'loop': 'rl', 'seed': 0})
    path = self.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{}\n')
    before = contents(self.folder)
    line = self.fails(checkpoint.claim, self.folder, {'loop': 'rl', 'seed': 1})
    self.assertIn('seed: 0 there, 1 here', line)
    self.assertEqual(contents(self.folder), before)

  @parameterized.parameters('tokenizer.json', 'lessons.jsonl')
  def test_what_a_replaced_config_made_goes_with_it(self, name):
    path = self.folder / name
    setup.claim(self.folder, 'warm start', tiny())
    path.touch()
    setup.claim(self.folder, 'warm start', tiny())
    self.assertTrue(path.exists())
    setup.claim(self.folder, 'warm start', tiny(**{'text.vocab_size': 300}))
    self.assertFalse(path.exists())

  def test_full_disk_names_the_folder(self):

    def write():
      raise OSError(errno.ENOSPC, 'No space left on device')

    self.assertRegex(self.fails(write), 'No space left .*the-folder')

  def test_ctrl_c_is_one_line(self):
    said = io.StringIO()
    with self.assertRaises(SystemExit) as caught:
      with contextlib.redirect_stderr(said), script.errors_in_one_line():
        raise KeyboardInterrupt
    self.assertEqual(caught.exception.code, 130)
    self.assertRegex(said.getvalue(), r'\AInterrupted; the same command .*\n\Z')

  def test_fault_of_ours_keeps_its_traceback(self):
    with self.assertRaises(ZeroDivisionError):
      with script.errors_in_one_line():
        _ = 1 // 0

  def test_long_message_becomes_one_line(self):

    def fail():
      raise ValueError('a\n  b\n\nc')

    self.assertEqual(self.fails(fail), 'error: a b c')

  def test_files_cannot_grow(self):
    # As on a full disk: the system refuses to write, wherever that happens.
    state = types.TrainState(
        jnp.int32(1), {'w': jnp.arange(300_000, dtype=jnp.float32)}, ()
    )
    saved = checkpoint.Checkpoints(self.folder)
    saved.save(1, state)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    later = state.replace(params={'w': state.params['w'][::-1]})
    line = self.fails(saved.save, 2, later)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    self.assertIn(str(self.folder / 'checkpoints'), line)
    self.assertRegex(line, 'could not save step 2: .* Checkpoint 1 is intact')
    again = checkpoint.Checkpoints(self.folder)
    self.assertEqual(again.latest(), 1)
    jax.tree.map(np.testing.assert_array_equal, again.restore(state), state)
    again.save(2, later)  # As after some space was freed.
    jax.tree.map(np.testing.assert_array_equal, again.restore(state), later)


class FlagsTest(CliTest):
  """Through processes: what happens before a loop is called."""

  @parameterized.parameters(
      (['--config=nowhere.py', '--workdir=x'], '--config=nowhere.py: no such'),
      (
          [f'--config={CONFIG}', '--config.rl.gama=1', '--workdir=x'],
          '.*--config has no field .gama. Did you mean "gamma"',
      ),
      (
          [f'--config={CONFIG}', '--config.envs.options.turtle.x=1'],
          '--config.envs.options.turtle.x: --config has no field .x.; docs',
      ),
      (
          [f'--config={CONFIG}', '--config.envs.options.turtel.max_turns=1'],
          '.*options.turtel.*no field .turtel. Did you mean "turtle"',
      ),
  )
  def test_mistake_is_one_line(self, arguments, message):
    done = subprocess.run(
        [sys.executable, str(EXPERIMENTS / 'train_rl.py'), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=self.folder,
    )
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, f'\\Aerror: {message}.*\n\\Z')

  @parameterized.parameters('train_sft', 'train_rl', 'quickstart', 'evaluate')
  def test_help_has_the_flags(self, name):
    done = subprocess.run(
        [sys.executable, str(EXPERIMENTS / f'{name}.py'), '--help'],
        capture_output=True,
        text=True,
        timeout=120,
    )
    own = '--policy' if name == 'evaluate' else '--workdir'
    for flag in ('--config', own):
      self.assertIn(f'  {flag}: ', done.stdout)

  def test_reader_that_leaves(self):
    # As `report.py ... | head -0`: the page is written and nothing is said.
    path = self.folder / 'x.jsonl'
    records.write(path, [ReportTest.record('BAO')])
    out = self.folder / 'page.html'
    running = subprocess.Popen(
        [
            *(sys.executable, str(EXPERIMENTS / 'report.py')),
            *(f'--records={path}', f'--out={out}'),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running.stdout.close()
    errors = running.stderr.read()
    running.stderr.close()
    self.assertEqual(running.wait(120), 0)
    self.assertNotIn('BrokenPipe', errors)
    self.assertTrue(out.exists())


class LessonsTest(CliTest):

  def write(self, *rows):
    path = self.folder / 'mine.jsonl'
    path.write_text('\n'.join(map(json.dumps, rows)))
    return str(path)

  def row(self, content):
    call = {
        'name': 'interact_with_env',
        'arguments': {'choice': 'answer', 'content': content},
    }
    said = f'<tool_call>{json.dumps(call)}</tool_call>'
    return {
        'conversations': [
            {'from': 'human', 'value': 'begin'},
            {'from': 'gpt', 'value': said},
        ]
    }

  def test_a_file_is_imitated(self):
    path = self.write(self.row('the fox'), self.row('the hen'))
    config = tiny(**{'teacher.path': path})
    encoder = lessons.tokenizer(config, self.folder)
    sequences = sft.teacher_sequences(config, encoder, self.folder)
    said = [encoder.decode(tokens[mask]) for tokens, mask in sequences]
    self.assertLen(said, 2)
    self.assertIn('the fox', said[0])
    self.assertNotIn('begin', said[0])

  def test_a_bad_row_stops_or_is_skipped(self):
    path = self.write(self.row('the fox'), {'conversations': []})
    config = tiny(**{'teacher.path': path})
    self.assertIn('mine.jsonl:2: ', self.fails(lessons.dialogues, config, 1))
    config.teacher.skip_bad_rows = True
    self.assertLen(lessons.dialogues(config, 1), 1)

  def test_a_choice_that_the_gym_lacks_is_a_bad_row(self):
    config = tiny()
    task, *_ = setup.tasks(config, 'train')
    turn = {'think': '', 'content': 'x', 'reply': 'y'}
    rows = [
        {
            'task_id': task.id,
            'solved': True,
            'turns': [{**turn, 'choice': choice}],
        }
        for choice in ('answer', 'finish', 'search')
    ]
    config.teacher.path = self.write(*rows)
    self.assertRegex(
        self.fails(lessons.dialogues, config, 1),
        r"mine.jsonl:3: turns\[0\]: .* action, answer, finish, not 'search'",
    )
    config.teacher.skip_bad_rows = True
    self.assertLen(lessons.dialogues(config, 1), 2)

  def test_no_file(self):
    config = tiny(**{'teacher.path': '/nowhere.jsonl'})
    self.assertIn(
        'teacher.path: /nowhere.jsonl', self.fails(setup.check_names, config)
    )


class EvaluateTest(CliTest):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.root = pathlib.Path(folder.name)
    cls.workdir = cls.root / 'run'
    make_run(cls.workdir, tiny())

  def job(self, policy='', split='validation', **values):
    policy = policy or f'checkpoint:{self.workdir}'
    path = values.pop('path', self.folder / 'out.jsonl')
    return job_lib.Job(policy, split, path, **values)

  def evaluate(self, *args, **values):
    config = setup.load_config(self.workdir)
    row = job_lib.run(config, self.job(*args, **values))
    return text.tables(table.groups([row]))

  def script(self, *arguments):
    done = subprocess.run(
        [sys.executable, str(EXPERIMENTS / 'evaluate.py'), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=self.folder,
    )
    return done.returncode, done.stdout, done.stderr

  def test_script_with_the_config_of_a_run(self):
    code, said, errors = self.script(
        f'--config={self.workdir}',
        '--policy=scripted:honest',
        '--num_tasks=9',
        '--samples=2',
        '--answers=1,2',
        '--config.envs.max_turns=8',
    )
    self.assertEqual(code, 0, errors)
    for suffix, name in (('', ''), ('_k1', ', k = 1'), ('_k2', ', k = 2')):
      path = f'records/honest_validation{suffix}.jsonl'
      self.assertIn(f'Records: {path}\n', said)
      lines = records.read(self.folder / path)
      self.assertLen(lines, 18)
      self.assertEqual({line.sample for line in lines}, {0, 1})
      self.assertEqual({line.max_turns for line in lines}, {8})
      self.assertEqual(
          {line.run for line in lines}, {f'{policies.TEACHER}{name}'}
      )
      told = 'You may use answer'
      self.assertEqual({told in line.prompt for line in lines}, {bool(name)})

  @parameterized.parameters((signal.SIGINT, 130), (signal.SIGTERM, 143))
  def test_signal_loses_nothing_and_the_same_command_goes_on(
      self, number, status
  ):
    # Some questions are not answered, until the server is well again.
    is_well = threading.Event()

    def faults(question, attempt):
      is_answered = int(question[:8], 16) % 8 or is_well.is_set()
      return fake_chat.OK if is_answered else 'hang'

    config = tiny(**{'envs.max_turns': 8})
    players = fake_players.Players(setup.tasks(config, 'validation'))
    with fake_chat.Server(players, faults) as server:
      command = [
          *(sys.executable, str(EXPERIMENTS / 'evaluate.py')),
          f'--config={self.workdir}',
          *('--policy=scripted:honest', '--num_tasks=64', '--out=a.jsonl'),
          *('--concurrency=128', '--config.envs.max_turns=8'),
          *('--config.users.kind=llm', '--config.users.user.model=m'),
          f'--config.users.user.base_url={server.url}',
      ]
      running = subprocess.Popen(
          command, cwd=self.folder, stderr=subprocess.PIPE, text=True
      )
      self.addCleanup(running.kill)
      path = self.folder / 'a.jsonl'
      while running.poll() is None:
        if path.exists() and len(records.read(path)) >= 8:
          break
        time.sleep(0.05)
      running.send_signal(number)
      _, errors = running.communicate(timeout=50)  # A question has 60 s.
      self.assertEqual(running.returncode, status, errors)
      said = [line for line in errors.splitlines() if 'Inter' in line]
      self.assertEqual(
          said, ['Interrupted; the same command goes on from what is saved.']
      )
      self.assertNotIn('Traceback', errors)
      lines = records.read(path)
      self.assertBetween(len(lines), 8, 63)
      asked = json.loads((self.folder / 'a.users.json').read_text())
      asked = asked['roles']
      self.assertGreater(asked['user']['asks'], len(lines))
      is_well.set()
      code, _, errors = self.script(*command[2:])
    self.assertEqual(code, 0, errors)
    after = {
        line.task_id: line for line in records.read(self.folder / 'a.jsonl')
    }
    self.assertLen(after, 64)
    self.assertEqual({line.status for line in after.values()}, {'terminated'})
    for line in lines:
      self.assertEqual(after[line.task_id], line)

  def test_script_with_a_checkpoint(self):
    code, said, errors = self.script(
        f'--policy=checkpoint:{self.workdir}', '--num_tasks=1', '--out=a.jsonl'
    )
    self.assertEqual(code, 0, errors)
    self.assertEndsWith(said, 'Records: a.jsonl\n')
    self.assertLen(records.read(self.folder / 'a.jsonl'), 1)

  @parameterized.parameters(
      (['--policy=checkpoint:/nowhere'], '/nowhere/config.json: not found'),
      (['--policy=scripted:honest'], 'Flag --config must have a value'),
      (['--policy=oracle', f'--config={CONFIG}'], '--policy=oracle: use check'),
      (
          ['--policy=scripted:chess', f'--config={CONFIG}'],
          '--policy=scripted:chess: no such player; there are: honest, random,',
      ),
      (
          ['--policy=scripted:honest', f'--config={CONFIG}', '--answers=0'],
          '--answers=0: give whole numbers from 1 on.',
      ),
  )
  def test_script_refuses(self, arguments, message):
    code, _, errors = self.script(*arguments)
    self.assertNotEqual(code, 0)
    self.assertIn(message, errors)
    self.assertNotIn('Traceback', errors)

  def test_config_is_read_back(self):
    self.assertEqual(setup.load_config(self.workdir), tiny())

  def test_trained_run(self):
    said = self.evaluate(num_tasks=3)
    lines = records.read(self.folder / 'out.jsonl')
    self.assertEqual(
        [line.task_id for line in lines],
        [f'turtle/easy/validation/{i}' for i in range(3)],
    )
    self.assertEqual({line.run for line in lines}, {'run'})
    self.assertRegex(said, r'turtle: validation split, easy level')
    self.assertRegex(said, r'\| run +\| 0\.000 \[0\.000, 0\.000\] \|')

  def test_greedy_samples_are_refused(self):
    line = self.fails(lambda: self.evaluate(num_tasks=1, num_samples=2))
    self.assertIn('--samples=2: greedy', line)
    self.assertEmpty(list(self.folder.iterdir()))
    self.evaluate(num_tasks=1, num_samples=2, temperature=1.0)
    first, second = records.read(self.folder / 'out.jsonl')
    self.assertNotEqual(first.turns, second.turns)

  def test_reference_on_the_test_split_is_noted(self):
    before = reads.sentence(self.folder, 'test')
    self.assertEqual(before, 'No evaluation read the test split.')
    said = self.evaluate('scripted:honest', 'test', num_tasks=4)
    lines = records.read(self.folder / 'out.jsonl')
    row = table.groups([runs_lib.Run(policies.TEACHER, lines)])[0].rows[0]
    self.assertIn(f'| {row.score.mean:.3f} [{row.score.low:.3f}', said)
    once = 'The test split was read once per row.'
    self.assertEqual(reads.sentence(self.folder, 'test'), once)
    # All of it is there: nothing is read again.
    self.evaluate('scripted:honest', 'test', num_tasks=1)
    self.assertEqual(reads.sentence(self.folder, 'test'), once)
    self.assertLen(records.read(self.folder / 'out.jsonl'), 4)
    self.evaluate('scripted:honest', 'test', num_tasks=5)
    self.assertEqual(
        reads.sentence(self.folder, 'test'),
        'The test split was read 2 times (Scripted teacher 2).',
    )
    lines = (self.folder / 'reads.jsonl').read_text().splitlines()
    noted = list(map(json.loads, lines))
    self.assertEqual([line['tasks'] for line in noted], [4, 1])
    times = [datetime.datetime.fromisoformat(line['time']) for line in noted]
    self.assertLessEqual(times[0], times[1])
    self.assertIsNotNone(times[0].tzinfo)

  def test_another_name_is_the_same_read(self):
    shutil.copytree(self.workdir, self.folder / 'run')
    link = self.folder / 'link'
    link.symlink_to(self.folder / 'run')
    for i, (folder, name) in enumerate(
        ((self.folder / 'run', ''), (link, 'Mine'))
    ):
      self.evaluate(
          f'checkpoint:{folder}',
          'test',
          num_tasks=1,
          path=self.folder / f'{i}.jsonl',
          name=name,
      )
    self.assertEqual(
        reads.sentence(self.folder / 'run', 'test'),
        'The test split was read 2 times (run alias Mine 2).',
    )

  def test_random_policy_and_name(self):
    said = self.evaluate('scripted:random', num_tasks=2, name='Dice')
    self.assertIn('| Dice ', said)

  def test_only_what_is_missing_or_failed_is_held_again(self):
    self.evaluate('scripted:honest', num_tasks=4)
    path = self.folder / 'out.jsonl'
    lines = records.read(path)
    broken = [
        dataclasses.replace(x, status='failed', solved=False, error='no line')
        if i == 1
        else x
        for i, x in enumerate(lines[:3])
    ]
    records.write(path, broken)
    held = []
    honest = policies.SCRIPTED['honest']

    def counting(config):
      make_player = honest(config)

      def make(task, sample):
        held.append(task.id)
        return make_player(task, sample)

      return make

    with mock.patch.dict(policies.SCRIPTED, {'honest': counting}):
      self.evaluate('scripted:honest', num_tasks=4)
    self.assertCountEqual(held, [lines[1].task_id, lines[3].task_id])
    self.assertEqual(records.read(path), lines)

  def test_records_of_another_job_are_left_alone(self):
    self.evaluate('scripted:honest', num_tasks=1)
    before = (self.folder / 'out.jsonl').read_text()
    line = self.fails(lambda: self.evaluate('scripted:random', num_tasks=1))
    self.assertIn('policy: scripted:honest there, scripted:random here', line)
    self.assertIn('/out.jsonl was made by another config', line)
    self.assertIn('choose another --out', line)
    self.assertEqual((self.folder / 'out.jsonl').read_text(), before)

  def test_records_of_an_earlier_checkpoint_are_left_alone(self):
    run = self.folder / 'run'
    shutil.copytree(self.workdir, run)
    self.evaluate(f'checkpoint:{run}', num_tasks=1)
    (run / 'checkpoints/1').rename(run / 'checkpoints/2')  # It trained on.
    line = self.fails(lambda: self.evaluate(f'checkpoint:{run}', num_tasks=1))
    self.assertIn('step: 1 there, 2 here', line)
    self.assertIn('choose another --out', line)

  def test_outage_fails_one_conversation(self):

    def out_of_order(config):
      del config

      def play(observation, history, turns_left, rng):
        if not history:
          return teachers_base.Move('', types.Action('action', 'is it?'))
        raise base.UserError('no line')

      return lambda task, sample: play

    with mock.patch.dict(policies.SCRIPTED, {'honest': out_of_order}):
      line = self.fails(lambda: self.evaluate('scripted:honest', num_tasks=2))
    self.assertIn('2 of 2 conversations failed', line)
    lines = records.read(self.folder / 'out.jsonl')
    self.assertEqual([x.status for x in lines], ['failed'] * 2)
    self.assertEqual([x.error for x in lines], ['no line'] * 2)
    self.assertLen(lines[0].turns, 1)

  def test_row_of_a_table_is_noted_with_the_table(self):
    config = tiny(warm_start=str(self.workdir))
    with config.unlocked():
      config.rows = {'mine': {}}
    checkpoint.claim(self.folder, {'loop': 'pipeline', **config.to_dict()})
    with self.assertRaisesRegex(
        ValueError, 'several runs; .*warm_start, .*mine'
    ):
      setup.load_config(self.folder)
    row = self.folder / 'mine'
    shutil.copytree(self.workdir, row)
    self.evaluate(
        f'checkpoint:{row}', 'test', num_tasks=1, path=row / 'out.jsonl'
    )
    self.assertIn('once per row', reads.sentence(self.folder, 'test'))
    self.assertIn('No evaluation', reads.sentence(row, 'test'))

  def test_run_without_a_checkpoint(self):
    row = self.folder / 'mine'
    config = tiny(warm_start='/nowhere')
    checkpoint.claim(row, {'loop': 'rl', **config.to_dict()})
    before = sorted(self.folder.rglob('*'))
    call = lambda: self.evaluate(f'checkpoint:{row}', 'test')
    self.assertIn('mine: no checkpoint there', self.fails(call))
    self.assertEqual(sorted(self.folder.rglob('*')), before)
    (row / 'checkpoints/1').mkdir(parents=True)
    self.assertIn('/nowhere/config.json: not found', self.fails(call))
    self.assertFalse((self.folder / 'reads.jsonl').exists())

  def test_no_run_is_made_where_there_is_none(self):
    call = lambda: self.evaluate(f'checkpoint:{self.folder}/typo')
    self.assertIn('typo/config.json: not found', self.fails(call))
    self.assertEmpty(list(self.folder.iterdir()))

  def test_trained_run_with_a_config_that_knows_no_warm_start(self):
    run = self.folder / 'run'
    setup.claim(run, 'rl', tiny(warm_start=str(self.workdir)))
    shutil.copytree(self.workdir / 'checkpoints', run / 'checkpoints')
    job = self.job(f'checkpoint:{run}', num_tasks=2)
    self.assertLen(job_lib.run(tiny(), job).records, 2)

  def test_tokenizer_is_that_of_the_first_warm_start(self):
    # A run prolongs another one, with other teachers.
    warm, first, second = (self.folder / x for x in ('warm', 'one', 'two'))
    shutil.copytree(self.workdir, warm)
    setup.claim(first, 'rl', tiny(warm_start=str(warm)))
    config = tiny(**{'warm_start': str(first), 'teacher.slip': 0.9})
    setup.claim(second, 'rl', config)
    encoder = lessons.saved_tokenizer(second)
    text = (warm / 'tokenizer.json').read_text()
    self.assertEqual(encoder.backend.to_str(pretty=True), text)
    self.assertEmpty(list(self.folder.glob('[ot]*/tokenizer.json')))

  def test_model_of_another_shape(self):
    state = lambda size: types.TrainState(
        jnp.int32(1), {'w': jnp.zeros(size)}, ()
    )
    saved = checkpoint.Checkpoints(self.folder)
    saved.save(1, state(3))
    line = self.fails(saved.restore, state(4))
    self.assertIn('checkpoint 1 does not fit the config', line)

  def test_folder_without_a_run(self):
    line = self.fails(setup.load_config, self.folder)
    self.assertIn('config.json: not found', line)


class TableTest(CliTest):

  @parameterized.parameters('BAO', 'random policy', 'warm_start', 'a/b')
  def test_rows_of_one_name_are_refused(self, name):
    config = tiny()
    with config.unlocked():
      config.rows = {'bao': {}, name: {'rl': {'gamma': 0.5}}}
    with mock.patch.object(sft, 'train', side_effect=AssertionError):
      line = self.fails(pipeline.run, config, self.folder)
    self.assertRegex(line, r'rows\..*: its folder or file of records has')
    self.assertEmpty(list(self.folder.iterdir()))

  def test_what_failed_stops_and_is_held_again(self):
    config = tiny(**{'evaluation.num_test_tasks': 2})
    make_run(self.folder / 'warm_start', config)
    with config.unlocked():
      config.rows = {}
    original = turtle.TurtleGym.step

    def fails_at(*ids):

      def step(gym, state, action):
        if state.task.id in ids:
          raise base.UserError('no line')
        return original(gym, state, action)

      return mock.patch.object(turtle.TurtleGym, 'step', step)

    with fails_at('turtle/easy/test/1'):
      line = self.fails(pipeline.evaluate_rows, config, self.folder)
    self.assertIn('1 of 2 conversations failed', line)
    kept = records.read(self.folder / 'records/scripted_teacher.jsonl')
    self.assertEqual([x.status == 'failed' for x in kept], [False, True])
    with fails_at('turtle/easy/test/0'):  # Of the teacher, that is there.
      config.sampling.max_failed_share = 0.5
      runs = pipeline.evaluate_rows(config, self.folder)
    self.assertEqual(runs[0].records[0], kept[0])
    self.assertEqual(
        [[x.status == 'failed' for x in run.records] for run in runs],
        [[False, False], [True, False], [True, False]],
    )


class ReportTest(CliTest):

  @staticmethod
  def record(name, split='test', seed=0):
    return records.Record(
        run=name,
        gym='turtle',
        level='easy',
        split=split,
        task_id=f'turtle/easy/{split}/0',
        sample=0,
        seed=seed,
        status='terminated',
        solved=True,
        max_turns=8,
        error='',
        num_prompt_tokens=1,
        prompt='',
        turns=[records.Turn('', 'answer', 'x', 'y', 1.0, True, 1)],
    )

  def write(self, file, *lines):
    records.write(self.folder / file, lines)
    return str(self.folder / file)

  def test_writes_a_page(self):
    self.write('in/b.jsonl', self.record('BAO'))
    self.write('in/c.jsonl', self.record('BAO', seed=1))
    teacher = self.write('t.jsonl', self.record(policies.TEACHER))
    reads.note(
        self.folder,
        'test',
        row='BAO',
        policy='trained',
        run=self.folder,
        num_tasks=1,
    )
    run = self.folder / 'mine'
    run.mkdir()
    (run / 'metrics.jsonl').write_text('{"step": 0, "train/score": 0.5}\n')
    out = self.folder / 'page/index.html'
    said = report.write(out, [self.folder / 'in', teacher], [run], title='Mine')
    page = out.read_text()
    self.assertIn('seeds 0, 1;', page)
    self.assertIn('The test split was read once per row.', page)
    self.assertLess(said.index(policies.TEACHER), said.index('BAO'))
    self.assertRegex(said, r'\| BAO +\| 1\.000 .*\| 1 +\| 0 +\|')

  def test_rows_held_to_answers_have_a_frontier(self):
    names = 'BAO', 'BAO, k = 2', 'BAO, k = 1', 'Other, k = 1'
    paths = [
        self.write(f'{i}.jsonl', self.record(name))
        for i, name in enumerate(names)
    ]
    said = report.write(self.folder / 'x.html', paths, [], title='Mine')
    tables = said.split('\n\n')
    where = tables.index('BAO')
    self.assertRegex(
        tables[where + 1],
        r'(?s)\| k \| Pass@U-k, cut off .*\| 1 +\| 1\.000 .*\| 2 +\| 1\.000 ',
    )
    self.assertNotIn('Other', tables)

  def test_layouts_of_the_papers_are_for_several_gyms_and_for_trips(self):
    riddle, trip = (
        dataclasses.replace(self.record('BAO'), gym=gym, num_aspects=count)
        for gym, count in (('turtle', 0), ('travel', 2))
    )
    for lines, has_both, has_userrl in (
        ([riddle], False, False),
        ([trip], False, True),
        ([riddle, dataclasses.replace(trip, task_id='travel/0')], True, True),
    ):
      groups = table.groups([runs_lib.Run('BAO', lines)])
      said = evaluate._tables(groups, [None])
      self.assertEqual('Pass@U-1 / Pass@U-2' in said, has_both)
      self.assertEqual(' Avg. ' in said, has_userrl)
    self.assertRegex(said, r'\| BAO \| 1\.0000 \| \.5000 +\| \.7500 \|')

  def test_same_conversation_twice(self):
    first = self.write('a.jsonl', self.record('BAO'))
    second = self.write('b.jsonl', self.record('BAO'))
    line = self.fails(collect.rows, [first, second])
    self.assertRegex(line, 'b.jsonl: .BAO. has a second conversation about')

  def test_a_failure_that_was_held_again_counts_once(self):
    # A run that was stopped leaves both lines.
    good = self.record('BAO')
    failed = records.dataclasses.replace(good, status='failed', solved=False)
    for lines in ([failed, good], [good, failed]):
      (row,) = collect.rows([self.write('a.jsonl', *lines)])
      self.assertEqual([r.status for r in row.records], ['terminated'])
    (row,) = collect.rows([self.write('a.jsonl', failed, failed)])
    self.assertEqual([r.status for r in row.records], ['failed'])

  def test_several_splits(self):
    path = self.write(
        'a.jsonl', self.record('BAO'), self.record('BAO', 'validation')
    )
    self.assertIn('splits test, validation', self.fails(collect.rows, [path]))

  def test_nothing_there(self):
    self.assertIn('no records', self.fails(collect.rows, [self.folder]))
    self.assertIn('holds no run', self.fails(collect.curves, [self.folder]))

  def test_row_without_conversations_that_count(self):
    failed = records.dataclasses.replace(
        self.record('BAO'), status='failed', solved=False
    )
    rows = table.groups([runs_lib.Run('BAO', [failed])])
    self.assertRegex(text.tables(rows), r'\| BAO \| - .*\| 0 +\| 1 +\|')


if __name__ == '__main__':
  absltest.main()
