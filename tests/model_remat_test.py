"""Tests for what `model.remat` keeps, and for training in bfloat16."""

import dataclasses
import functools

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.model import config as config_lib
from bao_jax.train import step as step_lib
from benchmarks import measure

# So many layers that what is kept of them outweighs what one of them takes.
CONFIG = config_lib.ModelConfig(32, 12, 32, 96, 4, 2, 16)
MODEL = step_lib.ModelFn(CONFIG, chunk=64)


@functools.cache
def results(remat):
  """Returns loss, gradients and bytes of scratch memory."""
  model = MODEL._replace(config=dataclasses.replace(CONFIG, remat=remat))
  tokens = np.random.default_rng(0).integers(32, size=(2, 256), dtype=np.int32)
  mask = np.ones(tokens.shape, bool)
  mask[:, 0] = False

  def loss(params):
    logps, _ = step_lib.token_logps(params, tokens, mask, model=model)
    return -jnp.sum(logps) / mask.sum()

  params = measure.parameters(CONFIG)
  compiled = jax.jit(jax.value_and_grad(loss)).lower(params).compile()
  scratch = compiled.memory_analysis().temp_size_in_bytes
  return *compiled(params), scratch


class RematTest(parameterized.TestCase):

  @parameterized.parameters(*config_lib.REMAT[1:])
  def test_changes_neither_loss_nor_gradients(self, remat):
    loss, grads, _ = results(remat)
    expected_loss, expected, _ = results('none')
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    chex.assert_trees_all_close(grads, expected, atol=1e-6)

  def test_each_policy_takes_less_memory_than_the_one_before(self):
    scratch = [results(remat)[2] for remat in config_lib.REMAT]
    self.assertEqual(scratch, sorted(scratch, reverse=True))
    self.assertLess(scratch[-1], scratch[0] / 4)


if __name__ == '__main__':
  absltest.main()
