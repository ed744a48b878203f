"""Studies as text: tables in Markdown."""

from collections.abc import Sequence

from bao_jax.plan import chips
from bao_jax.plan import study as study_lib
from bao_jax.train import setup

_COLUMNS = (
    'program',
    'rows',
    'arguments, GiB',
    'temporaries, GiB',
    'beside, GiB',
    'of HBM',
    'TFLOP',
    'HBM, GB',
    'sent, GB',
    'compute, s',
    'memory, s',
    'exchange, s',
    'bound by',
)
_SUMMARY = (
    'topology',
    'data x fsdp x tensor',
    'rows x waves',
    'micro-batches',
    'decode',
    'append',
    'sft',
    'rl',
    'ms per token',
    'sft, s',
    'update, s',
    'step, s',
)


def mesh(topology: str, study: study_lib.Study, config: setup.Config) -> str:
  """Returns the table of one mesh, per chip, and the flags that make it."""
  cell = study.cell
  lines = [
      f'{topology}, {cell.sizes.chips} chips of'
      f' {study.chip.hbm_bytes / chips.GIB:.2f} GiB as {cell.sizes}'
      ' (data x fsdp x tensor), per chip:',
      '',
      *_table(_COLUMNS, [_row(line) for line in study.lines]),
      '',
      f'{cell.rows} conversations in flight, {cell.waves} waves for'
      f' {config.rl.tasks_per_step * config.rl.samples_per_task:,}; a step of'
      f' reinforcement learning takes {cell.seconds:.0f} s at the least.',
      flags(study, config),
  ]
  lines += [
      f'{line.program} does not fit: {line.report.error or "see above"}'
      for line in study.lines
      if not line.fits
  ]
  return '\n'.join(lines)


def flags(study: study_lib.Study, config: setup.Config) -> str:
  """Returns the overrides by which a run uses a mesh as it was studied."""
  config = study_lib.applied(config, study.cell)
  fields = {f'mesh.{name}': size for name, size in config.mesh.items()}
  fields |= {
      'sampling.rows': config.sampling.rows,
      'sampling.prefix_rows': config.sampling.prefix_rows,
      'sft.rows': config.sft.rows,
      'rl.num_microbatches': config.rl.num_microbatches,
  }
  return ' '.join(f'--config.{name}={x}' for name, x in fields.items())


def summary(studies: Sequence[tuple[str, study_lib.Study]]) -> str:
  """Returns one line per mesh; programs by the share of HBM that they take."""
  return '\n'.join(_table(_SUMMARY, [_short(*one) for one in studies]))


def _row(line: study_lib.Line) -> list[str]:
  report, times = line.report, line.times
  gib = lambda x: f'{x / chips.GIB:.2f}'
  known = not report.error
  return [
      line.program,
      f'{line.rows}',
      gib(report.arguments) if known else '',
      gib(report.temporaries) if known else '',
      gib(line.beside),
      _share(line),
      f'{line.load.flops / 1e12:.3g}',
      f'{line.load.hbm_bytes / 1e9:.3g}',
      f'{line.load.ici_bytes / 1e9:.3g}' if known else '',
      f'{times.compute:.3g}',
      f'{times.memory:.3g}',
      f'{times.exchange:.3g}' if known else '',
      times.bound,
  ]


def _short(topology: str, study: study_lib.Study) -> list[str]:
  cell = study.cell
  lines = {line.program: line for line in study.lines}
  seconds = {name: line.times.seconds for name, line in lines.items()}
  number = lambda name, by=1.0: (
      f'{seconds[name] * by:.3g}' if name in seconds else ''
  )
  shares = [
      _share(lines[name]) if name in lines else ''
      for name in study_lib.PROGRAMS
  ]
  per_token = 1e3 / study.decode_tokens
  return [
      topology,
      str(cell.sizes),
      f'{cell.rows} x {cell.waves}',
      str(cell.micro_batches),
      *shares,
      number('decode', per_token),
      number('sft'),
      number('rl'),
      f'{cell.seconds:.0f}',
  ]


def _share(line: study_lib.Line) -> str:
  if not line.used or (line.report.error and not line.report.total):
    return 'does not compile'
  share = f'{line.used / line.limit:.0%}'
  return share if line.fits else f'**{share}, does not fit**'


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
  cells = [list(columns), *map(list, rows)]
  widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
  line = lambda row: (
      '| ' + ' | '.join(x.ljust(n) for x, n in zip(row, widths)) + ' |'
  )
  rule = '|' + '|'.join('-' * (n + 2) for n in widths) + '|'
  return [line(cells[0]), rule, *map(line, cells[1:])]
