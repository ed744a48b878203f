"""Log-probabilities, losses and the optimizer against torch."""

import functools

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.rl import logps as logps_lib
from bao_jax.train import optimizer
from bao_jax.train import step as step_lib

_REASON = 'needs the extra parity: pip install -e ".[parity]"'
torch = pytest.importorskip('torch', reason=_REASON)
pytest.importorskip('transformers', reason=_REASON)

from benchmarks import measure  # noqa: E402
from benchmarks import peers  # noqa: E402
from benchmarks import torch_qwen3  # noqa: E402

pytestmark = pytest.mark.parity

CONFIG = config_lib.ModelConfig(48, 2, 24, 40, 4, 2, 10, rope_theta=1e4)
RATE, DECAY, CLIP_NORM = 1e-3, 0.1, 0.5
# Far above the rounding of gradients, which Adam else blows up where they are
# all but 0.
EPS = 1e-5


class LogpsTest(parameterized.TestCase):

  @parameterized.parameters(1.0, 0.7)
  def test_values_entropies_and_gradients(self, temperature):
    rng = np.random.default_rng(0)
    hidden, head = (
        rng.normal(size=shape).astype(np.float32)
        for shape in ((2, 37, 8), (48, 8))
    )
    tokens = rng.integers(48, size=(2, 37), dtype=np.int32)

    def total(hidden, head):
      logps, entropies = logps_lib.chunked_logps(
          hidden, head, tokens, temperature=temperature, chunk=16
      )
      return jnp.sum(logps + 0.3 * entropies), (logps, entropies)

    call = jax.jit(jax.grad(total, argnums=(0, 1), has_aux=True))
    grads, (logps, entropies) = call(hidden, head)
    inputs = [torch.tensor(x, requires_grad=True) for x in (hidden, head)]
    logits = inputs[0][:, :-1] @ inputs[1].T / temperature
    chosen = torch.distributions.Categorical(logits=logits)
    targets = torch.from_numpy(tokens[:, 1:])
    expected = chosen.log_prob(targets), chosen.entropy()
    (expected[0] + 0.3 * expected[1]).sum().backward()
    for ours, theirs in zip((logps, entropies), expected):
      np.testing.assert_allclose(ours[:, 1:], theirs.detach(), atol=2e-5)
      np.testing.assert_array_equal(ours[:, 0], 0)
    for ours, theirs in zip(grads, inputs):
      np.testing.assert_allclose(ours, theirs.grad, rtol=1e-4, atol=1e-4)


class PolicyStepTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    params = measure.parameters(CONFIG)
    rng = np.random.default_rng(0)
    tokens = rng.integers(48, size=(8, 40), dtype=np.int32)
    mask = rng.random((8, 40)) < 0.6
    mask[:, 0] = False
    # Wide enough around the policy's own that both sides of the clip act.
    old = np.array(self.logps(params, tokens)) + rng.normal(size=(8, 40)) * 0.3
    advantages = rng.normal(size=(8, 40)).astype(np.float32)
    self.params = params
    self.batch = step_lib.PolicyBatch(
        tokens, mask, old.astype(np.float32), advantages, np.zeros((8, 40))
    )

  def logps(self, params, tokens):
    call = functools.partial(
        step_lib.token_logps, model=step_lib.ModelFn(CONFIG)
    )
    return jax.jit(call)(params, tokens, np.ones(tokens.shape, bool))[0]

  @parameterized.parameters(1, 4)
  def test_parameters_after_updates(self, num_microbatches):
    tx = optimizer.make_optimizer(
        learning_rate=RATE, weight_decay=DECAY, clip_norm=CLIP_NORM, eps=EPS
    )
    zero = jnp.zeros((), jnp.int32)
    state = types.TrainState(zero, self.params, tx.init(self.params))
    step = functools.partial(
        step_lib.policy_step,
        model=step_lib.ModelFn(CONFIG, chunk=16),
        tx=tx,
        objective=step_lib.Objective(),
        temperature=0.9,
        num_microbatches=num_microbatches,
    )
    step = jax.jit(step)
    for _ in range(3):
      state, metrics = step(state, self.batch)
      self.assertGreater(metrics['policy/gradient_norm'], CLIP_NORM)
      self.assertBetween(metrics['policy/clip_fraction'], 0.1, 0.9)
    weights = peers.state_dict(self.params)
    before = {name: x.clone() for name, x in weights.items()}
    self.update_by_torch(weights, num_updates=3, temperature=0.9)
    for name, ours in peers.state_dict(state.params).items():
      moved = (weights[name] - before[name]).abs().max()
      self.assertGreater(moved, RATE, name)
      np.testing.assert_allclose(
          ours, weights[name].detach(), atol=1e-5, err_msg=name
      )

  def update_by_torch(self, weights, *, num_updates, temperature):
    for x in weights.values():
      x.requires_grad_()
    adam = torch_qwen3.make_optimizer(
        weights, learning_rate=RATE, weight_decay=DECAY, eps=EPS
    )
    b = jax.tree.map(torch.from_numpy, self.batch)
    tokens = b.tokens.long()
    for _ in range(num_updates):
      hidden = torch_qwen3.hidden(weights, CONFIG, tokens)
      logps = torch_qwen3.logps(
          hidden, weights['model.embed_tokens.weight'], tokens, temperature
      )
      loss = torch_qwen3.clipped_loss(
          logps, b.old_logps[:, 1:], b.advantages[:, 1:], b.mask[:, 1:]
      )
      adam.zero_grad()
      loss.backward()
      torch_qwen3.take_step(weights, adam, CLIP_NORM)


if __name__ == '__main__':
  absltest.main()
