"""Where arrays lie: the mesh of devices and the rules of its axes.

  data    rows of a batch; parameters are repeated
  fsdp    rows of a batch, and parameters along the model's width
  tensor  heads, feed-forward width and vocabulary

Parameters carry logical names (`model/qwen3.py`); rules say on which axis of
the mesh the dimension of a name lies. Training and decoding have rules of their
own: decoding reads all parameters for every token, so no device may have to ask
another for them but over `tensor`.

The devices of a process lie next to one another along the rows. Each process
decodes on a mesh of its own devices, so that none has to wait for another.
"""

import collections
from collections.abc import Callable, Mapping, Sequence
import functools
import itertools
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
from bao_jax.model import lora
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
    'rank': None,
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
        f'mesh: {said} needs {count} devices, but there are {len(devices)};'
        ' set smaller sizes, --config.mesh.data=1 say.'
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
  groups = _by_process(devices)
  if len(groups) == 1:
    return _make_mesh(shape, devices[:count])
  if count < len(devices):
    raise ValueError(
        f'mesh: {said} uses {count} of {len(devices)} devices, but all'
        f' {len(groups)} processes must take part with all of theirs.'
    )
  tensor = shape[-1]
  if len(set(map(len, groups))) > 1 or len(groups[0]) % tensor:
    raise ValueError(
        f'mesh.tensor={tensor} must divide the devices of each process,'
        f' {", ".join(str(len(group)) for group in groups)}: a conversation is'
        ' held within one.'
    )
  # Each process's own as the hardware likes it; rows go on over processes.
  parts = [_make_mesh((1, len(g) // tensor, tensor), g).devices for g in groups]
  return _of_devices(np.concatenate(parts, axis=1).reshape(shape))


def _make_mesh(shape: Sequence[int], devices: Sequence[Any]) -> Mesh:
  # An axis of the mesh may be a part of one of the torus: 4 of 8, say.
  placed = mesh_utils.create_device_mesh(
      shape, devices, allow_split_physical_axes=True
  )
  return _of_devices(placed)


def _of_devices(devices: np.ndarray) -> Mesh:
  types_ = (jax.sharding.AxisType.Auto,) * len(AXES)
  return Mesh(devices, AXES, axis_types=types_)


def _by_process(devices: Sequence[Any]) -> list[list[Any]]:
  """Returns the devices of each process that has some.

  Those of a topology that is not here count as this one's.
  """
  if jax.process_count() == 1:
    return [list(devices)]
  groups = collections.defaultdict(list)
  for device in devices:
    groups[device.process_index].append(device)
  return [groups[index] for index in sorted(groups)]


def num_processes(mesh: Mesh) -> int:
  """Returns how many processes the devices of a mesh belong to."""
  return len(_by_process(mesh.devices.flat))


def local(mesh: Mesh) -> Mesh:
  """Returns the mesh of this process's devices; it may be the same."""
  if num_processes(mesh) == 1:
    return mesh
  by_row = mesh.devices.reshape(-1, mesh.shape['tensor'])
  own = [r for r in by_row if r[0].process_index == jax.process_index()]
  return _of_devices(np.array([own]))


def connector(mesh: Mesh) -> Callable[[], Any]:
  """Returns what connects the devices that sum up along any axes.

  Between CPUs connections are made when a program first needs them, and last.
  They wait for half a minute, less than processes may differ in compiling.
  """
  groups = [c for n in (1, 2, 3) for c in itertools.combinations(AXES, n)]
  where = Spec(*AXES)
  call = jax.shard_map(
      lambda x: [jax.lax.psum(x, axes) for axes in groups],
      mesh=mesh,
      in_specs=where,
      out_specs=where,
      check_vma=False,
  )
  shape = tuple(mesh.shape.values())
  connect = lambda: call(jnp.zeros(shape))
  return (
      jax.jit(connect, out_shardings=NamedSharding(mesh, where))
      .lower()
      .compile()
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
          f'{_FIELDS.get(name, name)}={size} must be a multiple of {on} ='
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


def place_rows(tree: Any, mesh: Mesh) -> Any:
  """Brings rows that all processes have on the host to the devices.

  Args:
    tree: arrays `[B, ...]`, the same on all processes, or on devices already.
    mesh: the mesh.

  Returns:
    Arrays of which every device has its own rows.
  """
  if num_processes(mesh) == 1:
    return jax.device_put(tree, rows(mesh))

  def put(x):
    if isinstance(x, jax.Array):
      return x
    cut = lambda index: x[index]
    return jax.make_array_from_callback(x.shape, rows(mesh), cut)

  return jax.tree.map(put, tree)


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
    mesh: the devices; None for one.

  Returns:
    The same function of all rows.
  """
  if mesh is None or num_row_shards(mesh) == 1:
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


@functools.cache
def abstract_params(shape: config_lib.ModelConfig) -> types.Params:
  """Returns shapes of the parameters, boxed with their logical names."""
  return jax.eval_shape(functools.partial(qwen3.init, shape), jax.random.key(0))


def abstract_trained(shape: config_lib.ModelConfig) -> types.Params:
  """Returns the same of what is trained: adapters, or all parameters."""
  if not shape.lora:
    return abstract_params(shape)
  return jax.eval_shape(functools.partial(lora.init, shape), jax.random.key(0))


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
  """Returns the layout of rollouts: every device has rows of its own.

  Args:
    shape: the model's.
    mesh: of training; conversations are held on this process's part of it.
  """
  boxed = abstract_params(shape)
  on = lambda mesh: of_unstacked(
      of_params(boxed, mesh, DECODE), shape.num_layers
  )
  everywhere, mesh = mesh, local(mesh)
  held = 'rows', 'kv_heads', None, None
  sizes = num_row_shards(mesh), shape.num_kv_heads, 1, 1
  layout = engine_lib.Layout(
      params=on(mesh),
      cache=NamedSharding(mesh, spec(held, sizes, mesh, DECODE)),
      rows=rows(mesh),
  )
  if mesh is not everywhere:
    layout = layout._replace(
        unstacked=on(everywhere),
        own=functools.partial(_own, shardings=layout.params),
        put=functools.partial(jax.device_put, device=layout.rows),
    )
  if num_row_shards(mesh) == 1:
    return layout._replace(constrain=constrainer(mesh, DECODE))
  own = {**DECODE, 'rows': None}

  def constrain(x, *names):
    return jax.lax.with_sharding_constraint(x, spec(names, x.shape, mesh, own))

  return layout._replace(
      by_rows=lambda fun: by_rows(fun, mesh),
      constrain=constrain,
      # Devices that share a row must leave a loop together; so do all.
      any_row=lambda x: jax.lax.pmax(jnp.any(x), ROWS),
  )


def _own(tree: Any, shardings: Any) -> Any:
  """Returns arrays that every process has, as arrays of this one alone."""

  def take(x, sharding):
    parts = [shard.data for shard in x.addressable_shards]
    return jax.make_array_from_single_device_arrays(x.shape, sharding, parts)

  return jax.tree.map(take, tree, shardings)


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
