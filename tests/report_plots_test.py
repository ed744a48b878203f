"""Tests for bao_jax.report.plots."""

from collections.abc import Sequence

from absl.testing import absltest
import numpy as np

from bao_jax.report import plots
from bao_jax.report import table


def _interval(mean: float) -> table.Interval:
  return table.Interval(mean, mean - 0.1, mean + 0.1)


def _row(
    name: str,
    *,
    score: float = 0.5,
    involvement: float = 0.5,
    budget: Sequence[float] = (0.25, 0.5),
    is_reference: bool = False,
) -> table.Row:
  return table.Row(
      name=name,
      description='',
      is_reference=is_reference,
      pass_at_u=tuple(map(_interval, budget)),
      score=_interval(score),
      userrl_score=_interval(score),
      involvement=_interval(involvement),
      exploration=_interval(1.0),
      effective_turns=_interval(1.0),
      time_weighted=_interval(1.0),
      pass_at_k=(),
      pass_hat_k=(),
      num_tasks=3,
      num_conversations=3,
      num_failed=0,
  )


class StylesTest(absltest.TestCase):

  def test_rows_differ_in_more_than_color(self):
    looks = plots.styles('abcdef').values()
    self.assertLen({look.color for look in looks}, 6)
    self.assertLen({look.marker for look in looks}, 6)

  def test_twelve_rows_are_told_apart(self):
    looks = plots.styles('abcdefghijkl').values()
    self.assertLen({(k.color, k.marker, str(k.line)) for k in looks}, 12)

  def test_references_are_grey_and_take_no_color(self):
    alone = plots.styles(['BAO'])
    looks = plots.styles(['teacher', 'BAO', 'teacher'], ['teacher'])
    self.assertEqual(looks['BAO'], alone['BAO'])
    red, green, blue = bytes.fromhex(looks['teacher'].color[1:])
    self.assertLess(max(red, green, blue) - min(red, green, blue), 32)


class FigureTest(absltest.TestCase):

  def _lines(self, figure) -> dict[str, list[tuple[float, float]]]:
    (axes,) = figure.axes
    return {
        line.get_label(): [tuple(xy) for xy in line.get_xydata().tolist()]
        for line in axes.lines
    }

  def test_budget_starts_at_one_answer(self):
    rows = [_row('BAO', budget=[0.25, 0.5, 0.75]), _row('UserRL')]
    figure = plots.budget(rows, plots.styles(['BAO', 'UserRL']), title='')
    lines = self._lines(figure)
    self.assertEqual(lines['BAO'], [(1, 0.25), (2, 0.5), (3, 0.75)])
    self.assertEqual(lines['UserRL'], [(1, 0.25), (2, 0.5)])

  def test_front_leaves_out_references_and_dominated_rows(self):
    rows = [
        _row('teacher', score=1.0, involvement=0.1, is_reference=True),
        _row('best', score=0.9, involvement=0.6),
        _row('cheap', score=0.5, involvement=0.2),
        _row('beaten', score=0.4, involvement=0.4),
    ]
    looks = plots.styles([row.name for row in rows], ['teacher'])
    lines = self._lines(plots.tradeoff(rows, looks, title=''))
    np.testing.assert_allclose(lines['Pareto front'], [(0.2, 0.5), (0.6, 0.9)])

  def test_training_shows_a_running_mean_of_long_curves(self):
    steps = np.arange(60.0)
    values = np.where(steps % 3 == 0, 3.0, 0.0)  # Means of three: 1.
    looks = plots.styles(['long', 'short'])
    figure = plots.training(
        {'long': (steps, values), 'short': (steps[:3], values[:3])},
        looks,
        title='',
    )
    lines = self._lines(figure)
    long = [y for _, y in lines['long']]
    np.testing.assert_allclose(long[1:-1], 1.0)
    np.testing.assert_allclose([long[0], long[-1]], [1.5, 0.0])
    self.assertEqual([y for _, y in lines['short']], [3.0, 0.0, 0.0])

  def test_no_rows(self):
    for plot in (plots.budget, plots.tradeoff):
      self.assertIn(b'<svg', plots.to_svg(plot([], {}, title='Nothing')))

  def test_equal_figures_are_equal_files_with_text(self):
    looks = plots.styles(['a & b'])
    first, second = (
        plots.to_svg(plots.budget([_row('a & b')], looks, title='Budget'))
        for _ in range(2)
    )
    self.assertEqual(first, second)
    self.assertIn(b'>a &amp; b</text>', first)


if __name__ == '__main__':
  absltest.main()
