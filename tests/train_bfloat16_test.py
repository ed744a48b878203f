"""Tests for computing in bfloat16 with float32 parameters."""

import dataclasses
import functools
import math
import re

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import optax

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib
from bao_jax.train import batch as batch_lib
from bao_jax.train import optimizer
from bao_jax.train import step as step_lib
from benchmarks import measure

CONFIG = config_lib.ModelConfig(40, 2, 32, 48, 4, 2, 8, dtype='bfloat16')
TX = optimizer.make_optimizer(learning_rate=1e-3)


def state_of(config):
  """Returns the shapes of a state."""
  params = jax.eval_shape(lambda: measure.parameters(config))
  params = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), params
  )
  step = jax.ShapeDtypeStruct((), jnp.int32)
  return types.TrainState(step, params, jax.eval_shape(TX.init, params))


def policy_batch(rows, length):
  shape = lambda dtype: jax.ShapeDtypeStruct((rows, length), dtype)
  logps = shape(jnp.float32)
  return step_lib.PolicyBatch(
      shape(jnp.int32), shape(jnp.bool_), logps, logps, logps
  )


def policy_step(config):
  return functools.partial(
      step_lib.policy_step,
      model=step_lib.ModelFn(config),
      tx=TX,
      objective=step_lib.Objective(),
      temperature=1.0,
      num_microbatches=2,
  )


def equations(jaxpr):
  """Yields all equations, those within others included."""
  for eqn in jaxpr.eqns:
    yield eqn
    for sub in jax.extend.core.jaxprs_in_params(eqn.params):
      yield from equations(sub)


class PrecisionTest(absltest.TestCase):

  def test_what_outlasts_a_step_is_float32(self):
    state, metrics = jax.eval_shape(
        policy_step(CONFIG), state_of(CONFIG), policy_batch(4, 16)
    )
    for leaf in jax.tree.leaves((state, metrics)):
      self.assertIn(leaf.dtype, (jnp.float32, jnp.int32))

  def test_sums_and_exponentials_are_float32(self):
    jaxpr = jax.make_jaxpr(policy_step(CONFIG))(
        state_of(CONFIG), policy_batch(4, 16)
    )
    careful = {'exp', 'log', 'rsqrt', 'cos', 'reduce_sum', 'reduce_max'}
    careful |= {'scatter-add', 'scatter_add'}
    seen, products = set(), set()
    for eqn in equations(jaxpr.jaxpr):
      name = eqn.primitive.name
      if name == 'dot_general':
        products.add(eqn.invars[0].aval.dtype)
      elif name in careful:
        seen.add(name)
        self.assertNotEqual(eqn.outvars[0].aval.dtype, jnp.bfloat16, eqn)
    self.assertContainsSubset(careful - {'scatter_add', 'scatter-add'}, seen)
    self.assertEqual(products, {jnp.dtype(jnp.bfloat16)})

  def test_gradients_are_near_those_in_float32(self):
    params = measure.parameters(CONFIG)
    tokens = np.random.default_rng(0).integers(40, size=(2, 24))
    mask = np.ones(tokens.shape, bool)
    mask[:, 0] = False

    @functools.partial(jax.jit, static_argnums=0)
    @functools.partial(jax.grad, argnums=1)
    def gradient(config, params):
      model = step_lib.ModelFn(config)
      logps, _ = step_lib.token_logps(params, tokens, mask, model=model)
      return -jnp.sum(logps) / mask.sum()

    got = gradient(CONFIG, params)
    exact = gradient(dataclasses.replace(CONFIG, dtype='float32'), params)
    chex.assert_trees_all_equal_dtypes(got, exact)
    error = jax.tree.map(lambda x, y: x - y, got, exact)
    self.assertLess(optax.global_norm(error), 0.03 * optax.global_norm(exact))

  def test_sampler_and_trainer_agree(self):
    engine = engine_lib.Engine(CONFIG, 4, 64, decode_tokens=32)
    params = measure.parameters(CONFIG)
    prompt = np.random.default_rng(0).integers(40, size=(4, 9), dtype=np.int32)
    full = lambda value, dtype: np.full(4, value, dtype)
    rows = np.arange(4, dtype=np.uint32)
    sampling = choose.Sampling(
        np.asarray(engine.row_keys(0, 0, rows, rows)),
        full(1, np.float32),
        full(0, np.int32),
        full(1, np.float32),
    )
    unstacked = engine.unstack(params)
    cache = engine.append(
        unstacked, engine.empty_rows(), prompt[:, :-1], longest=0
    )
    budget, never = full(32, np.int32), full(-1, np.int32)
    _, out = engine.decode(
        unstacked, cache, prompt[:, -1], budget, sampling, never, longest=8
    )
    tokens = np.concatenate([prompt, out.tokens], axis=1)
    forward = functools.partial(
        step_lib.token_logps, model=step_lib.ModelFn(CONFIG)
    )
    logps, _ = jax.jit(forward)(params, tokens, np.ones(tokens.shape, bool))
    gap = np.abs(logps[:, 9:] - out.logps)
    # Logits have a deviation of about 1 and eight bits.
    self.assertLess(np.mean(gap), 0.01)
    self.assertLess(np.max(gap), 0.05)

  def test_decoding_reads_matrices_in_bfloat16_and_scales_in_float32(self):
    engine = engine_lib.Engine(CONFIG, 4, 64)
    unstacked = engine.unstack(measure.parameters(CONFIG))
    for path, x in jax.tree_util.tree_leaves_with_path(unstacked):
      is_scale = path[-1].key == 'scale'
      self.assertEqual(x.dtype, jnp.float32 if is_scale else jnp.bfloat16)


class MemoryTest(parameterized.TestCase):

  @parameterized.parameters(*config_lib.REMAT)
  def test_layers_are_never_cast_as_a_whole(self, remat):
    config = dataclasses.replace(CONFIG, num_layers=6, remat=remat)
    # Rows times tokens differ from the model's widths.
    args = state_of(config), policy_batch(4, 20)
    text = jax.jit(policy_step(config)).lower(*args).as_text()
    for shape in ('32x48', '48x32', '32x4x8', '32x32'):
      self.assertEqual(text.count(f'tensor<6x{shape}xbf16>'), 0, shape)
    self.assertGreater(text.count('tensor<6x32x48xf32>'), 0)

  def test_logits_of_all_tokens_never_exist(self):
    words, rows, length = 151936, 2, 1024
    config = dataclasses.replace(CONFIG, vocab_size=words, remat='full')
    array = lambda dtype: jax.ShapeDtypeStruct((rows, length), dtype)
    ids = array(jnp.int32)
    batch = batch_lib.Packed(ids, ids, ids, array(jnp.bool_))
    step = functools.partial(
        step_lib.supervised_step, model=step_lib.ModelFn(config), tx=TX
    )
    compiled = (
        jax.jit(step, donate_argnames='state')
        .lower(state_of(config), batch)
        .compile()
    )
    self.assertLess(
        compiled.memory_analysis().temp_size_in_bytes,
        rows * length * words * 4,
    )
    shapes = re.findall(r'\w+\[([\d,]+)\]', compiled.as_text())
    sizes = [list(map(int, shape.split(','))) for shape in set(shapes)]
    with_words = [math.prod(size) for size in sizes if words in size]
    self.assertNotEmpty(with_words)
    self.assertLess(max(with_words), rows * length * words)


if __name__ == '__main__':
  absltest.main()
