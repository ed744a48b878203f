"""From nothing to a report: warm start, every row of the table, evaluation.

Each phase resumes where it was stopped, and one that is done is not repeated:
the test split in particular is read once per row.
"""

from collections.abc import Sequence
import functools
import json
import os
import pathlib
import time

from absl import logging
import ml_collections

from bao_jax import logging as metrics_lib
from bao_jax import processes
from bao_jax import types
from bao_jax.evaluation import job
from bao_jax.evaluation import policies
from bao_jax.evaluation import reads
from bao_jax.evaluation import records
from bao_jax.metrics import intervals
from bao_jax.report import page
from bao_jax.report import runs as runs_lib
from bao_jax.sampling import rollout
from bao_jax.train import lessons
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import sft
from bao_jax.train import users

WARM_START = 'Warm start'

PANELS = {  # Metrics of the loops, as the report plots them.
    'validation/score': 'Validation: Score',
    'validation/involvement_rate': 'Validation: UR',
    'train/score': 'Training: Score',
    'train/involvement_rate': 'Training: UR',
    'reward/shaped': 'Training: shaped reward',
    'policy/entropy': 'Training: entropy',
    'sft/loss': 'Warm start: loss',
}


def run(config: setup.Config, workdir: str | pathlib.Path) -> pathlib.Path:
  """Runs the whole method and writes the report.

  Args:
    config: the experiment. `config.rows` holds the overrides of each row that
      is trained by reinforcement learning, by its name in the table.
    workdir: where to write and resume from.

  Returns:
    The path of the report.
  """
  workdir = pathlib.Path(workdir)
  warm = workdir / 'warm_start'
  setup.check_names(config)
  _check_rows(config.rows)
  for name in config.rows:
    rl.check(row_config(config, name, warm))
  setup.claim(workdir, 'pipeline', config)
  with _Clock(workdir, 'warm start'):
    sft.train(base_config(config), warm)
  for name in config.rows:
    with _Clock(workdir, name):
      rl.train(row_config(config, name, warm), workdir / name)
  ledger = users.ledger(config, workdir)
  with _Clock(workdir, 'evaluation'):
    try:
      runs = evaluate_rows(config, workdir)
    finally:
      ledger.save()
  path = workdir / 'report' / 'index.html'
  with _Clock(workdir, 'report'):
    processes.by_first(lambda: write_report(config, workdir, runs, path))
  logging.info('The report is %s', path)
  return path


def _check_rows(rows: setup.Config) -> None:
  """Refuses rows that would be written over each other, or over the rest."""
  taken = {'records', 'report', 'programs'}
  taken |= set(map(_stem, (policies.TEACHER, policies.RANDOM, WARM_START)))
  for name in rows:
    if _stem(name) in taken or '/' in name:
      raise ValueError(
          f'rows.{name}: its folder or file of records has the name of'
          ' another; rename the row.'
      )
    taken.add(_stem(name))


def _stem(name: str) -> str:
  """Returns the name of a row's file of records."""
  return name.replace(' ', '_').lower()


def base_config(config: setup.Config) -> setup.Config:
  """Returns the config without its rows."""
  plain = config.copy_and_resolve_references()
  with plain.unlocked():
    del plain.rows
  return plain


def row_config(
    config: setup.Config, name: str, warm: pathlib.Path
) -> setup.Config:
  """Returns the config of one row: overrides over what all rows share."""
  row = base_config(config)
  overrides = config.rows[name].to_dict()
  overrides.pop('label', None)
  overrides.pop('description', None)
  row.update(ml_collections.ConfigDict(overrides))
  row.warm_start = str(warm)
  return row


def evaluate_rows(
    config: setup.Config, workdir: pathlib.Path
) -> list[runs_lib.Run]:
  """Evaluates every row on the test split, greedily, one sample per task.

  What a row's records hold is not held again, but for what failed.

  Raises:
    UserError: too many conversations of a row failed.
  """
  base = base_config(config)
  split = config.evaluation.split
  tasks = setup.few_tasks(base, split, config.evaluation.num_test_tasks)
  requests = [rollout.Request(task) for task in tasks]
  warm = workdir / 'warm_start'
  encoder = lessons.saved_tokenizer(warm)
  shape = setup.model_config(base, encoder)
  mesh = setup.mesh(base)
  speaker = setup.conversations(base, shape, encoder, mesh, temperature=0.0)
  rows = [
      (policies.TEACHER, 'honest', None),
      (policies.RANDOM, 'random', None),
      (WARM_START, 'trained', warm),
      *((name, 'trained', workdir / name) for name in config.rows),
  ]

  def begin(label, kind, folder, left):
    note = functools.partial(
        reads.note,
        row=label,
        policy=kind,
        run=folder,
        num_tasks=len({r.task.id for r in left}),
    )
    processes.by_first(lambda: note(workdir, split))
    origin = policies.Origin(label, split, config.seed)
    if folder is None:
      player = policies.SCRIPTED[kind](base)
      return policies.played(player, setup.gyms(base), origin)
    params = rl.latest_params(base, shape, folder, mesh)
    return policies.trained(speaker, params, encoder, origin)

  runs = []
  for name, kind, folder in rows:
    label = _label(config, name)
    lines = job.complete(
        workdir / 'records' / f'{_stem(name)}.jsonl',
        requests,
        functools.partial(begin, label, kind, folder),
        name=name,
        max_failed_share=base.sampling.max_failed_share,
    )
    runs.append(
        runs_lib.Run(
            name=label,
            records=lines,
            description=_description(config, name),
            is_reference=folder is None,
        )
    )
  return runs


