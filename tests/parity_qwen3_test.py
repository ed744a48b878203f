"""The model and the engine against transformers' Qwen3, weights the same."""

import dataclasses
import functools

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bao_jax.model import blockwise
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.rl import losses
from bao_jax.sampling import engine as engine_lib
from bao_jax.train import batch as batch_lib
from bao_jax.train import step as step_lib

_REASON = 'needs the extra parity: pip install -e ".[parity]"'
torch = pytest.importorskip('torch', reason=_REASON)
pytest.importorskip('transformers', reason=_REASON)

from benchmarks import measure  # noqa: E402
from benchmarks import peers  # noqa: E402
from benchmarks import talks  # noqa: E402
from benchmarks import torch_qwen3  # noqa: E402

pytestmark = pytest.mark.parity

LENGTH = 150  # Three blocks of attention, the last one short.


def make(*, tied=True, num_kv_heads=2, rope_theta=1e4):
  """Returns a small shape and weights."""
  config = config_lib.ModelConfig(
      vocab_size=48,
      num_layers=2,
      width=24,
      ff_width=40,
      num_heads=4,
      num_kv_heads=num_kv_heads,
      head_dim=10,
      rope_theta=rope_theta,
      norm_eps=1e-5,
      tie_embeddings=tied,
  )
  return config, measure.parameters(config)


def draw_tokens(rows=2, length=LENGTH):
  rng = np.random.default_rng(1)
  return rng.integers(48, size=(rows, length), dtype=np.int32)


@functools.partial(jax.jit, static_argnames='config')
def scanned(params, config, tokens, segments=None, positions=None):
  if segments is None:
    segments = jnp.zeros_like(tokens)
    positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  model = qwen3.Transformer(config, blockwise.causal(segments))
  hidden, _ = model.apply({'params': params}, tokens, positions)
  return qwen3.logits(hidden, params)


@functools.partial(jax.jit, static_argnames='config')
def unrolled(params, config, tokens):
  positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
  attend = blockwise.causal(jnp.zeros_like(tokens))
  hidden, _ = qwen3.unrolled(
      qwen3.unstack(params),
      config,
      attend,
      tokens,
      positions,
      (None,) * config.num_layers,
  )
  return qwen3.logits(hidden, params)


def theirs(model, tokens):
  with torch.inference_mode():
    return model(torch.from_numpy(tokens).long()).logits.numpy()


class LogitsTest(parameterized.TestCase):

  @parameterized.parameters((True, 1), (True, 2), (False, 2), (False, 4))
  def test_scanned_and_unrolled_layers(self, tied, num_kv_heads):
    config, params = make(tied=tied, num_kv_heads=num_kv_heads)
    tokens = draw_tokens()
    expected = theirs(peers.build(params, config), tokens)
    self.assertGreater(expected.std(), 0.5)
    for forward in (scanned, unrolled):
      np.testing.assert_allclose(
          forward(params, config, tokens), expected, atol=3e-5
      )

  @parameterized.parameters(1e2, 1e6)
  def test_theta(self, rope_theta):
    config, params = make(rope_theta=rope_theta)
    tokens = draw_tokens()
    np.testing.assert_allclose(
        scanned(params, config, tokens),
        theirs(peers.build(params, config), tokens),
        atol=3e-5,
    )

  def test_packed_conversations_equal_theirs_one_by_one(self):
    config, params = make()
    model = peers.build(params, config)
    first, second = draw_tokens(1, 90), draw_tokens(1, 60)
    packed = scanned(
        params,
        config,
        np.concatenate([first, second], axis=1),
        segments=np.repeat(np.arange(2), [90, 60])[None],
        positions=np.concatenate([np.arange(90), np.arange(60)])[None],
    )
    expected = [theirs(model, x) for x in (first, second)]
    np.testing.assert_allclose(
        packed, np.concatenate(expected, axis=1), atol=3e-5
    )

  def test_plain_torch_is_the_same_model(self):
    # The peer of benchmarks/train_step.py: it must do all of the work.
    config, params = make()
    tokens = draw_tokens()
    weights = peers.state_dict(params)
    hidden = torch_qwen3.hidden(
        weights, config, torch.from_numpy(tokens).long()
    )
    np.testing.assert_allclose(
        hidden @ weights['model.embed_tokens.weight'].T,
        theirs(peers.build(params, config), tokens),
        atol=3e-5,
    )


