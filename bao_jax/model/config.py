"""Shapes of the Qwen3 family."""

import dataclasses

DTYPES = ('float32', 'bfloat16')
# The linear maps of a layer.
LORA_TARGETS = ('q', 'k', 'v', 'o', 'gate', 'up', 'down')


@dataclasses.dataclass(frozen=True)
class LoraConfig:
  """Low-rank adapters; see `model/lora.py`.

  Attributes:
    rank: r.
    alpha: α; what adapters add is scaled by α / r.
    targets: the linear maps that have one, by the names of `LORA_TARGETS`.
    base_dtype: of the frozen parameters, 'float32' or 'bfloat16'.
  """

  rank: int
  alpha: float
  targets: tuple[str, ...]
  base_dtype: str = 'float32'

  def __post_init__(self):
    if self.rank < 1:
      raise ValueError(f'lora.rank={self.rank} must not be negative.')
    if not self.alpha > 0:
      raise ValueError(f'lora.alpha={self.alpha} must be positive.')
    for name in self.targets:
      if name not in LORA_TARGETS:
        known = ', '.join(LORA_TARGETS)
        raise ValueError(f'lora.targets: no {name!r}; there are: {known}.')
    if not self.targets:
      raise ValueError('lora.targets=(): name at least one.')
    if self.base_dtype not in DTYPES:
      raise ValueError(
          f'lora.base_dtype={self.base_dtype!r}: use {" or ".join(DTYPES)}.'
      )

  @property
  def scale(self) -> float:
    return self.alpha / self.rank


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """The shape of a Qwen3 model; field names follow the glossary of `types`.

  Attributes:
    vocab_size: V.
    num_layers: L.
    width: D.
    ff_width: F.
    num_heads: H, a multiple of `num_kv_heads`.
    num_kv_heads: K.
    head_dim: C; need not be D / H.
    rope_theta: the base of the rotary wavelengths.
    norm_eps: added to the mean square in RMSNorm.
    tie_embeddings: whether logits use the embedding.
    dtype: compute dtype, 'float32' or 'bfloat16'; parameters are float32.
    remat: whether training recomputes each layer in the backward pass.
    lora: the adapters that are trained beside frozen parameters; None where
      all parameters are trained.
  """

  vocab_size: int
  num_layers: int
  width: int
  ff_width: int
  num_heads: int
  num_kv_heads: int
  head_dim: int
  rope_theta: float = 1e6
  norm_eps: float = 1e-6
  tie_embeddings: bool = True
  dtype: str = 'float32'
  remat: bool = False
  lora: LoraConfig | None = None

  def __post_init__(self):
    for field in dataclasses.fields(self):
      size = getattr(self, field.name)
      if type(size) is int and size < 1:
        raise ValueError(f'model.{field.name}={size} must be at least 1.')
    if self.dtype not in DTYPES:
      raise ValueError(
          f'model.dtype={self.dtype!r}: use {" or ".join(DTYPES)}.'
      )
    if self.num_heads % self.num_kv_heads:
      raise ValueError(
          f'model.num_heads={self.num_heads} must be a multiple of '
          f'model.num_kv_heads={self.num_kv_heads}.'
      )
    if self.head_dim % 2:
      raise ValueError(f'model.head_dim={self.head_dim} must be even.')
