"""Conversations between a policy and gyms: one of the two host-device seams.

  admit -> decode -> parse -> step (thread pool) -> append -> decode -> ...

Which row does what next depends on data alone: rows are admitted in the order
of the requests, and a round of replies is waited for as a whole, each within
its deadline.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
import zlib

import jax
import numpy as np

from bao_jax import types
from bao_jax.envs import base
from bao_jax.sampling import calls
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import faults as faults_lib
from bao_jax.sampling import prefixes
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.text import tools


@dataclasses.dataclass(frozen=True)
class Limits:
  """What a conversation may use, and how it samples.

  Attributes:
    max_tokens: ids of a whole conversation, prompt and replies included.
    max_turn_tokens: sampled ids of one turn.
    deadline: seconds a gym may take for one turn.
    temperature: 0 is greedy.
    top_k: 0 for all tokens. Leave at 0 when training.
    top_p: 1 for all tokens. Leave at 1 when training.
  """

  max_tokens: int
  max_turn_tokens: int
  deadline: float = 60.0
  temperature: float = 1.0
  top_k: int = 0
  top_p: float = 1.0


@dataclasses.dataclass(frozen=True)
class Request:
  """One conversation to hold: a task and which of its samples."""

  task: types.Task
  sample: int = 0


@dataclasses.dataclass
class _Row:
  """A conversation in progress. Mutable: it lives within one rollout."""

  request: Request
  gym: base.Gym
  state: base.State
  prompt: np.ndarray
  turns: list[types.Turn]
  tokens: list[np.ndarray]  # Parts of the turn being sampled.
  logps: list[np.ndarray]
  unsent: np.ndarray  # Ids that are not in the cache yet.
  num_tokens: int  # Of the whole conversation so far.

  @property
  def num_turn_tokens(self) -> int:
    return sum(map(len, self.tokens))

  def finish(self, status: str, error: str = '') -> types.Trajectory:
    return types.Trajectory(
        task=self.request.task,
        sample=self.request.sample,
        prompt=self.prompt,
        turns=tuple(self.turns),
        status=status,
        solved=self.state.solved and status != types.FAILED,
        max_turns=self.gym.max_turns,
        error=error,
    )


@dataclasses.dataclass(frozen=True)
class Conversations:
  """Holds conversations with one engine; what all rollouts of a run share.

  Attributes:
    engine: compiled calls.
    tokenizer: text to ids and back.
    gyms: by the name in `Task.gym`.
    limits: budgets and sampling.
    seed: of the run.
    with_tools: whether system prompts carry the tool schema.
    num_threads: gyms stepped at the same time.
    faults: where fired deadlines are noted.
  """

  engine: engine_lib.Engine
  tokenizer: tokenizer_lib.Tokenizer
  gyms: Mapping[str, base.Gym]
  limits: Limits
  seed: int = 0
  with_tools: bool = False
  num_threads: int = 8
  faults: faults_lib.FaultLog = dataclasses.field(
      default_factory=faults_lib.FaultLog
  )

  def hold(
      self,
      params: types.Params,
      requests: Sequence[Request],
      *,
      step: int = 0,
      progress: Callable[[int], None] | None = None,
  ) -> list[types.Trajectory]:
    """Holds one conversation per request.

    Args:
      params: the policy's parameters, layers stacked.
      requests: what to attempt; samples of one task next to each other share
        the prefill of their prompt.
      step: the training step, part of every key.
      progress: called with the number of conversations that ended.

    Returns:
      Trajectories in the order of the requests.

    Raises:
      ValueError: a prompt leaves no room to speak, or a task names no gym.
    """
    rollout = _Rollout(self, params, requests, step)
    while not rollout.is_done():
      ended = rollout.advance()
      if progress and ended:
        progress(ended)
    return rollout.trajectories


class _Rollout:
  """One call of `Conversations.hold`: rows, queue and caches."""

  def __init__(self, setup, params, requests, step):
    self._setup = setup
    self._engine = setup.engine
    self._limits = setup.limits
    self._step = step
    self._params = self._engine.unstack(params)
    self._requests = requests
    self._next = 0
    num_rows = self._engine.num_rows
    self._rows: list[_Row | None] = [None] * num_rows
    self._owner = [-1] * num_rows  # Index of each row's request.
    self._cache = self._engine.empty_rows()
    self._keys = np.zeros((num_rows, 2), np.uint32)
    self._prefixes = prefixes.Prefixes(self._engine, self._params)
    self._stop = setup.tokenizer.id(tokenizer_lib.IM_END)
    self.trajectories: list[types.Trajectory | None] = [None] * len(requests)

  def is_done(self) -> bool:
    return self._next == len(self._requests) and not any(self._rows)

  def advance(self) -> int:
    """Fills rows, decodes once, answers every finished turn."""
    self._admit()
    self._send()
    decoded = self._decode()
    spoken = self._collect(decoded)
    return self._answer(spoken)

  # Admission: prompts are prefilled once and shared.

  def _admit(self) -> None:
    """Gives free rows to the next requests, in order."""
    free = [i for i, row in enumerate(self._rows) if row is None]
    free = free[: len(self._requests) - self._next]
    if not free:
      return
    admitted = []
    for row_index in free:
      request = self._requests[self._next]
      self._rows[row_index] = self._start(request)
      self._owner[row_index] = self._next
      admitted.append((row_index, request))
      self._next += 1
    self._prefixes.forget(
        {request.task.id for _, request in admitted}
        | {r.task.id for r in self._requests[self._next :]}
    )
    self._cache = self._prefixes.share(
        self._cache, {i: self._rows[i].request.task.id for i, _ in admitted}
    )
    self._derive_keys(admitted)

  def _start(self, request: Request) -> _Row:
    task = request.task
    if task.gym not in self._setup.gyms:
      known = ', '.join(sorted(self._setup.gyms))
      raise ValueError(f'{task.id}: no gym {task.gym!r}; there are: {known}.')
    gym = self._setup.gyms[task.gym]
    state, observation = gym.reset(
        task, seed=self._setup.seed, sample=request.sample
    )
    encoder = self._setup.tokenizer
    system = chat.render_system(
        encoder, observation.system, with_tools=self._setup.with_tools
    )
    user = chat.render_user(encoder, observation.user)
    prompt = np.concatenate([system, user])
    if len(prompt) + 2 > self._limits.max_tokens:
      raise ValueError(
          f'{task.id}: the prompt takes {len(prompt)} tokens, but max_tokens='
          f'{self._limits.max_tokens}; raise it or choose a lower level.'
      )
    self._prefixes.add(f'{task.gym}/{task.level}', task.id, system, prompt)
    return _Row(
        request=request,
        gym=gym,
        state=state,
        prompt=prompt,
        turns=[],
        tokens=[],
        logps=[],
        unsent=prompt[-1:],
        num_tokens=len(prompt),
    )

  def _derive_keys(self, admitted: Sequence[tuple[int, Request]]) -> None:
    tasks = np.zeros(self._engine.num_rows, np.uint32)
    samples = np.zeros(self._engine.num_rows, np.uint32)
    for row_index, request in admitted:
      tasks[row_index] = zlib.crc32(request.task.id.encode())
      samples[row_index] = request.sample
    keys = np.asarray(
        self._engine.row_keys(self._setup.seed, self._step, tasks, samples)
    )
    for row_index, _ in admitted:
      self._keys[row_index] = keys[row_index]

  # Devices.

  def _longest(self) -> int:
    return max(row.num_tokens for row in self._rows if row)

  def _send(self) -> None:
    """Appends replies; the last id of each row stays pending."""
    ids = [
        row.unsent[:-1] if row else np.zeros(0, np.int32) for row in self._rows
    ]
    if any(map(len, ids)):
      self._cache = self._engine.append(
          self._params, self._cache, ids, longest=self._longest()
      )
    for row in self._rows:
      if row:
        row.unsent = row.unsent[-1:]

  def _decode(self):
    """Runs the compiled decode and brings its result to the host."""
    num_rows = self._engine.num_rows
    pending = np.zeros(num_rows, np.int32)
    budget = np.zeros(num_rows, np.int32)
    for i, row in enumerate(self._rows):
      if row:
        pending[i] = row.unsent[-1]
        budget[i] = min(
            self._limits.max_turn_tokens - row.num_turn_tokens,
            self._limits.max_tokens - row.num_tokens,
        )
    full = lambda value, dtype: np.full(num_rows, value, dtype)
    sampling = choose.Sampling(
        key=self._keys,
        temperature=full(self._limits.temperature, np.float32),
        top_k=full(self._limits.top_k, np.int32),
        top_p=full(self._limits.top_p, np.float32),
    )
    stop = full(self._stop, np.int32)
    self._cache, decoded = self._engine.decode(
        self._params,
        self._cache,
        pending,
        budget,
        sampling,
        stop,
        longest=self._longest(),
    )
    return jax.device_get(decoded)

  # Host: turns end, gyms answer.

  def _collect(self, decoded) -> list[tuple[int, bool]]:
    """Takes what was sampled; returns rows whose turn is over."""
    spoken = []
    for i, row in enumerate(self._rows):
      if row is None:
        continue
      count = int(decoded.count[i])
      row.tokens.append(decoded.tokens[i, :count])
      row.logps.append(decoded.logps[i, :count])
      row.num_tokens += count
      row.unsent = decoded.tokens[i, count - 1 : count]
      is_closed = bool(decoded.stopped[i])
      if (
          is_closed
          or row.num_turn_tokens >= self._limits.max_turn_tokens
          or row.num_tokens >= self._limits.max_tokens
      ):
        spoken.append((i, is_closed))
    return spoken

  def _answer(self, spoken: Sequence[tuple[int, bool]]) -> int:
    """Steps the gyms of finished turns; returns how many rows ended."""
    actions = [self._parse(self._rows[i], closed) for i, closed in spoken]
    outcomes = self._step_gyms([self._rows[i] for i, _ in spoken], actions)
    ended = 0
    for (i, is_closed), action, outcome in zip(spoken, actions, outcomes):
      row = self._rows[i]
      trajectory = self._absorb(row, action, is_closed, outcome)
      if trajectory:
        self.trajectories[self._owner[i]] = trajectory
        self._rows[i] = None
        ended += 1
    return ended

  def _parse(self, row: _Row, is_closed: bool) -> types.Action:
    if not is_closed:
      return types.Action('', error='Bad call: the message was cut off.')
    return tools.parse(self._setup.tokenizer.decode(np.concatenate(row.tokens)))

  def _step_gyms(
      self, rows: Sequence[_Row], actions: Sequence[types.Action]
  ) -> list[tuple[base.State, base.Step] | str]:
    """Returns what each gym said, or why its conversation failed."""
    log = self._setup.faults
    outcomes = [log.error(self._turn_key(row)) for row in rows]
    fresh = [i for i, error in enumerate(outcomes) if error is None]
    replies = calls.call_all(
        [
            functools.partial(rows[i].gym.step, rows[i].state, actions[i])
            for i in fresh
        ],
        num_threads=self._setup.num_threads,
        deadline=self._limits.deadline,
    )
    for i, reply in zip(fresh, replies):
      if isinstance(reply, (TimeoutError, base.UserError)):
        log.record(self._turn_key(rows[i]), str(reply))
        reply = str(reply)
      elif isinstance(reply, Exception):
        raise reply
      outcomes[i] = reply
    return outcomes

  def _turn_key(self, row: _Row) -> str:
    request = row.request
    return f'{self._step}/{request.task.id}/{request.sample}/{len(row.turns)}'

  def _absorb(
      self, row: _Row, action, is_closed, outcome
  ) -> types.Trajectory | None:
    """Adds the turn; returns the trajectory if the conversation is over."""
    failed = isinstance(outcome, str)
    if not failed:
      row.state, step = outcome
    reply = np.zeros(0, np.int32)
    fits = True
    if not failed and not row.state.done:
      reply = chat.render_reply(
          self._setup.tokenizer, step.reply, is_closed=is_closed
      )
      # A next turn needs room for at least one token.
      fits = row.num_tokens + len(reply) < self._limits.max_tokens
      reply = reply if fits else np.zeros(0, np.int32)
    row.turns.append(
        types.Turn(
            action=action,
            tokens=np.concatenate(row.tokens),
            logps=np.concatenate(row.logps),
            reply=reply,
            reward=0.0 if failed else step.reward,
            is_user=False if failed else step.is_user,
            reply_text='' if failed else step.reply,
        )
    )
    if failed:
      return row.finish(types.FAILED, error=outcome)
    if step.terminated:
      return row.finish(types.TERMINATED)
    if step.truncated or not fits:
      return row.finish(types.TRUNCATED)
    row.tokens, row.logps = [], []
    row.unsent = np.concatenate([row.unsent, reply])
    row.num_tokens += len(reply)
    return None
