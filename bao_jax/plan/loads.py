"""What each program asks of a chip, by formula: for choosing what to compile.

Pure functions of numbers. FLOPs and bytes of whole programs are those of
`model/costs.py`, cut as `sharding.py` cuts arrays: rows over data x fsdp, heads
and feed-forward and vocabulary over tensor, the state over fsdp x tensor. Bytes
exchanged are the least that rings send. Memory is what is large and known.
"""

import dataclasses
from typing import NamedTuple

from bao_jax.model import config as config_lib
from bao_jax.model import costs
from bao_jax.plan import chips

_BYTES = {'float32': 4, 'bfloat16': 2}
_FLOAT32 = 4


class Sizes(NamedTuple):
  """Chips along each axis of a mesh."""

  data: int
  fsdp: int
  tensor: int

  @property
  def shards(self) -> int:
    """How many pieces rows are cut into."""
    return self.data * self.fsdp

  @property
  def chips(self) -> int:
    return self.shards * self.tensor

  def __str__(self) -> str:
    return ' x '.join(map(str, self))


class Needs(NamedTuple):
  """What a program asks of each chip.

  Attributes:
    load: work of one call.
    bytes: of memory, arguments and temporaries.
  """

  load: chips.Load
  bytes: float


def decode(
    config: config_lib.ModelConfig,
    sizes: Sizes,
    *,
    rows: int,
    slots: int,
    tokens: int,
) -> Needs:
  """Returns what a call of decode needs, every row with all slots held.

  Args:
    config: the model's shape.
    sizes: the mesh.
    rows: B, on all chips.
    slots: S.
    tokens: N, sampled for each row.
  """
  own, width = rows / sizes.shards, config.width
  flops = costs.forward_flops(
      config, tokens=rows * tokens, keys=slots + tokens, logits=rows * tokens
  )
  weights = _decode_weights(config, sizes)
  keys = own * _key_bytes(config, sizes)
  sums = 2 * config.num_layers + 1  # Of each layer's two halves, of a look-up.
  sent = _summed(sizes.tensor, own * width * _BYTES[config.dtype]) * sums
  sent += _gathered(sizes.tensor, own * config.vocab_size * _FLOAT32)
  load = chips.Load(
      flops / sizes.chips, tokens * (weights + slots * keys), tokens * sent
  )
  scratch = 4 * own * config.vocab_size * _FLOAT32
  return Needs(load, weights + (slots + 2 * tokens) * keys + scratch)


def append(
    config: config_lib.ModelConfig,
    sizes: Sizes,
    *,
    rows: int,
    slots: int,
    tokens: int,
) -> Needs:
  """Returns what a call of append needs, every row with all slots held.

  Scores of all heads of a layer exist at a time, in float32.

  Args:
    config: the model's shape.
    sizes: the mesh.
    rows: B, on all chips.
    slots: S.
    tokens: N, appended to each row.
  """
  own = rows / sizes.shards
  # The last layer gives keys and values, and nobody asks for the rest of it.
  before = dataclasses.replace(config, num_layers=max(config.num_layers - 1, 1))
  flops = costs.forward_flops(
      before, tokens=rows * tokens, keys=slots + tokens, logits=0
  )
  last = 2 * config.num_kv_heads * config.head_dim
  flops += rows * tokens * 2 * config.width * last
  weights = _decode_weights(config, sizes)
  keys = own * _key_bytes(config, sizes)
  scores = own * config.num_heads / sizes.tensor * tokens * (slots + tokens)
  scores *= _FLOAT32
  activations = own * tokens * config.width * _BYTES[config.dtype]
  load = chips.Load(
      flops / sizes.chips,
      weights + (slots + tokens) * keys + 2 * config.num_layers * scores,
      2 * config.num_layers * _summed(sizes.tensor, activations),
  )
  scratch = 2 * scores + 8 * activations
  return Needs(load, weights + (slots + tokens) * keys + scratch)


