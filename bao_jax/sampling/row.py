"""A conversation in progress: what was said, what is still to be sent."""

import dataclasses

import numpy as np

from bao_jax import types
from bao_jax.envs import base
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
    conversation_deadline: seconds its gym may take for all turns together.
    step_deadline: seconds after which a rollout waits for no gym any more.
    max_attempts: how often a conversation that fails is held in all.
    temperature: 0 is greedy.
    top_k: 0 for all tokens. Leave at 0 when training.
    top_p: 1 for all tokens. Leave at 1 when training.
  """

  max_tokens: int
  max_turn_tokens: int
  deadline: float = 60.0
  conversation_deadline: float = 600.0
  step_deadline: float = 3600.0
  max_attempts: int = 2
  temperature: float = 1.0
  top_k: int = 0
  top_p: float = 1.0


@dataclasses.dataclass(frozen=True)
class Request:
  """One conversation to hold.

  Attributes:
    task: what it is about.
    sample: which of the task's samples it is.
    attempt: how often it has failed before.
  """

  task: types.Task
  sample: int = 0
  attempt: int = 0


@dataclasses.dataclass
class Row:
  """A conversation in progress. Mutable: it lives within one rollout.

  Attributes:
    request: what it was started for.
    gym: who answers.
    state: the gym's.
    prompt: ids of the system and the first user message.
    owner: index of the request in its rollout.
    num_tokens: of the whole conversation so far.
    unsent: ids that are not in the cache yet.
    turns: those that are over.
    tokens: parts of the turn being sampled.
    logps: theirs.
    is_closed: whether the turn ended with the stop token.
    waited: seconds that its gym took so far.
  """

  request: Request
  gym: base.Gym
  state: base.State
  prompt: np.ndarray
  owner: int
  num_tokens: int
  unsent: np.ndarray
  turns: list[types.Turn] = dataclasses.field(default_factory=list)
  tokens: list[np.ndarray] = dataclasses.field(default_factory=list)
  logps: list[np.ndarray] = dataclasses.field(default_factory=list)
  is_closed: bool = False
  waited: float = 0.0

  def budget(self, limits: Limits) -> int:
    """Returns how many tokens the turn may still take."""
    return min(
        limits.max_turn_tokens - sum(map(len, self.tokens)),
        limits.max_tokens - self.num_tokens,
    )

  def take(
      self, tokens: np.ndarray, logps: np.ndarray, is_closed: bool
  ) -> None:
    """Takes what was sampled, at least one token."""
    self.tokens.append(tokens)
    self.logps.append(logps)
    self.num_tokens += len(tokens)
    self.unsent = tokens[-1:]
    self.is_closed = is_closed

  def action(self, tokenizer: tokenizer_lib.Tokenizer) -> types.Action:
    """Reads the tool call of a turn that is over."""
    if not self.is_closed:
      return types.Action('', error='Bad call: the message was cut off.')
    return tools.parse(tokenizer.decode(np.concatenate(self.tokens)))

  def fail(self, action: types.Action, error: str) -> types.Trajectory:
    """Ends the conversation with a turn that nobody answered."""
    self._end_turn(action, np.zeros(0, np.int32), base.Step(''))
    return self._finish(types.FAILED, error)

  def answer(
      self,
      action: types.Action,
      state: base.State,
      step: base.Step,
      *,
      tokenizer: tokenizer_lib.Tokenizer,
      limits: Limits,
  ) -> types.Trajectory | None:
    """Adds the gym's answer to the turn.

    Args:
      action: what was asked of the gym.
      state: the gym's next one.
      step: its answer.
      tokenizer: encodes it.
      limits: of the conversation.

    Returns:
      The trajectory if the conversation is over.
    """
    self.state = state
    reply = np.zeros(0, np.int32)
    fits = True
    if not state.done:
      rendered = chat.render_reply(
          tokenizer, step.reply, is_closed=self.is_closed
      )
      # A next turn needs room for at least one token.
      fits = self.num_tokens + len(rendered) < limits.max_tokens
      reply = rendered if fits else reply
    self._end_turn(action, reply, step)
    if step.terminated:
      return self._finish(types.TERMINATED)
    return self._finish(types.TRUNCATED) if state.done or not fits else None

  def _end_turn(
      self, action: types.Action, reply: np.ndarray, step: base.Step
  ) -> None:
    self.turns.append(
        types.Turn(
            action=action,
            tokens=np.concatenate(self.tokens),
            logps=np.concatenate(self.logps),
            reply=reply,
            reward=step.reward,
            is_user=step.is_user,
            reply_text=step.reply,
        )
    )
    self.tokens, self.logps = [], []
    self.unsent = np.concatenate([self.unsent, reply])
    self.num_tokens += len(reply)

  def _finish(self, status: str, error: str = '') -> types.Trajectory:
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
