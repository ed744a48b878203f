"""Tests for bao_jax.rl.logps."""

from absl.testing import absltest
from absl.testing import parameterized
import chex
import jax
import jax.numpy as jnp
from jax.sharding import AxisType
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
import numpy as np

from bao_jax.rl import logps

jit = chex.variants(with_jit=True, without_jit=True)


def random_inputs(dtype=jnp.float32, num_rows=2, length=7, width=8):
  rng = np.random.default_rng(0)
  hidden = jnp.array(rng.normal(size=(num_rows, length, width)), dtype)
  embedding = jnp.array(rng.normal(size=(11, width)), dtype)
  embedding *= (8 / width) ** 0.5
  return hidden, embedding, jnp.array(rng.integers(11, size=hidden.shape[:2]))


@jax.jit
def direct(hidden, embedding, tokens, temperature=1.0):
  logits = jnp.einsum(
      'btd,vd->btv', hidden, embedding, preferred_element_type=jnp.float32
  )
  return logps.token_logps(logits, tokens, temperature=temperature)


class TokenLogpsTest(chex.TestCase):

  @jit
  def test_worked_example(self):
    # Position 0 says (1/2, 1/4, 1/4) of token 1, position 1 says (0.1, 0.9, 0)
    # of token 2, position 2 speaks of what comes after.
    probs = jnp.array([[[0.5, 0.25, 0.25], [0.1, 0.9, 1e-30], [0.2, 0.3, 0.5]]])
    tokens = jnp.array([[0, 2, 1]])
    values, entropies = self.variant(logps.token_logps)(jnp.log(probs), tokens)
    np.testing.assert_allclose(values, np.log([[1, 0.25, 0.9]]), rtol=1e-5)
    # log(2) / 2 + log(4) / 2 = 1.039721; -0.1 log 0.1 - 0.9 log 0.9 = 0.325083.
    np.testing.assert_allclose(entropies, [[0, 1.039721, 0.325083]], rtol=1e-5)

  def test_temperature_divides_the_logits(self):
    # Logits 0 and 2 at τ = 2: odds of e to 1.
    logits = jnp.array([[[0.0, 2.0], [0.0, 0.0]]])
    values, _ = logps.token_logps(logits, jnp.array([[0, 1]]), temperature=2.0)
    np.testing.assert_allclose(
        values, [[0, np.log(np.e / (1 + np.e))]], rtol=1e-6
    )

  def test_softmax_is_in_float32(self):
    logits = jnp.zeros((1, 2, 1000), jnp.bfloat16)
    values, entropies = logps.token_logps(logits, jnp.zeros((1, 2), int))
    chex.assert_type([values, entropies], jnp.float32)
    np.testing.assert_allclose(values[0, 1], -np.log(1000), rtol=1e-6)
    np.testing.assert_allclose(entropies[0, 1], np.log(1000), rtol=1e-5)

  def test_a_token_is_scored_without_seeing_it(self):
    hidden, embedding, tokens = random_inputs()
    # What follows position t has no part in the log-probability at t.
    fn = lambda hidden: direct(hidden, embedding, tokens)[0][0, 3]
    grad = jax.jit(jax.grad(fn))(hidden)
    np.testing.assert_array_equal(
        np.flatnonzero(np.any(grad[0] != 0, axis=1)), [2]
    )


