"""Training curves: from rows of metrics to steps and values."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np

# The metrics a report plots, where a run has them, and what it calls them.
PANELS = {
    'sft/loss': 'Warm start: training loss',
    'sft/validation_loss': 'Warm start: validation loss',
    'reward/raw': 'Training: reward',
    'reward/shaped': 'Training: shaped reward',
    'eval/score': 'Validation: Score',
    'eval/involvement_rate': 'Validation: UR',
    'eval/pass_at_u1': 'Validation: Pass@U-1',
    'policy/entropy': 'Training: entropy',
}


def series(
    rows: Sequence[Mapping[str, Any]], metric: str
) -> tuple[np.ndarray, np.ndarray]:
  """Picks one metric out of rows of metrics.

  Args:
    rows: each with a 'step' and some scalars. Of two rows with the same step
      (a run that was resumed) the later one counts.
    metric: the name of a scalar.

  Returns:
    `[N]` steps, ascending, and `[N]` values; rows without the metric, or where
    it is not finite, are left out.

  Raises:
    ValueError: a row has no 'step'.
  """
  values = {}
  for i, row in enumerate(rows):
    if 'step' not in row:
      raise ValueError(f"metrics row {i} has no 'step': {dict(row)!r:.60}")
    if math.isfinite(row.get(metric, math.nan)):
      values[row['step']] = row[metric]
  steps = sorted(values)
  return np.array(steps, float), np.array([values[s] for s in steps], float)
