"""Where arrays lie: the mesh of devices and the rules of its axes.

  data    rows of a batch; parameters are repeated
  fsdp    rows of a batch, and parameters along the model's width
  tensor  heads, feed-forward width and vocabulary

Parameters carry logical names (`model/qwen3.py`); rules say on which axis of
the mesh the dimension of a name lies. Training and decoding have rules of their
own: decoding reads all parameters for every token, so no device may have to ask
another for them but over `tensor`.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import math
from typing import Any

from absl import logging
import flax.linen as nn
import jax
from jax.experimental import mesh_utils
import jax.numpy as jnp
import numpy as np
import optax

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.sampling import engine as engine_lib

Mesh = jax.sharding.Mesh
NamedSharding = jax.sharding.NamedSharding
Spec = jax.sharding.PartitionSpec

AXES = ('data', 'fsdp', 'tensor')
ROWS = ('data', 'fsdp')  # The axes over which rows are spread.

# Logical name of a dimension -> axes of the mesh; None is on every device.
Rules = Mapping[str | None, str | tuple[str, ...] | None]

TRAIN: Rules = {
    None: None,
    'rows': ROWS,
    'layers': None,
    'norm': None,
    'embed': 'fsdp',
    'vocab': 'tensor',
    'heads': 'tensor',
    'kv_heads': 'tensor',
    'head_dim': None,
    'mlp': 'tensor',
}
DECODE: Rules = {**TRAIN, 'embed': None}

# What a user can change about a dimension.
_FIELDS = {
    'embed': 'model.width',
    'vocab': 'model.vocab_size',
    'heads': 'model.num_heads',
    'kv_heads': 'model.num_kv_heads',
    'mlp': 'model.ff_width',
}


def make_mesh(
    sizes: Mapping[str, int], devices: Sequence[Any] | None = None
) -> Mesh:
  """Lays devices out as a mesh.

  Args:
    sizes: devices along each of `AXES`; -1 for at most one of them takes as
      many as there are.
    devices: the first ones are used; all of JAX's by default.

  Returns:
    The mesh.

  Raises:
    ValueError: a size is senseless, or there are fewer devices.
  """
  devices = jax.devices() if devices is None else list(devices)
  shape = [sizes[axis] for axis in AXES]
  said = ', '.join(f'{axis}={size}' for axis, size in zip(AXES, shape))
  if min(shape) < -1 or 0 in shape or shape.count(-1) > 1:
    raise ValueError(
        f'mesh: {said}: sizes must be positive, but for one that may be -1.'
    )
  if -1 in shape:
    given = math.prod(size for size in shape if size > 0)
    shape[shape.index(-1)] = max(len(devices) // given, 1)
  count = math.prod(shape)
  if count > len(devices):
    raise ValueError(
        f'mesh: {said} needs {count} devices, but there are {len(devices)}.'
    )
  if count < len(devices):
    logging.log_first_n(
        logging.WARNING,
        'The mesh %s uses %d of %d devices.',
        1,
        ' x '.join(map(str, shape)),
        count,
        len(devices),
    )
  # An axis of the mesh may be a part of one of the torus: 4 of 8, say.
  placed = mesh_utils.create_device_mesh(
      shape, devices[:count], allow_split_physical_axes=True
  )
  return Mesh(
      placed, AXES, axis_types=(jax.sharding.AxisType.Auto,) * len(AXES)
  )


def num_row_shards(mesh: Mesh) -> int:
  """Returns the number of pieces that rows are cut into."""
  return math.prod(mesh.shape[axis] for axis in ROWS)


def check_rows(mesh: Mesh, **counts: int) -> None:
  """Refuses numbers of rows that do not divide.

  Args:
    mesh: the mesh.
    **counts: rows by the name of what sets them.

  Raises:
    ValueError: names it.
  """
  shards = num_row_shards(mesh)
  for name, count in counts.items():
    if count % shards:
      raise ValueError(
          f'{name}={count} must be a multiple of mesh.data x mesh.fsdp ='
          f' {shards}.'
      )


def spec(
    names: Sequence[str | None],
    shape: Sequence[int],
    mesh: Mesh,
    rules: Rules = TRAIN,
    *,
    what: str = 'an array',
) -> Spec:
  """Returns where the dimensions of an array lie.

  Heads of keys are repeated where more devices than heads share them.

  Args:
    names: of the dimensions.
    shape: their sizes.
    mesh: the mesh.
    rules: of the names.
    what: the array, for errors.

  Returns:
    The partition spec.

  Raises:
    ValueError: two dimensions lie on the same axis, or one does not divide.
  """
  used: dict[str, str | None] = {}
  entries = []
  for name, size in zip(names, shape, strict=True):
    if name not in rules:
      raise ValueError(f'{what}: no rule for the dimension {name!r}.')
    entry = rules[name]
    axes = (entry,) if isinstance(entry, str) else entry or ()
    pieces = math.prod(mesh.shape[axis] for axis in axes)
    if name == 'kv_heads' and pieces % size == 0 and pieces > size:
      entry, axes, pieces = None, (), 1
    for axis in axes:
      if axis in used:
        raise ValueError(
            f'{what}: the dimensions {used[axis]!r} and {name!r} both lie on'
            f' the axis {axis!r} of the mesh; change one of the rules.'
        )
      used[axis] = name
    if size % pieces:
      on = ' x '.join(f'mesh.{axis}' for axis in axes)
      raise ValueError(
          f'{_FIELDS.get(name, name)}={size} does not divide into {on} ='
          f' {pieces} (of {what}); choose another {on}.'
      )
    entries.append(entry)
  return Spec(*entries)


def replicated(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of what every device has."""
  return NamedSharding(mesh, Spec())