def update(
    config: config_lib.ModelConfig,
    sizes: Sizes,
    *,
    rows: int,
    length: int,
    chunk: int,
    micro_batches: int = 1,
    steps: int = 1,
) -> Needs:
  """Returns what optimizer steps need, logits of all tokens computed.

  Args:
    config: the model's shape.
    sizes: the mesh.
    rows: B of a step, on all chips.
    length: T.
    chunk: positions whose logits exist at a time.
    micro_batches: pieces whose gradients are added up in a step.
    steps: of the optimizer, in one call.
  """
  flops = costs.update_flops(config, rows=rows, length=length)
  flops += costs.again_flops(config, rows=rows, length=length)
  own = rows / micro_batches / sizes.shards
  kept = _kept(config, sizes, own, length)
  parameters = _FLOAT32 * costs.num_parameters(config) / sizes.tensor
  state = costs.state_bytes(config) / sizes.fsdp / sizes.tensor
  reads = 2 if config.remat == 'none' else 3
  sums = 2 * (micro_batches - 1) / micro_batches / sizes.fsdp
  moved = (reads + 2 + sums) * parameters + 2 * kept
  moved = micro_batches * moved + parameters / sizes.fsdp + 2 * state
  sent = micro_batches * _update_sent(config, sizes, own * length, reads)
  load = chips.Load(steps * flops / sizes.chips, steps * moved, steps * sent)
  scratch = _update_scratch(config, sizes, own, length, chunk)
  sums = parameters / sizes.fsdp * (2 if micro_batches > 1 else 1)
  return Needs(load, state + sums + kept + scratch)


def state_bytes(config: config_lib.ModelConfig, sizes: Sizes) -> float:
  """Returns the bytes of a chip's part of the state."""
  return costs.state_bytes(config) / sizes.fsdp / sizes.tensor


def cache_bytes(
    config: config_lib.ModelConfig, sizes: Sizes, *, rows: int, slots: int
) -> float:
  """Returns the bytes of a chip's part of keys and values."""
  return rows / sizes.shards * slots * _key_bytes(config, sizes)


def _decode_weights(config, sizes) -> float:
  return costs.decode_bytes(config, rows=0, held=0) / sizes.tensor


def _key_bytes(config, sizes) -> float:
  """Of one token; heads of keys are repeated where chips outnumber them."""
  return costs.key_bytes(config) / min(sizes.tensor, config.num_kv_heads)


def _kept(config, sizes, rows, length) -> float:
  """Of activations; only those of heads and feed-forward are cut by tensor."""
  size = rows * length * config.num_layers * config.width
  whole = size * _BYTES[config.dtype]
  kept = costs.kept_bytes(config, rows=rows, length=length)
  return whole + (kept - whole) / sizes.tensor


def _update_sent(config, sizes, tokens, reads) -> float:
  """Of a micro-batch: parameters, their gradients, and sums of activations."""
  weights = costs.num_parameters(config) * _BYTES[config.dtype] / sizes.tensor
  sent = (reads + 1) * _gathered(sizes.fsdp, weights)
  sent += _summed(sizes.data, weights / sizes.fsdp)
  again = 0 if config.remat == 'none' else 1
  sums = (4 + again) * config.num_layers
  activations = tokens * config.width * _BYTES[config.dtype]
  return sent + sums * _summed(sizes.tensor, activations)


def _update_scratch(config, sizes, rows, length, chunk) -> float:
  """Of the embedding, logits, and one layer.

  The embedding is whole for a look-up and, cast, for logits; so are the
  gradients of both.
  """
  size = _BYTES[config.dtype]
  table = config.vocab_size * config.width / sizes.tensor
  logits = 3 * rows * chunk * config.vocab_size / sizes.tensor * _FLOAT32
  layer = 4 * config.ff_width / sizes.tensor + 8 * config.width
  return table * (size + 3 * _FLOAT32) + logits + rows * length * layer * size


def _gathered(chips_: int, size: float) -> float:
  """Bytes that a chip sends for all of them to have an array, or cut a sum."""
  return size * (chips_ - 1) / chips_


def _summed(chips_: int, size: float) -> float:
  """Bytes that a chip sends for all of them to have the sum of arrays."""
  return 2 * _gathered(chips_, size)
