"""The trade-off of cost and gain: which points are worth having.

Pure functions of numpy arrays. Costs are to be low (answers allowed, user
involvement), gains high (Pass@U-k, Score).
"""

import numpy as np


def dominated(costs: np.ndarray, gains: np.ndarray) -> np.ndarray:
  """Finds the points that another point beats.

  A point beats another if it costs no more, gains no less, and is better in one
  of the two. Equal points do not beat each other.

  Args:
    costs: `[N]` to be low.
    gains: `[N]` to be high.

  Returns:
    `[N]` bool.
  """
  cheaper = costs[:, None] < costs
  higher = gains[:, None] > gains
  no_worse = (costs[:, None] <= costs) & (gains[:, None] >= gains)
  return np.any(no_worse & (cheaper | higher), axis=0)


def pareto_front(costs: np.ndarray, gains: np.ndarray) -> np.ndarray:
  """Orders the points that none beats by cost.

  Args:
    costs: `[N]` to be low.
    gains: `[N]` to be high.

  Returns:
    int indices of the points of the front; of equal points the first.
  """
  kept = np.flatnonzero(~dominated(costs, gains))
  _, first = np.unique(costs[kept], return_index=True)
  return kept[first]


def hypervolume(
    costs: np.ndarray, gains: np.ndarray, *, reference: tuple[float, float]
) -> float:
  """Computes the area that the points beat, up to a reference point.

  Areas compare only under one reference; state it next to the number. Points
  that do not beat the reference add nothing.

  Args:
    costs: `[N]` to be low.
    gains: `[N]` to be high.
    reference: (cost, gain) of a point worse than all of interest, such as
      (1, 0) for the user involvement rate against the score.

  Returns:
    The area, in units of cost times gain.
  """
  worst_cost, worst_gain = reference
  front = pareto_front(costs, gains)
  widths = np.diff(np.minimum(np.append(costs[front], worst_cost), worst_cost))
  heights = np.maximum(gains[front] - worst_gain, 0)
  return float(np.sum(widths * heights))
