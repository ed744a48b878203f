"""The numbers of a report: one row per policy, with intervals over tasks.

Numbers alone: how they are printed is up to the page.
"""

from collections.abc import Callable, Sequence
import dataclasses

import numpy as np

from bao_jax.evaluation import records
from bao_jax.metrics import intervals
from bao_jax.metrics import success
from bao_jax.report import runs as runs_lib

Interval = intervals.Interval

MAX_K = 9  # Pass@U-k is computed for k = 1..9, as in the paper.
TRAVEL = 'travel'  # Whose Score UserRL counts by aspect.
_NOTHING = Interval(float('nan'), float('nan'), float('nan'))


@dataclasses.dataclass(frozen=True)
class Row:
  """What one policy achieved on the tasks of one gym, or of all.

  Several conversations of one task (samples, seeds) are averaged first; means
  and intervals are over tasks. Failed conversations are counted and enter
  nothing else. Where nothing is left to average, intervals hold NaN.

  Attributes:
    name: the policy.
    description: half a sentence about it.
    is_reference: whether it is there to compare with.
    pass_at_u: Pass@U-k for k = 1, 2, ...
    score: the mean sum of the gym's own rewards.
    userrl_score: the Score of UserRL's Table 3, which is `score` but for trips,
      each of which counts `success.aspect_score`. NaN if a trip's record, of an
      earlier version, does not say how many aspects it has.
    involvement: UR, the mean share of turns that involve the user.
    exploration: the mean number of exploring turns per answer.
    effective_turns: the mean number of the last turn that earned anything.
    time_weighted: the mean of rewards that fade with the turn.
    pass_at_k: of a task's samples, the chance that one of k = 1, 2, ... solves
      it, up to the fewest samples that a task has.
    pass_hat_k: the chance that all of k do.
    num_tasks: the tasks averaged over.
    num_conversations: all conversations, failed ones included.
    num_failed: those that an outage ended.
  """

  name: str
  description: str
  is_reference: bool
  pass_at_u: tuple[Interval, ...]
  score: Interval
  userrl_score: Interval
  involvement: Interval
  exploration: Interval
  effective_turns: Interval
  time_weighted: Interval
  pass_at_k: tuple[Interval, ...]
  pass_hat_k: tuple[Interval, ...]
  num_tasks: int
  num_conversations: int
  num_failed: int


def row(run: runs_lib.Run, *, num_resamples: int = 2_000) -> Row:
  """Computes the row of a run.

  Args:
    run: a policy and its conversations.
    num_resamples: how often the bootstrap draws the tasks again.

  Returns:
    The row.
  """
  arrays = records.to_arrays(run.records)
  valid = arrays.valid
  kept = [record for record, is_valid in zip(run.records, valid) if is_valid]
  tasks = np.array([record.task_id for record in kept])
  rewards, is_user, turn_mask = (
      x[valid] for x in (arrays.rewards, arrays.is_user, arrays.turn_mask)
  )
  interval = lambda x: _interval_over_tasks(x, tasks, num_resamples)
  return Row(
      name=run.name,
      description=run.description,
      is_reference=run.is_reference,
      pass_at_u=tuple(
          interval(success.pass_at_u(rewards, is_user, turn_mask, k=k))
          for k in range(1, MAX_K + 1)
      ),
      score=interval(success.score(rewards, turn_mask)),
      userrl_score=interval(_userrl_score(kept, rewards, turn_mask)),
      involvement=interval(success.involvement_rate(is_user, turn_mask)),
      exploration=interval(success.exploration_ratio(is_user, turn_mask)),
      effective_turns=interval(success.effective_turns(rewards, turn_mask)),
      time_weighted=interval(success.time_weighted_score(rewards, turn_mask)),
      pass_at_k=_over_samples(
          success.pass_at_k, arrays.solved[valid], tasks, num_resamples
      ),
      pass_hat_k=_over_samples(
          success.pass_hat_k, arrays.solved[valid], tasks, num_resamples
      ),
      num_tasks=np.unique(tasks).size,
      num_conversations=valid.size,
      num_failed=int(np.sum(~valid)),
  )


def _userrl_score(
    found: Sequence[records.Record], rewards: np.ndarray, turn_mask: np.ndarray
) -> np.ndarray:
  """Computes `[N]` what conversations count in UserRL; NaN if not known."""
  is_trip = np.array([record.gym == TRAVEL for record in found], bool)
  num_aspects = np.array([record.num_aspects or np.nan for record in found])
  aspects = _aspects(found, rewards.shape)
  trips = success.aspect_score(rewards, aspects, turn_mask, num_aspects)
  return np.where(is_trip, trips, success.score(rewards, turn_mask))


def _aspects(
    found: Sequence[records.Record], shape: tuple[int, int]
) -> np.ndarray:
  """Numbers `[N, M]` the first letters of each conversation's answers."""
  aspects = np.full(shape, -1)
  for i, record in enumerate(found):
    numbers = {}
    for t, turn in enumerate(record.turns):
      letter = turn.content.strip()[:1]
      if turn.choice == 'answer' and letter:
        aspects[i, t] = numbers.setdefault(letter, len(numbers))
  return aspects


def _interval_over_tasks(
    values: np.ndarray, tasks: np.ndarray, num_resamples: int
) -> Interval:
  """Averages the conversations of each task, then bounds the mean of tasks."""
  if not values.size or np.isnan(values).any():
    return _NOTHING
  _, task, count = np.unique(tasks, return_inverse=True, return_counts=True)
  means = np.bincount(task, weights=values) / count
  return intervals.bootstrap_mean(means, num_resamples=num_resamples)


def _over_samples(
    metric: Callable[..., np.ndarray],
    solved: np.ndarray,
    tasks: np.ndarray,
    num_resamples: int,
) -> tuple[Interval, ...]:
  """Computes a metric of how many of a task's samples solved it, for all k."""
  if not solved.size:
    return ()
  _, task, count = np.unique(tasks, return_inverse=True, return_counts=True)
  num_solved = np.bincount(task, weights=solved)
  return tuple(
      intervals.bootstrap_mean(
          metric(num_solved, count, k=k), num_resamples=num_resamples
      )
      for k in range(1, count.min() + 1)
  )


@dataclasses.dataclass(frozen=True)
class Group:
  """The rows over one set of tasks.

  Attributes:
    name: the gym, or 'all gyms'.
    source: where the tasks come from, like 'test split, easy level'.
    rows: one per run.
  """

  name: str
  source: str
  rows: tuple[Row, ...]


def groups(
    runs: Sequence[runs_lib.Run], *, num_resamples: int = 2_000
) -> list[Group]:
  """Computes the rows over all gyms, then per gym; once if there is one gym.

  Args:
    runs: the policies.
    num_resamples: how often the bootstrap draws the tasks again.

  Returns:
    Groups of one row per run.
  """
  names = runs_lib.gyms(runs)
  per_gym = [
      _group(name, [runs_lib.of_gym(run, name) for run in runs], num_resamples)
      for name in names
  ]
  if len(names) == 1:
    return per_gym
  return [_group('all gyms', runs, num_resamples), *per_gym]


def _group(
    name: str, runs: Sequence[runs_lib.Run], num_resamples: int
) -> Group:
  found = [record for run in runs for record in run.records]
  splits = ', '.join(dict.fromkeys(record.split for record in found))
  levels = ', '.join(dict.fromkeys(record.level for record in found))
  return Group(
      name=name,
      source=f'{splits} split, {levels} level' if found else 'no tasks',
      rows=tuple(row(run, num_resamples=num_resamples) for run in runs),
  )
