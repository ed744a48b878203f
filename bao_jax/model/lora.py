"""Low-rank adapters of linear maps: y = x W + (x A) B · α / r.

Adapters are a tree of their own beside the parameters of a model, the base.
Attached to it they stand next to the kernels that they change, where
`qwen3.Linear` finds them.

See "LoRA" by Hu et al. (https://arxiv.org/abs/2106.09685).
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3


def init(config: config_lib.ModelConfig, rng: jax.Array) -> types.Params:
  """Draws adapters that change nothing yet: A from N(0, 1/fan-in), B = 0.

  Args:
    config: the model's shape, with adapters.
    rng: a key; a map's A does not depend on which others have one.

  Returns:
    `{'layers': {sublayer: {map: {'lora_a', 'lora_b'}}}}`, A `[L, inputs, r]`
    and B `[L, r, outputs]`, boxed with logical names: those of the base, and
    'rank'.
  """
  base = jax.eval_shape(functools.partial(qwen3.init, config), rng)
  adapters = {}
  for sublayer, maps in base['layers'].items():
    chosen = {
        name: _pair(maps[name]['kernel'], config.lora.rank, rng, name)
        for name in sorted(maps.keys() & set(config.lora.targets))
    }
    if chosen:
      adapters[sublayer] = chosen
  return {'layers': adapters}


def _pair(kernel: Any, rank: int, rng: jax.Array, name: str) -> types.Params:
  """Draws both factors of a change to a boxed `[L, inputs, outputs]` kernel."""
  names, sizes = kernel.names, kernel.value.shape
  # Every map has the model's width on one side, and that is one dimension.
  cut = 2 if names[1] == 'embed' else len(names) - 1
  box = lambda value, names: kernel.replace(value=value, names=names)
  rng = jax.random.fold_in(rng, config_lib.LORA_TARGETS.index(name))
  std = math.prod(sizes[1:cut]) ** -0.5
  return {
      'lora_a': box(
          std * jax.random.normal(rng, sizes[:cut] + (rank,)),
          names[:cut] + ('rank',),
      ),
      'lora_b': box(
          jnp.zeros(sizes[:1] + (rank,) + sizes[cut:]),
          names[:1] + ('rank',) + names[cut:],
      ),
  }


def attach(
    params: types.Params,
    base: types.Params | None,
    lora: config_lib.LoraConfig | None,
) -> types.Params:
  """Returns the parameters of a whole model; those of the base are not copied.

  Args:
    params: adapters, or all parameters where there is no base.
    base: the frozen parameters beside adapters, layers stacked; or None.
    lora: of the adapters.

  Returns:
    The base with `lora_a` and `lora_b`, scaled, next to kernels.
  """
  if base is None:
    return params
  layers = dict(base['layers'])
  for sublayer, maps in params['layers'].items():
    layers[sublayer] = dict(layers[sublayer])
    for name, pair in maps.items():
      layers[sublayer][name] = {
          **base['layers'][sublayer][name],
          'lora_a': pair['lora_a'],
          'lora_b': pair['lora_b'] * lora.scale,
      }
  return {**base, 'layers': layers}


def merge(params: types.Params) -> types.Params:
  """Adds adapters to their kernels: W + A B · α / r.

  Args:
    params: of `attach`, with layers stacked or not.

  Returns:
    Parameters without adapters; such ones come back as they are. A sum is as
    precise as the more precise part.
  """
  if isinstance(params, tuple):
    return tuple(map(merge, params))
  if not isinstance(params, dict):
    return params
  if 'lora_a' not in params:
    return {name: merge(child) for name, child in params.items()}
  kernel, a, b = (params[name] for name in ('kernel', 'lora_a', 'lora_b'))
  product = functools.partial(jnp.tensordot, axes=1)
  if a.ndim + b.ndim > kernel.ndim + 2:  # All layers in one array.
    product = jax.vmap(product)
  return {'kernel': kernel + product(a, b)}
