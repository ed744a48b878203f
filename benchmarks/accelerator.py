r"""Measures updates, decoding and rollouts of a real model on one accelerator.

  python -m benchmarks.accelerator --size=0.6b
  python -m benchmarks.accelerator --size=4b --remat=full
  python -m benchmarks.accelerator --size=debug  # On a CPU, in seconds.

Weights are random; computing is in bfloat16, parameters, gradients and both
moments of Adam are float32: 16 bytes per parameter. That is 64 GB at 4b, so
with `--remat=full` one row or two of 4096 tokens fit on a GPU of 80 GB at best.
Rows are halved until they fit; where one does not, that is what is printed.

MFU counts what an update needs (`model/costs.py`), nothing that is computed
again, against the data sheet where it is known and the fastest product that was
measured in the same run. Decoding is held against its bytes at the speed of the
copy measured. The last line is JSON.

Needs jax, flax, optax, chex and numpy alone. Without an accelerator sizes other
than debug are refused in a line, and that is no failure.
"""

import argparse
from collections.abc import Callable, Sequence
import dataclasses
import datetime
import functools
import json
import os
import statistics
from typing import Any, NamedTuple

# Most of the memory is to be had. Read when jax first looks for devices.
os.environ.setdefault('XLA_PYTHON_CLIENT_MEM_FRACTION', '0.95')

import flax.linen as nn  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from bao_jax import types  # noqa: E402
from bao_jax.model import config as config_lib  # noqa: E402
from bao_jax.model import costs  # noqa: E402
from bao_jax.model import qwen3  # noqa: E402
from bao_jax.sampling import choose  # noqa: E402
from bao_jax.sampling import engine as engine_lib  # noqa: E402
from bao_jax.train import batch as batch_lib  # noqa: E402
from bao_jax.train import optimizer  # noqa: E402
from bao_jax.train import step as step_lib  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks import talks  # noqa: E402
from benchmarks import updates  # noqa: E402

DEBUG = config_lib.ModelConfig(512, 2, 64, 128, 4, 2, 16)

# FLOP/s of dense bfloat16 products, by a part of the device's name.
DATA_SHEET = {'H100': 989e12, 'H200': 989e12}


class Work(NamedTuple):
  """How much is measured.

  Attributes:
    length: T of updates.
    rows: of updates, at most.
    decode_rows: of decoding.
    context: tokens that a row can hold while decoding.
    sampled: tokens of a decode call.
    turns: of a rollout.
    turn_tokens: given before each turn, and as many are sampled.
    product: width of the product that is the limit.
    copied: bytes of the copy that is the other.
    repeats: timed runs, of which the median counts.
  """

  length: int = 4096
  rows: int = 8
  decode_rows: int = 64
  context: int = 4096
  sampled: int = 64
  turns: int = 8
  turn_tokens: int = 128
  product: int = 16384
  copied: int = 2**32
  repeats: int = 5


SMALL = Work(64, 2, 4, 64, 8, 2, 8, 256, 2**20, 2)


def largest(rows: Sequence[int], build: Callable[[int], Any]):
  """Returns the first number of rows that fits, and what was built with it.

  Args:
    rows: to try, descending.
    build: builds and runs with so many rows.

  Returns:
    Both, or (0, None) where none fits.
  """
  for count in rows:
    try:
      return count, build(count)
    except jax.errors.JaxRuntimeError as error:
      if 'RESOURCE_EXHAUSTED' not in str(error):
        raise
    print(f'  {count} rows do not fit', flush=True)
  return 0, None


def halves(most: int) -> list[int]:
  """Returns 8, 4, 2, 1 for 8."""
  return [most >> i for i in range(most.bit_length())]


def seconds(call: Callable[[], object], repeats: int) -> float:
  """Returns the median time of a call that returns when its work is done."""
  times = measure.interleaved({'it': call}, repeats=repeats)['it']
  return statistics.median(times)


def draw_params(config: config_lib.ModelConfig) -> types.Params:
  """Draws parameters on the device."""
  init = lambda rng: nn.meta.unbox(qwen3.init(config, rng))
  return jax.jit(init)(jax.random.key(0))


def policy_update(config, tx):
  """Returns the step of reinforcement learning and what draws its batch."""
  step = functools.partial(
      step_lib.policy_step,
      model=step_lib.ModelFn(config),
      tx=tx,
      objective=step_lib.Objective(),
      temperature=1.0,
  )
  return step, functools.partial(updates.draw_batch, config)


