"""What gyms say to the turns of a wave, waited for as a whole.

Deadlines at three levels: a turn, a conversation, a rollout. One that fires is
noted before anything is made of it, so that a resumed run repeats it.
"""

from collections.abc import Sequence
import functools

from bao_jax import types
from bao_jax.envs import base
from bao_jax.sampling import calls
from bao_jax.sampling import faults as faults_lib
from bao_jax.sampling import row as row_lib

# The gym's next state and step, or why the conversation has failed.
Reply = tuple[base.State, base.Step] | str


class Replies:
  """The gyms' answers to one round of turns, under way since this was made.

  Args:
    rows: whose turns are over.
    actions: what each asks of its gym.
    limits: hold the deadlines.
    step: of the rollout.
    due: when the rollout stops waiting, on the monotonic clock.
    num_threads: gyms stepped at the same time.
    faults: failures of an earlier process, and where new ones are noted.
  """

  def __init__(
      self,
      rows: Sequence[row_lib.Row],
      actions: Sequence[types.Action],
      *,
      limits: row_lib.Limits,
      step: int,
      due: float,
      num_threads: int,
      faults: faults_lib.FaultLog,
  ):
    self._rows = rows
    self._faults = faults
    self._keys = [_turn_key(step, row) for row in rows]
    self._known = [faults.error(key) for key in self._keys]
    self._fresh = [i for i, error in enumerate(self._known) if error is None]
    self._round = calls.Round(
        [
            functools.partial(rows[i].gym.step, rows[i].state, actions[i])
            for i in self._fresh
        ],
        num_threads=num_threads,
        deadlines=[_deadlines(rows[i], limits, due) for i in self._fresh],
    )

  def wait(self) -> list[Reply]:
    """Returns what each gym said.

    Raises:
      Exception: whatever a gym raised that is not of its user.
    """
    outcomes = self._round.wait()
    for outcome in outcomes:  # Before a failure of the others is noted.
      if isinstance(outcome.value, Exception):
        if not isinstance(outcome.value, (TimeoutError, base.UserError)):
          raise outcome.value
    replies: list[Reply | None] = list(self._known)
    for i, (value, seconds) in zip(self._fresh, outcomes):
      self._rows[i].waited += seconds
      if isinstance(value, Exception):
        value = str(value)
        self._faults.record(self._keys[i], value)
      replies[i] = value
    return replies


def _deadlines(
    row: row_lib.Row, limits: row_lib.Limits, due: float
) -> list[calls.Deadline]:
  """Returns the three deadlines of a turn."""
  left = max(0.0, limits.conversation_deadline - row.waited)
  return [
      calls.Deadline(limits.deadline, 'deadline'),
      calls.Deadline(left, 'conversation_deadline'),
      calls.Deadline(limits.step_deadline, 'step_deadline', end=due),
  ]


def _turn_key(step: int, row: row_lib.Row) -> str:
  request = row.request
  attempt = f'/{request.attempt}' if request.attempt else ''
  turn = f'{request.task.id}/{request.sample}/{len(row.turns)}'
  return f'{step}/{turn}{attempt}'
