"""The tables of results for a console: also Markdown."""

import collections
from collections.abc import Mapping, Sequence
import math
import re

from bao_jax.report import page
from bao_jax.report import table

_NONE = '-'
_TRIPS = (
    f'{table.TRAVEL}: the best reward of an answer per aspect of a trip, summed'
    f' and divided by the\nnumber of aspects; {_NONE} if records of an earlier'
    ' version do not say how many there are.'
)


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
  return f'{group.name}: {group.source}\n\n{_grid(head, rows)}'


def paper_table(groups: Sequence[table.Group]) -> str:
  """Writes Pass@U-1 / Pass@U-2 / Score / UR per gym: Table 1 of the BAO paper.

  Args:
    groups: as `table.groups` returns them.
  """
  gyms = _gyms(groups)
  rows = [
      [name, *(_quadruple(group.rows[i]) for group in gyms)]
      for i, name in enumerate(_names(gyms))
  ]
  title = 'Pass@U-1 / Pass@U-2 / Score / UR'
  return f'{title}\n\n{_grid(["row", *(g.name for g in gyms)], rows)}'


def userrl_table(groups: Sequence[table.Group]) -> str:
  """Writes the Score of each gym and their mean: Table 3 of the UserRL paper.

  The mean is over all tasks, as there: a gym counts by its number of tasks. A
  trip of Travel counts the best reward per aspect, which a footnote says.

  Args:
    groups: as `table.groups` returns them.
  """
  gyms = _gyms(groups)
  rows = [
      [
          name,
          *(_number(group.rows[i].userrl_score) for group in gyms),
          _number(groups[0].rows[i].userrl_score),
      ]
      for i, name in enumerate(_names(gyms))
  ]
  names = [group.name for group in gyms]
  said = f'Score\n\n{_grid(["row", *names, "Avg."], rows)}'
  return f'{said}\n\n{_TRIPS}' if table.TRAVEL in names else said


def samples_table(group: table.Group) -> str:
  """Writes pass@k and pass^k of the rows whose tasks have several samples."""
  rows = [row for row in group.rows if len(row.pass_at_k) > 1]
  most = max(len(row.pass_at_k) for row in rows)
  head = [
      'row',
      *(f'{n}{k + 1}' for n in ('pass@', 'pass^') for k in range(most)),
  ]
  pad = lambda values: [*map(_interval, values)] + [_NONE] * (
      most - len(values)
  )
  lines = [
      [row.name, *pad(row.pass_at_k), *pad(row.pass_hat_k)] for row in rows
  ]
  return f'Several samples of a task\n\n{_grid(head, lines)}'


def frontier_table(free: table.Row, told: Mapping[int, table.Row]) -> str:
  """Writes what k answers earn: cut off afterwards, and by a policy told of k.

  Args:
    free: of a policy without a limit.
    told: the same policy's rows by the number it was told of and held to.
  """
  rows = [
      [
          str(k),
          _interval(free.pass_at_u[k - 1]) if k <= table.MAX_K else _NONE,
          _interval(row.score),
          _interval(row.involvement),
      ]
      for k, row in told.items()
  ]
  head = ['k', 'Pass@U-k, cut off', 'Pass@U-k, told k', 'UR, told k']
  return f'{free.name}\n\n{_grid(head, rows)}'


def frontiers(group: table.Group) -> str:
  """Writes a frontier for each row beside which rows 'NAME, k = K' stand."""
  rows = {row.name: row for row in group.rows}
  told = collections.defaultdict(dict)
  for name, row in rows.items():
    match = re.fullmatch(r'(.*), k = (\d+)', name, re.DOTALL)
    if match and match[1] in rows:
      told[match[1]][int(match[2])] = row
  return '\n\n'.join(
      frontier_table(rows[name], dict(sorted(by_k.items())))
      for name, by_k in told.items()
  )


def _gyms(groups: Sequence[table.Group]) -> Sequence[table.Group]:
  return groups[1:] if len(groups) > 1 else groups


def _names(groups: Sequence[table.Group]) -> list[str]:
  return [row.name for row in groups[0].rows]


def _quadruple(row: table.Row) -> str:
  numbers = (*row.pass_at_u[:2], row.score, row.involvement)
  return '/'.join(map(_number, numbers))


def _number(interval: table.Interval) -> str:
  """Writes a mean as the papers do: .5123."""
  if math.isnan(interval.mean):
    return _NONE
  return f'{interval.mean:.4f}'.removeprefix('0')


def _interval(interval: table.Interval) -> str:
  if math.isnan(interval.mean):
    return _NONE
  return f'{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]'


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  widths = [max(map(len, cells)) for cells in zip(head, *rows)]
  rule = ['-' * width for width in widths]
  return '\n'.join(
      '| ' + ' | '.join(c.ljust(w) for c, w in zip(cells, widths)) + ' |'
      for cells in (head, rule, *rows)
  )
