"""What runs start from and end with, with adapters or without.

A run with adapters trains and saves them alone. Their base is found again by
its config: the first parameters of a warm start, or what one ended with.
"""

import dataclasses
import pathlib
from typing import NamedTuple

import jax

from bao_jax import checkpoint
from bao_jax import sharding
from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.model import lora as lora_lib
from bao_jax.train import setup

# Fields of a model's shape that its parameters depend on.
_OF_PARAMETERS = (
    'vocab_size',
    'num_layers',
    'width',
    'ff_width',
    'num_heads',
    'num_kv_heads',
    'head_dim',
    'tie_embeddings',
)


class Policy(NamedTuple):
  """The parameters of a policy in two parts.

  Attributes:
    params: what is trained: adapters, or all parameters.
    base: the frozen parameters beside adapters; None without them.
  """

  params: types.Params
  base: types.Params | None


def first(
    config: setup.Config,
    shape: config_lib.ModelConfig,
    warm_start: pathlib.Path,
    mesh: sharding.Mesh,
) -> Policy:
  """Returns what a run starts with that has a warm start.

  Where that has the same adapters, they go on. Otherwise its adapters, if any,
  become part of the base, and those of the run, if any, begin.

  Args:
    config: the run's.
    shape: the model's, with the run's adapters.
    warm_start: the folder of a finished run.
    mesh: where the parameters are to lie.

  Raises:
    FileNotFoundError: a folder on the way holds no run.
    ValueError: a run on the way is of another model.
  """
  lora = setup.lora_config(setup.load_config(warm_start))
  policy = last(config, shape, warm_start, mesh)
  if lora == shape.lora:
    return policy
  params, like = policy.params, setup.abstract_params(shape, mesh)
  if lora:
    merge = lambda *args: lora_lib.merge(lora_lib.attach(*args, lora))
    params = jax.jit(merge, out_shardings=sharding.of(like))(*policy)
  params = jax.tree.map(lambda x, y: x.astype(y.dtype), params, like)
  if not shape.lora:
    return Policy(params, None)
  return Policy(setup.initial_adapters(config, shape, mesh), params)


def last(
    config: setup.Config,
    shape: config_lib.ModelConfig,
    folder: pathlib.Path,
    mesh: sharding.Mesh,
) -> Policy:
  """Loads what a run ended with, whichever loop it was.

  Args:
    config: of whoever loads it.
    shape: the model's; adapters are those of the folder.
    folder: the run's.
    mesh: where the parameters are to lie.

  Raises:
    FileNotFoundError: a folder on the way holds no run.
    ValueError: a run on the way is of another model.
  """
  own = setup.load_config(folder)
  shape = dataclasses.replace(shape, lora=setup.lora_config(own))
  frozen = base(own, shape, folder, mesh)
  like = setup.abstract_trained(shape, mesh)
  return Policy(checkpoint.Checkpoints(folder).restore_params(like), frozen)


def base(
    config: setup.Config,
    shape: config_lib.ModelConfig,
    folder: pathlib.Path,
    mesh: sharding.Mesh,
) -> types.Params | None:
  """Finds the frozen parameters of a run; None where it trains all.

  Args:
    config: the run's.
    shape: the model's, with the run's adapters.
    folder: the run's.
    mesh: where the parameters are to lie.

  Raises:
    FileNotFoundError: a folder on the way holds no run.
    ValueError: a run on the way is of another model.
  """
  if not shape.lora:
    return None
  if checkpoint.claimed(folder)['loop'] == 'warm start':
    _check_model(config, shape, folder)
    return setup.initial_params(config, shape, mesh)
  warm_start = pathlib.Path(config.warm_start or folder / 'warm_start')
  return first(config, shape, warm_start, mesh).base


def _check_model(
    config: setup.Config, shape: config_lib.ModelConfig, folder: pathlib.Path
) -> None:
  """Refuses to draw the base of another model: no saved array would tell."""
  own = config_lib.ModelConfig(**config.model.to_dict())
  differ = [
      f'model.{name}: {getattr(own, name)} there, {getattr(shape, name)} here'
      for name in _OF_PARAMETERS
      if getattr(own, name) != getattr(shape, name)
  ]
  if differ:
    raise ValueError(f'{folder} is of another model ({"; ".join(differ)}).')


def latest_params(
    config: setup.Config,
    shape: config_lib.ModelConfig,
    folder: pathlib.Path,
    mesh: sharding.Mesh,
) -> types.Params:
  """Loads the whole model that a run ended with, its adapters attached."""
  lora = setup.lora_config(setup.load_config(folder))
  return lora_lib.attach(*last(config, shape, folder, mesh), lora)
