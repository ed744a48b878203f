"""Adapters next to kernels, and kernels that adapters were merged into."""

import dataclasses
import functools

from absl.testing import absltest
from absl.testing import parameterized
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from bao_jax.model import blockwise
from bao_jax.model import config as config_lib
from bao_jax.model import lora
from bao_jax.model import qwen3
from benchmarks import measure

BASE = config_lib.ModelConfig(
    vocab_size=32,
    num_layers=2,
    width=16,
    ff_width=24,
    num_heads=4,
    num_kv_heads=2,
    head_dim=6,
    rope_theta=1e4,
)


def with_adapters(*targets, rank=3, alpha=6.0):
  adapters = config_lib.LoraConfig(rank, alpha, targets)
  return dataclasses.replace(BASE, lora=adapters)


ALL = with_adapters(*config_lib.LORA_TARGETS)


def drawn(config):
  """Returns adapters as they begin."""
  init = functools.partial(lora.init, config)
  return jax.jit(lambda rng: nn.meta.unbox(init(rng)))(jax.random.key(1))


def trained(config):
  """Returns adapters of which no factor is zero."""
  init = functools.partial(lora.init, config)
  shapes = nn.meta.unbox(jax.eval_shape(init, jax.random.key(0)))
  rng = np.random.default_rng(1)
  draw = lambda x: rng.normal(scale=0.2, size=x.shape).astype(np.float32)
  return jax.tree.map(draw, shapes)


@jax.jit
def hidden(params):
  tokens = jnp.arange(10).reshape(2, 5)
  positions = jnp.broadcast_to(jnp.arange(5), (2, 5))
  model = qwen3.Transformer(BASE, blockwise.causal(jnp.zeros_like(tokens)))
  return model.apply({'params': params}, tokens, positions)[0]


class InitTest(parameterized.TestCase):

  def test_names_and_sizes(self):
    init = functools.partial(lora.init, ALL)
    boxed = jax.eval_shape(init, jax.random.key(0))
    seen = {}
    for maps in boxed['layers'].values():
      for name, pair in maps.items():
        seen[name] = [(x.names, x.value.shape) for x in pair.values()]
    self.assertCountEqual(seen, config_lib.LORA_TARGETS)
    self.assertEqual(
        seen['q'],
        [
            (('layers', 'embed', 'rank'), (2, 16, 3)),
            (('layers', 'rank', 'heads', 'head_dim'), (2, 3, 4, 6)),
        ],
    )
    self.assertEqual(
        seen['o'],
        [
            (('layers', 'heads', 'head_dim', 'rank'), (2, 4, 6, 3)),
            (('layers', 'rank', 'embed'), (2, 3, 16)),
        ],
    )
    self.assertEqual(seen['down'][0], (('layers', 'mlp', 'rank'), (2, 24, 3)))

  def test_first_adapters_change_nothing(self):
    config, base = with_adapters('q', 'o'), measure.parameters(BASE)
    adapters = drawn(config)
    params = lora.attach(adapters, base, config.lora)
    # Another program, so it may round otherwise; but not what rollouts get.
    np.testing.assert_allclose(hidden(params), hidden(base), atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, lora.merge(params), base)
    # What a map begins with does not depend on which others have adapters.
    first, second = (
        x['layers']['attention']['o']['lora_a']
        for x in (drawn(with_adapters('o')), adapters)
    )
    np.testing.assert_array_equal(first, second)
    self.assertAlmostEqual(float(np.std(first)), 24**-0.5, delta=0.05)

  @parameterized.parameters(
      (
          dict(targets=('q', 'x')),
          r"lora.targets: no 'x'; there are: q, k, v, o",
      ),
      (dict(targets=()), r'lora.targets=\(\): name at least one'),
      (dict(rank=-1), 'lora.rank=-1 must not be negative'),
      (dict(alpha=0.0), 'lora.alpha=0.0 must be positive'),
      (dict(base_dtype='int8'), "base_dtype='int8': use float32 or bfloat16"),
  )
  def test_senseless(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      config_lib.LoraConfig(
          **(dict(rank=2, alpha=1.0, targets=('q',)) | changes)
      )


class MergeTest(parameterized.TestCase):

  @parameterized.parameters(*config_lib.LORA_TARGETS)
  def test_change_of_a_kernel(self, name):
    config = with_adapters(name)
    base, adapters = measure.parameters(BASE), trained(config)
    merged = lora.merge(lora.attach(adapters, base, config.lora))
    ((sublayer, maps),) = adapters['layers'].items()
    kernel = base['layers'][sublayer][name]['kernel']
    a = maps[name]['lora_a'].reshape(2, -1, 3)
    b = maps[name]['lora_b'].reshape(2, 3, -1)
    wanted = kernel + 2.0 * (a @ b).reshape(kernel.shape)
    changed = merged['layers'][sublayer][name].pop('kernel')
    np.testing.assert_allclose(changed, wanted, atol=1e-5)
    del base['layers'][sublayer][name]['kernel']
    jax.tree.map(np.testing.assert_array_equal, merged, base)

  def test_merged_computes_what_attached_does(self):
    base = measure.parameters(BASE)
    params = lora.attach(trained(ALL), base, ALL.lora)
    out = hidden(params)
    np.testing.assert_allclose(hidden(lora.merge(params)), out, atol=1e-5)
    self.assertGreater(np.max(np.abs(out - hidden(base))), 0.1)

  def test_layer_by_layer_is_the_same(self):
    params = lora.attach(trained(ALL), measure.parameters(BASE), ALL.lora)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
        lora.merge(qwen3.unstack(params)),
        qwen3.unstack(lora.merge(params)),
    )

  def test_without_adapters_nothing_is_done(self):
    base = measure.parameters(BASE)
    self.assertIs(lora.attach(base, None, None), base)
    for x, y in zip(*map(jax.tree.leaves, (lora.merge(base), base))):
      self.assertIs(x, y)


if __name__ == '__main__':
  absltest.main()
