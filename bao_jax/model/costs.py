"""What a model costs by formula: parameters, FLOPs and bytes.

Pure functions of shapes. FLOPs are those of matrix products, a multiplication
and an addition counting 2; of causal attention those below the diagonal, about
half. Bytes are those between a chip and its memory at the least: what a step
has to read and write once, if everything else stays on the chip.
"""

from bao_jax.model import config as config_lib

_BYTES = {'float32': 4, 'bfloat16': 2}
_FLOAT32 = 4


def layer_parameters(config: config_lib.ModelConfig) -> int:
  """Returns how many weights multiply each token, but for the logits'."""
  projections = 2 * config.num_heads + 2 * config.num_kv_heads
  attention = config.width * projections * config.head_dim
  return config.num_layers * (attention + 3 * config.width * config.ff_width)


def num_parameters(config: config_lib.ModelConfig) -> int:
  """Returns how many parameters there are, scales of norms included."""
  tables = 1 if config.tie_embeddings else 2
  scales = config.num_layers * (2 * config.width + 2 * config.head_dim)
  words = tables * config.vocab_size * config.width
  return layer_parameters(config) + words + scales + config.width


def forward_flops(
    config: config_lib.ModelConfig, *, tokens: float, keys: float, logits: float
) -> float:
  """Returns the FLOPs of a forward pass.

  Args:
    config: the model's shape.
    tokens: how many run through the layers.
    keys: how many a token attends to, on average.
    logits: of how many tokens the logits are computed.
  """
  layers = 2 * layer_parameters(config) + _attention(config, keys)
  return tokens * layers + logits * 2 * config.vocab_size * config.width


def update_flops(
    config: config_lib.ModelConfig,
    *,
    rows: int,
    length: int,
    logits: float | None = None,
) -> float:
  """Returns the FLOPs that an update needs: what its MFU is measured by.

  The backward pass counts twice the forward: a product for the gradient of
  each of its two inputs. What is computed again does not count.

  Args:
    config: the model's shape.
    rows: B.
    length: T.
    logits: of how many tokens the logits are computed; None for all.
  """
  tokens = rows * length
  return 3 * forward_flops(
      config,
      tokens=tokens,
      keys=(length + 1) / 2,
      logits=tokens if logits is None else logits,
  )


def again_flops(
    config: config_lib.ModelConfig,
    *,
    rows: int,
    length: int,
    logits: float | None = None,
) -> float:
  """Returns the FLOPs of what an update computes a second time.

  Always the scores of attention, half of what it takes, in its backward pass,
  and logits, which are not kept where they are many. By `config.remat` also
  attention, the products with parameters, or both.

  Args:
    config: the model's shape.
    rows: B.
    length: T.
    logits: of how many tokens the logits are computed; None for all.
  """
  tokens = rows * length
  logits = tokens if logits is None else logits
  attention = _attention(config, (length + 1) / 2)
  layers = attention / 2
  if config.remat in ('dots', 'full'):
    layers += attention
  if config.remat in ('attention', 'full'):
    layers += 2 * layer_parameters(config)
    # Nobody asks for the last product of a layer again.
    layers -= 2 * config.num_layers * config.width * config.ff_width
  return tokens * layers + logits * 2 * config.vocab_size * config.width


def key_bytes(config: config_lib.ModelConfig) -> int:
  """Returns the bytes of keys and values of one token."""
  per_layer = 2 * config.num_kv_heads * config.head_dim
  return config.num_layers * per_layer * _BYTES[config.dtype]


def decode_bytes(
    config: config_lib.ModelConfig, *, rows: int, held: float
) -> float:
  """Returns the bytes that sampling one token for each row reads.

  All weights once for all rows, in the compute dtype: the layers' and the
  output embedding. Keys and values of what each row holds.

  Args:
    config: the model's shape.
    rows: B.
    held: tokens that a row holds, on average.
  """
  weights = layer_parameters(config) + config.vocab_size * config.width
  return _BYTES[config.dtype] * weights + rows * held * key_bytes(config)


def state_bytes(config: config_lib.ModelConfig) -> int:
  """Returns the bytes of parameters and both moments of Adam, in float32."""
  return 3 * _FLOAT32 * num_parameters(config)


def kept_bytes(
    config: config_lib.ModelConfig, *, rows: int, length: int
) -> float:
  """Returns the bytes of activations that wait for the backward pass, roughly.

  Of each token and layer, in the compute dtype, by `config.remat`:

    full       the layer's input, D
    attention  also what attention gave, H C, and its normalizers in float32, H
    dots       the input and each product: q, k, v, gate and up, o; D more
    none       all of these, and q, k and v, normed and rotated, again, the
               normed inputs of both sublayers, and the sum after the first

  Args:
    config: the model's shape.
    rows: B.
    length: T.
  """
  size, width = _BYTES[config.dtype], config.width
  heads = config.num_heads * config.head_dim
  qkv = heads + 2 * config.num_kv_heads * config.head_dim
  attention = size * heads + _FLOAT32 * config.num_heads
  products = size * (qkv + 2 * config.ff_width + width)
  per_token = {
      'full': size * width,
      'attention': size * width + attention,
      'dots': size * width + products,
      'none': size * width + products + attention + size * (qkv + 3 * width),
  }[config.remat]
  return rows * length * config.num_layers * per_token


def update_bytes(
    config: config_lib.ModelConfig,
    *,
    rows: int,
    length: int,
    micro_batches: int = 1,
) -> float:
  """Returns the bytes that an update moves, roughly.

  Args:
    config: the model's shape.
    rows: B of a micro-batch.
    length: T.
    micro_batches: whose gradients are added up.

  Returns:
    The sum of: parameters, read by the forward and the backward pass of each
    micro-batch, and a third time by what is computed again; gradients, written
    and read once per micro-batch and, from the second on, their sum as well;
    what is kept of activations, written and read; state and gradients, read by
    the optimizer, and the state, written.
  """
  parameters = _FLOAT32 * num_parameters(config)
  reads = 2 if config.remat == 'none' else 3
  sums = 2 * (micro_batches - 1) / micro_batches
  per_batch = (reads + 2 + sums) * parameters
  per_batch += 2 * kept_bytes(config, rows=rows, length=length)
  return micro_batches * per_batch + parameters + 2 * state_bytes(config)


def _attention(config: config_lib.ModelConfig, keys: float) -> float:
  """Returns the FLOPs of both products of one token's attention."""
  return 4 * config.num_layers * config.num_heads * config.head_dim * keys
