"""Tests for bao_jax.model.blockwise."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.model import attention
from bao_jax.model import blockwise


def inputs(length, dtype=jnp.float32):
  rng = np.random.default_rng(0)
  draw = lambda heads: jnp.array(rng.normal(size=(2, length, heads, 6)), dtype)
  q, k, v, d_out = map(draw, (4, 2, 2, 4))
  # Two packed conversations in the first row; the second row is one.
  segments = np.zeros((2, length), np.int32)
  segments[0, length // 3 :] = 1
  return q, k, v, d_out, segments


def at_once(q, k, v, segments):
  """Attends with the whole mask: the definition."""
  length = q.shape[1]
  mask = segments[:, :, None] == segments[:, None, :]
  mask &= jnp.tril(jnp.ones((length, length), bool))[None]
  k, v = (x.transpose(0, 2, 3, 1) for x in (k, v))
  return attention.attend(q, [k], [v], mask)


@functools.partial(jax.jit, static_argnames='block')
def both(q, k, v, d_out, segments, block=64):
  """Computes values and gradients in blocks, then at once."""
  attend = blockwise.causal(segments, block=block)
  results = []
  for fn in (
      lambda *x: attend(*x, None)[0],
      lambda *x: at_once(*x, segments),
  ):
    out, pull = jax.vjp(fn, q, k, v)
    results.append((out, *pull(d_out)))
  return results


class CausalTest(parameterized.TestCase):

  @parameterized.parameters((7, 64), (12, 4), (13, 5), (40, 3), (1, 1))
  def test_values_and_gradients_equal_attention_at_once(self, length, block):
    for got, want in zip(*both(*inputs(length), block=block)):
      np.testing.assert_allclose(got, want, atol=1e-5)

  def test_gradients_have_the_dtype_of_the_inputs(self):
    tolerances = (0.03, 0.1, 0.1, 0.1)
    results = both(*inputs(9, jnp.bfloat16))
    for got, want, atol in zip(*results, tolerances, strict=True):
      self.assertEqual(got.dtype, jnp.bfloat16)
      as_float = (np.asarray(x, np.float32) for x in (got, want))
      np.testing.assert_allclose(*as_float, atol=atol)

  def test_hands_the_cache_through(self):
    q, k, v, _, segments = inputs(4)
    self.assertEqual(blockwise.causal(segments)(q, k, v, 'held')[1], 'held')


if __name__ == '__main__':
  absltest.main()
