"""The Qwen3 architecture, with attention injected.

RMSNorm before each sublayer and on queries and keys, grouped queries, rotary
positions, SwiGLU. The blocks refuse to know where keys and values are kept:
training, appending and decoding hand in an `AttendFn`.

See "Qwen3 Technical Report" by Yang et al. (https://arxiv.org/abs/2505.09388).
"""

from collections.abc import Callable
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from bao_jax import types
from bao_jax.model import attention as attention_lib
from bao_jax.model import config as config_lib

# (queries [B, T, H, C], keys [B, T, K, C], values [B, T, K, C], this layer's
# cache) -> (outputs [B, T, H, C], the layer's new cache).
AttendFn = Callable[
    [jax.Array, jax.Array, jax.Array, Any], tuple[jax.Array, Any]
]
# (array, logical names of its dimensions, None for such as every device has
# whole) -> the same array, laid out over devices as rules elsewhere say.
ConstrainFn = Callable[..., jax.Array]


def unconstrained(x: jax.Array, *names: str | None) -> jax.Array:
  """Leaves an array where it is."""
  del names
  return x


def _scaled(inputs: tuple[int, ...]):
  """Draws from N(0, 1/fan-in), so that outputs start at the inputs' scale."""
  return nn.initializers.normal(math.prod(inputs) ** -0.5)


def rotate(x: jax.Array, positions: jax.Array, theta: float) -> jax.Array:
  """Applies rotary position embeddings.

    (xᵢ, xᵢ₊C/2) ← rotation by p · θ^(-2i/C)

  See "RoFormer" by Su et al. (https://arxiv.org/abs/2104.09864); the two halves
  pair up as in Qwen3.

  Args:
    x: `[B, T, H, C]` queries or keys.
    positions: `[B, T]` int32.
    theta: the base, θ.

  Returns:
    `[B, T, H, C]` of the dtype of `x`, computed in float32.
  """
  half = x.shape[-1] // 2
  frequencies = theta ** (-jnp.arange(half, dtype=jnp.float32) / half)
  frequencies = frequencies[None, None, None]
  angles = positions[..., None, None].astype(jnp.float32) * frequencies
  cos, sin = jnp.cos(angles), jnp.sin(angles)  # [B, T, 1, C/2]
  x1, x2 = jnp.split(x.astype(jnp.float32), 2, axis=-1)
  rotated = jnp.concatenate([x1 * cos - x2 * sin, x2 * cos + x1 * sin], axis=-1)
  return rotated.astype(x.dtype)


class RMSNorm(nn.Module):
  """x · scale / sqrt(mean(x²) + ε), in float32."""

  eps: float
  axis: str = 'norm'

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    scale = self.param(
        'scale',
        nn.with_logical_partitioning(nn.initializers.ones, (self.axis,)),
        (x.shape[-1],),
    )
    y = x.astype(jnp.float32)
    y *= jax.lax.rsqrt(jnp.mean(y * y, axis=-1, keepdims=True) + self.eps)
    return (y * scale.reshape((1,) * (x.ndim - 1) + (-1,))).astype(x.dtype)


class Linear(nn.Module):
  """A linear map over the last dimensions, without bias.

  Where adapters are attached (`model/lora.py`), it adds what they say.

  Attributes:
    features: the output dimensions.
    axes: logical names of the kernel's dimensions, inputs first.
    num_inputs: how many trailing dimensions of the input are contracted.
  """

  features: tuple[int, ...]
  axes: tuple[str, ...]
  num_inputs: int = 1

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    inputs = x.shape[x.ndim - self.num_inputs :]
    kernel = self.param(
        'kernel',
        nn.with_logical_partitioning(_scaled(inputs), self.axes),
        inputs + self.features,
    )
    # Two dimensions on both sides: contracting over batch and time at once, as
    # the gradient of a higher-rank product does, transposes its operands.
    matrix = kernel.reshape(math.prod(inputs), -1)
    product = lambda x, matrix: x @ matrix.astype(x.dtype)
    if kernel.dtype != x.dtype:
      # Casts that wait for the backward pass would be a copy of all layers.
      product = jax.checkpoint(product, prevent_cse=False)
    rows = x.reshape(-1, matrix.shape[0])
    out = product(rows, matrix)
    if self.has_variable('params', 'lora_a'):
      a, b = (self.get_variable('params', f'lora_{name}') for name in 'ab')
      a = a.reshape(matrix.shape[0], -1)
      b = b.reshape(-1, matrix.shape[1])
      out += product(product(rows, a), b)
    return out.reshape(x.shape[: x.ndim - self.num_inputs] + self.features)


