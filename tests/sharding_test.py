from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from bao_jax import sharding
from bao_jax.model import config as config_lib
from bao_jax.train import optimizer

CONFIG = config_lib.ModelConfig(
    vocab_size=64,
    num_layers=2,
    width=16,
    ff_width=32,
    num_heads=8,
    num_kv_heads=4,
    head_dim=8,
)
Spec = sharding.Spec


def make_mesh(data=1, fsdp=1, tensor=1):
  return sharding.make_mesh(dict(data=data, fsdp=fsdp, tensor=tensor))


class MeshTest(parameterized.TestCase):

  @parameterized.parameters(
      ((1, 1, 1), (1, 1, 1)),
      ((2, 2, 2), (2, 2, 2)),
      ((-1, 2, 1), (4, 2, 1)),
      ((1, -1, 4), (1, 2, 4)),
      ((1, 3, -1), (1, 3, 2)),  # Two devices have nothing to do.
  )
  def test_shape(self, sizes, expected):
    mesh = make_mesh(*sizes)
    self.assertEqual(mesh.axis_names, sharding.AXES)
    self.assertEqual(mesh.devices.shape, expected)

  def test_first_devices_are_used(self):
    mesh = make_mesh(fsdp=2)
    self.assertEqual(list(mesh.devices.flat), jax.devices()[:2])

  @parameterized.parameters(
      ((2, 3, 2), 'mesh: data=2, fsdp=3, tensor=2 needs 12 devices, .* are 8'),
      ((16, -1, 1), 'needs 16 devices, but there are 8; set smaller'),
      ((-1, -1, 1), 'sizes must be positive, but for one that may be -1'),
      ((0, 1, 1), 'mesh: data=0, fsdp=1, tensor=1: sizes must be positive'),
      ((-2, 1, 1), 'sizes must be positive'),
  )
  def test_wrong_size_is_named(self, sizes, message):
    with self.assertRaisesRegex(ValueError, message):
      make_mesh(*sizes)

  @parameterized.parameters(
      ((2, 2, 2), '', 4),
      ((1, 1, 4), 'uses 4 of 8 devices, but all 2 processes must take part', 4),
      (
          (1, 1, 8),
          'mesh.tensor=8 must divide the devices of each .* 4, 4: a',
          4,
      ),
      (
          (2, 2, 2),
          'mesh.tensor=2 must divide the devices of each .* 6, 2: a',
          6,
      ),
  )
  def test_processes_take_part_with_all_they_have(self, sizes, message, first):
    groups = jax.devices()[:first], jax.devices()[first:]
    with mock.patch.object(sharding, '_by_process', return_value=groups):
      if not message:
        # Those of the first have the first rows.
        found = list(make_mesh(*sizes).devices.flat)
        self.assertEqual(found, jax.devices())
        return
      with self.assertRaisesRegex(ValueError, message):
        make_mesh(*sizes)

  def test_rows_that_do_not_divide_are_named(self):
    mesh = make_mesh(data=2, fsdp=2)
    sharding.check_rows(mesh, **{'sft.rows': 8})
    with self.assertRaisesRegex(
        ValueError, r'sft.rows=6 must be a multiple of .*mesh.fsdp = 4\.'
    ):
      sharding.check_rows(mesh, **{'sft.rows': 6})


class SpecTest(parameterized.TestCase):

  def spec(self, names, shape, rules=sharding.TRAIN, **sizes):
    return sharding.spec(
        names, shape, make_mesh(**sizes), rules, what='layers/mlp/up/kernel'
    )

  def test_kernel(self):
    names, shape = ('layers', 'embed', 'mlp'), (2, 16, 32)
    sizes = dict(fsdp=2, tensor=2)
    self.assertEqual(
        self.spec(names, shape, **sizes), Spec(None, 'fsdp', 'tensor')
    )
    self.assertEqual(
        self.spec(names, shape, sharding.DECODE, **sizes),
        Spec(None, None, 'tensor'),
    )

  def test_two_dimensions_on_one_axis_are_refused(self):
    rules = {**sharding.TRAIN, 'embed': 'tensor'}
    with self.assertRaisesRegex(
        ValueError,
        "layers/mlp/up/kernel: the dimensions 'embed' and 'mlp' both lie on"
        " the axis 'tensor'",
    ):
      self.spec(('embed', 'mlp'), (16, 32), rules, tensor=2)

  def test_two_dimensions_on_one_axis_of_size_one_are_refused_too(self):
    rules = {**sharding.TRAIN, 'embed': 'tensor'}
    with self.assertRaisesRegex(ValueError, 'both lie on'):
      self.spec(('embed', 'mlp'), (16, 32), rules)

  def test_dimension_that_does_not_divide_is_named(self):
    with self.assertRaisesRegex(
        ValueError,
        r'model.ff_width=30 must be a multiple of mesh.tensor = 4 \(of layers/'
        r'mlp/up/kernel\); choose another mesh.tensor',
    ):
      self.spec(('embed', 'mlp'), (16, 30), tensor=4)

  def test_name_without_a_rule_is_refused(self):
    with self.assertRaisesRegex(ValueError, "no rule for the dimension 'odd'"):
      self.spec(('odd',), (16,))

  @parameterized.parameters(
      (1, 'tensor'), (2, 'tensor'), (4, 'tensor'), (8, None)
  )
  def test_few_heads_of_keys_are_repeated(self, tensor, expected):
    self.assertEqual(
        self.spec(('kv_heads',), (4,), tensor=tensor), Spec(expected)
    )

  def test_odd_number_of_heads_of_keys_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'model.num_kv_heads=3'):
      self.spec(('kv_heads',), (3,), tensor=2)


