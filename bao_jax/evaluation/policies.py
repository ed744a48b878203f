"""Who can be evaluated: a trained run, the teacher, a policy without a plan.

Each takes tasks and returns one conversation about each, with its progress on
the console.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import pathlib

import tqdm

from bao_jax import checkpoint
from bao_jax import types
from bao_jax.evaluation import evaluate
from bao_jax.evaluation import reads
from bao_jax.evaluation import records
from bao_jax.report import runs as runs_lib
from bao_jax.sampling import rollout
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import converse
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import users

# (tasks) -> one finished conversation about each, in their order.
Policy = Callable[[Sequence[types.Task]], list[types.Trajectory]]

TEACHER = 'Scripted teacher'
RANDOM = 'Random policy'
NAMES = ('trained', 'teacher', 'random')


def trained(
    speaker: rollout.Conversations, params: types.Params, name: str
) -> Policy:
  """Returns the policy that parameters are."""

  def play(tasks):
    requests = [rollout.Request(task) for task in tasks]
    with tqdm.tqdm(
        total=len(requests), desc=f'evaluate {name}', unit='conversation'
    ) as bar:
      return speaker.hold(params, requests, progress=bar.update)

  return play


def teacher(config: setup.Config, encoder: tokenizer_lib.Tokenizer) -> Policy:
  """Returns the scripted teacher, with every behavior."""
  return _scripted(config, encoder, setup.best_teachers(config), TEACHER)


def random_moves(
    config: setup.Config, encoder: tokenizer_lib.Tokenizer
) -> Policy:
  """Returns a policy that draws moves teachers made on training tasks."""
  dialogues = setup.teacher_dialogues(config, 'train', 50)
  players = {
      gym: converse.random_player(
          [move for d in dialogues if d.task.gym == gym for move in d.moves]
      )
      for gym in config.envs.names
  }
  return _scripted(config, encoder, players, RANDOM)


def to_records(
    policy: Policy,
    tasks: Sequence[types.Task],
    encoder: tokenizer_lib.Tokenizer,
    *,
    run: str,
    split: str,
    seed: int,
) -> list[records.Record]:
  """Lets a policy play and returns a line per conversation."""
  return [
      evaluate.to_record(t, encoder, run=run, split=split, seed=seed)
      for t in policy(tasks)
  ]


def evaluate_run(
    config: setup.Config,
    workdir: str | pathlib.Path,
    *,
    policy: str,
    split: str,
    num_tasks: int,
    path: str | pathlib.Path,
    name: str = '',
) -> runs_lib.Run:
  """Evaluates a run, greedily, or a reference on the same tasks.

  Args:
    config: the run's, as `setup.load_config` returns it; fields about tasks,
      gyms and sampling may differ.
    workdir: the run's folder.
    policy: 'trained', 'teacher' or 'random'.
    split: 'train', 'validation' or 'test'; that it is read is noted in the
      folder, or in that of the table the run belongs to.
    num_tasks: per gym, the first of the split; 0 takes all.
    path: where the records go, one JSON line per conversation.
    name: the row's name; by default the folder's, or what the reference is.

  Returns:
    The row.

  Raises:
    ValueError: the config is wrong, or a task file.
    OSError: a file is missing or cannot be written.
  """
  workdir, path = pathlib.Path(workdir), pathlib.Path(path)
  setup.check_names(config)
  if path.is_dir():
    raise IsADirectoryError(f'{path} is a folder; name a file for the records.')
  tasks = setup.few_tasks(config, split, num_tasks or None)
  encoder = _tokenizer(config, workdir)
  play = {
      'trained': lambda: _latest(config, workdir, encoder, name),
      'teacher': lambda: teacher(config, encoder),
      'random': lambda: random_moves(config, encoder),
  }[policy]()
  row = name or {'teacher': TEACHER, 'random': RANDOM}.get(policy, workdir.name)
  reads.note(_ledger(workdir), split, row)
  ledger = users.ledger(config, workdir)
  lines = to_records(
      play, tasks, encoder, run=row, split=split, seed=config.seed
  )
  ledger.save()
  records.write(path, lines)
  return runs_lib.Run(row, lines, is_reference=policy != 'trained')


def _latest(config, workdir, encoder, name) -> Policy:
  shape = setup.model_config(config, encoder)
  params = rl.latest_params(config, shape, workdir)
  speaker = setup.conversations(config, shape, encoder, temperature=0.0)
  return trained(speaker, params, name or workdir.name)


def _tokenizer(config, workdir) -> tokenizer_lib.Tokenizer:
  """Loads a run's tokenizer, which is its warm start's."""
  if config.text.tokenizer:
    return tokenizer_lib.load(config.text.tokenizer)
  folder = workdir
  if checkpoint.claimed(workdir)['loop'] == 'rl':
    folder = pathlib.Path(config.warm_start or workdir / 'warm_start')
  return tokenizer_lib.load(folder / 'tokenizer.json')


def _ledger(workdir: pathlib.Path) -> pathlib.Path:
  """Returns where reads are noted: with the table that the run is a row of."""
  table = workdir.absolute().parent
  if (table / 'config.json').is_file():
    if checkpoint.claimed(table)['loop'] == 'pipeline':
      return table
  return workdir


def _scripted(
    config: setup.Config,
    encoder: tokenizer_lib.Tokenizer,
    players: Mapping[str, teachers_base.TeacherFn],
    name: str,
) -> Policy:
  gyms = setup.gyms(config)

  def play(tasks):
    talks = [
        functools.partial(
            converse.converse,
            players[task.gym],
            gyms[task.gym],
            task,
            seed=config.seed,
        )
        for task in tasks
    ]
    threads = users.num_talks(config)
    return [
        converse.to_trajectory(
            dialogue, encoder, with_tools=config.text.with_tools
        )
        for dialogue in tqdm.tqdm(
            converse.converse_all(talks, num_threads=threads),
            total=len(talks),
            desc=f'evaluate {name}',
            unit='conversation',
        )
    ]

  return play