class Attention(nn.Module):
  """Projections around an injected attention."""

  config: config_lib.ModelConfig
  attend: AttendFn

  @nn.compact
  def __call__(
      self, x: jax.Array, positions: jax.Array, cache: Any
  ) -> tuple[jax.Array, Any]:
    c = self.config
    heads, kv_heads = (c.num_heads, c.head_dim), (c.num_kv_heads, c.head_dim)
    q = Linear(heads, ('embed', 'heads', 'head_dim'), name='q')(x)
    k = Linear(kv_heads, ('embed', 'kv_heads', 'head_dim'), name='k')(x)
    v = Linear(kv_heads, ('embed', 'kv_heads', 'head_dim'), name='v')(x)
    q = RMSNorm(c.norm_eps, 'head_dim', name='q_norm')(q)
    k = RMSNorm(c.norm_eps, 'head_dim', name='k_norm')(k)
    q = rotate(q, positions, c.rope_theta)
    k = rotate(k, positions, c.rope_theta)
    out, cache = self.attend(q, k, v, cache)
    out = Linear(
        (c.width,), ('heads', 'head_dim', 'embed'), num_inputs=2, name='o'
    )(out)
    return out, cache


class FeedForward(nn.Module):
  """SwiGLU: (silu(x W_gate) ⊙ x W_up) W_down."""

  config: config_lib.ModelConfig

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    width, hidden = (self.config.width,), (self.config.ff_width,)
    gate = Linear(hidden, ('embed', 'mlp'), name='gate')(x)
    up = Linear(hidden, ('embed', 'mlp'), name='up')(x)
    # The product is cheaper to compute again than to keep its parts.
    gated = jax.checkpoint(lambda gate, up: nn.silu(gate) * up)(gate, up)
    return Linear(width, ('mlp', 'embed'), name='down')(gated)


class Block(nn.Module):
  """One layer: attention and feed-forward, each on a normed residual."""

  config: config_lib.ModelConfig
  attend: AttendFn
  constrain: ConstrainFn = unconstrained

  @nn.compact
  def __call__(
      self, x: jax.Array, positions: jax.Array, cache: Any
  ) -> tuple[jax.Array, Any]:
    norm = lambda name: RMSNorm(self.config.norm_eps, name=name)
    attention = Attention(self.config, self.attend, name='attention')
    out, cache = attention(norm('attention_norm')(x), positions, cache)
    x = self.constrain(x + out, 'rows', None, None)
    x = x + FeedForward(self.config, name='mlp')(norm('mlp_norm')(x))
    return self.constrain(x, 'rows', None, None), cache


def _kept(remat: str) -> Callable[..., bool] | None:
  """Returns which intermediate results a policy of `config.REMAT` keeps."""
  policies = jax.checkpoint_policies
  if remat == 'dots':
    return policies.dots_with_no_batch_dims_saveable
  if remat == 'attention':
    named = policies.save_only_these_names(attention_lib.SAVED)
    # cuDNN's results bear no name, but come from an operation of their own.
    by_cudnn = lambda operation, *_, **__: 'attention_fwd' in operation.name
    return policies.save_from_both_policies(named, by_cudnn)
  return None


