"""Where metrics go: a JSONL file, TensorBoard and the console.

The JSONL file is the record of a run: one line per step, in order, without
repetition even if the run was killed and resumed.
"""

from collections.abc import Mapping
import json
import math
import os
import pathlib
from typing import Any

import numpy as np
import tensorboardX

from bao_jax import types


def read_metrics(path: str | pathlib.Path) -> list[dict[str, Any]]:
  """Reads metrics.jsonl; a last line that a kill tore is left out.

  Args:
    path: the file.

  Returns:
    One dict per step, with 'step' among its keys; null becomes NaN.

  Raises:
    ValueError: another line is not JSON; names file and line.
  """
  rows = []
  lines = pathlib.Path(path).read_text().split('\n')
  for number, line in enumerate(lines, start=1):
    if not line:
      continue
    try:
      row = json.loads(line)
    except ValueError as error:
      if number < len(lines):
        raise ValueError(f'{path}:{number}: not JSON: {error}') from error
      continue
    rows.append({k: math.nan if v is None else v for k, v in row.items()})
  return rows


def _to_line(row: Mapping[str, float]) -> str:
  """Writes strict JSON, which has neither NaN nor infinity: null instead."""
  values = {k: v if math.isfinite(v) else None for k, v in row.items()}
  return json.dumps(values, allow_nan=False) + '\n'


class MetricWriter:
  """Appends metrics of steps; on resume forgets those that will be repeated.

  Args:
    workdir: the run's folder.
    step: the step the run resumes from; later lines are dropped.
    is_on: whether it writes at all; one process of a run does.
  """

  def __init__(
      self,
      workdir: str | pathlib.Path,
      *,
      step: int = 0,
      is_on: bool = True,
  ):
    self._is_on = is_on
    if not is_on:
      return
    self._path = pathlib.Path(workdir) / 'metrics.jsonl'
    self._path.parent.mkdir(parents=True, exist_ok=True)
    rows = read_metrics(self._path) if self._path.exists() else []
    kept = [row for row in rows if row['step'] < step]
    temporary = self._path.with_suffix('.tmp')
    temporary.write_text(''.join(map(_to_line, kept)))
    os.replace(temporary, self._path)
    self._board = tensorboardX.SummaryWriter(
        str(self._path.parent / 'tensorboard'), purge_step=step
    )

  def write(self, step: int, metrics: Mapping[str, Any]) -> None:
    """Adds one line; arrays become floats, and what is not finite null."""
    if not self._is_on:
      return
    values = {name: float(np.asarray(v)) for name, v in metrics.items()}
    with self._path.open('a') as file:
      file.write(_to_line({'step': step, **values}))
    for name, value in values.items():
      if math.isfinite(value):  # TensorBoard would warn of each.
        self._board.add_scalar(name, value, step)

  def close(self) -> None:
    if self._is_on:
      self._board.close()


def check_finite(step: int, metrics: types.Metrics) -> None:
  """Stops a run whose loss or gradient is no longer a number.

  Raises:
    FloatingPointError: names the step and the metric.
  """
  for name, value in metrics.items():
    if not np.isfinite(value):
      raise FloatingPointError(
          f'step {step}: {name} is {value}; the last checkpoint is from before '
          'it. Lower the learning rate or look at the batch of this step.'
      )
