"""The same weights and conversations in transformers.

Needs the extra `parity`.
"""

import math

from flax import traverse_util
import numpy as np
import torch
import transformers

from bao_jax import types
from bao_jax.model import config as config_lib

_LAYER = {
    'attention_norm/scale': 'input_layernorm',
    'attention/q/kernel': 'self_attn.q_proj',
    'attention/k/kernel': 'self_attn.k_proj',
    'attention/v/kernel': 'self_attn.v_proj',
    'attention/o/kernel': 'self_attn.o_proj',
    'attention/q_norm/scale': 'self_attn.q_norm',
    'attention/k_norm/scale': 'self_attn.k_norm',
    'mlp_norm/scale': 'post_attention_layernorm',
    'mlp/gate/kernel': 'mlp.gate_proj',
    'mlp/up/kernel': 'mlp.up_proj',
    'mlp/down/kernel': 'mlp.down_proj',
}
_TOP = {
    'embedding': 'model.embed_tokens.weight',
    'norm/scale': 'model.norm.weight',
    'head': 'lm_head.weight',
}


def set_threads(count: int) -> None:
  """Sets how many threads torch computes with."""
  torch.set_num_threads(count)


def state_dict(params: types.Params) -> dict[str, torch.Tensor]:
  """Renames parameters, or gradients of their shapes, as transformers does.

  Args:
    params: plain arrays, layers stacked.

  Returns:
    Copies by name; linear maps have their outputs first. Without 'head' there
    is no 'lm_head.weight'.
  """
  result = {}
  for path, value in traverse_util.flatten_dict(params, sep='/').items():
    value = np.array(value, np.float32)
    if path in _TOP:
      result[_TOP[path]] = torch.from_numpy(value)
      continue
    name = _LAYER[path.removeprefix('layers/')]
    for i, x in enumerate(value):
      if path.endswith('kernel'):
        # All dimensions but the outputs': two of the four in `o`.
        num_inputs = math.prod(x.shape[: 2 if '/o/' in path else 1])
        x = x.reshape(num_inputs, -1).T.copy()
      result[f'model.layers.{i}.{name}.weight'] = torch.from_numpy(x)
  return result


def build(
    params: types.Params, config: config_lib.ModelConfig
) -> transformers.Qwen3ForCausalLM:
  """Builds the model of transformers, with sdpa, and gives it our weights."""
  model = transformers.Qwen3ForCausalLM._from_config(
      transformers.Qwen3Config(
          vocab_size=config.vocab_size,
          hidden_size=config.width,
          intermediate_size=config.ff_width,
          num_hidden_layers=config.num_layers,
          num_attention_heads=config.num_heads,
          num_key_value_heads=config.num_kv_heads,
          head_dim=config.head_dim,
          rms_norm_eps=config.norm_eps,
          tie_word_embeddings=config.tie_embeddings,
          rope_parameters={
              'rope_type': 'default',
              'rope_theta': config.rope_theta,
          },
      ),
      attn_implementation='sdpa',
      dtype=torch.float32,
  )
  weights = state_dict(params)
  if config.tie_embeddings:
    weights['lm_head.weight'] = weights['model.embed_tokens.weight']
  model.load_state_dict(weights, strict=True)
  return model


@torch.inference_mode()
def speak(
    model: transformers.Qwen3ForCausalLM,
    talk: np.ndarray,
    *,
    num_tokens: int,
    is_sampled: bool = True,
    is_kept: bool = True,
) -> np.ndarray:
  """Speaks a talk by `generate`, in one batch that needs no padding.

  Args:
    model: of `build`.
    talk: `[M, B, N]` int32.
    num_tokens: sampled each turn.
    is_sampled: at temperature 1 from all tokens; else the likeliest.
    is_kept: whether `past_key_values` are kept over turns.

  Returns:
    `[B, T]` int32, replies and sampled tokens.
  """
  settings = transformers.GenerationConfig(
      do_sample=is_sampled,
      top_k=0 if is_sampled else None,
      min_new_tokens=num_tokens,
      max_new_tokens=num_tokens,
      pad_token_id=0,
  )
  tokens = torch.zeros((talk.shape[1], 0), dtype=torch.long)
  held = transformers.DynamicCache(config=model.config) if is_kept else None
  for reply in talk:
    tokens = torch.cat([tokens, torch.from_numpy(reply).long()], dim=1)
    tokens = model.generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        past_key_values=held,
        generation_config=settings,
    )
  return tokens.numpy().astype(np.int32)