class Transformer(nn.Module):
  """Token ids to final hidden states, layers scanned.

  Attributes:
    config: the shape.
    attend: attention and where it keeps keys and values.
    constrain: where activations lie.
  """

  config: config_lib.ModelConfig
  attend: AttendFn
  constrain: ConstrainFn = unconstrained

  @nn.compact
  def __call__(
      self, tokens: jax.Array, positions: jax.Array, cache: Any = None
  ) -> tuple[jax.Array, Any]:
    """Runs all layers.

    Args:
      tokens: `[B, T]` int32.
      positions: `[B, T]` int32.
      cache: a pytree whose arrays have a leading L, or None.

    Returns:
      `[B, T, D]` normed hidden states and the new cache.
    """
    c = self.config
    embedding = self.param(
        'embedding',
        nn.with_logical_partitioning(_scaled((c.width,)), ('vocab', 'embed')),
        (c.vocab_size, c.width),
    )
    if not c.tie_embeddings:
      self.param(
          'head',
          nn.with_logical_partitioning(_scaled((c.width,)), ('vocab', 'embed')),
          (c.vocab_size, c.width),
      )
    block, keeps_all = Block, c.remat == 'none'
    if not keeps_all:
      block = nn.remat(Block, prevent_cse=False, policy=_kept(c.remat))
    layers = nn.scan(
        block,
        variable_axes={'params': 0},
        split_rngs={'params': True},
        in_axes=(nn.broadcast, 0),
        length=c.num_layers,
        # A few layers in one step of the scan: what the backward pass needs of
        # them is then not stacked, a fifth of an update of a small model. Not
        # with remat, which XLA would undo outside a loop.
        unroll=c.num_layers if c.num_layers <= 4 and keeps_all else 1,
        metadata_params={nn.PARTITION_NAME: 'layers'},
    )(c, self.attend, self.constrain, name='layers')
    # Looked up where it is cut along words alone: the width is that of rows.
    # Cast behind that: its gradient is a sum over tokens, in float32.
    table = self.constrain(embedding, 'vocab', None)
    x = self.constrain(table[tokens].astype(c.dtype), 'rows', None, None)
    x, cache = layers(x, positions, cache)
    return RMSNorm(c.norm_eps, name='norm')(x), cache


def output_embedding(params: types.Params) -> jax.Array:
  """Returns the `[V, D]` matrix that turns hidden states into logits."""
  return params['head'] if 'head' in params else params['embedding']


def logits(hidden: jax.Array, params: types.Params) -> jax.Array:
  """Computes `[..., V]` float32 logits of `[..., D]` hidden states."""
  matrix = output_embedding(params).astype(hidden.dtype)
  return jnp.einsum(
      '...d,vd->...v', hidden, matrix, preferred_element_type=jnp.float32
  )


def init(config: config_lib.ModelConfig, rng: jax.Array) -> types.Params:
  """Draws parameters; every leaf is boxed with its logical axis names.

  `flax.linen.meta.unbox` gives plain arrays, `flax.linen.get_partition_spec`
  the names.
  """
  dummy = jnp.zeros((1, 1), jnp.int32)
  attend = lambda q, k, v, cache: (q, cache)
  return Transformer(config, attend).init(rng, dummy, dummy)['params']


def cast(params: types.Params, dtype: str) -> types.Params:
  """Casts matrices for programs that only read them.

  What multiplies norms stays in float32, as in training.
  """

  def cast_one(path, x):
    return x if path[-1].key == 'scale' else x.astype(dtype)

  return jax.tree_util.tree_map_with_path(cast_one, params)


def unstack(params: types.Params) -> types.Params:
  """Prepares parameters for programs that unroll the layers.

  Args:
    params: stacked layers.

  Returns:
    The same with a tuple of layers.
  """
  num_layers = jax.tree.leaves(params['layers'])[0].shape[0]
  layers = tuple(
      jax.tree.map(lambda x: x[i], params['layers'])  # noqa: B023
      for i in range(num_layers)
  )
  return {**params, 'layers': layers}


def unrolled(
    params: types.Params,
    config: config_lib.ModelConfig,
    attend: AttendFn,
    tokens: jax.Array,
    positions: jax.Array,
    cache: tuple[Any, ...],
    constrain: ConstrainFn = unconstrained,
) -> tuple[jax.Array, tuple[Any, ...]]:
  """Runs the same model with its layers unrolled, which decodes faster.

  Args:
    params: of `unstack`.
    config: the shape.
    attend: as in `Transformer`.
    tokens: `[B, T]` int32.
    positions: `[B, T]` int32.
    cache: one entry per layer.
    constrain: as in `Transformer`.

  Returns:
    `[B, T, D]` normed hidden states and the new caches.
  """
  block = Block(config, attend, constrain)
  x = params['embedding'][tokens].astype(config.dtype)
  x = constrain(x, 'rows', None, None)
  caches = []
  for layer, entry in zip(params['layers'], cache, strict=True):
    x, entry = block.apply({'params': layer}, x, positions, entry)
    caches.append(entry)
  x = RMSNorm(config.norm_eps).apply({'params': params['norm']}, x)
  return x, tuple(caches)
