"""One table from our parameters to the tensors of published checkpoints."""

import functools
import math
from typing import NamedTuple

from flax import traverse_util
import flax.linen as nn
import jax

from bao_jax.model import config as config_lib
from bao_jax.model import qwen3

Shape = tuple[int, ...]


class Tensor(NamedTuple):
  """How a parameter is kept in files.

  Attributes:
    name: in files, with {} for the number of the layer if there is one per
      layer: those are stacked here.
    num_inputs: how many dimensions of the parameter a linear map contracts.
      Here they come first, in files last, and both sides are flattened there. 0
      is for what is kept as it is.
  """

  name: str
  num_inputs: int = 0

  @property
  def is_stacked(self) -> bool:
    return '{}' in self.name


TABLE = {
    'embedding': Tensor('model.embed_tokens.weight'),
    'layers/attention_norm/scale': Tensor(
        'model.layers.{}.input_layernorm.weight'
    ),
    'layers/attention/q/kernel': Tensor(
        'model.layers.{}.self_attn.q_proj.weight', 1
    ),
    'layers/attention/k/kernel': Tensor(
        'model.layers.{}.self_attn.k_proj.weight', 1
    ),
    'layers/attention/v/kernel': Tensor(
        'model.layers.{}.self_attn.v_proj.weight', 1
    ),
    'layers/attention/o/kernel': Tensor(
        'model.layers.{}.self_attn.o_proj.weight', 2
    ),
    'layers/attention/q_norm/scale': Tensor(
        'model.layers.{}.self_attn.q_norm.weight'
    ),
    'layers/attention/k_norm/scale': Tensor(
        'model.layers.{}.self_attn.k_norm.weight'
    ),
    'layers/mlp_norm/scale': Tensor(
        'model.layers.{}.post_attention_layernorm.weight'
    ),
    'layers/mlp/gate/kernel': Tensor('model.layers.{}.mlp.gate_proj.weight', 1),
    'layers/mlp/up/kernel': Tensor('model.layers.{}.mlp.up_proj.weight', 1),
    'layers/mlp/down/kernel': Tensor('model.layers.{}.mlp.down_proj.weight', 1),
    'norm/scale': Tensor('model.norm.weight'),
    'head': Tensor('lm_head.weight'),
}


class Stored(NamedTuple):
  """One tensor of a checkpoint.

  Attributes:
    path: of the parameter, in `TABLE`.
    layer: its index in the stack, None where nothing is stacked.
    shape: of the tensor in the file.
  """

  path: str
  layer: int | None
  shape: Shape


def shapes(config: config_lib.ModelConfig) -> dict[str, Shape]:
  """Returns the shape of each parameter by its path, layers stacked."""
  init = functools.partial(qwen3.init, config)
  params = nn.meta.unbox(jax.eval_shape(init, jax.random.key(0)))
  flat = traverse_util.flatten_dict(params, sep='/')
  return {path: flat[path].shape for path in TABLE if path in flat}


def stored(config: config_lib.ModelConfig) -> dict[str, Stored]:
  """Returns all tensors of a checkpoint by name, layer after layer."""
  found = []
  for path, shape in shapes(config).items():
    tensor = TABLE[path]
    if tensor.is_stacked:
      of_layer = _file_shape(tensor, shape[1:])
      found += [Stored(path, i, of_layer) for i in range(config.num_layers)]
    else:
      found.append(Stored(path, None, shape))
  return {
      TABLE[x.path].name.format(x.layer): x for x in sorted(found, key=_rank)
  }


def _rank(entry: Stored) -> float:
  if entry.layer is None:
    return -math.inf if entry.path == 'embedding' else math.inf
  return entry.layer


def _file_shape(tensor: Tensor, shape: Shape) -> Shape:
  if not tensor.num_inputs:
    return shape
  inputs, features = shape[: tensor.num_inputs], shape[tensor.num_inputs :]
  return math.prod(features), math.prod(inputs)