class GradientTest(parameterized.TestCase):

  @parameterized.parameters((True, False), (False, False), (True, True))
  def test_of_all_parameters(self, tied, remat):
    config, params = make(tied=tied)
    config = dataclasses.replace(config, remat='full' if remat else 'none')
    tokens, mask = draw_tokens(), draw_tokens() % 3 == 0
    mask[:, 0] = False

    def loss_fn(params):
      logps, _ = step_lib.token_logps(
          params, tokens, mask, model=step_lib.ModelFn(config, chunk=32)
      )
      return -losses.masked_mean(logps, mask)

    loss, grads = jax.jit(jax.value_and_grad(loss_fn))(params)
    expected_loss, expected = self.their_gradients(
        peers.build(params, config), tokens, mask
    )
    self.assertAlmostEqual(float(loss), expected_loss, places=5)
    grads = peers.state_dict(grads)
    self.assertEqual(set(grads), set(expected))
    for name, grad in grads.items():
      scale = np.abs(expected[name]).max()
      self.assertGreater(scale, 1e-4, name)
      np.testing.assert_allclose(
          grad, expected[name], atol=1e-4 * scale, err_msg=name
      )

  def their_gradients(self, model, tokens, mask):
    labels = np.where(mask, tokens, -100)
    loss = model(
        torch.from_numpy(tokens).long(), labels=torch.from_numpy(labels).long()
    ).loss
    loss.backward()
    grads = {name: x.grad.numpy() for name, x in model.named_parameters()}
    return loss.item(), grads

  def test_of_packed_conversations(self):
    # Two in one row, by ours; one after the other, by theirs.
    config, params = make()
    lengths = np.array([90, 60])
    parts = [draw_tokens(1, n) for n in lengths]
    mask = np.ones((1, 150), bool)
    mask[0, [0, 90]] = False
    batch = batch_lib.Packed(
        np.concatenate(parts, axis=1),
        np.repeat(np.arange(2, dtype=np.int32), lengths)[None],
        np.concatenate([np.arange(n, dtype=np.int32) for n in lengths])[None],
        mask,
    )

    def loss_fn(params):
      model = step_lib.ModelFn(config, chunk=32)
      logps, _ = step_lib.packed_logps(params, batch, model=model)
      return -jnp.sum(logps)

    grads = peers.state_dict(jax.jit(jax.grad(loss_fn))(params))
    model = peers.build(params, config)
    for x in parts:
      x = torch.from_numpy(x).long()
      (model(x, labels=x).loss * (x.shape[1] - 1)).backward()
    for name, x in model.named_parameters():
      scale = float(x.grad.abs().max())
      np.testing.assert_allclose(
          grads[name], x.grad, atol=1e-4 * scale, err_msg=name
      )


@functools.cache
def make_engine(config):
  """Returns the same engine for all tests of a shape: it compiles once."""
  return engine_lib.Engine(
      config, 3, 64, decode_tokens=9, append_buckets=(4, 16)
  )


class EngineTest(parameterized.TestCase):

  @parameterized.parameters((True, True), (False, True), (True, False))
  def test_likeliest_tokens_over_turns_equal_generate(self, tied, is_kept):
    config, params = make(tied=tied)
    engine = make_engine(config)
    talk = talks.replies(config, turns=3, rows=3, length=7)
    tokens = talks.speak(
        engine, engine.unstack(params), talk, temperature=0, is_kept=is_kept
    )
    model = peers.build(params, config)
    self.assertEqual(tokens.shape, (3, 48))
    self.assertGreater(len(np.unique(tokens[:, 7:16])), 3)
    for keeps in (True, False):
      expected = peers.speak(
          model, talk, num_tokens=9, is_sampled=False, is_kept=keeps
      )
      np.testing.assert_array_equal(tokens, expected)

  def test_sampled_talks_have_the_asked_shape_on_both_sides(self):
    config, params = make()
    engine = make_engine(config)
    talk = talks.replies(config, turns=3, rows=3, length=7)
    ours = talks.speak(engine, engine.unstack(params), talk)
    theirs = peers.speak(peers.build(params, config), talk, num_tokens=9)
    for tokens in (ours, theirs):
      self.assertEqual(tokens.shape, (3, 48))
      given = tokens.reshape(3, 3, 16)[:, :, :7]
      np.testing.assert_array_equal(given, talk.transpose(1, 0, 2))


if __name__ == '__main__':
  absltest.main()
