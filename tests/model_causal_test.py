"""Tests for bao_jax.model.causal and the attentions it chooses from."""

import dataclasses
import functools
import re
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import jax
from jax._src.cudnn import fused_attention_stablehlo
import jax.numpy as jnp
import numpy as np

from bao_jax.model import attention
from bao_jax.model import blockwise
from bao_jax.model import causal
from bao_jax.model import config as config_lib
from bao_jax.model import scanned
from bao_jax.model import splash
from bao_jax.train import batch as batch_lib
from bao_jax.train import step as step_lib
from benchmarks import measure

CONFIG = config_lib.ModelConfig(32, 2, 16, 24, 4, 2, 128)


def inputs(length, *, heads=(4, 2), head_dim=8, dtype=jnp.float32, rows=2):
  """Draws queries, keys, values, a cotangent of the output and segments."""
  rng = np.random.default_rng(0)
  draw = lambda heads: jnp.array(
      rng.normal(size=(rows, length, heads, head_dim)), dtype
  )
  q, k, v, d_out = map(draw, (heads[0], heads[1], heads[1], heads[0]))
  # Two packed conversations and padding in the first row; the others are one.
  segments = np.zeros((rows, length), np.int32)
  segments[0, length // 3 :] = 1
  segments[0, length - length // 5 :] = -1
  return (q, k, v), d_out, segments


def naive(q, k, v, segments):
  """Attends with the whole mask, in float32: the definition."""
  length = q.shape[1]
  mask = segments[:, :, None] == segments[:, None, :]
  mask &= np.tril(np.ones((length, length), bool))[None]
  k, v = (x.astype(jnp.float32).transpose(0, 2, 3, 1) for x in (k, v))
  return attention.attend(q.astype(jnp.float32), [k], [v], mask)


@functools.partial(jax.jit, static_argnums=0)
def pulled(attend, args, d_out, segments):
  """Computes values and gradients."""
  out, pull = jax.vjp(lambda *args: attend(*args, segments), *args)
  return out, *pull(d_out.astype(out.dtype))


def by_blocks(*args, block=64):
  *args, segments = args
  return blockwise.causal(segments, block=block)(*args, None)[0]


_dot_product_attention = jax.nn.dot_product_attention
_cudnn = causal.cudnn


def plain(*args, implementation, **kwargs):
  assert implementation == 'cudnn'
  return _dot_product_attention(*args, implementation='xla', **kwargs)


def by_xla(*args, is_packed=True):
  """Takes the way of cuDNN, but for the kernel, which no CPU has."""
  with mock.patch.object(jax.nn, 'dot_product_attention', plain):
    return _cudnn(*args, is_packed=is_packed)


IMPLEMENTATIONS = {
    'blockwise': functools.partial(by_blocks, block=16),
    'scanned': functools.partial(scanned.attend, block=16),
    'splash': functools.partial(splash.attend, block=128, interpret=True),
    'cudnn': by_xla,
}


class EveryAttentionTest(parameterized.TestCase):

  def check(self, attend, args, d_out, segments, *, atol):
    want = pulled(naive, args, d_out, segments)
    got = pulled(attend, args, d_out, segments)
    real = (segments >= 0)[..., None, None]  # Padding is nobody's.
    for x, y in zip(got, want, strict=True):
      self.assertEqual(x.dtype, args[0].dtype)
      x, y = (np.where(real, np.asarray(z, np.float32), 0) for z in (x, y))
      np.testing.assert_allclose(x, y, atol=atol)

  def drawn(self, *args, **kwargs):
    args, d_out, segments = inputs(*args, **kwargs)
    return args, d_out * (segments >= 0)[..., None, None], segments

  @parameterized.parameters(
      ('blockwise', 37),
      ('scanned', 1),
      ('scanned', 37),
      ('splash', 37),
      ('splash', 150),
      ('cudnn', 37),
  )
  def test_equals_the_definition(self, name, length):
    self.check(IMPLEMENTATIONS[name], *self.drawn(length), atol=2e-5)

  @parameterized.product(name=tuple(IMPLEMENTATIONS), heads=((2, 2), (3, 1)))
  def test_groups_of_queries(self, name, heads):
    self.check(IMPLEMENTATIONS[name], *self.drawn(37, heads=heads), atol=2e-5)

  @parameterized.parameters(*IMPLEMENTATIONS)
  def test_bfloat16_inputs_and_float32_sums(self, name):
    drawn = self.drawn(37, dtype=jnp.bfloat16)
    self.check(IMPLEMENTATIONS[name], *drawn, atol=0.06)

  def test_cudnn_needs_no_mask_for_one_conversation_per_row(self):
    args, d_out, segments = inputs(21)
    attend = functools.partial(by_xla, is_packed=False)
    self.check(attend, args, d_out, np.zeros_like(segments), atol=2e-5)


class ScannedTest(absltest.TestCase):

  def test_the_weights_of_not_even_one_head_exist(self):
    length, (heads, kv_heads), width = 4096, (4, 2), 8
    shape = lambda heads: jax.ShapeDtypeStruct(
        (1, length, heads, width), jnp.float32
    )
    args = shape(heads), shape(kv_heads), shape(kv_heads)
    ids = jax.ShapeDtypeStruct((1, length), jnp.int32)
    compiled = pulled.lower(scanned.attend, args, args[0], ids).compile()
    used = compiled.memory_analysis().temp_size_in_bytes
    self.assertLess(used, 4 * length * length)


class CudnnTest(parameterized.TestCase):

  @parameterized.parameters(
      ('attention', False, 1), ('full', False, 2), ('full', True, 2)
  )
  def test_calls_of_a_program_for_gpus(self, remat, is_packed, forward):
    # The kernel cannot run here, but what would be called can be told.
    config = config_lib.ModelConfig(
        *(32, 6, 32, 48, 4, 2, 64),
        dtype='bfloat16',
        remat=remat,
        attention='cudnn',
    )
    shape = lambda dtype: jax.ShapeDtypeStruct((2, 33), dtype)
    ids = shape(jnp.int32)
    batch = batch_lib.Packed(ids, ids, ids, shape(jnp.bool_))

    def loss(params, batch):
      logps, _ = step_lib.packed_logps(
          params, batch, model=step_lib.ModelFn(config), is_packed=is_packed
      )
      return jnp.sum(logps)

    params = jax.eval_shape(lambda: measure.parameters(config))
    with mock.patch.object(
        fused_attention_stablehlo, 'check_cudnn_version', lambda: 91200
    ):
      program = jax.jit(jax.grad(loss)).trace(params, batch)
      text = program.lower(lowering_platforms=('cuda',)).as_text()
    softmax = 'ScaleBiasSoftmax' if is_packed else 'Softmax'
    calls = re.findall(r'__cudnn\$fmha(\w+)', text)
    self.assertCountEqual(calls, [softmax] * forward + [f'{softmax}Backward'])


class ChosenTest(parameterized.TestCase):

  @parameterized.parameters(
      ('cpu', 2048, {}, 'blockwise'),
      ('cpu', 2049, {}, 'scanned'),
      ('gpu', 512, {}, 'blockwise'),
      ('gpu', 4096, {}, 'scanned'),
      ('gpu', 4096, {'dtype': 'bfloat16'}, 'cudnn'),
      ('gpu', 4096, {'dtype': 'bfloat16', 'head_dim': 24}, 'scanned'),
      ('tpu', 512, {}, 'splash'),
      ('tpu', 512, {'head_dim': 16}, 'blockwise'),
  )
  def test_by_platform(self, platform, length, changes, name):
    config = dataclasses.replace(CONFIG, **changes)
    self.assertEqual(causal.chosen(config, length, platform), name)

  def test_the_platform_is_that_of_the_mesh(self):
    self.assertEqual(causal.platform(None), 'cpu')
    mesh = mock.Mock()
    mesh.devices = np.array([mock.Mock(platform='tpu')])
    self.assertEqual(causal.platform(mesh), 'tpu')

  @parameterized.parameters('blockwise', 'scanned')
  def test_by_config(self, name):
    config = dataclasses.replace(CONFIG, attention=name)
    args, d_out, segments = inputs(9)
    attend = causal.attend_fn(config, segments, is_packed=True)
    out, cache = attend(*args, 'held')
    np.testing.assert_allclose(out, naive(*args, segments), atol=1e-5)
    self.assertEqual(cache, 'held')

  @parameterized.parameters({'attention': 'flash'}, {'remat': 'some'})
  def test_unknown_names_are_refused(self, **changes):
    field, value = next(iter(changes.items()))
    with self.assertRaisesRegex(
        ValueError, f'model.{field}={value!r}: use one of .*'
    ):
      dataclasses.replace(CONFIG, **changes)


class MeshTest(parameterized.TestCase):

  @parameterized.parameters('splash', 'scanned', 'blockwise', 'cudnn')
  def test_eight_devices_agree_with_one(self, name):
    shape = {'data': 2, 'fsdp': 2, 'tensor': 2}
    mesh = jax.make_mesh(
        tuple(shape.values()),
        tuple(shape),
        axis_types=(jax.sharding.AxisType.Auto,) * 3,
    )
    config = dataclasses.replace(CONFIG, attention=name)
    args, d_out, segments = inputs(20, rows=4)

    def attend(*args):
      *args, segments = args
      fn = causal.attend_fn(config, segments, is_packed=True, mesh=mesh)
      return fn(*args, None)[0]

    with (
        mock.patch.object(causal, '_splash', IMPLEMENTATIONS['splash']),
        mock.patch.object(causal, 'cudnn', by_xla),
    ):
      got = pulled(attend, args, d_out, segments)
    for x, y in zip(got, pulled(naive, args, d_out, segments), strict=True):
      np.testing.assert_allclose(x, y, atol=2e-5)


if __name__ == '__main__':
  absltest.main()
