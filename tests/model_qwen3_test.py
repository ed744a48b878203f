"""Tests for bao_jax.model.qwen3 and bao_jax.model.attention."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.model import attention
from bao_jax.model import blockwise
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from benchmarks import measure


def make(tied: bool = True):
  """Returns a small shape and weights."""
  config = config_lib.ModelConfig(
      vocab_size=32,
      num_layers=2,
      width=16,
      ff_width=24,
      num_heads=4,
      num_kv_heads=2,
      head_dim=6,
      tie_embeddings=tied,
  )
  return config, measure.parameters(config)


@functools.partial(jax.jit, static_argnums=0)
def forward(config, params, tokens):
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  attend = blockwise.causal(jnp.zeros_like(tokens))
  model = qwen3.Transformer(config, attend)
  return model.apply({'params': params}, tokens, positions)[0]


class RotateTest(absltest.TestCase):

  def test_worked_example(self):
    # Two dimensions turn by the position itself: (1, 0) -> (cos 1, sin 1).
    x = jnp.array([1.0, 0.0]).reshape(1, 1, 1, 2)
    out = qwen3.rotate(x, jnp.array([[1]]), 1e4)
    np.testing.assert_allclose(
        out.ravel(), [np.cos(1.0), np.sin(1.0)], atol=1e-6
    )


def slots_last(x):
  return np.swapaxes(x, 2, 3)


class AttendTest(absltest.TestCase):

  def test_equals_one_head_at_a_time(self):
    rng = np.random.default_rng(0)
    q = rng.normal(size=(2, 3, 4, 6)).astype(np.float32)
    k, v = rng.normal(size=(2, 2, 2, 5, 6)).astype(np.float32)
    mask = np.ones((2, 3, 5), bool)
    mask[:, :, 4] = False
    attend = jax.jit(attention.attend)
    out = attend(q, [slots_last(k)], [slots_last(v)], mask)
    for head in range(4):
      group = head // 2  # Two query heads share a key head.
      scores = q[:, :, head] @ k[:, group].transpose(0, 2, 1) / np.sqrt(6)
      weights = np.exp(scores[..., :4])
      weights /= weights.sum(axis=-1, keepdims=True)
      np.testing.assert_allclose(
          out[:, :, head], weights @ v[:, group, :4], atol=1e-5
      )


class TransformerTest(parameterized.TestCase):

  def test_no_token_sees_a_later_one(self):
    config, params = make()
    tokens = np.arange(8).reshape(1, 8)
    changed = np.where(tokens == 5, 31, tokens)
    a, b = (np.asarray(forward(config, params, x)) for x in (tokens, changed))
    np.testing.assert_array_equal(a[:, :5], b[:, :5])
    self.assertGreater(np.max(np.abs(a[:, 5:] - b[:, 5:])), 1e-3)

  def test_unrolled_equals_scanned(self):
    config, params = make()
    tokens = np.random.default_rng(0).integers(32, size=(2, 7))

    @jax.jit
    def unrolled(params):
      return qwen3.unrolled(
          qwen3.unstack(params),
          config,
          blockwise.causal(jnp.zeros_like(tokens)),
          tokens,
          np.broadcast_to(np.arange(7), (2, 7)),
          (None, None),
      )[0]

    np.testing.assert_allclose(
        unrolled(params), forward(config, params, tokens), atol=1e-5
    )

  @parameterized.parameters(True, False)
  def test_logits_use_the_output_embedding(self, tied):
    _, params = make(tied)
    self.assertEqual('head' in params, not tied)
    hidden = jnp.ones((1, 16))
    matrix = params['embedding' if tied else 'head']
    np.testing.assert_allclose(
        qwen3.logits(hidden, params), hidden @ matrix.T, atol=1e-5
    )

  def test_every_parameter_names_its_axes(self):
    config, params = make(tied=False)
    init = functools.partial(qwen3.init, config)
    boxed = jax.eval_shape(init, jax.random.key(0))
    specs = nn.get_partition_spec(boxed)
    jax.tree.map(
        lambda x, spec: self.assertLen(spec, x.ndim),
        params,
        jax.tree.map(tuple, specs, is_leaf=lambda x: not isinstance(x, dict)),
        is_leaf=lambda x: not isinstance(x, dict),
    )


if __name__ == '__main__':
  absltest.main()
