"""The data that modules hand to one another.

Shapes are written with one letter per dimension, everywhere the same:

  B sequences, in groups of G samples of one task, the samples adjacent
  T tokens       M policy turns       S cache slots  V vocabulary  L layers
  D model width  F feed-forward width H query heads  K key heads   C head width

The BAO paper's T (turn budget) is our M, and its N (samples) is our G.

Per-token arrays are aligned to the token they describe: entry `[b, t]` is about
`tokens[b, t]`, so a log-probability at `t` was predicted from `tokens[b, :t]`.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import flax
import jax
import numpy as np
import optax

Params = Any  # A pytree of arrays.
Metrics = dict[str, jax.Array]  # Scalars, named like 'policy/kl'.

TERMINATED = 'terminated'
TRUNCATED = 'truncated'
FAILED = 'failed'


@dataclasses.dataclass(frozen=True)
class Task:
  """One problem to attempt: what a gym needs to start a conversation.

  Attributes:
    id: unique over all gyms, levels and splits, like 'function/easy/train/17'.
    gym: its name, a key of `catalog.GYMS`, like 'function'.
    level: 'easy', 'medium' or 'full'.
    data: what is hidden and what is shown, JSON types only; each gym's module
      documents its own keys.
  """

  id: str
  gym: str
  level: str
  data: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Action:
  """What the policy asked for in one turn, parsed from its tool call.

  Attributes:
    choice: 'action', 'search', 'answer' or 'finish'; '' where `error` is set.
    content: the text that goes with it.
    error: what was wrong with the call, in words for the policy; '' if nothing.
  """

  choice: str
  content: str = ''
  error: str = ''


@dataclasses.dataclass(frozen=True)
class Turn:
  """One policy turn and the environment's answer to it. Lives on the host.

  Attributes:
    action: what the policy did.
    tokens: `[T]` int32, the ids the policy sampled, never re-tokenized.
    logps: `[T]` float32, their log-probabilities under the sampling policy.
    reply: int32 ids of what came back, markup included; empty after the last
      turn.
    reward: the environment's own reward, before any shaping.
    is_user: whether the turn involved the user (A_u of the paper).
    reply_text: what came back, for people to read; the last turn has one too.
  """

  action: Action
  tokens: np.ndarray
  logps: np.ndarray
  reply: np.ndarray
  reward: float
  is_user: bool
  reply_text: str = ''


@dataclasses.dataclass(frozen=True)
class Trajectory:
  """One finished conversation: ragged, on the host, easy to print.

  Attributes:
    task: the task it attempted.
    sample: which of the task's G samples this is.
    prompt: int32 ids of the system and first user message.
    turns: at most `max_turns` of them.
    status: 'terminated' by the task, 'truncated' by a budget, or 'failed': an
      outage, kept to be counted and never given a reward.
    solved: whether the task was solved; False for a failed conversation.
    max_turns: the turn budget, M (the paper's T).
    error: what went wrong in a failed conversation; '' otherwise.
  """

  task: Task
  sample: int
  prompt: np.ndarray
  turns: tuple[Turn, ...]
  status: str
  solved: bool
  max_turns: int
  error: str = ''


@flax.struct.dataclass
class Batch:
  """Trajectories as arrays: fixed shapes, on devices, sharded along B.

  Attributes:
    tokens: `[B, T]` int32, the whole conversation, right-padded.
    turn: `[B, T]` int32, the policy turn that sampled the token; -1 for
      prompts, replies and padding.
    logps: `[B, T]` float32, under the sampling policy; 0 where `turn` is -1.
    rewards: `[B, M]` float32, the environment's reward of each turn.
    is_user: `[B, M]` bool, whether the turn involved the user.
    turn_mask: `[B, M]` bool, whether the turn happened.
    solved: `[B]` bool, whether the task was solved.
    valid: `[B]` bool, False for failed conversations and for padding rows:
      they enter no mean, no deviation and no gradient.
    max_turns: `[B]` int32, each conversation's turn budget (the paper's T).
  """

  tokens: jax.Array
  turn: jax.Array
  logps: jax.Array
  rewards: jax.Array
  is_user: jax.Array
  turn_mask: jax.Array
  solved: jax.Array
  valid: jax.Array
  max_turns: jax.Array


@flax.struct.dataclass
class TrainState:
  """Everything a step reads and writes, and everything a checkpoint holds."""

  step: jax.Array  # [] int32, updates done
  params: Params
  opt_state: optax.OptState


@flax.struct.dataclass
class LaggedState(TrainState):
  """The same, where conversations are held with older weights.

  Attributes:
    older: parameters that those of the next steps are held with, oldest first.
  """

  older: tuple[Params, ...]
