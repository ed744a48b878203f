"""The architecture and its reinforcement learning update in plain torch.

Functions over the named weights of `peers.state_dict`: no more around the
products than they need, so a harder peer than a library's model. Needs the
extra `parity`.
"""

from collections.abc import Callable, Mapping

import torch
from torch.nn import functional as F

from bao_jax.model import config as config_lib

Weights = Mapping[str, torch.Tensor]
# [B, H, T, C] queries, [B, K, T, C] keys and values -> [B, H, T, C].
AttendFn = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def causal(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
  """Attends to earlier tokens, by the fused kernel."""
  return F.scaled_dot_product_attention(
      q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1]
  )


def hidden(
    weights: Weights,
    config: config_lib.ModelConfig,
    tokens: torch.Tensor,
    attend: AttendFn = causal,
) -> torch.Tensor:
  """Computes `[B, T, D]` normed hidden states of `[B, T]` tokens."""
  norm = lambda x, name: F.rms_norm(
      x, x.shape[-1:], weights[f'{name}.weight'], config.norm_eps
  )
  x = F.embedding(tokens, weights['model.embed_tokens.weight'])
  angles = _angles(config, tokens.shape[1])
  for i in range(config.num_layers):
    name = f'model.layers.{i}'
    y = norm(x, f'{name}.input_layernorm')
    x = x + _attention(weights, name, config, y, norm, angles, attend)
    y = norm(x, f'{name}.post_attention_layernorm')
    x = x + _feed_forward(weights, name, y)
  return norm(x, 'model.norm')


def _attention(weights, name, config, x, norm, angles, attend):
  def project(part):
    y = F.linear(x, weights[f'{name}.self_attn.{part}_proj.weight'])
    return y.view(*x.shape[:2], -1, config.head_dim).transpose(1, 2)

  q = _rotate(norm(project('q'), f'{name}.self_attn.q_norm'), angles)
  k = _rotate(norm(project('k'), f'{name}.self_attn.k_norm'), angles)
  out = attend(q, k, project('v')).transpose(1, 2).flatten(2)
  return F.linear(out, weights[f'{name}.self_attn.o_proj.weight'])


def _feed_forward(weights, name, x):
  linear = lambda x, part: F.linear(
      x, weights[f'{name}.mlp.{part}_proj.weight']
  )
  return linear(F.silu(linear(x, 'gate')) * linear(x, 'up'), 'down')


def _angles(config, length):
  half = config.head_dim // 2
  frequencies = config.rope_theta ** (-torch.arange(half) / half)
  angles = torch.arange(length)[:, None] * frequencies
  return angles.cos(), angles.sin()


def _rotate(x, angles):
  cos, sin = angles
  x1, x2 = x.chunk(2, dim=-1)
  return torch.cat([x1 * cos - x2 * sin, x2 * cos + x1 * sin], dim=-1)


def logps(
    hidden: torch.Tensor,
    head: torch.Tensor,
    tokens: torch.Tensor,
    temperature: float = 1.0,
) -> torch.Tensor:
  """Computes `[B, T - 1]` log-probabilities of all tokens but the first."""
  logits = F.linear(hidden[:, :-1].flatten(0, 1), head)
  if temperature != 1:
    logits = logits / temperature
  targets = tokens[:, 1:]
  losses = F.cross_entropy(logits, targets.flatten(), reduction='none')
  return -losses.view_as(targets)


def clipped_loss(
    logps: torch.Tensor,
    old_logps: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    clip: float = 0.2,
) -> torch.Tensor:
  """Computes the token mean of the clipped surrogate; all are `[B, T]`."""
  ratio = torch.exp(logps - old_logps)
  clipped = ratio.clamp(1 - clip, 1 + clip)
  losses = torch.maximum(-ratio * advantages, -clipped * advantages)
  return (losses * mask).sum() / mask.sum()


def make_optimizer(
    weights: Weights,
    *,
    learning_rate: float,
    weight_decay: float = 0.01,
    eps: float = 1e-8,
) -> torch.optim.Optimizer:
  """Returns the fused AdamW, without weight decay on the scales of norms."""
  scales = [x for x in weights.values() if x.ndim == 1]
  matrices = [x for x in weights.values() if x.ndim > 1]
  groups = [
      {'params': matrices, 'weight_decay': weight_decay},
      {'params': scales, 'weight_decay': 0.0},
  ]
  return torch.optim.AdamW(groups, lr=learning_rate, eps=eps, fused=True)


def take_step(
    weights: Weights, optimizer: torch.optim.Optimizer, clip_norm: float = 1.0
) -> None:
  """Clips the global norm of the gradients and takes the optimizer's step."""
  torch.nn.utils.clip_grad_norm_(weights.values(), clip_norm)
  optimizer.step()