class ChunkedLogpsTest(chex.TestCase):

  @jit
  @parameterized.parameters(1, 3, 7, 64)
  def test_equals_the_direct_way(self, chunk):
    args = random_inputs()
    fn = lambda *args: logps.chunked_logps(*args, temperature=0.7, chunk=chunk)
    chex.assert_trees_all_close(
        self.variant(fn)(*args), direct(*args, temperature=0.7), atol=1e-5
    )

  @parameterized.product(chunk=(1, 3, 64), keep=(0, 1000))
  def test_gradients_equal_the_direct_way(self, chunk, keep):
    hidden, embedding, tokens = random_inputs(width=128)
    weights = np.random.default_rng(1).normal(size=(2, 2, 7))

    def loss(fn, hidden, embedding):
      values, entropies = fn(hidden, embedding, tokens)
      return jnp.sum(weights * jnp.stack([values, entropies]))

    chunked = lambda *args: logps.chunked_logps(*args, chunk=chunk, keep=keep)
    grads = jax.jit(jax.grad(loss, argnums=(1, 2)), static_argnums=0)
    chex.assert_trees_all_close(
        grads(chunked, hidden, embedding),
        grads(direct, hidden, embedding),
        atol=1e-5,
    )

  def test_large_logits_never_exist_as_a_whole(self):
    hidden, embedding, tokens = random_inputs(num_rows=3, length=32, width=128)

    def loss(hidden, embedding):
      values, _ = logps.chunked_logps(
          hidden, embedding, tokens, chunk=4, keep=3 * 32 * 11 - 1
      )
      return jnp.sum(values)

    jaxpr = str(
        jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(hidden, embedding)
    )
    self.assertIn('f32[11,12]', jaxpr)  # [V, B chunk]
    for whole in ('3,32,11', '11,3,32', '8,11,12', '96,11', '11,96'):
      self.assertNotIn(f'[{whole}]', jaxpr)

  def test_short_conversations_are_not_padded_to_a_chunk(self):
    fn = lambda *args: logps.chunked_logps(*args, chunk=64)
    self.assertIn('f32[11,14]', str(jax.make_jaxpr(fn)(*random_inputs())))

  @jit
  @parameterized.parameters(1, 3, 64)
  def test_a_mask_picks_the_tokens_to_score(self, chunk):
    args = random_inputs()
    mask = jnp.array([[1, 0, 1, 1, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0]], bool)
    fn = lambda *args: logps.chunked_logps(*args, chunk=chunk, mask=mask)
    everything = direct(*args)
    expected = [jnp.where(mask, x, 0.0) for x in everything]
    chex.assert_trees_all_close(
        list(self.variant(fn)(*args)), expected, atol=1e-5
    )

  @parameterized.parameters(1, 3, 64)
  def test_gradients_under_a_mask(self, chunk):
    hidden, embedding, tokens = random_inputs()
    mask = jnp.array([[1, 0, 1, 1, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0]], bool)
    weights = np.random.default_rng(1).normal(size=(2, 2, 7))

    def loss(fn, hidden, embedding):
      values, entropies = fn(hidden, embedding, tokens)
      return jnp.sum(weights * jnp.stack([values, entropies]) * mask[None])

    masked = lambda *args: logps.chunked_logps(*args, chunk=chunk, mask=mask)
    grads = jax.jit(jax.grad(loss, argnums=(1, 2)), static_argnums=0)
    actual = grads(masked, hidden, embedding)
    chex.assert_trees_all_close(
        actual, grads(direct, hidden, embedding), atol=1e-5
    )
    # Position t predicts t + 1.
    np.testing.assert_array_equal(
        np.any(actual[0] != 0, axis=-1)[:, :-1], mask[:, 1:]
    )

  def test_pieces_without_a_token_to_score_are_left_out(self):
    # A NaN in a hidden state reaches the gradient of the embedding as soon as
    # its logits are computed, whatever is done with the result.
    hidden, embedding, tokens = random_inputs()
    mask = jnp.zeros((2, 7), bool).at[:, jnp.array([2, 5])].set(True)
    hidden = hidden.at[:, jnp.array([0, 2, 3, 5, 6])].set(jnp.nan)

    @jax.jit
    @jax.grad
    def grad(embedding):
      values, _ = logps.chunked_logps(
          hidden, embedding, tokens, mask=mask, chunk=1
      )
      return jnp.sum(values)

    self.assertTrue(np.all(np.isfinite(grad(embedding))))

  def test_no_token_to_score(self):
    args = random_inputs()
    fn = jax.jit(lambda mask: logps.chunked_logps(*args, mask=mask, chunk=2))
    for scores in fn(jnp.zeros((2, 7), bool)):
      np.testing.assert_array_equal(scores, 0)

  def test_reduced_precision_keeps_float32_sums(self):
    args = random_inputs(jnp.bfloat16)
    values, entropies = logps.chunked_logps(*args, chunk=3)
    chex.assert_type([values, entropies], jnp.float32)
    chex.assert_trees_all_close((values, entropies), direct(*args), atol=1e-5)

  def test_is_the_same_on_a_mesh(self):
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
    hidden, embedding, tokens = random_inputs(num_rows=8)
    put = lambda x: jax.device_put(x, NamedSharding(mesh, P('data')))
    fn = jax.jit(lambda *args: logps.chunked_logps(*args, chunk=3))
    chex.assert_trees_all_close(
        fn(put(hidden), embedding, put(tokens)),
        fn(hidden, embedding, tokens),
        atol=1e-5,
    )


if __name__ == '__main__':
  absltest.main()
