"""Tests for bao_jax.model.qwen3 and bao_jax.model.attention."""

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


def make(tied: bool = True):
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
  boxed = qwen3.init(config, jax.random.key(0))
  return config, nn.meta.unbox(boxed), boxed


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
  return jnp.swapaxes(x, 2, 3)


class AttendTest(absltest.TestCase):

  def test_equals_one_head_at_a_time(self):
    rngs = jax.random.split(jax.random.key(1), 3)
    q = jax.random.normal(rngs[0], (2, 3, 4, 6))
    k, v = (jax.random.normal(rng, (2, 2, 5, 6)) for rng in rngs[1:])
    mask = jnp.ones((2, 3, 5), bool).at[:, :, 4].set(False)
    out = attention.attend(q, [slots_last(k)], [slots_last(v)], mask)
    for head in range(4):
      group = head // 2  # Two query heads share a key head.
      scores = q[:, :, head] @ k[:, group].transpose(0, 2, 1) / np.sqrt(6)
      weights = jax.nn.softmax(scores[..., :4], axis=-1)
      np.testing.assert_allclose(
          out[:, :, head], weights @ v[:, group, :4], atol=1e-5
      )


class TransformerTest(parameterized.TestCase):

  def test_no_token_sees_a_later_one(self):
    config, params, _ = make()
    tokens = jnp.arange(8).reshape(1, 8)
    changed = tokens.at[0, 5].set(31)
    a, b = forward(config, params, tokens), forward(config, params, changed)
    np.testing.assert_array_equal(a[:, :5], b[:, :5])
    self.assertGreater(float(jnp.max(jnp.abs(a[:, 5:] - b[:, 5:]))), 1e-3)

  def test_unrolled_equals_scanned(self):
    config, params, _ = make()
    tokens = jax.random.randint(jax.random.key(2), (2, 7), 0, 32)
    positions = jnp.broadcast_to(jnp.arange(7), (2, 7))
    hidden, _ = qwen3.unrolled(
        qwen3.unstack(params),
        config,
        blockwise.causal(jnp.zeros_like(tokens)),
        tokens,
        positions,
        (None, None),
    )
    np.testing.assert_allclose(
        hidden, forward(config, params, tokens), atol=1e-5
    )

  @parameterized.parameters(True, False)
  def test_logits_use_the_output_embedding(self, tied):
    _, params, _ = make(tied)
    self.assertEqual('head' in params, not tied)
    hidden = jnp.ones((1, 16))
    matrix = params['embedding' if tied else 'head']
    np.testing.assert_allclose(
        qwen3.logits(hidden, params), hidden @ matrix.T, atol=1e-5
    )

  def test_every_parameter_names_its_axes(self):
    _, params, boxed = make(tied=False)
    specs = nn.get_partition_spec(boxed)
    jax.tree.map(
        lambda x, spec: self.assertLen(spec, x.ndim),
        params,
        jax.tree.map(tuple, specs, is_leaf=lambda x: not isinstance(x, dict)),
        is_leaf=lambda x: not isinstance(x, dict),
    )


if __name__ == '__main__':
  absltest.main()