def write_report(
    config: setup.Config,
    workdir: pathlib.Path,
    runs: Sequence[runs_lib.Run],
    path: pathlib.Path,
) -> None:
  """Writes the report of everything in the folder."""
  folders = {WARM_START: workdir / 'warm_start'}
  folders |= {_label(config, name): workdir / name for name in config.rows}
  curves = {
      label: metrics_lib.read_metrics(folder / 'metrics.jsonl')
      for label, folder in folders.items()
  }
  examples = []
  for name in config.rows:
    said = workdir / name / 'conversations.jsonl'
    if said.exists():
      label = f'{_label(config, name)}, last training step'
      examples.append(runs_lib.Run(label, records.read(said)))
  page.write_report(
      path,
      title='bao_jax: ' + ', '.join(config.envs.names),
      runs=runs,
      examples=examples,
      curves=curves,
      notes=_notes(config, workdir, runs),
      panels=PANELS,
  )


def _label(config, name: str) -> str:
  return config.rows[name].label if name in config.rows else name


def _description(config, name: str) -> str:
  fixed = {
      policies.TEACHER: 'plays by rules, with all behaviors',
      policies.RANDOM: "draws moves from the teacher's",
      WARM_START: 'imitation only',
  }
  return fixed[name] if name in fixed else config.rows[name].description


def _notes(config, workdir, runs: Sequence[runs_lib.Run]) -> list[str]:
  """Says under the table what its rows are and how far to trust them."""
  split = config.evaluation.split
  times = json.loads((workdir / 'times.json').read_text())
  phases = ', '.join(f'{name} {s:.0f} s' for name, s in times.items())
  return [
      f'Level {config.envs.level}, seed {config.seed}, one greedy conversation '
      f'for each of {len(runs[0].records)} {split} tasks; intervals are 95 % '
      f'bootstrap over tasks. {_reads(workdir, split)}',
      _imitated(config.teacher),
      'All rows trained by reinforcement learning start from the same warm '
      'start, with the same seed, tasks, steps and sampled conversations per '
      'step. '
      + ' '.join(
          f'{config.rows[n].label}: {config.rows[n].description}.'
          for n in config.rows
      ),
      *_differences(runs),
      f'Time per phase: {phases}.',
  ]


def _reads(workdir: pathlib.Path, split: str) -> str:
  if split == 'validation':
    return 'Choices are made on this split: its numbers flatter.'
  read = reads.sentence(workdir, split)
  return f'{read} Every choice was made on validation.'


def _imitated(teacher: setup.Config) -> str:
  """Says whom the warm start imitates: not the teacher of the table."""
  names = ('memory', 'refinement', 'scheduling', 'querying')
  shares = ', '.join(f'{name} in {teacher[name]:.0%}' for name in names)
  others = ''.join(f' ({n} of {g})' for g, n in teacher.exceptions.items())
  return (
      f'The warm start imitates {teacher.conversations} conversations per gym'
      f'{others} of teachers that show {shares} of them, as far as they were '
      'solved. '
      'A teacher without scheduling answers before it knows.'
  )


def _differences(runs: Sequence[runs_lib.Run]) -> list[str]:
  """Compares the Score of each trained row with the warm start's, by task."""
  scores = {
      run.name: {
          r.task_id: sum(t.reward for t in r.turns)
          for r in run.records
          if r.status != types.FAILED
      }
      for run in runs
  }
  start = scores[WARM_START]
  lines = []
  for run in runs:
    if run.is_reference or run.name == WARM_START:
      continue
    shared = [task for task in scores[run.name] if task in start]
    if not shared:
      continue
    d = intervals.paired_difference(
        [scores[run.name][task] for task in shared],
        [start[task] for task in shared],
    )
    lines.append(f'{run.name} {d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}]')
  return ['Score against the warm start, paired by task: ' + '; '.join(lines)]


class _Clock:
  """Adds the seconds of a phase to the folder's times.json."""

  def __init__(self, workdir: pathlib.Path, name: str):
    self._path = workdir / 'times.json'
    self._name = name

  def __enter__(self) -> None:
    self._began = time.monotonic()

  def __exit__(self, *unused) -> None:
    if not processes.is_first():
      return
    times = {}
    if self._path.exists():
      times = json.loads(self._path.read_text())
    spent = time.monotonic() - self._began
    times[self._name] = times.get(self._name, 0.0) + spent
    temporary = self._path.with_suffix('.tmp')
    temporary.write_text(json.dumps(times))
    os.replace(temporary, self._path)
