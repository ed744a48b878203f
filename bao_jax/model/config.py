"""Shapes of the Qwen3 family."""

import dataclasses

# What the backward pass finds, from the most memory to the least; the rest is
# computed again: everything, the results of matrix products with parameters,
# the result of attention, or the layer's input alone.
REMAT = ('none', 'dots', 'attention', 'full')
ATTENTION = ('auto', 'blockwise', 'scanned', 'cudnn', 'splash')
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
    remat: what training keeps of a layer for the backward pass, by the names of
      `REMAT`.
    attention: of training, by the names of `ATTENTION`; 'auto' takes what suits
      the platform.
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
  remat: str = 'none'
  attention: str = 'auto'
  lora: LoraConfig | None = None

  def __post_init__(self):
    for field in dataclasses.fields(self):
      size = getattr(self, field.name)
      if type(size) is int and size < 1:
        raise ValueError(f'model.{field.name}={size} must be at least 1.')
    for name, known in (('remat', REMAT), ('attention', ATTENTION)):
      if getattr(self, name) not in known:
        raise ValueError(
            f'model.{name}={getattr(self, name)!r}: use one of '
            f'{", ".join(known)}.'
        )
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


def _published(
    num_layers: int,
    width: int,
    ff_width: int,
    num_heads: int,
    *,
    tie_embeddings: bool,
) -> ModelConfig:
  return ModelConfig(
      vocab_size=151936,
      num_layers=num_layers,
      width=width,
      ff_width=ff_width,
      num_heads=num_heads,
      num_kv_heads=8,
      head_dim=128,
      tie_embeddings=tie_embeddings,
  )


# The dense models of the family, as published.
SIZES = {
    '0.6b': _published(28, 1024, 3072, 16, tie_embeddings=True),
    '1.7b': _published(28, 2048, 6144, 16, tie_embeddings=True),
    '4b': _published(36, 2560, 9728, 32, tie_embeddings=True),
    '8b': _published(36, 4096, 12288, 32, tie_embeddings=False),
    '14b': _published(40, 5120, 17408, 40, tie_embeddings=False),
    '32b': _published(64, 5120, 25600, 64, tie_embeddings=False),
}
