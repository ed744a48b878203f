"""The update of `updates` in torch, whole and in parts.

Needs the extra `parity`.
"""

from collections.abc import Callable

import jax
import torch

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.train import step as step_lib
from benchmarks import peers
from benchmarks import torch_qwen3
from benchmarks import updates as updates_lib


def updates(
    params: types.Params,
    config: config_lib.ModelConfig,
    batch: step_lib.PolicyBatch,
) -> dict[str, Callable[[], object]]:
  """Returns calls that take the next step each time."""
  weights = _trainable(params)
  model = peers.build(params, config)
  theirs = dict(model.named_parameters())  # A tied head is there once.
  tokens = torch.from_numpy(batch.tokens).long()
  return {
      'torch, plain': _update(
          weights,
          lambda: torch_qwen3.hidden(weights, config, tokens),
          batch,
      ),
      'torch, transformers': _update(
          theirs,
          lambda: model.model(tokens, use_cache=False).last_hidden_state,
          batch,
      ),
  }


def _trainable(params):
  weights = peers.state_dict(params)
  return {name: x.requires_grad_() for name, x in weights.items()}


def _head(weights):
  name = 'lm_head.weight'
  return weights.get(name, weights['model.embed_tokens.weight'])


def _loss(hidden, head, batch):
  logps = torch_qwen3.logps(hidden, head, batch.tokens.long())
  return torch_qwen3.clipped_loss(
      logps, batch.old_logps[:, 1:], batch.advantages[:, 1:], batch.mask[:, 1:]
  )


def _update(weights, forward, batch):
  adam = torch_qwen3.make_optimizer(
      weights, learning_rate=updates_lib.LEARNING_RATE
  )
  batch = jax.tree.map(torch.from_numpy, batch)

  def call():
    adam.zero_grad()
    _loss(forward(), _head(weights), batch).backward()
    torch_qwen3.take_step(weights, adam)

  return call


def parts(
    params: types.Params,
    config: config_lib.ModelConfig,
    batch: step_lib.PolicyBatch,
) -> dict[str, Callable[[], object]]:
  """Returns parts of an update by the names of `updates.PARTS`."""
  weights = _trainable(params)
  batch = jax.tree.map(torch.from_numpy, batch)
  calls = [
      *_layers(weights, config, batch.tokens.long()),
      *_attention(config, batch.tokens.shape),
      _loss_part(weights, config, batch),
      _optimizer(weights),
  ]
  return dict(zip(updates_lib.PARTS, calls, strict=True))


def _there_and_back(f, inputs):
  def forward():
    with torch.no_grad():
      f()

  def back():
    out = f()
    return torch.autograd.grad(out, inputs, torch.ones_like(out))

  return forward, back


def _layers(weights, config, tokens):
  def mix(q, k, v):
    return q + (k + v).repeat_interleave(q.shape[1] // k.shape[1], dim=1)

  hidden = lambda: torch_qwen3.hidden(weights, config, tokens, mix)
  inputs = [x for name, x in weights.items() if name != 'lm_head.weight']
  return _there_and_back(hidden, inputs)


def _attention(config, shape):
  rows, length = shape
  heads = config.num_heads, config.num_kv_heads, config.num_kv_heads
  inputs = [
      torch.randn(rows, n, length, config.head_dim, requires_grad=True)
      for n in heads
  ]
  q, k, v = inputs
  factors = torch.linspace(0.9, 1.1, config.num_layers)
  layers = lambda: torch.stack(
      [torch_qwen3.causal(q * x, k, v) for x in factors]
  )
  return _there_and_back(layers, inputs)


def _loss_part(weights, config, batch):
  hidden = torch.randn(*batch.tokens.shape, config.width, requires_grad=True)
  head = _head(weights)
  return lambda: torch.autograd.grad(_loss(hidden, head, batch), [hidden, head])


def _optimizer(weights):
  adam = torch_qwen3.make_optimizer(
      weights, learning_rate=updates_lib.LEARNING_RATE
  )
  for x in weights.values():
    x.grad = x.detach().clone()
  return lambda: torch_qwen3.take_step(weights, adam)
