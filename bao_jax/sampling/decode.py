"""The compiled calls of a rollout: append, decode and share.

Each is compiled once per bucket of shapes; everything that varies between rows
or turns is an array. A row always has one pending token, the last of its text,
whose keys and values are not held yet: `append` leaves it out and `decode`
starts from it, so that nothing is computed twice.
"""

from collections.abc import Callable
import functools

import flax
import jax
import jax.numpy as jnp

from bao_jax import types
from bao_jax.model import attention
from bao_jax.model import cache as cache_lib
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.sampling import choose


@flax.struct.dataclass
class Decoded:
  """What one call of `decode` sampled.

  Attributes:
    tokens: `[B, N]` int32; only the first `count` of a row were sampled.
    logps: `[B, N]` float32, aligned with `tokens`.
    count: `[B]` int32.
    stopped: `[B]` bool, whether the last of them is the stop token.
  """

  tokens: jax.Array
  logps: jax.Array
  count: jax.Array
  stopped: jax.Array


def append(
    params: types.Params,
    cache: cache_lib.Cache,
    tokens: jax.Array,
    *,
    config: config_lib.ModelConfig,
    num_held: int,
    constrain: qwen3.ConstrainFn = qwen3.unconstrained,
) -> tuple[tuple[jax.Array, ...], tuple[jax.Array, ...]]:
  """Computes keys and values of tokens to add: prompts and replies.

  They are written by a call of their own: in one program XLA would copy the
  whole cache, to keep what is still to be read from what is being written.

  Args:
    params: of `qwen3.unstack`.
    cache: B rows.
    tokens: `[B, N]` int32, right-padded.
    config: the model's shape.
    num_held: slots that are attended to, at least the length of any row that
      gets tokens.
    constrain: where activations lie.

  Returns:
    L keys and L values, `[B, K, C, N]` each, for `cache.write`.
  """
  num_tokens = tokens.shape[1]
  positions = cache.length[:, None] + jnp.arange(num_tokens)[None]
  held = jnp.arange(num_held)[None] < cache.length[:, None]  # [B, S]
  held = jnp.broadcast_to(
      held[:, None], (tokens.shape[0], num_tokens, num_held)
  )
  own = jnp.tril(jnp.ones((num_tokens, num_tokens), bool))
  own = jnp.broadcast_to(own[None], (tokens.shape[0],) + own.shape)
  mask = jnp.concatenate([held, own], axis=-1)  # [B, N, S + N]

  def attend(q, k, v, entry):
    k, v = (x.transpose(0, 2, 3, 1) for x in (k, v))  # [B, K, C, N]
    out = attention.attend(q, (entry[0], k), (entry[1], v), mask)
    return out, (k, v)

  entries = _held(cache, num_held)
  _, new = qwen3.unrolled(
      params, config, attend, tokens, positions, entries, constrain
  )
  k, v = zip(*new)
  return k, v


def decode(
    params: types.Params,
    cache: cache_lib.Cache,
    pending: jax.Array,
    budget: jax.Array,
    sampling: choose.Sampling,
    stop: jax.Array,
    *,
    config: config_lib.ModelConfig,
    num_tokens: int,
    num_held: int,
    constrain: qwen3.ConstrainFn = qwen3.unconstrained,
    any_row: Callable[[jax.Array], jax.Array] = jnp.any,
) -> tuple[cache_lib.Cache, Decoded]:
  """Samples until every row has stopped or has spent its budget.

  New keys and values go to a buffer at the same index for all rows, and join
  the cache once at the end: that keeps scatters out of the loop.

  Args:
    params: of `qwen3.unstack`.
    cache: B rows.
    pending: `[B]` int32, each row's last token, not held yet.
    budget: `[B]` int32, at most this many tokens; 0 for an idle row.
    sampling: the rows' settings.
    stop: `[B]` int32, each row's stop token.
    config: the model's shape.
    num_tokens: N, at most this many tokens for any row.
    num_held: slots that are attended to, at least the length of any live row:
      decoding is bound by the bytes of keys and values it reads.
    constrain: where activations lie.
    any_row: (`[B]` bool) -> whether any is True, rows elsewhere included.

  Returns:
    The longer cache (the last sampled token is pending) and what was sampled.
  """
  num_rows = pending.shape[0]
  held = jnp.arange(num_held)[None] < cache.length[:, None]  # [B, S]
  entries = _held(cache, num_held)
  budget = jnp.minimum(budget, num_tokens)
  new = cache_lib.empty(config, num_rows, num_tokens)
  buffer = tuple(zip(new.k, new.v))

  def is_live(carry):
    i, _, _, live, _, _ = carry
    return (i < num_tokens) & any_row(live)

  def step(carry):
    i, token, buffer, live, out, count = carry
    written = jnp.arange(num_tokens)[None] <= i
    mask = jnp.concatenate(
        [held, jnp.broadcast_to(written, (num_rows, num_tokens))], axis=1
    )[:, None]
    attend = functools.partial(_attend_two, index=i, mask=mask)
    layers = tuple((*held, *new) for held, new in zip(entries, buffer))
    hidden, buffer = qwen3.unrolled(
        params,
        config,
        attend,
        token[:, None],
        (cache.length + i)[:, None],
        layers,
        constrain,
    )
    logits = constrain(qwen3.logits(hidden[:, 0], params), 'rows', 'vocab')
    # Words are chosen by sums along all of them.
    logits = constrain(logits, 'rows', None)
    token, logps = choose.choose(logits, sampling, cache.length + i + 1)
    out = (out[0].at[:, i].set(token), out[1].at[:, i].set(logps))
    count += live
    live &= (token != stop) & (i + 1 < budget)
    return i + 1, token, buffer, live, out, count

  tokens = jnp.zeros((num_rows, num_tokens), jnp.int32)
  logps = jnp.zeros((num_rows, num_tokens), jnp.float32)
  count = jnp.zeros(num_rows, jnp.int32)
  carry = (0, pending, buffer, budget > 0, (tokens, logps), count)
  _, _, buffer, _, (tokens, logps), count = jax.lax.while_loop(
      is_live, step, carry
  )
  k, v = zip(*buffer)
  cache = cache_lib.write(cache, k, v, count)
  return cache, Decoded(tokens, logps, count, _ends_with(tokens, count, stop))


def _ends_with(
    tokens: jax.Array, count: jax.Array, stop: jax.Array
) -> jax.Array:
  """Returns `[B]` whether the last of `count` tokens is the stop token."""
  last = jnp.take_along_axis(tokens, jnp.maximum(count - 1, 0)[:, None], axis=1)
  return (count > 0) & (last[:, 0] == stop)


def _held(
    cache: cache_lib.Cache, num_held: int
) -> tuple[tuple[jax.Array, jax.Array], ...]:
  """Returns the first slots of each layer's keys and values."""
  cut = lambda x: x[..., :num_held]
  return tuple((cut(k), cut(v)) for k, v in zip(cache.k, cache.v))


def _attend_two(q, k, v, entry, *, index, mask):
  """Attends to the held cache and to the buffer without joining them."""
  held_k, held_v, new_k, new_v = entry
  k, v = (x.transpose(0, 2, 3, 1) for x in (k, v))  # [B, K, C, 1]
  new_k = jax.lax.dynamic_update_slice(new_k, k, (0, 0, 0, index))
  new_v = jax.lax.dynamic_update_slice(new_v, v, (0, 0, 0, index))
  out = attention.attend(q, (held_k, new_k), (held_v, new_v), mask)
  return out, (new_k, new_v)
