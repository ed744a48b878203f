"""The report: one static HTML file that needs no network.

Everything is inside the file: the plots, the style and a small script that
sorts tables and shows conversations. Text of policies and users is escaped by
the template, and the page's own policy lets no other script run.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
import dataclasses
import hashlib
import os
import pathlib
from typing import Any

import jinja2
import markupsafe
from matplotlib import figure as figure_lib

from bao_jax.report import curves as curves_lib
from bao_jax.report import plots
from bao_jax.report import runs as runs_lib
from bao_jax.report import table
from bao_jax.report import viewer

_ASSETS = pathlib.Path(__file__).parent / 'assets'


@dataclasses.dataclass(frozen=True)
class Column:
  """A column of the table of results.

  Attributes:
    label: its head.
    meaning: a sentence about it.
    first: how a first click sorts.
    pick: the interval of a row.
  """

  label: str
  meaning: str
  first: str
  pick: Callable[[table.Row], table.Interval]


COLUMNS = (
    Column(
        'Pass@U-1',
        'The reward earned up to the first answer; higher is better.',
        'descending',
        lambda row: row.pass_at_u[0],
    ),
    Column(
        'Pass@U-2',
        'The reward earned up to the second answer; higher is better.',
        'descending',
        lambda row: row.pass_at_u[1],
    ),
    Column(
        'Score',
        'The sum of the rewards of a conversation; higher is better.',
        'descending',
        lambda row: row.score,
    ),
    Column(
        'UR',
        'User involvement rate, the share of turns that involve the user;'
        ' lower is better.',
        'ascending',
        lambda row: row.involvement,
    ),
    Column(
        'Exploration ratio',
        'Turns that do not involve the user per turn that does; a conversation'
        ' without any of the latter counts as if it had one.',
        'descending',
        lambda row: row.exploration,
    ),
)


@dataclasses.dataclass(frozen=True)
class Plot:
  """A figure inside the page.

  Attributes:
    data: the SVG in base64.
    alt: what it shows, in words.
    width: in pixels.
    height: in pixels.
  """

  data: str
  alt: str
  width: int
  height: int


def write_report(
    path: str | os.PathLike,
    *,
    title: str,
    runs: Sequence[runs_lib.Run],
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    notes: Sequence[str],
    examples: Sequence[runs_lib.Run] = (),
    panels: Mapping[str, str] = curves_lib.PANELS,
    max_tasks: int = 16,
    num_resamples: int = 2_000,
) -> None:
  """Writes the report as one HTML file; equal arguments give equal bytes.

  Args:
    path: the file; its folder is made where it is missing.
    title: of the page.
    runs: the rows of the table, in order; names must differ.
    curves: rows of metrics (each with a 'step') by name; a curve named like a
      run looks like it.
    notes: paragraphs printed under the table: what the rows are, how often the
      test split was read, the level, seeds, times.
    examples: conversations to read that are no row of the table: those of a
      training step, say, with what each token was credited.
    panels: which metrics are plotted, with their titles; those that no curve
      has are left out.
    max_tasks: of how many tasks per gym the conversations are included.
    num_resamples: how often the bootstrap draws the tasks again.

  Raises:
    ValueError: two runs have one name, or a row of metrics has no step.
  """
  shown = [*runs, *examples]
  names = [run.name for run in shown]
  for name in names:
    if names.count(name) > 1:
      raise ValueError(f'two runs are named {name!r}; names must differ')
  looks = plots.styles(
      [*names, *curves], [run.name for run in runs if run.is_reference]
  )
  groups = table.groups(runs, num_resamples=num_resamples)
  html = _render(
      {
          'title': title,
          'notes': notes,
          'runs': shown,
          'gyms': runs_lib.gyms(shown),
          'looks': looks,
          'columns': COLUMNS,
          'groups': groups,
          'plots': _result_plots(groups, looks),
          'training': _training_plots(curves, panels, looks),
          'conversations': viewer.conversations(shown, max_tasks=max_tasks),
          'num_shown': len(viewer.shown_tasks(shown, max_tasks=max_tasks)),
          'num_tasks': len({r.task_id for run in shown for r in run.records}),
          'below': viewer.color(-1.0, 1.0),
          'above': viewer.color(1.0, 1.0),
      }
  )
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  # A policy may have written half of a surrogate pair, which has no encoding.
  path.write_bytes(html.encode('utf-8', 'replace'))


def _render(context: Mapping[str, Any]) -> str:
  """Fills the template; what is text there is escaped."""
  environment = jinja2.Environment(
      loader=jinja2.FileSystemLoader(_ASSETS),
      autoescape=True,
      undefined=jinja2.StrictUndefined,
      trim_blocks=True,
      lstrip_blocks=True,
  )
  style, script = (
      (_ASSETS / name).read_text('utf-8') for name in ('page.css', 'page.js')
  )
  digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
  own = {
      'style': markupsafe.Markup(style),
      'script': markupsafe.Markup(script),
      'script_hash': f'sha256-{digest}',
  }
  return environment.get_template('page.html').render(own | context)


def _result_plots(
    groups: Sequence[table.Group], looks: Mapping[str, plots.Style]
) -> list[Plot]:
  """Plots what k answers earn for each group, then what involvement buys."""
  budgets, tradeoffs = [], []
  for group in groups:
    rows = [row for row in group.rows if row.num_tasks]
    figure = plots.budget(rows, looks, title=f'Pass@U-k, {group.name}')
    facts = [f'{r.name} ends at {r.pass_at_u[-1].mean:.3f}' for r in rows]
    budgets.append(_plot(figure, facts))
    figure = plots.tradeoff(rows, looks, title=f'Score by UR, {group.name}')
    facts = [
        f'{r.name} scores {r.score.mean:.3f} at {r.involvement.mean:.3f}'
        for r in rows
    ]
    tradeoffs.append(_plot(figure, facts))
  return budgets + tradeoffs


def _training_plots(
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    panels: Mapping[str, str],
    looks: Mapping[str, plots.Style],
) -> list[Plot]:
  """Plots each metric that a curve has."""
  made = []
  for metric, title in panels.items():
    found = {n: curves_lib.series(rows, metric) for n, rows in curves.items()}
    found = {name: xy for name, xy in found.items() if xy[0].size}
    if found:
      ends = [f'{name} ends at {xy[1][-1]:.3g}' for name, xy in found.items()]
      made.append(_plot(plots.training(found, looks, title=title), ends))
  return made


def _plot(figure: figure_lib.Figure, facts: Sequence[str]) -> Plot:
  width, height = (round(96 * inches) for inches in figure.get_size_inches())
  title = figure.axes[0].get_title()
  return Plot(
      data=base64.b64encode(plots.to_svg(figure)).decode(),
      alt=f'{title}: {"; ".join(facts)}',
      width=width,
      height=height,
  )
