"""Conversations to fixed shapes: the other host-device seam.

Two layouts: reinforcement learning keeps one conversation per row, since groups
are rows; the warm start packs several into a row.
"""

from collections.abc import Sequence

import flax
import jax
import numpy as np

from bao_jax import types


@flax.struct.dataclass
class Packed:
  """Several conversations per row, for the warm start.

  Attributes:
    tokens: `[B, T]` int32.
    segments: `[B, T]` int32, which conversation of the row, -1 for padding.
    positions: `[B, T]` int32, within the conversation.
    mask: `[B, T]` bool, True on the tokens to imitate.
  """

  tokens: jax.Array
  segments: jax.Array
  positions: jax.Array
  mask: jax.Array


def num_tokens(trajectory: types.Trajectory) -> int:
  """Returns the length of a conversation, replies included."""
  turns = sum(len(t.tokens) + len(t.reply) for t in trajectory.turns)
  return len(trajectory.prompt) + turns


def bucket(length: int, buckets: Sequence[int]) -> int:
  """Returns the smallest bucket that holds `length`.

  Raises:
    ValueError: none does.
  """
  for size in sorted(buckets):
    if length <= size:
      return size
  raise ValueError(f'{length} tokens exceed the largest bucket, {max(buckets)}')


def flatten(
    trajectory: types.Trajectory,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Joins a conversation: `[T]` tokens, turn indices (-1) and logps (0)."""
  tokens = [trajectory.prompt]
  turn = [np.full(len(trajectory.prompt), -1)]
  logps = [np.zeros(len(trajectory.prompt))]
  for index, t in enumerate(trajectory.turns):
    tokens += [t.tokens, t.reply]
    turn += [np.full(len(t.tokens), index), np.full(len(t.reply), -1)]
    logps += [t.logps, np.zeros(len(t.reply))]
  return (
      np.concatenate(tokens).astype(np.int32),
      np.concatenate(turn).astype(np.int32),
      np.concatenate(logps).astype(np.float32),
  )


def to_batch(
    trajectories: Sequence[types.Trajectory], *, length: int, num_turns: int
) -> types.Batch:
  """Pads conversations to one shape.

  Args:
    trajectories: B of them, the samples of a task next to each other.
    length: T.
    num_turns: M.

  Returns:
    The batch, on the host.

  Raises:
    ValueError: a conversation is longer than T tokens or M turns.
  """
  shape, turns = (len(trajectories), length), (len(trajectories), num_turns)
  batch = types.Batch(
      tokens=np.zeros(shape, np.int32),
      turn=np.full(shape, -1, np.int32),
      logps=np.zeros(shape, np.float32),
      rewards=np.zeros(turns, np.float32),
      is_user=np.zeros(turns, bool),
      turn_mask=np.zeros(turns, bool),
      solved=np.array([t.solved for t in trajectories]),
      valid=np.array([t.status != types.FAILED for t in trajectories]),
      max_turns=np.array([t.max_turns for t in trajectories], np.int32),
  )
  for row, trajectory in enumerate(trajectories):
    size, count = num_tokens(trajectory), len(trajectory.turns)
    if size > length or count > num_turns:
      raise ValueError(
          f'{trajectory.task.id}: {size} tokens in {count} turns do not fit '
          f'into {length} tokens and {num_turns} turns'
      )
    parts = flatten(trajectory)
    for target, part in zip((batch.tokens, batch.turn, batch.logps), parts):
      target[row, :size] = part
    batch.rewards[row, :count] = [t.reward for t in trajectory.turns]
    batch.is_user[row, :count] = [t.is_user for t in trajectory.turns]
    batch.turn_mask[row, :count] = True
  return batch


def pack(
    sequences: Sequence[tuple[np.ndarray, np.ndarray]], *, length: int
) -> Packed:
  """Packs conversations into rows, each into the first row with room.

  Args:
    sequences: `[T]` tokens and `[T]` masks of each conversation.
    length: T of a row.

  Returns:
    As many rows as it takes, on the host.

  Raises:
    ValueError: a conversation is longer than a row.
  """
  free: list[int] = []
  places = []
  for tokens, _ in sequences:
    if len(tokens) > length:
      raise ValueError(f'{len(tokens)} tokens do not fit into rows of {length}')
    row = next((i for i, n in enumerate(free) if n >= len(tokens)), len(free))
    if row == len(free):
      free.append(length)
    places.append((row, length - free[row]))
    free[row] -= len(tokens)
  shape = (len(free), length)
  packed = Packed(
      tokens=np.zeros(shape, np.int32),
      segments=np.full(shape, -1, np.int32),
      positions=np.zeros(shape, np.int32),
      mask=np.zeros(shape, bool),
  )
  for index, ((row, start), (tokens, mask)) in enumerate(
      zip(places, sequences)
  ):
    where = row, slice(start, start + len(tokens))
    packed.tokens[where] = tokens
    packed.segments[where] = index
    packed.positions[where] = np.arange(len(tokens))
    packed.mask[where] = mask
  return packed
