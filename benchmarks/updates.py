"""One update of reinforcement learning by `train.step`, whole and in parts."""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp
import numpy as np

from bao_jax import types
from bao_jax.model import blockwise
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.rl import logps as logps_lib
from bao_jax.train import optimizer
from bao_jax.train import step as step_lib

LEARNING_RATE = 1e-4
# Each 'back' runs forward and back. Outside of attention its place is taken by
# a sum, so that no projection is left out as unused.
PARTS = (
    'layers, forward',
    'layers, back',
    'attention, forward',
    'attention, back',
    'logits and loss',
    'optimizer',
)


def draw_batch(
    config: config_lib.ModelConfig, *, rows: int, length: int
) -> step_lib.PolicyBatch:
  """Draws conversations of which all tokens but the first were sampled."""
  rng = np.random.default_rng(0)
  shape = rows, length
  mask = np.ones(shape, bool)
  mask[:, 0] = False
  logps = np.full(shape, -np.log(config.vocab_size), np.float32)
  return step_lib.PolicyBatch(
      rng.integers(config.vocab_size, size=shape, dtype=np.int32),
      mask,
      logps,
      rng.normal(size=shape).astype(np.float32),
      logps,
  )


def update(
    params: types.Params,
    config: config_lib.ModelConfig,
    batch: step_lib.PolicyBatch,
    *,
    chunk: int = 128,
    num_microbatches: int = 1,
) -> Callable[[], object]:
  """Returns a call that takes the next step each time."""
  tx = optimizer.make_optimizer(learning_rate=LEARNING_RATE)
  step = functools.partial(
      step_lib.policy_step,
      model=step_lib.ModelFn(config, chunk),
      tx=tx,
      objective=step_lib.Objective(),
      temperature=1.0,
      num_microbatches=num_microbatches,
  )
  step = jax.jit(step, donate_argnames='state')
  params = jax.tree.map(jnp.array, params)  # A copy: donated below.
  state = types.TrainState(jnp.zeros((), jnp.int32), params, tx.init(params))

  def call():
    nonlocal state
    state, metrics = step(state, batch)
    return jax.block_until_ready(metrics)

  return call


def parts(
    params: types.Params,
    config: config_lib.ModelConfig,
    batch: step_lib.PolicyBatch,
    *,
    chunk: int = 128,
) -> dict[str, Callable[[], object]]:
  """Returns compiled parts of an update by the names of `PARTS`."""
  calls = [
      *_layers(params, config, batch),
      *_attention(config, batch),
      _loss(params, config, batch, chunk),
      _optimizer(params),
  ]
  return dict(zip(PARTS, calls, strict=True))


def _call(f, *args):
  compiled = jax.jit(f)
  args = jax.tree.map(jnp.asarray, args)
  return lambda: jax.block_until_ready(compiled(*args))


def _there_and_back(f, *args):
  """Returns two calls, with cotangents of 1 for the second."""

  def back(*args):
    out, vjp = jax.vjp(f, *args)
    return vjp(jnp.ones_like(out))

  return _call(f, *args), _call(back, *args)


def _layers(params, config, batch):
  def mix(q, k, v, cache):
    return q + jnp.repeat(k + v, q.shape[2] // k.shape[2], axis=2), cache

  positions = jnp.broadcast_to(
      jnp.arange(batch.tokens.shape[1]), batch.tokens.shape
  )

  def hidden(params):
    model = qwen3.Transformer(config, mix)
    return model.apply({'params': params}, batch.tokens, positions)[0]

  return _there_and_back(hidden, params)


def _attention(config, batch):
  """All layers' attention, on the same inputs but for a factor."""
  shape = lambda heads: batch.tokens.shape + (heads, config.head_dim)
  draw = lambda heads: np.float32(
      np.random.default_rng(heads).normal(size=shape(heads))
  )
  attend = blockwise.causal(jnp.zeros(batch.tokens.shape, jnp.int32))
  factors = jnp.linspace(0.9, 1.1, config.num_layers)

  def layers(q, k, v):
    body = lambda _, x: (None, attend(q * x, k, v, None)[0])
    return jax.lax.scan(body, None, factors)[1]

  q, kv = draw(config.num_heads), draw(config.num_kv_heads)
  return _there_and_back(layers, q, kv, kv)


def _loss(params, config, batch, chunk):
  hidden = np.random.default_rng(1).normal(
      size=batch.tokens.shape + (config.width,)
  )

  def loss(hidden, head):
    logps, _ = logps_lib.chunked_logps(
        hidden, head, batch.tokens, chunk=chunk, mask=batch.mask
    )
    count = jnp.sum(batch.mask)
    return step_lib.Objective().loss(logps, batch, count, count)

  head = qwen3.output_embedding(params)
  return _call(
      jax.value_and_grad(loss, argnums=(0, 1)), np.float32(hidden), head
  )


def _optimizer(params):
  tx = optimizer.make_optimizer(learning_rate=LEARNING_RATE)
  step = jax.jit(
      functools.partial(step_lib.apply_gradients, tx=tx),
      donate_argnames='state',
  )
  grads = jax.tree.map(jnp.array, params)
  params = jax.tree.map(jnp.array, params)
  state = types.TrainState(jnp.zeros((), jnp.int32), params, tx.init(params))

  def call():
    nonlocal state
    state = jax.block_until_ready(step(state, grads))

  return call
