r"""Times conversations of several turns against transformers' `generate`.

  python -m benchmarks.rollout
  python -m benchmarks.rollout --shapes=0.11 --turns=2,4 --nopeers

Each turn appends 32 given tokens to every row and samples 32 at temperature 1.
Ours also keeps the log-probability of each, which `generate` here does not. The
bound is that of the float32 products, or of reading weights and the keys and
values so far, per call; weights that stay in a cache of the CPU can beat it.
"""

import functools
import statistics

from absl import app
from absl import flags
import jax

from bao_jax import memory
from bao_jax.model import config as config_lib
from bao_jax.model import costs
from bao_jax.sampling import engine as engine_lib
from benchmarks import measure
from benchmarks import remote
from benchmarks import talks

_SHAPES = flags.DEFINE_list(
    'shapes', list(measure.SHAPES), 'Millions of parameters.'
)
_ROWS = flags.DEFINE_integer('rows', 32, 'Conversations in parallel.')
_TURNS = flags.DEFINE_list('turns', ['2', '4', '8'], 'Turns, ascending.')
_LENGTH = flags.DEFINE_integer('length', 32, 'Given tokens of a turn.')
_SAMPLED = flags.DEFINE_integer('sampled', 32, 'Sampled tokens of a turn.')
_REPEATS = flags.DEFINE_integer(
    'repeats', 3, 'Timed runs of each, interleaved.'
)
_THREADS = flags.DEFINE_integer(
    'threads', None, 'Cores of both sides; by default all there are.'
)
_PEERS = flags.DEFINE_bool('peers', True, 'Whether to run transformers.')

OURS, OURS_AGAIN = 'ours, kept', 'ours, re-prefilled'
PEER, PEER_AGAIN = 'transformers, kept', 'transformers, re-prefilled'


def make_engines(
    config: config_lib.ModelConfig, num_turns: int
) -> dict[str, engine_lib.Engine]:
  """Returns one that appends replies and one that appends whole histories."""
  per_turn = _LENGTH.value + _SAMPLED.value
  make = lambda buckets: engine_lib.Engine(
      config,
      _ROWS.value,
      num_turns * per_turn,
      decode_tokens=_SAMPLED.value,
      append_buckets=tuple(buckets),
  )
  histories = (i * per_turn + _LENGTH.value for i in range(num_turns))
  return {OURS: make([_LENGTH.value]), OURS_AGAIN: make(histories)}


def our_calls(params, engines):
  """Returns what speaks a talk, by name."""
  calls = {}
  for name, engine in engines.items():
    calls[name] = functools.partial(
        talks.speak, engine, engine.unstack(params), is_kept=name == OURS
    )
  return calls


def their_calls(params, config, num_threads, num_tokens):
  """Returns the same of transformers; in a process of its own."""
  from benchmarks import peers  # torch is needed from here on alone.

  peers.set_threads(num_threads)
  model = peers.build(params, config)
  speak = functools.partial(peers.speak, model, num_tokens=num_tokens)
  return {
      PEER: functools.partial(speak, is_kept=True),
      PEER_AGAIN: functools.partial(speak, is_kept=False),
  }


def bound(
    config: config_lib.ModelConfig, num_turns: int, flops: float, copied: float
) -> float:
  """Returns seconds at the measured limits, of products or bytes by call.

  Args:
    config: the model's shape.
    num_turns: of the talk.
    flops: of a product, per second.
    copied: bytes per second.
  """
  rows, held, seconds = _ROWS.value, 0, 0.0
  layers = costs.layer_parameters(config)
  weights = 4 * (layers + config.vocab_size * config.width)
  per_key = 8 * config.num_layers * config.num_kv_heads * config.head_dim
  count = functools.partial(costs.forward_flops, config)
  for _ in range(num_turns):
    tokens = rows * _LENGTH.value
    work = count(tokens=tokens, keys=held + _LENGTH.value / 2, logits=0)
    moved = 4 * layers + rows * per_key * (held + _LENGTH.value)
    seconds += max(work / flops, moved / copied)
    held += _LENGTH.value
    for _ in range(_SAMPLED.value):
      work = count(tokens=rows, keys=held, logits=rows)
      moved = weights + rows * per_key * held
      seconds += max(work / flops, moved / copied)
      held += 1
  return seconds


def show(seconds, num_turns, limit):
  """Prints the figures of one number of turns."""
  num_sampled = _ROWS.value * num_turns * _SAMPLED.value
  for name, times in seconds.items():
    median = statistics.median(times)
    ratio = measure.ratio(times, seconds[OURS])
    print(
        f'  {num_turns:2d} turns  {name:27s} {median:8.3f} s'
        f'  {ratio:5.2f} x ours  {num_sampled / median:8.0f} tokens/s'
        f'  {limit / median:5.1%} of the bound'
    )


def run(name: str, num_threads: int, flops: float, copied: float) -> None:
  """Times one shape."""
  config = measure.SHAPES[name]
  turns = sorted(map(int, _TURNS.value))
  params = measure.parameters(config)
  engines = make_engines(config, turns[-1])
  calls = our_calls(params, engines)
  peer = None
  if _PEERS.value:
    peer = remote.Remote(
        their_calls, params, config, num_threads, _SAMPLED.value
    )
    calls |= peer.calls
  print(f'{name} M parameters, {_ROWS.value} rows')
  medians = []
  for num_turns in turns:
    talk = talks.replies(
        config, turns=num_turns, rows=_ROWS.value, length=_LENGTH.value
    )
    bare = {key: functools.partial(call, talk) for key, call in calls.items()}
    seconds = measure.interleaved(bare, repeats=_REPEATS.value)
    show(seconds, num_turns, bound(config, num_turns, flops, copied))
    medians.append(statistics.median(seconds[OURS]))
  per_turn = ', '.join(f'{x / n:.3f}' for x, n in zip(medians, turns))
  print(f'  ours, seconds per turn of {turns} turns: {per_turn}')
  compiles = {key: engine.num_compiles() for key, engine in engines.items()}
  print(f'  programs compiled: {compiles}\n', flush=True)
  if peer:
    peer.close()


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]}: unknown argument')
  num_threads = measure.use_cores(_THREADS.value)
  memory.keep_freed()  # As the launchers do.
  flops, copied = measure.matmul_limit(), measure.copy_limit()
  print(
      f'{jax.devices()[0].device_kind}, {num_threads} threads:'
      f' {flops / 1e9:.0f} GFLOP/s, {copied / 1e9:.1f} GB/s copied\n'
  )
  for name in _SHAPES.value:
    run(name, num_threads, flops, copied)


if __name__ == '__main__':
  app.run(main)
