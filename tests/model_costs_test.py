"""Tests for bao_jax.model.costs: against what XLA counts, and what there is."""

import dataclasses
import functools

from absl.testing import absltest
from absl.testing import parameterized
import flax.linen as nn
import jax
import jax.numpy as jnp

from bao_jax.model import cache as cache_lib
from bao_jax.model import config as config_lib
from bao_jax.model import costs
from bao_jax.model import qwen3
from bao_jax.train import optimizer
from bao_jax.train import step as step_lib

# Wide enough that products outweigh the rest. Logits are too many to be kept.
CONFIG = config_lib.ModelConfig(8448, 2, 256, 768, 4, 2, 64)
SHAPE = {'rows': 2, 'length': 512}


def abstract_params(config):
  init = functools.partial(qwen3.init, config)
  return nn.meta.unbox(jax.eval_shape(init, jax.random.key(0)))


def num_bytes(tree):
  return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


def counted(config, *, back):
  """Returns the FLOPs that XLA counts, of a loop those of its body once.

  Before it optimizes: its compiler for CPUs turns some products into calls,
  which then count nothing.
  """
  model = step_lib.ModelFn(config, chunk=SHAPE['length'])

  def loss(params, tokens, mask):
    return jnp.sum(step_lib.token_logps(params, tokens, mask, model=model)[0])

  shape = tuple(SHAPE.values())
  program = jax.jit(jax.grad(loss) if back else loss).lower(
      abstract_params(config),
      jax.ShapeDtypeStruct(shape, jnp.int32),
      jax.ShapeDtypeStruct(shape, jnp.bool_),
  )
  return program.cost_analysis()['flops']


class FlopsTest(parameterized.TestCase):
  """XLA also counts what is no product, and squares of blocks on the diagonal.

  Each adds a percent or two, so its count lies above the formula, and not far.
  """

  def check(self, xla, formula):
    self.assertBetween(xla / formula, 1.0, 1.04)

  def test_forward(self):
    tokens = SHAPE['rows'] * SHAPE['length']
    formula = costs.forward_flops(
        CONFIG, tokens=tokens, keys=(SHAPE['length'] + 1) / 2, logits=tokens
    )
    self.check(counted(CONFIG, back=False), formula)

  @parameterized.parameters(*config_lib.REMAT)
  def test_update(self, remat):
    config = dataclasses.replace(CONFIG, remat=remat)
    once = config
    if remat != 'none':  # Its layers stay in a loop.
      once = dataclasses.replace(config, num_layers=1)
    formula = costs.update_flops(once, **SHAPE)
    formula += costs.again_flops(once, **SHAPE)
    self.check(counted(config, back=True), formula)


class BytesTest(parameterized.TestCase):

  @parameterized.parameters(*config_lib.SIZES)
  def test_parameters_of_published_models(self, size):
    config = config_lib.SIZES[size]
    params = abstract_params(config)
    count = sum(x.size for x in jax.tree.leaves(params))
    self.assertEqual(costs.num_parameters(config), count)
    self.assertEqual(num_bytes(params), 4 * count)

  def test_a_state_holds_parameters_and_moments(self):
    params = abstract_params(CONFIG)
    tx = optimizer.make_optimizer(learning_rate=1e-3)
    held = num_bytes((params, jax.eval_shape(tx.init, params)))
    # But for the numbers of steps.
    self.assertBetween(held - costs.state_bytes(CONFIG), 0, 16)

  @parameterized.parameters(('4b', 147456), ('0.6b', 114688))
  def test_keys_of_a_token(self, size, expected):
    config = dataclasses.replace(config_lib.SIZES[size], dtype='bfloat16')
    self.assertEqual(costs.key_bytes(config), expected)
    cache = jax.eval_shape(lambda: cache_lib.empty(config, 3, 5))
    self.assertEqual(num_bytes((cache.k, cache.v)), 3 * 5 * expected)

  def test_decoding_reads_weights_once_and_keys_of_every_row(self):
    one = costs.decode_bytes(CONFIG, rows=1, held=0)
    self.assertEqual(costs.decode_bytes(CONFIG, rows=9, held=0), one)
    self.assertEqual(
        costs.decode_bytes(CONFIG, rows=9, held=7) - one,
        63 * costs.key_bytes(CONFIG),
    )

  def test_each_policy_keeps_less(self):
    kept = [
        costs.kept_bytes(dataclasses.replace(CONFIG, remat=remat), **SHAPE)
        for remat in config_lib.REMAT
    ]
    self.assertEqual(kept, sorted(kept, reverse=True))

  def test_micro_batches_move_gradients_and_parameters_again(self):
    one = costs.update_bytes(CONFIG, **SHAPE)
    two = costs.update_bytes(CONFIG, **SHAPE, micro_batches=2)
    self.assertBetween(two, one, 2 * one)


if __name__ == '__main__':
  absltest.main()
