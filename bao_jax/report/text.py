"""The table of results for a console: also Markdown."""

from collections.abc import Sequence
import math

from bao_jax.report import page
from bao_jax.report import table


def tables(groups: Sequence[table.Group]) -> str:
  """Writes a table per group; 95 % intervals stand in brackets."""
  return '\n\n'.join(map(_table, groups))


def _table(group: table.Group) -> str:
  head = ['row', *(column.label for column in page.COLUMNS), 'tasks', 'failed']
  rows = [
      [
          row.name,
          *(_interval(column.pick(row)) for column in page.COLUMNS),
          str(row.num_tasks),
          str(row.num_failed),
      ]
      for row in group.rows
  ]
  widths = [max(map(len, cells)) for cells in zip(head, *rows)]
  rule = ['-' * width for width in widths]
  lines = [
      '| ' + ' | '.join(c.ljust(w) for c, w in zip(cells, widths)) + ' |'
      for cells in (head, rule, *rows)
  ]
  return '\n'.join([f'{group.name}: {group.source}', '', *lines])


def _interval(interval: table.Interval) -> str:
  if math.isnan(interval.mean):
    return '-'
  return f'{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]'
