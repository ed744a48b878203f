from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.sampling import choose

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1], np.float32))


def sampling(keys, *, temperature=1.0, top_k=0, top_p=1.0):
  num_rows = len(keys)
  return choose.Sampling(
      key=keys,
      temperature=jnp.full(num_rows, temperature, jnp.float32),
      top_k=jnp.full(num_rows, top_k, jnp.int32),
      top_p=jnp.full(num_rows, top_p, jnp.float32),
  )


def keys_of(num_rows, *, seed=0, step=0):
  rows = np.arange(num_rows, dtype=np.uint32)
  return choose.row_keys(seed, step, rows, np.zeros_like(rows))


def frequencies(logits, **settings):
  """Samples one token per row and counts."""
  num_rows = 20_000
  rows = jnp.broadcast_to(jnp.asarray(logits), (num_rows, len(logits)))
  tokens, logps = jax.jit(choose.choose)(
      rows, sampling(keys_of(num_rows), **settings), jnp.arange(num_rows)
  )
  counts = np.bincount(tokens, minlength=len(logits))
  return counts / num_rows, np.asarray(tokens), np.asarray(logps)


class ChooseTest(chex.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      # Four standard errors of 20 000 draws are 0.014 at most.
      (dict(), [0.5, 0.25, 0.15, 0.1]),
      # p^2 normalized: 0.25, 0.0625, 0.0225, 0.01 over 0.345.
      (dict(temperature=0.5), [0.7246, 0.1812, 0.0652, 0.0290]),
      (dict(temperature=0.0), [1, 0, 0, 0]),
      (dict(top_k=1), [1, 0, 0, 0]),
      (dict(top_k=2), [2 / 3, 1 / 3, 0, 0]),
      (dict(top_k=9), [0.5, 0.25, 0.15, 0.1]),
      # The second token is the first at which 0.6 is reached.
      (dict(top_p=0.6), [2 / 3, 1 / 3, 0, 0]),
      (dict(top_p=1e-6), [1, 0, 0, 0]),
      (dict(top_k=3, top_p=0.6), [2 / 3, 1 / 3, 0, 0]),
      (dict(temperature=0.5, top_p=0.75), [0.8, 0.2, 0, 0]),
  )
  def test_frequencies(self, settings, expected):
    shares, _, _ = frequencies(LOGITS, **settings)
    np.testing.assert_allclose(shares, expected, atol=0.014)
    np.testing.assert_array_equal(shares[np.array(expected) == 0], 0)

  @parameterized.parameters(1.0, 0.5)
  def test_logps_are_the_tempered_ones_before_truncation(self, temperature):
    _, tokens, logps = frequencies(LOGITS, temperature=temperature, top_k=2)
    expected = jax.nn.log_softmax(LOGITS / temperature)[tokens]
    np.testing.assert_allclose(logps, expected, atol=1e-6)

  def test_greedy_logps_are_at_temperature_one(self):
    _, _, logps = frequencies(LOGITS, temperature=0.0)
    np.testing.assert_allclose(logps, LOGITS[0], atol=1e-6)

  def test_token_without_weight_is_never_sampled(self):
    logits = np.array([-np.inf, 0, -np.inf, 0, -np.inf], np.float32)
    shares, _, logps = frequencies(logits)
    np.testing.assert_array_equal(shares[[0, 2, 4]], 0)
    np.testing.assert_allclose(shares[[1, 3]], 0.5, atol=0.014)
    self.assertTrue(np.isfinite(logps).all())

  def test_settings_are_per_row(self):
    # More tokens than truncated sampling looks at.
    logits = jnp.tile(LOGITS, (400, 50))
    plain = sampling(keys_of(400))
    mixed = plain.replace(
        temperature=plain.temperature.at[::2].set(0.0),
        top_k=plain.top_k.at[1::4].set(1),
    )
    positions = jnp.zeros(400, jnp.int32)
    tokens, _ = choose.choose(logits, mixed, positions)
    free, _ = choose.choose(logits, plain, positions)
    np.testing.assert_array_equal(tokens[::2], 0)
    np.testing.assert_array_equal(tokens[1::4], 0)
    self.assertGreater(np.max(tokens[3::4]), 0)
    # A row draws alike whether or not another row is truncated.
    np.testing.assert_array_equal(tokens[3::4], free[3::4])

  @chex.variants(with_jit=True, without_jit=True)
  def test_bits_do_not_depend_on_row_or_batch(self):
    logits = jax.random.normal(jax.random.key(1), (16, 50))
    settings, positions = sampling(keys_of(16)), jnp.arange(16) % 5
    call = self.variant(choose.choose)
    tokens, logps = call(logits, settings, positions)
    order = np.random.default_rng(0).permutation(16)[:7]
    part = jax.tree.map(lambda x: x[order], (logits, settings, positions))
    for got, expected in zip(call(*part), (tokens, logps)):
      np.testing.assert_array_equal(got, expected[order])

  def test_rounding_cannot_run_past_the_last_token(self):
    logits = jnp.zeros((1, 4))
    ones = jnp.full(1, np.nextafter(np.float32(1), np.float32(0)))
    self.assertLess(choose._invert(logits, ones)[0], 4)
    weightless_end = jnp.array([[0.0, 0.0, -jnp.inf, -jnp.inf]])
    self.assertEqual(choose._invert(weightless_end, jnp.ones(1))[0], 1)


class KeysTest(absltest.TestCase):

  def test_every_part_counts(self):
    one = np.ones(1, np.uint32)
    base = choose.row_keys(1, 1, one, one)
    others = [
        choose.row_keys(2, 1, one, one),
        choose.row_keys(1, 2, one, one),
        choose.row_keys(1, 1, 2 * one, one),
        choose.row_keys(1, 1, one, 2 * one),
    ]
    for other in others:
      self.assertFalse(np.array_equal(base, other))
    np.testing.assert_array_equal(base, choose.row_keys(1, 1, one, one))

  def test_positions_and_rows_are_independent(self):
    keys = keys_of(300)
    draws = jnp.stack(
        [choose.uniforms(keys, jnp.full(300, t)) for t in range(20)]
    )
    self.assertGreaterEqual(draws.min(), 0)
    self.assertLess(draws.max(), 1)
    self.assertAlmostEqual(float(draws.mean()), 0.5, delta=0.015)
    correlation = np.corrcoef(draws)
    self.assertLess(np.abs(correlation - np.eye(20)).max(), 0.25)


if __name__ == '__main__':
  absltest.main()
