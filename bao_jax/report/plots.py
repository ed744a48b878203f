"""The plots of a report, each a matplotlib figure of its own.

Figures are small (a phone shows them unscaled) and pyplot knows none of them.
Rows are told apart by color, marker and line style at once; the colors are
after Okabe and Ito (https://jfly.uni-koeln.de/color/), who chose them such that
color-blind readers can tell them apart.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import io

import matplotlib
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import ticker
import numpy as np

from bao_jax.metrics import pareto
from bao_jax.report import table

_COLORS = ('#0072B2', '#D55E00', '#009E73', '#AA4499', '#E69F00', '#56B4E9')
_MARKERS = {'o': '●', 's': '■', '^': '▲', 'D': '◆', 'v': '▼', '*': '★'}
_LINES = ('-', '--', '-.', (0, (7, 1)), (0, (3, 1, 1, 1, 1, 1)))
_SIZE = (3.6, 2.7)  # Inches, without the legend.
_GREYS = ('#5B6570', '#8A939C')
_GREY_MARKERS = {'X': '✖', 'P': '✚'}
_SETTINGS = {
    'axes.grid': True,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'axes.titlesize': 10,
    'axes.titleweight': 'bold',
    'font.family': 'sans-serif',
    'font.size': 9,
    'grid.color': '#E6E9EC',
    'legend.frameon': False,
    'text.parse_math': False,  # A dollar sign in a name is no formula.
    'svg.fonttype': 'none',  # Text stays text: small, sharp and searchable.
    'svg.hashsalt': 'bao_jax',  # Equal figures are equal files.
}
_settled = matplotlib.rc_context(_SETTINGS)  # As a decorator.


@dataclasses.dataclass(frozen=True)
class Style:
  """How a row looks everywhere.

  Attributes:
    color: of lines and markers.
    marker: matplotlib's name of the marker.
    glyph: a character that looks like the marker, for tables.
    line: matplotlib's line style.
  """

  color: str
  marker: str
  glyph: str
  line: object


def styles(
    names: Iterable[str], references: Sequence[str] = ()
) -> dict[str, Style]:
  """Gives each name a look; references are grey."""
  names = list(dict.fromkeys(names))
  ours = [name for name in names if name not in references]
  theirs = [name for name in names if name in references]
  looks = {n: _style(i, _COLORS, _MARKERS) for i, n in enumerate(ours)}
  return looks | {
      n: _style(i, _GREYS, _GREY_MARKERS) for i, n in enumerate(theirs)
  }


def _style(i: int, colors: Sequence[str], markers: Mapping[str, str]) -> Style:
  marker = list(markers)[i % len(markers)]
  return Style(
      color=colors[i % len(colors)],
      marker=marker,
      glyph=markers[marker],
      line=':' if colors is _GREYS else _LINES[i % len(_LINES)],
  )


@_settled
def budget(
    rows: Sequence[table.Row], looks: Mapping[str, Style], *, title: str
) -> figure_lib.Figure:
  """Plots Pass@U-k over the number of answers allowed, k, with intervals.

  Args:
    rows: the policies, each with at least one task.
    looks: a style per name.
    title: printed above.

  Returns:
    The figure.
  """
  figure, axes = _figure(title)
  for row in rows:
    k = np.arange(1, len(row.pass_at_u) + 1)
    mean, low, high = np.array(row.pass_at_u).T
    look = looks[row.name]
    axes.fill_between(k, low, high, color=look.color, alpha=0.12, lw=0)
    axes.plot(k, mean, label=row.name, **_line(look))
  axes.set(xlabel='allowed answers, k', ylabel='Pass@U-k (higher is better)')
  axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
  _start_at_zero(axes)
  _legend(figure, axes)
  return figure


@_settled
def tradeoff(
    rows: Sequence[table.Row], looks: Mapping[str, Style], *, title: str
) -> figure_lib.Figure:
  """Plots Score against user involvement, with the Pareto front.

  Args:
    rows: the policies, each with at least one task. References are no part of
      the front.
    looks: a style per name.
    title: printed above.

  Returns:
    The figure.
  """
  figure, axes = _figure(title)
  for row in rows:
    look = looks[row.name]
    x, y = row.involvement, row.score
    axes.errorbar(
        x.mean,
        y.mean,
        xerr=[[x.mean - x.low], [x.high - x.mean]],
        yerr=[[y.mean - y.low], [y.high - y.mean]],
        color=look.color,
        marker=look.marker,
        markersize=8,
        markeredgecolor='white',
        markeredgewidth=0.6,
        elinewidth=0.8,
        linestyle='none',
        label=row.name,
    )
  _front(axes, [row for row in rows if not row.is_reference])
  axes.set(
      xlabel='UR, user involvement rate (lower is better)',
      ylabel='Score (higher is better)',
  )
  _legend(figure, axes)
  return figure


def _front(axes: axes_lib.Axes, rows: Sequence[table.Row]) -> None:
  """Draws what no policy beats: steps from the cheapest to the best."""
  costs = np.array([row.involvement.mean for row in rows])
  gains = np.array([row.score.mean for row in rows])
  front = pareto.pareto_front(costs, gains)
  axes.step(
      costs[front],
      gains[front],
      where='post',
      color='#9AA3AB',
      linestyle='--',
      linewidth=1,
      label='Pareto front',
      zorder=0,
  )


@_settled
def training(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    looks: Mapping[str, Style],
    *,
    title: str,
) -> figure_lib.Figure:
  """Plots a metric over steps; long curves get a running mean in bold.

  Args:
    curves: steps and values by name.
    looks: a style per name.
    title: printed above.

  Returns:
    The figure.
  """
  figure, axes = _figure(title)
  for name, (steps, values) in curves.items():
    look = looks[name]
    window = max(1, len(values) // 20)
    if window > 1:
      axes.plot(steps, values, color=look.color, alpha=0.3, linewidth=0.8)
    smooth = _running_mean(values, window)
    spacing = max(1, len(values) // 8)
    axes.plot(steps, smooth, label=name, markevery=spacing, **_line(look))
  axes.set(xlabel='step')
  axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=6, integer=True))
  _legend(figure, axes)
  return figure


@_settled
def to_svg(figure: figure_lib.Figure) -> bytes:
  """Draws a figure as SVG; equal figures give equal bytes."""
  file = io.BytesIO()
  # A date would make two reports of the same data differ.
  figure.savefig(file, format='svg', metadata={'Date': None})
  return file.getvalue()


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
  """Averages each value with its neighbours, fewer of them at the ends."""
  kernel = np.ones(window)
  sums = np.convolve(values, kernel, 'same')
  return sums / np.convolve(np.ones(len(values)), kernel, 'same')


def _line(look: Style) -> dict[str, object]:
  return dict(
      color=look.color,
      marker=look.marker,
      markersize=6,
      markeredgecolor='white',
      markeredgewidth=0.6,
      linestyle=look.line,
      linewidth=1.6,
  )


def _figure(title: str) -> tuple[figure_lib.Figure, axes_lib.Axes]:
  figure = figure_lib.Figure(figsize=_SIZE, layout='constrained')
  axes = figure.add_subplot(title=title)
  axes.set_axisbelow(True)
  return figure, axes


def _start_at_zero(axes: axes_lib.Axes) -> None:
  low, high = axes.get_ylim()
  axes.set_ylim(min(low, 0), max(high, 1e-3))


def _legend(figure: figure_lib.Figure, axes: axes_lib.Axes) -> None:
  """Puts the legend below, where it hides no point."""
  names = axes.get_legend_handles_labels()[1]
  if not names:
    axes.text(0.5, 0.5, 'no data', ha='center', transform=axes.transAxes)
    return
  columns = 2 if max(map(len, names)) <= 18 else 1
  height = _SIZE[1] + 0.18 * -(-len(names) // columns)
  figure.set_size_inches(_SIZE[0], height)
  figure.legend(loc='outside lower center', ncols=columns, columnspacing=1.2)
