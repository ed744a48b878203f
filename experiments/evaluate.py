r"""Evaluates any policy on any gyms.

  python experiments/evaluate.py --policy=checkpoint:runs/quickstart/bao
  python experiments/evaluate.py --policy=scripted:honest \
      --config=experiments/configs/quickstart.py --split=test
  python experiments/evaluate.py --policy=openai:gpt-4o --answers=1,2,3 \
      --config=experiments/configs/quickstart.py --out=gpt.jsonl

Writes one JSON line per conversation and prints the tables. The same command
again holds what is missing and what failed. `--config` is a config file or a
run's folder, by default that of the checkpoint; `--config.a.b=` overrides.
"""

import glob
import pathlib

from absl import flags
import script

from bao_jax.evaluation import job as job_lib
from bao_jax.report import table
from bao_jax.report import text
from bao_jax.train import users

_POLICY = flags.DEFINE_string(
    'policy',
    None,
    'checkpoint:FOLDER, scripted:NAME (honest, random, ...), openai:MODEL, or '
    'teacher:MODEL, which is asked to show behaviors.',
    required=True,
)
_SPLIT = flags.DEFINE_enum(
    'split', 'validation', ('train', 'validation', 'test'), 'Whose tasks.'
)
_NUM_TASKS = flags.DEFINE_integer(
    'num_tasks', 0, 'Per gym, the first of the split; 0: all.', lower_bound=0
)
_SAMPLES = flags.DEFINE_integer(
    'samples', 1, 'Conversations about each task.', lower_bound=1
)
_TEMPERATURE = flags.DEFINE_float(
    'temperature',
    0.0,
    "Of a checkpoint's sampling; 0: greedy.",
    lower_bound=0.0,
)
_ANSWERS = flags.DEFINE_list(
    'answers',
    [],
    'Numbers of answers that the policy is told of and held to, one evaluation '
    'each, beside the one without a limit.',
)
_CONCURRENCY = flags.DEFINE_integer(
    'concurrency',
    8,
    'Conversations that scripted players and models hold at the same time.',
    lower_bound=1,
)
_OUT = flags.DEFINE_string(
    'out',
    '',
    'The records, one file per number of answers; by default '
    'records/<policy>_<split>.jsonl, in the folder of a checkpoint.',
)
_NAME = flags.DEFINE_string('name', '', "The row's name; by default who plays.")


def run(config) -> str:
  """Returns the tables, for the console."""
  job = job_lib.Job(
      policy=_POLICY.value,
      split=_SPLIT.value,
      path=_path(),
      name=_NAME.value,
      num_tasks=_NUM_TASKS.value,
      num_samples=_SAMPLES.value,
      temperature=_TEMPERATURE.value,
      num_threads=_CONCURRENCY.value,
  )
  limits = [None, *map(_limit, _ANSWERS.value)]
  jobs = [job if k is None else job_lib.with_limit(job, k) for k in limits]
  rows = []
  for k, one in zip(limits, jobs):
    held_to = config.copy_and_resolve_references()
    if k is not None:
      held_to.envs.answer_limit = k
    rows.append(job_lib.run(held_to, one))
  said = _tables(table.groups(rows), limits)
  files = '\n'.join(f'Records: {one.path}' for one in jobs)
  spent = users.spent(*(path for one in jobs for path in _ledgers(one)))
  return '\n\n'.join(part for part in (said, spent, files) if part)


def _ledgers(job: job_lib.Job) -> list[pathlib.Path]:
  """Returns the file of each process."""
  path = job.spent_path
  return sorted(path.parent.glob(f'{glob.escape(path.stem)}*.json'))


def _tables(groups, limits) -> str:
  """Returns those that have something to say."""
  said = [text.tables(groups)]
  if len(groups) > 1:
    said.append(text.paper_table(groups))
  if len(groups) > 1 or groups[0].name == table.TRAVEL:
    said.append(text.userrl_table(groups))
  free, *told = groups[0].rows
  if told:
    said.append(text.frontier_table(free, dict(zip(limits[1:], told))))
  if len(free.pass_at_k) > 1:
    said.append(text.samples_table(groups[0]))
  return '\n\n'.join(said)


def _path() -> pathlib.Path:
  if _OUT.value:
    return pathlib.Path(_OUT.value)
  kind, _, target = _POLICY.value.partition(':')
  is_run = kind == 'checkpoint'
  folder = pathlib.Path(target if is_run else '.') / 'records'
  name = 'trained' if is_run else target.replace('/', '_')
  return folder / f'{name}_{_SPLIT.value}.jsonl'


def _limit(text: str) -> int:
  if not text.isdecimal() or not int(text):
    raise ValueError(f'--answers={text}: give whole numbers from 1 on.')
  return int(text)


if __name__ == '__main__':
  script.launch_evaluation(run)
