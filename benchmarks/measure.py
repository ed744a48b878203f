"""Shapes, clocks and what the machine could do at best.

No peer is imported here: everything works without torch.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import os
import statistics
import time

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3


def _shape(*sizes: int) -> config_lib.ModelConfig:
  """Takes V L D F H K C."""
  return config_lib.ModelConfig(*sizes, rope_theta=1e4)


# By millions of parameters.
SHAPES = {
    '0.11': _shape(512, 2, 64, 128, 4, 2, 16),
    '0.92': _shape(512, 4, 128, 384, 4, 4, 32),
    '5.2': _shape(8192, 4, 256, 768, 8, 4, 32),
}


def parameters(config: config_lib.ModelConfig) -> types.Params:
  """Draws parameters on the host, the scales of norms around 1 and not 1.

  Compiling the draw of `qwen3.init` takes longer than most tests; ones as
  scales would hide a norm in the wrong place.
  """
  rng = np.random.default_rng(0)
  init = functools.partial(qwen3.init, config)
  shapes = nn.meta.unbox(jax.eval_shape(init, jax.random.key(0)))

  def draw(path, x):
    if path[-1].key == 'scale':
      return rng.uniform(0.5, 1.5, x.shape).astype(np.float32)
    std = config.width**-0.5
    return rng.normal(scale=std, size=x.shape).astype(np.float32)

  return jax.tree_util.tree_map_with_path(draw, shapes)


def use_cores(count: int | None) -> int:
  """Keeps this thread, and those it starts from now on, to some of its cores.

  JAX and torch then compute with the same: JAX starts as many threads as cores
  are open to it when it is first used, so call this before.

  Args:
    count: how many cores; None takes all that the process may use.

  Returns:
    How many they are.

  Raises:
    ValueError: there are fewer, or the system cannot leave some out.
  """
  can_choose = hasattr(os, 'sched_setaffinity')
  cores = os.sched_getaffinity(0) if can_choose else range(os.cpu_count())
  if count in (None, len(cores)):
    return len(cores)
  if not can_choose or not 1 <= count < len(cores):
    raise ValueError(f'--threads={count}: {len(cores)} cores are there to use.')
  os.sched_setaffinity(0, sorted(cores)[:count])
  return count


def interleaved(
    calls: Mapping[str, Callable[[], object]], *, repeats: int
) -> dict[str, list[float]]:
  """Times calls in turn, so that a busy moment hits all of them alike.

  Args:
    calls: return when their work is done; each is called once to warm up.
    repeats: timed calls of each.

  Returns:
    Seconds of each call, by name.
  """
  for call in calls.values():
    call()
  seconds = {name: [] for name in calls}
  for _ in range(repeats):
    for name, call in calls.items():
      start = time.perf_counter()
      call()
      seconds[name].append(time.perf_counter() - start)
  return seconds


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
  """Returns the median of ratios of calls that ran next to each other."""
  return statistics.median(a / b for a, b in zip(numerators, denominators))


def matmul_limit(
    size: int = 2048, repeats: int = 5, *, dtype: str = 'float32'
) -> float:
  """Returns the FLOP/s of a square product, the best of several."""
  x = jnp.ones((size, size), dtype)
  product = jax.jit(jnp.matmul)
  call = lambda: jax.block_until_ready(product(x, x))
  seconds = interleaved({'product': call}, repeats=repeats)['product']
  return 2 * size**3 / min(seconds)


def copy_limit(num_bytes: int = 2**28, repeats: int = 5) -> float:
  """Returns bytes read and written per second by a pass over an array."""
  x = jnp.zeros(num_bytes // 4)
  add = jax.jit(lambda x: x + 1, donate_argnums=0)

  def call():
    nonlocal x
    x = jax.block_until_ready(add(x))

  seconds = interleaved({'copy': call}, repeats=repeats)['copy']
  return 2 * num_bytes / min(seconds)
