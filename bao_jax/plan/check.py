"""Formulas of FLOPs and bytes against the compiler's own count.

The compiler counts the body of a loop once and kernels not at all. So it is
asked about programs without either: two layers, unrolled, one piece of logits,
one token, plain attention. Few words, for all of it to fit on one chip.
"""

from collections.abc import Callable, Sequence
from typing import Any

from bao_jax import sharding
from bao_jax.plan import cells
from bao_jax.plan import chips
from bao_jax.plan import compiler
from bao_jax.plan import loads
from bao_jax.plan import programs
from bao_jax.plan import study
from bao_jax.train import setup

_LAYERS, _WORDS, _LENGTH, _ROWS = 2, 32768, 1024, 4
_ONE = loads.Sizes(1, 1, 1)


def small(config: setup.Config) -> setup.Config:
  """Returns a copy of a config whose programs have no loops."""
  config = setup.Config(config.to_dict())
  config.model.num_layers = _LAYERS
  config.model.vocab_size = min(config.model.vocab_size, _WORDS)
  config.model.remat = 'none'
  config.model.attention = 'blockwise'
  config.mesh = _ONE._asdict()
  length = min(_LENGTH, config.sampling.max_tokens)
  config.sampling.update(rows=_ROWS, max_tokens=length, decode_tokens=1)
  config.sampling.append_buckets = (min(64, length),)
  config.sft.update(rows=_ROWS, length=length, chunk=length)
  config.rl.update(
      tasks_per_step=1,
      samples_per_task=_ROWS,
      num_minibatches=1,
      num_microbatches=1,
      length_buckets=(length,),
      chunk=length,
  )
  return config


def compared(
    config: setup.Config,
    compile_fn: Callable[[setup.Config, str], compiler.Report],
) -> dict[str, tuple[chips.Load, compiler.Report]]:
  """Returns formula and compiler of each program, for one chip.

  Args:
    config: the experiment; the widths of its model stay.
    compile_fn: compiles one of the programs.
  """
  config = small(config)
  cell = cells.Cell(_ONE, _ROWS, 1, 1, _ROWS, 0.0)
  any_chip = next(iter(chips.CHIPS.values()))
  pairs = {}
  for name in study.PROGRAMS:
    report = compile_fn(config, name)
    load = study.line_of(config, cell, any_chip, name, report).load
    pairs[name] = load, report
  return pairs


def table(config: setup.Config, devices: Sequence[Any]) -> str:
  """Compiles for one device and returns the comparison as text."""

  def compile_fn(config, name):
    mesh = sharding.make_mesh(config.mesh, devices)
    return compiler.compile_program(programs.programs(config, mesh)[name])

  lines = [
      '| program | GFLOP, formula | compiler | ratio | GB, formula | compiler |'
      ' ratio |',
      '|---|---|---|---|---|---|---|',
  ]
  for name, (load, report) in compared(config, compile_fn).items():
    if report.error:
      raise ValueError(f'{name} does not compile: {report.error}')
    cells_ = name, *_both(load.flops, report.flops)
    cells_ += _both(load.hbm_bytes, report.moved)
    lines.append(f'| {" | ".join(cells_)} |')
  return '\n'.join(lines)


def _both(formula: float, counted: float) -> tuple[str, str, str]:
  ratio = f'{counted / formula:.2f}'
  return f'{formula / 1e9:.4g}', f'{counted / 1e9:.4g}', ratio
