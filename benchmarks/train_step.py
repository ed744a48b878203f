r"""Times one update of reinforcement learning against torch.

  python -m benchmarks.train_step
  python -m benchmarks.train_step --shapes=0.92 --micro=1,2,4 --remat=none,full

Clipped loss over all tokens, clip of the global norm, AdamW; float32. Ours also
reports entropy and health metrics. torch runs eagerly with its fused attention,
cross-entropy and AdamW, once as plain functions and once as transformers'
model; the faster one is the peer. It has a process of its own. The parts are
compiled and timed alone, on both sides, so their sum need not be the whole.
"""

import dataclasses
import statistics

from absl import app
from absl import flags
import jax

from bao_jax import memory
from bao_jax.model import costs
from benchmarks import measure
from benchmarks import remote
from benchmarks import updates

_SHAPES = flags.DEFINE_list(
    'shapes', ['0.92', '5.2'], 'Millions of parameters.'
)
_ROWS = flags.DEFINE_integer('rows', 8, 'Conversations.')
_LENGTH = flags.DEFINE_integer('length', 512, 'Tokens of each.')
_MICRO = flags.DEFINE_list('micro', ['1'], 'Numbers of micro-batches to try.')
_REMAT = flags.DEFINE_list(
    'remat', ['none'], 'What to keep of layers, names of `model.remat` to try.'
)
_CHUNK = flags.DEFINE_integer('chunk', 128, 'Positions of logits at a time.')
_REPEATS = flags.DEFINE_integer(
    'repeats', 5, 'Timed runs of each, interleaved.'
)
_THREADS = flags.DEFINE_integer(
    'threads', None, 'Cores of both sides; by default all there are.'
)
_PEERS = flags.DEFINE_bool('peers', True, 'Whether to run torch.')
_PARTS = flags.DEFINE_bool('parts', True, 'Whether to time the parts.')


def our_calls(params, config, batch):
  """Returns updates by name, the first one the default."""
  calls = {}
  for remat in _REMAT.value:
    for micro in map(int, _MICRO.value):
      name = f'ours, {micro} micro-batches'
      name += '' if remat == 'none' else f', remat {remat}'
      calls[name] = updates.update(
          params,
          dataclasses.replace(config, remat=remat),
          batch,
          chunk=_CHUNK.value,
          num_microbatches=micro,
      )
  return calls


def their_calls(params, config, batch, num_threads, with_parts):
  """Returns torch's updates and, if wanted, parts; in a process of its own."""
  from benchmarks import peers  # torch is needed from here on alone.
  from benchmarks import torch_updates

  peers.set_threads(num_threads)
  calls = torch_updates.updates(params, config, batch)
  if with_parts:
    calls |= torch_updates.parts(params, config, batch)
  return calls


def show(seconds, work, flops):
  """Prints whole updates; ratios are to the fastest of torch."""
  median = {name: statistics.median(times) for name, times in seconds.items()}
  theirs = [name for name in seconds if name.startswith('torch')]
  peer = min(theirs, key=median.get) if theirs else next(iter(seconds))
  for name, times in seconds.items():
    print(
        f'  {name:27s} {median[name]:7.3f} s'
        f'  {measure.ratio(times, seconds[peer]):5.2f} x {peer}'
        f'  {work / median[name] / 1e9:6.1f} GFLOP/s'
        f'  {work / median[name] / flops:5.1%} of the limit'
    )


def show_parts(seconds):
  """Prints parts; a pass back is the one there and back less the one there."""
  print(f'  {"part, ms":28s} {"ours":>8s} {"torch":>8s} {"ratio":>6s}')
  median = {name: statistics.median(times) for name, times in seconds.items()}
  for name in updates.PARTS:
    row = [median.get((side, name)) for side in ('ours', 'torch')]
    if name.endswith('back'):
      forward = name.replace('back', 'forward')
      row = [
          None if x is None else x - median[side, forward]
          for side, x in zip(('ours', 'torch'), row)
      ]
    cells = ['' if x is None else f'{x * 1e3:.1f}' for x in row]
    ratio = '' if row[1] is None else f'{row[0] / row[1]:.2f}'
    print(f'  {name:28s} {cells[0]:>8s} {cells[1]:>8s} {ratio:>6s}')


def run(name: str, num_threads: int, flops: float) -> None:
  """Times one shape."""
  config = measure.SHAPES[name]
  params = measure.parameters(config)
  batch = updates.draw_batch(config, rows=_ROWS.value, length=_LENGTH.value)
  calls = our_calls(params, config, batch)
  parts = {}
  peer = None
  if _PARTS.value:
    ours = updates.parts(params, config, batch, chunk=_CHUNK.value)
    parts |= {('ours', key): call for key, call in ours.items()}
  if _PEERS.value:
    peer = remote.Remote(
        their_calls, params, config, batch, num_threads, _PARTS.value
    )
    for key, call in peer.calls.items():
      if key in updates.PARTS:
        parts['torch', key] = call
      else:
        calls[key] = call
  print(f'{name} M parameters, {_ROWS.value} x {_LENGTH.value} tokens')
  show(
      measure.interleaved(calls, repeats=_REPEATS.value),
      costs.update_flops(config, rows=_ROWS.value, length=_LENGTH.value),
      flops,
  )
  if parts:
    show_parts(measure.interleaved(parts, repeats=_REPEATS.value))
  print(flush=True)
  if peer:
    peer.close()


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]}: unknown argument')
  num_threads = measure.use_cores(_THREADS.value)
  memory.keep_freed()  # As the launchers do.
  flops = measure.matmul_limit()
  print(
      f'{jax.devices()[0].device_kind}, {num_threads} threads:'
      f' {flops / 1e9:.0f} GFLOP/s\n'
  )
  for name in _SHAPES.value:
    run(name, num_threads, flops)


if __name__ == '__main__':
  app.run(main)
