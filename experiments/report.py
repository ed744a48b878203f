r"""Builds the report from records and runs.

  python experiments/report.py --out=report.html \
      --records=runs/quickstart/records,mine.jsonl --runs=runs/quickstart/bao

Rows of one name are one row of the table: several seeds, say.
"""

import pathlib

from absl import flags
import script

from bao_jax.evaluation import policies
from bao_jax.evaluation import reads
from bao_jax.report import collect
from bao_jax.report import page
from bao_jax.report import table
from bao_jax.report import text
from bao_jax.train import pipeline

_OUT = flags.DEFINE_string('out', None, 'The HTML file.', required=True)
_RECORDS = flags.DEFINE_list(
    'records', None, 'Files of records, or folders of them.', required=True
)
_RUNS = flags.DEFINE_list(
    'runs', [], 'Folders of training runs, for curves and conversations.'
)
_TITLE = flags.DEFINE_string('title', 'bao_jax', 'Of the page.')


def run() -> str:
  """Returns the table, for the console."""
  return write(_OUT.value, _RECORDS.value, _RUNS.value, title=_TITLE.value)


def write(out, records, folders, *, title: str) -> str:
  """Writes the page and returns its tables and frontiers."""
  rows = collect.rows(records, (policies.TEACHER, policies.RANDOM))
  page.write_report(
      out,
      title=title,
      runs=rows,
      examples=collect.examples(folders),
      curves=collect.curves(folders),
      notes=notes(rows, [*records, *folders]),
      panels=pipeline.PANELS,
  )
  groups = table.groups(rows)
  said = text.tables(groups), text.frontiers(groups[0]), f'Report: {out}'
  return '\n\n'.join(filter(None, said))


def notes(rows, paths) -> list[str]:
  """Returns what stands under the table: the tasks, and reads of test.

  The ledgers are those of the folders that hold the paths, directly or one
  level up.
  """
  found = [record for row in rows for record in row.records]
  join = lambda values: ', '.join(map(str, sorted(set(values))))
  lines = [
      f'Level {join(r.level for r in found)}, {join(r.split for r in found)} '
      f'split, seeds {join(r.seed for r in found)}; intervals are 95 % '
      'bootstrap over tasks.'
  ]
  near = [pathlib.Path(path).absolute() for path in paths]
  folders = {
      p for path in near for p in (path, path.parent, path.parent.parent)
  }
  ledgers = [f for f in sorted(folders) if (f / 'reads.jsonl').is_file()]
  lines += [f'{f.name}: {reads.sentence(f, "test")}' for f in ledgers]
  return lines if ledgers else [*lines, 'How often test was read is not known.']


if __name__ == '__main__':
  script.launch_plain(run)