def rows(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of `[B, ...]`."""
  return NamedSharding(mesh, Spec(ROWS))


def constrainer(mesh: Mesh | None, rules: Rules = TRAIN) -> qwen3.ConstrainFn:
  """Returns what lays activations out; on one device it does nothing."""
  if mesh is None or mesh.size == 1:
    return qwen3.unconstrained

  def constrain(x, *names):
    where = spec(names, x.shape, mesh, rules)
    return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, where))

  return constrain


def by_rows(fun: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
  """Runs a function of rows on each device's own.

  What it sums over rows stays on the device until the end; the gradient of what
  all rows share is then added up once.

  Args:
    fun: (shared, *arrays `[B, ...]`) -> arrays `[B, ...]`, each row by itself.
    mesh: the mesh; None for one device.

  Returns:
    The same function of all rows.
  """
  if mesh is None or mesh.size == 1:
    return fun

  def call(shared, *arrays):
    return jax.shard_map(
        fun,
        mesh=mesh,
        in_specs=(Spec(),) + (Spec(ROWS),) * len(arrays),
        out_specs=Spec(ROWS),
        axis_names=set(ROWS),
        check_vma=False,
    )(shared, *arrays)

  return call


def abstract_params(shape: config_lib.ModelConfig) -> types.Params:
  """Returns shapes of the parameters, boxed with their logical names."""
  return jax.eval_shape(functools.partial(qwen3.init, shape), jax.random.key(0))


def of_params(
    boxed: types.Params, mesh: Mesh, rules: Rules = TRAIN
) -> types.Params:
  """Returns the shardings of parameters.

  Args:
    boxed: arrays or their shapes, boxed with logical names.
    mesh: the mesh.
    rules: `TRAIN` or `DECODE`.

  Raises:
    ValueError: a parameter does not fit on the mesh; names it and the field.
  """

  def place(path, box):
    what = '/'.join(key.key for key in path)
    where = spec(box.names, box.value.shape, mesh, rules, what=what)
    return NamedSharding(mesh, where)

  return jax.tree_util.tree_map_with_path(
      place, boxed, is_leaf=lambda x: isinstance(x, nn.meta.AxisMetadata)
  )


def of_unstacked(shardings: types.Params, num_layers: int) -> types.Params:
  """Returns the shardings of what `qwen3.unstack` makes of parameters."""
  cut = lambda x: NamedSharding(x.mesh, Spec(*x.spec[1:]))
  layer = jax.tree.map(cut, shardings['layers'])
  return {**shardings, 'layers': (layer,) * num_layers}


def of_state(
    boxed: types.Params, tx: optax.GradientTransformation, mesh: Mesh
) -> types.TrainState:
  """Returns the shardings of a state: moments lie where their parameters do."""
  params = of_params(boxed, mesh)
  opt_state = optax.tree_utils.tree_map_params(
      tx,
      lambda _, sharding: sharding,
      jax.eval_shape(tx.init, nn.meta.unbox(boxed)),
      params,
      transform_non_params=lambda _: replicated(mesh),
  )
  return types.TrainState(replicated(mesh), params, opt_state)


def decode_layout(
    shape: config_lib.ModelConfig, mesh: Mesh
) -> engine_lib.Layout:
  """Returns the layout of rollouts: every device has rows of its own."""
  params = of_params(abstract_params(shape), mesh, DECODE)
  held = 'rows', 'kv_heads', None, None
  sizes = num_row_shards(mesh), shape.num_kv_heads, 1, 1
  layout = engine_lib.Layout(
      params=of_unstacked(params, shape.num_layers),
      cache=NamedSharding(mesh, spec(held, sizes, mesh, DECODE)),
      rows=rows(mesh),
  )
  if mesh.size == 1:
    return layout
  own = {**DECODE, 'rows': None}

  def constrain(x, *names):
    return jax.lax.with_sharding_constraint(x, spec(names, x.shape, mesh, own))

  return layout._replace(
      by_rows=lambda fun: by_rows(fun, mesh),
      constrain=constrain,
      # Devices that share a row must leave a loop together; so do all.
      any_row=lambda x: jax.lax.pmax(jnp.any(x), ROWS),
  )


def of(abstract: Any) -> Any:
  """Returns the shardings of arrays, or of shapes that have some."""
  return jax.tree.map(lambda x: x.sharding, abstract)


def abstract(shapes: Any, shardings: Any) -> Any:
  """Returns shapes that know where their arrays are to lie."""
  place = lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s)
  return jax.tree.map(place, shapes, shardings)


def moved_bytes(shapes: Any, before: Any, after: Any) -> int:
  """Counts bytes that devices lack of the parts they are to hold.

  Args:
    shapes: arrays or their shapes.
    before: their shardings.
    after: the shardings they are brought to.

  Returns:
    The sum over all devices.
  """
  count = 0
  for x, old, new in zip(*map(jax.tree.leaves, (shapes, before, after))):
    had = old.devices_indices_map(x.shape)
    for device, wanted in new.devices_indices_map(x.shape).items():
      lacking = _size(wanted, x.shape)
      if device in had:
        lacking -= _size(wanted, x.shape, had[device])
      count += lacking * np.dtype(x.dtype).itemsize
  return count


def _size(index, shape, other=None) -> int:
  """Returns the number of entries of a part, or of two parts in common."""
  count = 1
  for i, size in enumerate(shape):
    start, stop, _ = index[i].indices(size)
    if other is not None:
      low, high, _ = other[i].indices(size)
      start, stop = max(start, low), min(stop, high)
    count *= max(stop - start, 0)
  return count
