"""Tests for bao_jax.model.blockwise."""

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.model import attention
from bao_jax.model import blockwise


def inputs(length, dtype=jnp.float32):
  rngs = jax.random.split(jax.random.key(0), 4)
  draw = lambda rng, heads: jax.random.normal(rng, (2, length, heads, 6), dtype)
  q, k, v, d_out = (draw(r, n) for r, n in zip(rngs, (4, 2, 2, 4)))
  # Two packed conversations in the first row; the second row is one.
  segments = jnp.stack(
      [
          (jnp.arange(length) >= length // 3).astype(jnp.int32),
          jnp.zeros(length, jnp.int32),
      ]
  )
  return q, k, v, d_out, segments


def at_once(q, k, v, segments):
  """Attends with the whole mask: the definition."""
  length = q.shape[1]
  mask = segments[:, :, None] == segments[:, None, :]
  mask &= jnp.tril(jnp.ones((length, length), bool))[None]
  k, v = (x.transpose(0, 2, 3, 1) for x in (k, v))
  return attention.attend(q, [k], [v], mask)


class CausalTest(parameterized.TestCase):

  @parameterized.parameters((7, 64), (12, 4), (13, 5), (40, 3), (1, 1))
  def test_values_and_gradients_equal_attention_at_once(self, length, block):
    q, k, v, d_out, segments = inputs(length)
    attend = blockwise.causal(segments, block=block)
    out, pull = jax.vjp(lambda *x: attend(*x, None)[0], q, k, v)
    expected, expected_pull = jax.vjp(lambda *x: at_once(*x, segments), q, k, v)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    for got, want in zip(pull(d_out), expected_pull(d_out)):
      np.testing.assert_allclose(got, want, atol=1e-5)

  def test_gradients_have_the_dtype_of_the_inputs(self):
    q, k, v, d_out, segments = inputs(9, jnp.bfloat16)
    attend = blockwise.causal(segments)
    out, pull = jax.vjp(lambda *x: attend(*x, None)[0], q, k, v)
    self.assertEqual(out.dtype, jnp.bfloat16)
    expected, expected_pull = jax.vjp(lambda *x: at_once(*x, segments), q, k, v)
    as_float = lambda x: np.asarray(x, np.float32)
    np.testing.assert_allclose(as_float(out), as_float(expected), atol=0.03)
    for got, want in zip(pull(d_out), expected_pull(d_out)):
      self.assertEqual(got.dtype, jnp.bfloat16)
      np.testing.assert_allclose(as_float(got), as_float(want), atol=0.1)

  def test_hands_the_cache_through(self):
    q, k, v, _, segments = inputs(4)
    self.assertEqual(blockwise.causal(segments)(q, k, v, 'held')[1], 'held')


if __name__ == '__main__':
  absltest.main()
