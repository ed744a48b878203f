r"""Evaluates a run, or a reference on the same tasks, greedily.

  python experiments/evaluate.py --workdir=runs/quickstart/bao \
      --split=validation --out=bao.jsonl

Writes one JSON line per conversation and prints the table. The config is the
run's own; `--config.a.b=` overrides its fields.
"""

from absl import flags
import launch

from bao_jax.evaluation import policies
from bao_jax.report import table
from bao_jax.report import text

_POLICY = flags.DEFINE_enum(
    'policy', 'trained', policies.NAMES, 'Who plays: the run or a reference.'
)
_SPLIT = flags.DEFINE_enum(
    'split', 'validation', ('train', 'validation', 'test'), 'Whose tasks.'
)
_NUM_TASKS = flags.DEFINE_integer(
    'num_tasks', 0, 'Per gym, the first of the split; 0: all.', lower_bound=0
)
_OUT = flags.DEFINE_string(
    'out', '', 'The records; <workdir>/records/<policy>_<split>.jsonl if empty.'
)
_NAME = flags.DEFINE_string(
    'name', '', "The row's name; by default the name of the run's folder."
)


def run(config, workdir: str) -> str:
  """Returns the table, for the console."""
  default = f'{workdir}/records/{_POLICY.value}_{_SPLIT.value}.jsonl'
  path = _OUT.value or default
  row = policies.evaluate_run(
      config,
      workdir,
      policy=_POLICY.value,
      split=_SPLIT.value,
      num_tasks=_NUM_TASKS.value,
      path=path,
      name=_NAME.value,
  )
  return f'{text.tables(table.groups([row]))}\n\nRecords: {path}'


if __name__ == '__main__':
  launch.launch_saved(run)
