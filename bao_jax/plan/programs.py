"""The programs of a run, lowered for devices that need not be there.

No array is made: what the loops compile is lowered with shapes that know where
their arrays would lie.
"""

from collections.abc import Callable
import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

from bao_jax import sharding
from bao_jax import types
from bao_jax.model import cache as cache_lib
from bao_jax.model import config as config_lib
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib
from bao_jax.train import batch as batch_lib
from bao_jax.train import optimizer
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import sft
from bao_jax.train import step as step_lib

# Makes one program; what it takes seconds for waits until it is called.
LowerFn = Callable[[], jax.stages.Lowered]


def programs(config: setup.Config, mesh: sharding.Mesh) -> dict[str, LowerFn]:
  """Returns what lowers each program of a config at its largest shapes.

  Args:
    config: the experiment.
    mesh: of devices of any topology.

  Returns:
    By name: 'append' and 'decode' of `sampling.rows`, 'sft', and 'rl', the
    update on all conversations of a step.
  """
  shape = config_lib.ModelConfig(**config.model.to_dict())
  engine = setup.engine(config, shape, mesh)
  trained = dataclasses.replace(shape, lora=setup.lora_config(config))
  return {
      'append': lambda: _append(engine),
      'decode': lambda: _decode(engine),
      'sft': lambda: _sft(config, trained, mesh),
      'rl': lambda: _rl(config, trained, mesh),
  }


def _append(engine: engine_lib.Engine) -> jax.stages.Lowered:
  rows, width = engine.num_rows, engine.append_buckets[-1]
  tokens = _placed((rows, width), jnp.int32, engine.layout.rows)
  return engine.append_call.lower(
      _decoding_params(engine), _cache(engine), tokens, engine.num_slots
  )


def _decode(engine: engine_lib.Engine) -> jax.stages.Lowered:
  rows = engine.num_rows
  placed = lambda dtype, *shape: _placed(
      (rows, *shape), dtype, engine.layout.rows
  )
  sampling = choose.Sampling(
      key=placed(jnp.uint32, 2),
      temperature=placed(jnp.float32),
      top_k=placed(jnp.int32),
      top_p=placed(jnp.float32),
  )
  pending, budget, stop = (placed(jnp.int32) for _ in range(3))
  return engine.decode_call.lower(
      _decoding_params(engine),
      _cache(engine),
      pending,
      budget,
      sampling,
      stop,
      engine.num_slots,
  )


def _sft(config, shape, mesh) -> jax.stages.Lowered:
  tx = optimizer.make_optimizer(
      total_steps=config.sft.num_steps, **config.sft.optimizer.to_dict()
  )
  size = config.sft.rows, config.sft.length
  batch = batch_lib.Packed(
      *(_placed(size, jnp.int32, sharding.rows(mesh)) for _ in range(3)),
      mask=_placed(size, jnp.bool_, sharding.rows(mesh)),
  )
  state = setup.abstract_state(shape, tx, mesh)
  base = setup.abstract_base(shape, mesh)
  return sft.compile_step(config, shape, tx, mesh).lower(state, batch, base)


def _rl(config, shape, mesh) -> jax.stages.Lowered:
  tx = optimizer.make_optimizer(**config.rl.optimizer.to_dict())
  rows = config.rl.tasks_per_step * config.rl.samples_per_task
  size = rows, config.rl.length_buckets[-1]
  placed = lambda dtype: _placed(size, dtype, sharding.rows(mesh))
  batch = step_lib.PolicyBatch(
      tokens=placed(jnp.int32),
      mask=placed(jnp.bool_),
      old_logps=placed(jnp.float32),
      advantages=placed(jnp.float32),
      ref_logps=placed(jnp.float32),
  )
  state = setup.abstract_state(shape, tx, mesh)
  update = rl.compile_programs(config, shape, tx, mesh).update
  return update.lower(state, batch, setup.abstract_base(shape, mesh))


def _placed(shape, dtype, where) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(shape, dtype, sharding=where)


def _decoding_params(engine: engine_lib.Engine) -> types.Params:
  boxed = sharding.abstract_params(engine.config)
  unstacked = jax.eval_shape(engine.unstack, nn.meta.unbox(boxed))
  return sharding.abstract(unstacked, engine.layout.params)


def _cache(engine: engine_lib.Engine) -> cache_lib.Cache:
  shapes = jax.eval_shape(engine.empty_rows)
  where = jax.tree.map(
      lambda x: engine.layout.cache if x.ndim == 4 else engine.layout.rows,
      shapes,
  )
  return sharding.abstract(shapes, where)
