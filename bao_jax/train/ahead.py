"""Conversations that are held while earlier ones are learned from.

  max_lag = 1     step 0        step 1        step 2
  loop            wait, update  wait, update  wait, update
  in background   hold 0   hold 1        hold 2        hold 3
  with weights         0        0             1             2

Conversations of step j are held with the weights that step j - max_lag began
with, the first ones before that. The step's number alone decides it, never who
was faster, so a run repeats itself. They are held one step after the other, by
one thread: what is saved is time in which devices would wait for users.
"""

import collections
from collections.abc import Callable, Iterable, Sequence
import concurrent.futures
import dataclasses
import queue
import threading
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp

from bao_jax import types
from bao_jax.sampling import devices
from bao_jax.sampling import rollout

Wait = tuple[float, float]  # Its begin and end, in monotonic seconds.
# (speaker, params, step, told of each wait) -> conversations of the step.
HoldFn = Callable[
    [rollout.Conversations, types.Params, int, Callable[[float, float], None]],
    list[types.Trajectory],
]


class Held(NamedTuple):
  """The conversations of a step.

  Attributes:
    trajectories: in the order of the requests.
    seconds: how long they took.
    waits: when they waited for gyms.
  """

  trajectories: list[types.Trajectory]
  seconds: float
  waits: list[Wait]


class Ahead:
  """Holds the conversations of each step, `max_lag` steps ahead.

  A context: what is under way when it ends is given up.

  Args:
    speaker: what holds conversations.
    hold: those of a step.
    steps: that are left.
    older: the weights that the first `max_lag` of them are held with, oldest
      first; none to hold those of a step when it comes to them.

  Attributes:
    older: the same of the steps that are left now.
  """

  def __init__(
      self,
      speaker: rollout.Conversations,
      hold: HoldFn,
      steps: range,
      older: Iterable[types.Params],
  ):
    self._turns = devices.Turns()
    self._speaker = dataclasses.replace(speaker, turn=self._turns)
    self._hold = hold
    self._steps = steps
    self.older = collections.deque(older)
    self._max_lag = len(self.older)
    self._waiting = queue.SimpleQueue()
    self._under_way: dict[int, concurrent.futures.Future] = {}

  def __enter__(self) -> 'Ahead':
    if self._max_lag:
      # As a daemon it delays no exit; its turns are revoked before.
      threading.Thread(target=self._work, daemon=True).start()
      for step, params in zip(self._steps, self.older):
        self._begin(step, params)
    return self

  def __exit__(self, *unused) -> None:
    self._waiting.put(None)
    self._turns.revoke()
    for step in self._under_way:  # Nothing was learned of their failures.
      self._speaker.faults.forget(step)

  def held(self, step: int, params: types.Params) -> Held:
    """Waits for the conversations of the next step.

    Args:
      step: its number.
      params: the weights that it begins with; copied if they are used later.

    Raises:
      Exception: what holding them raised; `older` is then as it was.
    """
    if not self._max_lag:
      return self._call(step, params)
    with devices.TURN:
      params = jax.tree.map(jnp.copy, params)
    if step + self._max_lag in self._steps:
      self._begin(step + self._max_lag, params)
    held = self._under_way[step].result()
    del self._under_way[step]
    self.older.append(params)
    self.older.popleft()
    return held

  def _begin(self, step: int, params: types.Params) -> None:
    self._under_way[step] = concurrent.futures.Future()
    self._waiting.put((step, params))

  def _work(self) -> None:
    while self._hold_next():
      pass  # Between two steps no weights are held on to.

  def _hold_next(self) -> bool:
    """Holds what is asked for next; returns whether there may be more."""
    asked = self._waiting.get()
    if asked is None:
      return False
    future = self._under_way[asked[0]]
    try:
      future.set_result(self._call(*asked))
    except Exception as error:  # Raised where the step is waited for.
      future.set_exception(error)
      return False
    return True

  def _call(self, step: int, params: types.Params) -> Held:
    began, waits = time.monotonic(), []
    trajectories = self._hold(
        self._speaker, params, step, lambda *wait: waits.append(wait)
    )
    return Held(trajectories, time.monotonic() - began, waits)


def with_older(
    state: types.TrainState, older: Sequence[types.Params]
) -> types.TrainState:
  """Returns what a checkpoint holds: the state, and older weights if any."""
  if not older:
    return state
  return types.LaggedState(
      state.step, state.params, state.opt_state, tuple(older)
  )


def without_older(
    saved: types.TrainState,
) -> tuple[types.TrainState, tuple[types.Params, ...]]:
  """Returns the two parts of what a checkpoint holds."""
  state = types.TrainState(saved.step, saved.params, saved.opt_state)
  return state, getattr(saved, 'older', ())


def idle_seconds(waits: Sequence[Wait], began: float, ended: float) -> float:
  """Returns how long gyms were waited for within a span of time.

  Args:
    waits: none overlaps another.
    began: of the span.
    ended: of the span.
  """
  return sum(
      max(min(stop, ended) - max(start, began), 0.0) for start, stop in waits
  )
