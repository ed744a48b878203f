"""How often each split was read: a ledger beside the runs that read it."""

import collections
import json
import pathlib

_FILE = 'reads.jsonl'


def note(folder: pathlib.Path, split: str, row: str) -> None:
  """Notes that an evaluation of a row is about to read a split."""
  with (folder / _FILE).open('a') as file:
    file.write(json.dumps({'split': split, 'row': row}) + '\n')


def sentence(folder: pathlib.Path, split: str) -> str:
  """Says how often the evaluations of a folder read a split."""
  path = folder / _FILE
  lines = path.read_text().splitlines() if path.exists() else []
  reads = [row for row in map(json.loads, lines) if row['split'] == split]
  counts = collections.Counter(row['row'] for row in reads)
  if not counts:
    return f'No evaluation read the {split} split.'
  if set(counts.values()) == {1}:
    return f'The {split} split was read once per row.'
  listed = ', '.join(f'{row} {count}' for row, count in counts.items())
  return f'The {split} split was read {len(reads)} times ({listed}).'