def supervised_update(config, tx):
  """Returns the step of the warm start, of rows that hold two conversations."""
  step = functools.partial(
      step_lib.supervised_step, model=step_lib.ModelFn(config), tx=tx
  )

  def draw(*, rows, length):
    batch = updates.draw_batch(config, rows=rows, length=length)
    positions = np.broadcast_to(
        np.arange(length, dtype=np.int32), (rows, length)
    )
    segments = (positions >= length // 2).astype(np.int32)
    positions = positions - segments * (length // 2)
    return batch_lib.Packed(
        batch.tokens, segments, positions, batch.mask & (positions > 0)
    )

  return step, draw


def measure_update(make, config, work, limits) -> dict[str, Any]:
  """Measures an update with as many rows as fit."""
  tx = optimizer.make_optimizer(learning_rate=1e-5)
  step, draw = make(config, tx)

  def build(rows):
    batch = jax.tree.map(jnp.asarray, draw(rows=rows, length=work.length))
    params = draw_params(config)
    state = types.TrainState(jnp.zeros((), jnp.int32), params, tx.init(params))
    del params
    compiled = jax.jit(step, donate_argnames='state')

    def call():
      nonlocal state
      state, metrics = compiled(state, batch)
      return jax.block_until_ready(metrics)

    return seconds(call, work.repeats)

  rows, taken = largest(halves(work.rows), build)
  if not rows:
    gigabytes = 16 * costs.num_parameters(config) / 1e9
    print(f'  does not fit: state and gradients alone take {gigabytes:.0f} GB')
    return {'rows': 0}
  flops = costs.update_flops(config, rows=rows, length=work.length) / taken
  moved = costs.update_bytes(config, rows=rows, length=work.length)
  return {
      'rows': rows,
      'length': work.length,
      'remat': config.remat,
      'seconds': taken,
      'tokens_per_second': rows * work.length / taken,
      'mfu': {name: flops / limit for name, limit in limits['flops'].items()},
      'bytes_bound_seconds': moved / limits['copy'],
  }


def sampling_of(engine, temperature=1.0):
  rows = np.arange(engine.num_rows, dtype=np.uint32)
  full = lambda value, dtype: np.full(engine.num_rows, value, dtype)
  return choose.Sampling(
      np.asarray(engine.row_keys(0, 0, rows, rows)),
      full(temperature, np.float32),
      full(0, np.int32),
      full(1, np.float32),
  )


def decode_seconds(config, params, work, rows) -> float:
  """Times a decode call whose rows hold all that they can."""
  engine = engine_lib.Engine(
      config, rows, work.context, decode_tokens=work.sampled
  )
  full = lambda value: np.full(rows, value, np.int32)
  held, sampling = work.context - work.sampled, sampling_of(engine)
  cache = engine.empty_rows()

  def call():
    nonlocal cache
    cache, out = engine.decode(
        params,
        cache.replace(length=jnp.asarray(full(held))),
        full(1),
        full(work.sampled),
        sampling,
        full(-1),
        longest=work.context,
    )
    return jax.block_until_ready(out)

  return seconds(call, work.repeats)


def measure_decode(config, params, work, limits, rows) -> dict[str, Any]:
  """Measures decoding with the first of these numbers of rows that fits."""
  build = functools.partial(decode_seconds, config, params, work)
  count, taken = largest(rows, build)
  if not count:
    return {'rows': 0}
  held = work.context - work.sampled / 2
  moved = costs.decode_bytes(config, rows=count, held=held) * work.sampled
  return {
      'rows': count,
      'context': work.context,
      'tokens_per_second': count * work.sampled / taken,
      'of_bytes_bound': moved / limits['copy'] / taken,
  }


def most_rows(config: config_lib.ModelConfig, work: Work) -> list[int]:
  """Returns numbers of rows around what the memory could hold, descending."""
  stats = jax.devices()[0].memory_stats() or {}
  if 'bytes_limit' not in stats:
    return [2 * work.decode_rows]
  free = stats['bytes_limit'] - stats['bytes_in_use']
  most = free / (work.context * costs.key_bytes(config))
  return [max(8, int(most * share) // 8 * 8) for share in (0.9, 0.75, 0.6, 0.4)]


def measure_rollout(config, params, work, limits) -> dict[str, Any]:
  """Measures whole conversations of fixed ids and turns of a fixed length."""
  del limits
  engine = engine_lib.Engine(
      config,
      work.decode_rows,
      2 * work.turns * work.turn_tokens,
      decode_tokens=work.turn_tokens,
      append_buckets=(work.turn_tokens,),
  )
  talk = talks.replies(
      config, turns=work.turns, rows=work.decode_rows, length=work.turn_tokens
  )
  call = functools.partial(talks.speak, engine, params, talk)
  taken = seconds(call, work.repeats)
  return {
      'rows': work.decode_rows,
      'turns': work.turns,
      'sampled_per_turn': work.turn_tokens,
      'tokens_per_second': talk.size / taken,
  }


def measure_mismatch(config, params, work) -> dict[str, Any]:
  """Compares log-probabilities of the sampler with those of the trainer."""
  rows, given, sampled = 8, work.sampled, work.sampled
  engine = engine_lib.Engine(config, rows, 2 * given, decode_tokens=sampled)
  unstacked, full = engine.unstack(params), functools.partial(np.full, rows)
  prompt = talks.replies(config, turns=1, rows=rows, length=given)[0]
  cache = engine.append(
      unstacked, engine.empty_rows(), prompt[:, :-1], longest=0
  )
  _, out = engine.decode(
      unstacked,
      cache,
      prompt[:, -1],
      full(sampled, np.int32),
      sampling_of(engine),
      full(-1, np.int32),
      longest=given,
  )
  tokens = np.concatenate([prompt, out.tokens], axis=1)
  forward = functools.partial(
      step_lib.token_logps, model=step_lib.ModelFn(config)
  )
  logps, _ = jax.jit(forward)(params, tokens, np.ones(tokens.shape, bool))
  gap = np.abs(np.asarray(logps)[:, given:] - np.asarray(out.logps))
  return {'mean': float(gap.mean()), 'max': float(gap.max())}


def measure_limits(work: Work) -> dict[str, Any]:
  """Measures the fastest product and copy, and looks up the data sheet."""
  kind = jax.devices()[0].device_kind
  product = measure.matmul_limit(work.product, dtype='bfloat16')
  flops = {'of_measured_product': product}
  for name, value in DATA_SHEET.items():
    if name in kind:
      flops['of_data_sheet'] = value
  return {'flops': flops, 'copy': measure.copy_limit(work.copied)}


def run(config: config_lib.ModelConfig, work: Work) -> dict[str, Any]:
  """Measures everything, prints each figure and returns them all."""
  limits = measure_limits(work)
  results: dict[str, Any] = {'limits': limits}
  print('limits', limits, flush=True)

  def note(name, result):
    results[name] = result
    print(name, result, flush=True)

  for name, make in (('sft', supervised_update), ('rl', policy_update)):
    note(name, measure_update(make, config, work, limits))
  params = draw_params(config)
  note('mismatch', measure_mismatch(config, params, work))
  params = engine_lib.Engine(config, 1, 1).unstack(params)
  first = halves(work.decode_rows)
  note('decode', measure_decode(config, params, work, limits, first))
  rows = most_rows(config, work)
  note('decode_most', measure_decode(config, params, work, limits, rows))
  note('rollout', measure_rollout(config, params, work, limits))
  return results


def main(args: Sequence[str] | None = None) -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
      '--size', choices=['debug', '0.6b', '1.7b', '4b'], default='0.6b'
  )
  parser.add_argument('--remat', choices=config_lib.REMAT, default='full')
  parser.add_argument(
      '--attention', choices=config_lib.ATTENTION, default='auto'
  )
  flags = parser.parse_args(args)
  is_debug = flags.size == 'debug'
  if jax.default_backend() == 'cpu' and not is_debug:
    print(
        'No accelerator is here: nothing measured. --size=debug runs on a CPU.'
    )
    return
  config = dataclasses.replace(
      DEBUG if is_debug else config_lib.SIZES[flags.size],
      dtype='bfloat16',
      remat=flags.remat,
      attention=flags.attention,
  )
  header = {
      'date': datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds'),
      'device': jax.devices()[0].device_kind,
      'jax': jax.__version__,
      'size': flags.size,
      'parameters': costs.num_parameters(config),
  }
  print(*header.values(), flush=True)
  print(json.dumps(header | run(config, SMALL if is_debug else Work())))


if __name__ == '__main__':
  main()