class ShardingsTest(absltest.TestCase):

  def test_every_matrix_is_cut_over_both_axes(self):
    mesh = make_mesh(fsdp=2, tensor=2)
    boxed = sharding.abstract_params(CONFIG)
    placed = sharding.of_params(boxed, mesh)

    def check(path, where):
      is_norm = path[-1].key == 'scale'
      self.assertEqual(where.num_devices, 4)
      self.assertEqual(where.is_fully_replicated, is_norm, path)
      if not is_norm:
        self.assertContainsSubset({'fsdp', 'tensor'}, where.spec, path)

    jax.tree_util.tree_map_with_path(check, placed)

  def test_decoding_cuts_nothing_over_rows(self):
    mesh = make_mesh(data=2, fsdp=2, tensor=2)
    layout = sharding.decode_layout(CONFIG, mesh)
    self.assertLen(layout.params['layers'], 2)
    for where in jax.tree.leaves(layout.params):
      self.assertNoCommonElements(where.spec, sharding.ROWS)
    self.assertEqual(
        layout.cache.spec, Spec(sharding.ROWS, 'tensor', None, None)
    )

  def test_moments_lie_where_their_parameters_do(self):
    # Of a shape that two parameters share, and behind a mask.
    mesh = make_mesh(fsdp=2, tensor=2)
    boxed = sharding.abstract_params(CONFIG)
    tx = optimizer.make_optimizer(learning_rate=1e-3, warmup_steps=2)
    state = sharding.of_state(boxed, tx, mesh)
    moments = [
        x
        for x in jax.tree.leaves(
            state.opt_state, is_leaf=lambda x: hasattr(x, 'mu')
        )
        if hasattr(x, 'mu')
    ]
    self.assertLen(moments, 1)
    for tree in (moments[0].mu, moments[0].nu):
      self.assertEqual(tree, state.params)
    self.assertTrue(moments[0].count.is_fully_replicated)
    q, o = (state.params['layers']['attention'][n]['kernel'] for n in 'qo')
    self.assertNotEqual(q.spec, o.spec)

  def test_state_of_another_optimizer(self):
    tx = optax.sgd(0.1, momentum=0.9)
    state = sharding.of_state(
        sharding.abstract_params(CONFIG), tx, make_mesh(fsdp=4)
    )
    self.assertEqual(state.opt_state[0].trace, state.params)

  def test_moved_bytes(self):
    mesh = make_mesh(fsdp=2, tensor=2)
    place = lambda *axes: sharding.NamedSharding(mesh, Spec(*axes))
    x = jax.ShapeDtypeStruct((4, 8), jnp.float32)
    count = lambda before, after: sharding.moved_bytes([x], [before], [after])
    self.assertEqual(count(place('fsdp', 'tensor'), place('fsdp', 'tensor')), 0)
    # Each of 4 devices has a quarter of 128 bytes and needs a half.
    self.assertEqual(count(place('fsdp', 'tensor'), place(None, 'tensor')), 128)
    # Halves of other dimensions share a quarter.
    self.assertEqual(count(place('fsdp'), place(None, 'fsdp')), 128)
    # Cutting finer moves nothing.
    self.assertEqual(count(place(), place('fsdp')), 0)

  def test_every_parameter_has_names_with_rules(self):
    boxed = sharding.abstract_params(CONFIG)
    leaves = jax.tree.leaves(
        boxed, is_leaf=lambda x: isinstance(x, nn.meta.AxisMetadata)
    )
    for box in leaves:
      self.assertLen(box.names, box.value.ndim)
      self.assertContainsSubset(box.names, sharding.TRAIN)


if __name__ == '__main__':
  absltest.main()
