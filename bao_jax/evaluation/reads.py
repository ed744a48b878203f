"""How often each split was read: a ledger beside the runs that read it."""

import collections
import datetime
import json
import os
import pathlib

_FILE = 'reads.jsonl'


def note(
    folder: pathlib.Path,
    split: str,
    *,
    row: str,
    policy: str,
    run: pathlib.Path | None,
    num_tasks: int,
) -> None:
  """Notes that an evaluation is about to read a split, and when.

  Args:
    folder: of the ledger.
    split: what is read.
    row: what the evaluation is called in tables.
    policy: who plays: 'trained', 'teacher' or 'random'.
    run: the folder of the run that is evaluated; None for a reference, which is
      the same for every run.
    num_tasks: how many of the split's tasks are about to be read.
  """
  if run is not None:
    run = os.path.relpath(os.path.realpath(run), os.path.realpath(folder))
  line = {
      'time': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
      'split': split,
      'tasks': num_tasks,
      'policy': policy,
      'run': run,
      'row': row,
  }
  with (folder / _FILE).open('a') as file:
    file.write(json.dumps(line) + '\n')


def sentence(folder: pathlib.Path, split: str) -> str:
  """Says how often the evaluations of a folder read a split.

  Counted is what was evaluated, whatever its row was called.
  """
  path = folder / _FILE
  lines = path.read_text().splitlines() if path.exists() else []
  reads = [read for read in map(json.loads, lines) if read['split'] == split]
  names = collections.defaultdict(list)
  for read in reads:
    names[read['policy'], read['run']].append(read['row'])
  if not names:
    return f'No evaluation read the {split} split.'
  if len(names) == len(reads):
    return f'The {split} split was read once per row.'
  counts = ', '.join(
      f'{" alias ".join(dict.fromkeys(rows))} {len(rows)}'
      for rows in names.values()
  )
  return f'The {split} split was read {len(reads)} times ({counts}).'
