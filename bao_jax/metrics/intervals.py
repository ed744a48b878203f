"""How sure a mean over tasks is: bootstrap intervals.

Pure functions of numpy arrays. A task is the unit that is drawn again, so give
one value per task: average several samples or seeds of a task first.
"""

from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
  """A mean and the percentile interval around it."""

  mean: float
  low: float
  high: float


class Difference(NamedTuple):
  """A mean paired difference, its interval, and how surely it is positive.

  Attributes:
    mean: the mean of ours - theirs.
    low: the lower end of its interval.
    high: the upper end of its interval.
    probability: the share of resamples where the difference is positive, those
      where it is 0 counted half.
  """

  mean: float
  low: float
  high: float
  probability: float


def bootstrap_mean(
    values: np.ndarray,
    *,
    seed: int = 0,
    num_resamples: int = 10_000,
    level: float = 0.95,
) -> Interval:
  """Bounds the mean over tasks by the percentile bootstrap.

  Args:
    values: `[N]` one finite value per task.
    seed: of the resampling; equal seeds give equal intervals.
    num_resamples: how often N tasks are drawn with replacement.
    level: the share of resampled means inside the interval.

  Returns:
    The mean and its interval.

  Raises:
    ValueError: `values` is empty, not one-dimensional or not finite.
  """
  values = _checked(values)
  low, high = _percentiles(_resampled(values, seed, num_resamples), level)
  return Interval(float(np.mean(values)), low, high)


def paired_difference(
    ours: np.ndarray,
    theirs: np.ndarray,
    *,
    seed: int = 0,
    num_resamples: int = 10_000,
    level: float = 0.95,
) -> Difference:
  """Bounds the mean difference of two policies on the same tasks.

  Args:
    ours: `[N]` one finite value per task.
    theirs: `[N]` values of the same tasks in the same order.
    seed: of the resampling; equal seeds give equal intervals.
    num_resamples: how often N tasks are drawn with replacement.
    level: the share of resampled differences inside the interval.

  Returns:
    The mean of ours - theirs, its interval and the probability of improvement.

  Raises:
    ValueError: the two differ in shape, or as in `bootstrap_mean`.
  """
  if np.shape(ours) != np.shape(theirs):
    raise ValueError(
        f'paired values differ in shape: {np.shape(ours)}, {np.shape(theirs)}'
    )
  values = _checked(np.subtract(ours, theirs, dtype=np.float64))
  means = _resampled(values, seed, num_resamples)
  low, high = _percentiles(means, level)
  probability = np.mean(means > 0) + np.mean(means == 0) / 2
  return Difference(float(np.mean(values)), low, high, float(probability))


def _checked(values: np.ndarray) -> np.ndarray:
  values = np.asarray(values, np.float64)
  if values.ndim != 1 or not values.size:
    raise ValueError(f'expected [N] values, N > 0, but got {values.shape}')
  if not np.all(np.isfinite(values)):
    first = int(np.argmin(np.isfinite(values)))
    raise ValueError(f'value {first} is {values[first]}; drop failed tasks')
  return values


def _resampled(values: np.ndarray, seed: int, num_resamples: int) -> np.ndarray:
  rng = np.random.default_rng(seed)
  # In pieces, so that many tasks and resamples need not fit at once.
  means, size = [], values.size
  for start in range(0, num_resamples, 1000):
    count = min(1000, num_resamples - start)
    means.append(values[rng.integers(size, size=(count, size))].mean(axis=1))
  return np.concatenate(means)


def _percentiles(means: np.ndarray, level: float) -> tuple[float, float]:
  tail = (1 - level) / 2
  low, high = np.quantile(means, [tail, 1 - tail])
  return float(low), float(high)
