"""A policy that speaks: compiled calls and the caches they work on.

The engine knows ids and rows. It refuses to know gyms, tasks and text.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bao_jax import types
from bao_jax.model import cache as cache_lib
from bao_jax.model import config as config_lib
from bao_jax.model import lora
from bao_jax.model import qwen3
from bao_jax.sampling import choose
from bao_jax.sampling import decode as decode_lib


class Layout(NamedTuple):
  """Where the arrays of an engine lie; by default on one device.

  Attributes:
    params: shardings of what `Engine.prepare` returns.
    cache: sharding of keys and values, `[B, K, C, S]`.
    rows: sharding of `[B, ...]`.
    by_rows: makes a function (shared, *arrays `[B, ...]`) one that runs on each
      device with the rows that it has.
    constrain: where activations lie, within such a function.
    any_row: (`[B]` bool) -> whether it is True of any row, within such a
      function too.
    unstacked: shardings of what `Engine.unstack` returns, where that is not yet
      `params`: over the devices of all processes.
    own: makes that an array of this process's devices alone.
    put: lays out rows from the host, where compiled calls do not do so.
  """

  params: types.Params = None
  cache: jax.sharding.Sharding | None = None
  rows: jax.sharding.Sharding | None = None
  by_rows: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda f: f
  constrain: qwen3.ConstrainFn = qwen3.unconstrained
  any_row: Callable[[jax.Array], jax.Array] = jnp.any
  unstacked: types.Params = None
  own: Callable[[types.Params], types.Params] = lambda params: params
  put: Callable[[Any], Any] = lambda rows: rows


@dataclasses.dataclass(frozen=True)
class Engine:
  """The compiled calls of rollouts and the short table of their shapes.

  Attributes:
    config: the model's shape.
    num_rows: B, conversations in flight.
    num_slots: S, the longest conversation in tokens.
    prefix_rows: rows of the caches in which prompts are prefilled once.
    decode_tokens: N of a decode call: the host hears of finished turns at
      least this often.
    append_buckets: lengths that replies and prompts are padded to, ascending;
      longer ones are appended in several calls.
    layout: where arrays lie.
  """

  config: config_lib.ModelConfig
  num_rows: int
  num_slots: int
  prefix_rows: int = 8
  decode_tokens: int = 32
  append_buckets: tuple[int, ...] = (16, 64)
  layout: Layout = Layout()

  @property
  def _cache(self) -> cache_lib.Cache:
    """The shardings of a cache."""
    held = self.layout.cache
    return cache_lib.Cache(held, held, self.layout.rows)

  @functools.cached_property
  def unstack(self) -> Callable[[types.Params], types.Params]:
    """Brings parameters from where training has them to where decoding does.

    Adapters become part of their kernels.
    """

    def unstack(params):
      # Layer by layer: no second array of all layers is made.
      whole = lora.merge(qwen3.unstack(params))
      return qwen3.cast(whole, self.config.dtype)

    where = self.layout.unstacked or self.layout.params
    return jax.jit(unstack, out_shardings=where)

  def prepare(self, params: types.Params) -> types.Params:
    """Prepares parameters; called once per policy, by all processes."""
    return self.layout.own(self.unstack(params))

  @functools.cached_property
  def append_call(self):
    # Shardings are of positional arguments; so `num_held` is one.
    def append(params, cache, tokens, num_held):
      call = functools.partial(
          decode_lib.append,
          config=self.config,
          num_held=num_held,
          constrain=self.layout.constrain,
      )
      return self.layout.by_rows(call)(params, cache, tokens)

    return jax.jit(
        append,
        static_argnums=3,
        in_shardings=(self.layout.params, self._cache, self.layout.rows),
        out_shardings=self.layout.cache,
    )

  @functools.cached_property
  def write_call(self):
    def write(cache, k, v, counts):
      call = lambda _, *args: cache_lib.write(*args)
      return self.layout.by_rows(call)((), cache, k, v, counts)

    new = self.layout.cache
    return jax.jit(
        write,
        donate_argnums=0,
        in_shardings=(self._cache, new, new, self.layout.rows),
        out_shardings=self._cache,
    )

  @functools.cached_property
  def decode_call(self):
    def decode(params, cache, pending, budget, sampling, stop, num_held):
      call = functools.partial(
          decode_lib.decode,
          config=self.config,
          num_tokens=self.decode_tokens,
          num_held=num_held,
          constrain=self.layout.constrain,
          any_row=self.layout.any_row,
      )
      rows = cache, pending, budget, sampling, stop
      return self.layout.by_rows(call)(params, *rows)

    rows = self.layout.rows
    return jax.jit(
        decode,
        donate_argnums=1,
        static_argnums=6,
        in_shardings=(self.layout.params, self._cache, rows, rows, rows, rows),
        out_shardings=(self._cache, rows),
    )

  @property
  def held_buckets(self) -> tuple[int, ...]:
    """How many slots a call may look at: quarters of all of them."""
    return tuple(-(-self.num_slots * i // 4) for i in (1, 2, 3, 4))

  def _num_held(self, longest: int) -> int:
    return next(n for n in self.held_buckets if n >= longest)

  @functools.cached_property
  def share_call(self):
    def share(cache, prefix, source):
      call = lambda prefix, cache, source: cache_lib.share(
          cache, prefix, source
      )
      # Any row may start from any prefix: every device gets all of them.
      return self.layout.by_rows(call)(prefix, cache, source)

    return jax.jit(
        share,
        donate_argnums=0,
        in_shardings=(self._cache, self._cache, self.layout.rows),
        out_shardings=self._cache,
    )

  @functools.cached_property
  def row_keys(self):
    return jax.jit(choose.row_keys)

  @functools.cached_property
  def empty_call(self):
    empty = functools.partial(cache_lib.empty, self.config)
    return jax.jit(empty, static_argnums=(0, 1), out_shardings=self._cache)

  def empty_prefix(self) -> cache_lib.Cache:
    return self.empty_call(self.prefix_rows, self.num_slots)

  def empty_rows(self) -> cache_lib.Cache:
    return self.empty_call(self.num_rows, self.num_slots)

  def append(
      self,
      params: types.Params,
      cache: cache_lib.Cache,
      ids: Sequence[np.ndarray],
      *,
      longest: int,
  ) -> cache_lib.Cache:
    """Appends ragged ids, one sequence per row, through the bucket table.

    Args:
      params: of `prepare`.
      cache: as many rows as there are sequences.
      ids: int32 ids of each row; empty ones leave their row as it is.
      longest: tokens held by the longest row that gets any.

    Returns:
      The longer cache.
    """
    most = max(map(len, ids))
    start = 0
    while start < most:
      width = next(
          (n for n in self.append_buckets if n >= most - start),
          self.append_buckets[-1],
      )
      tokens = np.zeros((len(ids), width), np.int32)
      counts = np.zeros(len(ids), np.int32)
      for row, sequence in enumerate(ids):
        part = sequence[start : start + width]
        tokens[row, : len(part)] = part
        counts[row] = len(part)
      num_held = self._num_held(min(longest + start, self.num_slots))
      tokens, counts = self.layout.put((tokens, counts))
      k, v = self.append_call(params, cache, tokens, num_held)
      cache = self.write_call(cache, k, v, counts)
      start += width
    return cache

  def decode(
      self,
      params: types.Params,
      cache: cache_lib.Cache,
      pending: np.ndarray,
      budget: np.ndarray,
      sampling: choose.Sampling,
      stop: np.ndarray,
      *,
      longest: int,
  ) -> tuple[cache_lib.Cache, decode_lib.Decoded]:
    """Samples; see `decode.decode`.

    Args:
      params: of `prepare`.
      cache: the rows.
      pending: `[B]` each row's last token.
      budget: `[B]` at most this many tokens; 0 for an idle row.
      sampling: the rows' settings.
      stop: `[B]` stop tokens.
      longest: tokens held by the longest row that is not idle.

    Returns:
      The longer cache and what was sampled.
    """
    rows = self.layout.put((pending, budget, sampling, stop))
    return self.decode_call(params, cache, *rows, self._num_held(longest))

  def share(
      self, cache: cache_lib.Cache, prefix: cache_lib.Cache, source: np.ndarray
  ) -> cache_lib.Cache:
    """Starts rows with prompts; see `cache.share`."""
    return self.share_call(cache, prefix, self.layout.put(source))

  def num_compiles(self) -> int:
    """Returns how many programs were compiled; bounded by the bucket table."""
    calls = (
        self.append_call,
        self.write_call,
        self.decode_call,
        self.share_call,
    )
    return sum(call._cache_size() for call in calls)
