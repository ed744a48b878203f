"""Conversations between a policy and gyms: one of the two host-device seams.

  wave 1:  admit -> append -> decode -> parse -> gyms on threads ..... admit
  wave 2:  ........ gyms on threads ......................... admit -> append

While the gyms of one wave of rows answer, the next wave speaks, so that slow
users leave no device idle. Which row does what next depends on data alone: rows
are admitted in the order of the requests, and the replies of a wave are waited
for as a whole, each within its deadline.
"""

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import time
from typing import Any
import zlib

import numpy as np

from bao_jax import types
from bao_jax.envs import base
from bao_jax.sampling import devices
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import faults as faults_lib
from bao_jax.sampling import prefixes as prefixes_lib
from bao_jax.sampling import replies as replies_lib
from bao_jax.sampling import row as row_lib
from bao_jax.sampling import wave as wave_lib
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib

Limits = row_lib.Limits
Request = row_lib.Request


@dataclasses.dataclass(frozen=True)
class Conversations:
  """Holds conversations with one engine; what all rollouts of a run share.

  Attributes:
    engine: compiled calls.
    tokenizer: text to ids and back.
    gyms: by the name in `Task.gym`.
    limits: budgets, deadlines and sampling.
    seed: of the run.
    with_tools: whether system prompts carry the tool schema.
    num_waves: groups of rows, each with a cache of its own. With 2 or more the
      devices work while users think; with 1 they wait.
    num_threads: gyms of a wave stepped at the same time.
    faults: where fired deadlines are noted.
    turn: held while devices work.
  """

  engine: engine_lib.Engine
  tokenizer: tokenizer_lib.Tokenizer
  gyms: Mapping[str, base.Gym]
  limits: Limits
  seed: int = 0
  with_tools: bool = False
  num_waves: int = 1
  num_threads: int = 8
  faults: faults_lib.FaultLog = dataclasses.field(
      default_factory=faults_lib.FaultLog
  )
  turn: contextlib.AbstractContextManager = devices.TURN

  def hold(
      self,
      params: types.Params,
      requests: Sequence[Request],
      *,
      step: int = 0,
      waited: Callable[[float, float], None] | None = None,
  ) -> list[types.Trajectory]:
    """Holds one conversation per request.

    Args:
      params: as for `stream`.
      requests: as for `stream`.
      step: as for `stream`.
      waited: as for `stream`.

    Returns:
      Trajectories in the order of the requests.

    Raises:
      ValueError: as `stream`.
    """
    held: list[types.Trajectory | None] = [None] * len(requests)
    for i, trajectory in self.stream(
        params, requests, step=step, waited=waited
    ):
      held[i] = trajectory
    return held

  def stream(
      self,
      params: types.Params,
      requests: Sequence[Request],
      *,
      step: int = 0,
      waited: Callable[[float, float], None] | None = None,
  ) -> Iterator[tuple[int, types.Trajectory]]:
    """Holds one conversation per request and yields each as it ends.

    One that fails is held again, from its start, after all others.

    Args:
      params: the policy's parameters, layers stacked.
      requests: what to attempt; samples of one task next to each other share
        the prefill of their prompt.
      step: the training step, part of every key.
      waited: called with the begin and the end of each wait for gyms, in
        monotonic seconds.

    Yields:
      The request's index and its trajectory.

    Raises:
      ValueError: a prompt leaves no room to speak, or a task names no gym.
    """
    rollout = _Rollout(self, params, requests, step)
    while not rollout.is_done():
      ended, waits = rollout.advance()
      yield from ended
      for wait in waits if waited else ():
        waited(*wait)

  def open(self, request: Request) -> tuple[base.State, np.ndarray, np.ndarray]:
    """Returns the gym's first state and the ids of both parts of the prompt.

    Args:
      request: which conversation.

    Raises:
      ValueError: the prompt leaves no room to speak, or the task names no gym.
    """
    task = request.task
    if task.gym not in self.gyms:
      known = ', '.join(sorted(self.gyms))
      raise ValueError(f'{task.id}: no gym {task.gym!r}; there are: {known}.')
    state, observation = self.gyms[task.gym].reset(
        task, seed=self.seed, sample=request.sample
    )
    system = chat.render_system(
        self.tokenizer, observation.system, with_tools=self.with_tools
    )
    user = chat.render_user(self.tokenizer, observation.user)
    length, room = len(system) + len(user), self.limits.max_tokens
    if length + 2 > room:
      raise ValueError(
          f'{task.id}: the prompt takes {length} tokens, but '
          f'sampling.max_tokens={room}; raise it or choose a lower level.'
      )
    return state, system, user


def check_failures(conversations: Sequence[Any], max_share: float) -> None:
  """Stops where so many conversations failed that the rest means little.

  Args:
    conversations: trajectories, or records of them.
    max_share: of them that may have failed.

  Raises:
    UserError: more have.
  """
  total = len(conversations)
  failed = [x for x in conversations if x.status == types.FAILED]
  if len(failed) > max_share * total:
    raise base.UserError(
        f'{len(failed)} of {total} conversations failed, '
        f'{100 * len(failed) / total:.0f} %, above '
        f'sampling.max_failed_share={max_share}; the first: {failed[0].error}'
    )


