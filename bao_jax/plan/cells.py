"""Which mesh, how many rows in flight and how many micro-batches, by formula.

Every mesh of a topology that the model divides over gets the most rows and the
fewest micro-batches that fit; meshes are ranked by the least time of a step of
reinforcement learning.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax

from bao_jax import sharding
from bao_jax.model import config as config_lib
from bao_jax.plan import chips
from bao_jax.plan import loads
from bao_jax.train import setup

# Of memory; formulas are rough, and so is what a runtime takes for itself.
SAFE_SHARE = 0.9


class Cell(NamedTuple):
  """How a config would run on a topology.

  Attributes:
    sizes: the mesh.
    rows: conversations in flight.
    waves: how often as many are held, for those of a step.
    micro_batches: of each optimizer step.
    sft_rows: rows of a step of the warm start.
    seconds: of a step of reinforcement learning, at the least.
  """

  sizes: loads.Sizes
  rows: int
  waves: int
  micro_batches: int
  sft_rows: int
  seconds: float


def ranked(
    config: setup.Config, num_chips: int, chip: chips.Chip
) -> list[Cell]:
  """Returns what fits, the fastest first.

  Args:
    config: the experiment; its `mesh`, `sampling.rows`, `sft.rows` and
      `rl.num_microbatches` do not matter.
    num_chips: of the topology.
    chip: its kind.
  """
  cells = [
      cell
      for sizes in divisions(config, num_chips)
      if (cell := cell_of(config, sizes, chip)) is not None
  ]
  return sorted(cells, key=lambda cell: cell.seconds)


def divisions(config: setup.Config, num_chips: int) -> Iterator[loads.Sizes]:
  """Yields the meshes of so many chips that model and rows divide over.

  A conversation is held within a host, so `tensor` is.
  """
  shape = config_lib.ModelConfig(**config.model.to_dict())
  boxed = sharding.abstract_params(shape)
  for tensor in _divisors(chips.per_host(num_chips)):
    for fsdp in _divisors(num_chips // tensor):
      sizes = loads.Sizes(num_chips // tensor // fsdp, fsdp, tensor)
      if _minibatch(config) % sizes.shards == 0 and _divides(boxed, sizes):
        yield sizes


def cell_of(
    config: setup.Config, sizes: loads.Sizes, chip: chips.Chip
) -> Cell | None:
  """Returns the most rows and the fewest micro-batches; None if none fit."""
  room = SAFE_SHARE * chip.hbm_bytes
  rows = _most_rows(config, sizes, room)
  micro = _fewest_micro_batches(config, sizes, room)
  sft_rows = -(-config.sft.rows // sizes.shards) * sizes.shards
  if not rows or not micro or sft_need(config, sizes, sft_rows).bytes > room:
    return None
  waves = num_waves(config, rows)
  cell = Cell(sizes, rows, waves, micro, sft_rows, 0.0)
  return cell._replace(seconds=step_seconds(config, cell, chip))


def num_waves(config: setup.Config, rows: int) -> int:
  """Returns how often so many conversations are held in a step."""
  return -(-config.rl.tasks_per_step * config.rl.samples_per_task // rows)


def micro_rows(config: setup.Config, micro_batches: int) -> int:
  """Returns the rows of a micro-batch, on all chips."""
  return _minibatch(config) // micro_batches


def more_micro_batches(config: setup.Config, cell: Cell) -> int | None:
  """Returns the next larger number of micro-batches, if there is one."""
  own = _minibatch(config) // cell.sizes.shards
  larger = [n for n in _divisors(own) if n > cell.micro_batches]
  return larger[0] if larger else None


def prefix_rows(config: setup.Config, sizes: loads.Sizes) -> int:
  """Returns how many rows hold prompts: those of the config, rounded up."""
  return -(-config.sampling.prefix_rows // sizes.shards) * sizes.shards


def step_seconds(config: setup.Config, cell: Cell, chip: chips.Chip) -> float:
  """Returns the least seconds of a step: every conversation as long as may be.

  All tokens but the prompt count as sampled, one at a time, with half of the
  slots held on average.
  """
  shape = config_lib.ModelConfig(**config.model.to_dict())
  slots = config.sampling.max_tokens
  once = loads.decode(
      shape, cell.sizes, rows=cell.rows, slots=slots // 2, tokens=1
  )
  rollout = cell.waves * slots * chips.roofline(chip, once.load).seconds
  update = rl_need(config, cell.sizes, cell.micro_batches)
  return rollout + chips.roofline(chip, update.load).seconds


def rl_need(
    config: setup.Config, sizes: loads.Sizes, micro_batches: int
) -> loads.Needs:
  """Returns what the update on the conversations of a step needs."""
  return loads.update(
      config_lib.ModelConfig(**config.model.to_dict()),
      sizes,
      rows=_minibatch(config),
      length=config.rl.length_buckets[-1],
      chunk=config.rl.chunk,
      micro_batches=micro_batches,
      steps=config.rl.num_minibatches,
  )


def sft_need(
    config: setup.Config, sizes: loads.Sizes, rows: int
) -> loads.Needs:
  """Returns what a step of the warm start needs."""
  return loads.update(
      config_lib.ModelConfig(**config.model.to_dict()),
      sizes,
      rows=rows,
      length=config.sft.length,
      chunk=config.sft.chunk,
  )


def rollout_needs(
    config: setup.Config, sizes: loads.Sizes, rows: int
) -> dict[str, loads.Needs]:
  """Returns what append and decode need."""
  shape = config_lib.ModelConfig(**config.model.to_dict())
  slots = config.sampling.max_tokens
  width = config.sampling.append_buckets[-1]
  tokens = config.sampling.decode_tokens
  call = lambda fun, n: fun(shape, sizes, rows=rows, slots=slots, tokens=n)
  return {
      'append': call(loads.append, width),
      'decode': call(loads.decode, tokens),
  }


def beside_rollouts(config: setup.Config, sizes: loads.Sizes) -> float:
  """Returns the bytes that wait on a chip while conversations are held.

  The state, and the rows in which prompts are prefilled.
  """
  shape = config_lib.ModelConfig(**config.model.to_dict())
  rows = prefix_rows(config, sizes)
  slots = config.sampling.max_tokens
  return loads.state_bytes(shape, sizes) + loads.cache_bytes(
      shape, sizes, rows=rows, slots=slots
  )


def _most_rows(config, sizes, room) -> int:
  """Returns the most rows that fit, and no more than a step has."""
  held = _minibatch(config) * config.rl.num_minibatches
  room -= beside_rollouts(config, sizes)
  fits = lambda rows: all(
      need.bytes <= room for need in rollout_needs(config, sizes, rows).values()
  )
  most = 0
  for rows in range(sizes.shards, held + sizes.shards, sizes.shards):
    if not fits(rows):
      break
    most = rows
  return most


def _fewest_micro_batches(config, sizes, room) -> int:
  """Returns how many micro-batches fit; 0 if one row per chip does not."""
  own = _minibatch(config) // sizes.shards
  for micro in _divisors(own):
    if rl_need(config, sizes, micro).bytes <= room:
      return micro
  return 0


def _minibatch(config) -> int:
  rl = config.rl
  return rl.tasks_per_step * rl.samples_per_task // rl.num_minibatches


def _divisors(n: int) -> list[int]:
  return [i for i in range(1, n + 1) if n % i == 0]


def _divides(boxed, sizes: loads.Sizes) -> bool:
  """Returns whether all parameters divide, in training and in decoding."""
  mesh = jax.sharding.AbstractMesh(tuple(sizes), sharding.AXES)
  try:
    for rules in (sharding.TRAIN, sharding.DECODE):
      sharding.of_params(boxed, mesh, rules)
  except ValueError:
    return False
  return True
