"""A config on a topology: compiled, held against the chip, and in time.

Where formulas were wrong about what fits, rows become fewer and micro-batches
smaller until the compiler agrees.
"""

from collections.abc import Callable
from typing import NamedTuple

from bao_jax import sharding
from bao_jax.model import config as config_lib
from bao_jax.plan import cells
from bao_jax.plan import chips
from bao_jax.plan import compiler
from bao_jax.plan import loads
from bao_jax.train import setup

PROGRAMS = ('decode', 'append', 'sft', 'rl')
_MAX_TRIES = 4

# (config with mesh and sizes set, program) -> what the compiler says.
CompileFn = Callable[[setup.Config, str], compiler.Report]


class Line(NamedTuple):
  """One program on one mesh.

  Attributes:
    program: its name.
    rows: in flight, of a step, or of a micro-batch.
    report: what the compiler says.
    beside: bytes of a chip that the program does not see, but that are there.
    limit: bytes that a chip has.
    load: FLOPs and bytes to memory by formula, exchanged ones by the compiler.
    times: the least seconds of each.
  """

  program: str
  rows: int
  report: compiler.Report
  beside: float
  limit: float
  load: chips.Load
  times: chips.Roofline

  @property
  def used(self) -> float:
    return self.report.total + self.beside

  @property
  def fits(self) -> bool:
    return not self.report.error and self.used <= self.limit


class Study(NamedTuple):
  """All programs on one mesh.

  Attributes:
    cell: as it was compiled in the end.
    chip: the kind of the chips.
    lines: of the programs.
    decode_tokens: sampled for each row in a call of decode.
  """

  cell: cells.Cell
  chip: chips.Chip
  lines: tuple[Line, ...]
  decode_tokens: int

  @property
  def fits(self) -> bool:
    return all(line.fits for line in self.lines)


def study(
    config: setup.Config,
    cell: cells.Cell,
    chip: chips.Chip,
    compile_fn: CompileFn,
    *,
    may_shrink: bool = True,
    names: tuple[str, ...] = PROGRAMS,
) -> Study:
  """Compiles the programs of a cell.

  Args:
    config: the experiment.
    cell: mesh, rows and micro-batches.
    chip: the kind of the chips.
    compile_fn: compiles one of them.
    may_shrink: whether to try fewer rows and more micro-batches where a program
      does not fit.
    names: of the programs, of `PROGRAMS`.
  """
  lines = {}
  for name in names:
    for _ in range(_MAX_TRIES):
      config = applied(config, cell)
      report = compile_fn(config, name)
      lines[name] = line_of(config, cell, chip, name, report)
      smaller = _smaller(config, cell, name)
      if lines[name].fits or not may_shrink or smaller is None:
        break
      cell = smaller
  seconds = cells.step_seconds(config, cell, chip)
  cell = cell._replace(seconds=seconds)
  return Study(cell, chip, tuple(lines.values()), config.sampling.decode_tokens)


def line_of(
    config: setup.Config,
    cell: cells.Cell,
    chip: chips.Chip,
    name: str,
    report: compiler.Report,
) -> Line:
  """Joins what the compiler and what formulas say."""
  rows, beside = cell.rows, 0.0
  if name == 'sft':
    rows = cell.sft_rows
    need = cells.sft_need(config, cell.sizes, rows)
  elif name == 'rl':
    rows = cells.micro_rows(config, cell.micro_batches)
    need = cells.rl_need(config, cell.sizes, cell.micro_batches)
  else:
    need = cells.rollout_needs(config, cell.sizes, rows)[name]
    beside = cells.beside_rollouts(config, cell.sizes)
  load = need.load._replace(ici_bytes=sum(report.sent.values()))
  times = chips.roofline(chip, load)
  return Line(name, rows, report, beside, chip.hbm_bytes, load, times)


def applied(config: setup.Config, cell: cells.Cell) -> setup.Config:
  """Returns a copy of a config with what a cell chose."""
  config = setup.Config(config.to_dict())
  config.mesh = cell.sizes._asdict()
  config.sampling.rows = cell.rows
  config.sampling.prefix_rows = cells.prefix_rows(config, cell.sizes)
  config.sft.rows = cell.sft_rows
  config.rl.num_microbatches = cell.micro_batches
  return config


def as_configured(
    config: setup.Config, mesh: sharding.Mesh, chip: chips.Chip
) -> cells.Cell:
  """Returns the cell that a config's own fields say.

  Args:
    config: the experiment.
    mesh: that of the config.
    chip: the kind of its devices.

  Raises:
    ValueError: model or rows do not divide over the mesh; names the field.
  """
  shape = config_lib.ModelConfig(**config.model.to_dict())
  sharding.of_params(sharding.abstract_params(shape), mesh)
  sharding.check_rows(
      mesh,
      **{
          'sampling.rows': config.sampling.rows,
          'sampling.prefix_rows': config.sampling.prefix_rows,
          'sft.rows': config.sft.rows,
          'rl.num_microbatches: rows': cells.micro_rows(
              config, config.rl.num_microbatches
          ),
      },
  )
  cell = cells.Cell(
      loads.Sizes(**mesh.shape),
      config.sampling.rows,
      cells.num_waves(config, config.sampling.rows),
      config.rl.num_microbatches,
      config.sft.rows,
      0.0,
  )
  return cell._replace(seconds=cells.step_seconds(config, cell, chip))


def _smaller(
    config: setup.Config, cell: cells.Cell, name: str
) -> cells.Cell | None:
  """Returns the next cell to try where a program did not fit, if any."""
  shards = cell.sizes.shards
  if name in ('append', 'decode'):
    rows = cell.rows * 4 // 5 // shards * shards
    waves = cells.num_waves(config, rows) if rows else 0
    return cell._replace(rows=rows, waves=waves) if rows else None
  if name == 'rl':
    more = cells.more_micro_batches(config, cell)
    return cell._replace(micro_batches=more) if more else None
  return None