@dataclasses.dataclass
class _Turns:
  """Turns of a wave that its gyms are answering."""

  indices: list[int]
  actions: list[types.Action]
  replies: replies_lib.Replies


class _Rollout:
  """One call of `Conversations.hold`: its queue and its waves."""

  def __init__(self, setup, params, requests, step):
    self._setup = setup
    self._step = step
    self._due = time.monotonic() + setup.limits.step_deadline
    self._queue = collections.deque(enumerate(requests))
    stop = setup.tokenizer.id(tokenizer_lib.IM_END)
    with setup.turn:
      params = setup.engine.prepare(params)
      self._waves = [
          wave_lib.Wave(setup.engine, params, setup.limits, stop)
          for _ in range(setup.num_waves)
      ]
    self._prefixes = prefixes_lib.Prefixes(setup.engine, params)
    self._turns: list[_Turns | None] = [None] * setup.num_waves

  def is_done(self) -> bool:
    return not self._queue and not any(any(w.rows) for w in self._waves)

  def advance(
      self,
  ) -> tuple[list[tuple[int, types.Trajectory]], list[tuple[float, float]]]:
    """Lets every wave take a turn; returns what ended, and when it waited."""
    ended, waits = [], []
    for number, wave in enumerate(self._waves):
      began = time.monotonic()
      heard = self._hear(number)
      waits.append((began, time.monotonic()))
      for turn in heard:
        ended += self._absorb(wave, *turn)
      self._admit(wave)
      with self._setup.turn:
        spoken = wave.speak()
      self._turns[number] = self._ask(wave, spoken)
    return ended, waits

  def _hear(self, number: int):
    """Waits for the gyms of a wave; returns (row, action, reply) of each."""
    turns, self._turns[number] = self._turns[number], None
    if turns is None:
      return []
    return list(zip(turns.indices, turns.actions, turns.replies.wait()))

  def _absorb(
      self,
      wave: wave_lib.Wave,
      i: int,
      action: types.Action,
      reply: replies_lib.Reply,
  ) -> list[tuple[int, types.Trajectory]]:
    """Adds a gym's reply; returns the conversation if it is over for good."""
    row = wave.rows[i]
    if isinstance(reply, str):
      trajectory = row.fail(action, reply)
    else:
      trajectory = row.answer(
          action,
          *reply,
          tokenizer=self._setup.tokenizer,
          limits=self._setup.limits,
      )
    if trajectory is None:
      return []
    wave.rows[i] = None
    attempt = row.request.attempt + 1
    may_retry = attempt < self._setup.limits.max_attempts
    if trajectory.status == types.FAILED and may_retry:
      again = dataclasses.replace(row.request, attempt=attempt)
      self._queue.append((row.owner, again))
      return []
    return [(row.owner, trajectory)]

  def _ask(self, wave: wave_lib.Wave, spoken: list[int]) -> _Turns:
    """Hands finished turns to their gyms, and waits for none."""
    rows = [wave.rows[i] for i in spoken]
    actions = [row.action(self._setup.tokenizer) for row in rows]
    replies = replies_lib.Replies(
        rows,
        actions,
        limits=self._setup.limits,
        step=self._step,
        due=self._due,
        num_threads=self._setup.num_threads,
        faults=self._setup.faults,
    )
    return _Turns(spoken, actions, replies)

  # Admission: prompts are prefilled once and shared.

  def _admit(self, wave: wave_lib.Wave) -> None:
    """Gives free rows of a wave to the next requests, in order."""
    rows = {}
    for i in wave.free()[: len(self._queue)]:
      rows[i] = self._start(*self._queue.popleft())
    if not rows:
      return
    names = {i: row.request.task.id for i, row in rows.items()}
    waiting = {request.task.id for _, request in self._queue}
    self._prefixes.forget({*names.values(), *waiting})
    with self._setup.turn:
      wave.cache = self._prefixes.share(wave.cache, names)
      keys = self._row_keys(rows)
    wave.place(rows, keys)

  def _start(self, owner: int, request: Request) -> row_lib.Row:
    task, (state, system, user) = request.task, self._setup.open(request)
    prompt = np.concatenate([system, user])
    self._prefixes.add(f'{task.gym}/{task.level}', task.id, system, prompt)
    return row_lib.Row(
        request,
        self._setup.gyms[task.gym],
        state,
        prompt,
        owner,
        num_tokens=len(prompt),
        unsent=prompt[-1:],
    )

  def _row_keys(self, rows: Mapping[int, row_lib.Row]) -> np.ndarray:
    """Returns `[B, 2]` keys; an attempt has those of the one before it."""
    tasks = np.zeros(self._setup.engine.num_rows, np.uint32)
    samples = np.zeros(self._setup.engine.num_rows, np.uint32)
    for i, row in rows.items():
      tasks[i] = zlib.crc32(row.request.task.id.encode())
      samples[i] = row.request.sample
    return np.asarray(
        self._setup.engine.row_keys(
            self._setup.seed, self._step, tasks, samples
        )
    )
