"""The model against what transformers computed, kept in `data/qwen3`."""

from absl.testing import absltest
from absl.testing import parameterized
from flax import traverse_util
import numpy as np
import qwen3_cases

from bao_jax.model.hf import load
from bao_jax.model.hf import shape as shape_lib


class GoldenTest(parameterized.TestCase):

  @parameterized.parameters(*qwen3_cases.CASES)
  def test_shape(self, name):
    case = qwen3_cases.CASES[name]
    config = shape_lib.read(qwen3_cases.FOLDER / name)
    self.assertEqual(config.rope_theta, case.theta)
    self.assertEqual(config.tie_embeddings, case.tied)
    heads = (config.num_heads, config.num_kv_heads, config.head_dim)
    self.assertEqual(heads, case.heads)
    self.assertNotEqual(config.head_dim * config.num_heads, config.width)

  @parameterized.parameters(*qwen3_cases.CASES)
  def test_logits_and_likeliest_tokens(self, name):
    folder = qwen3_cases.FOLDER / name
    config = shape_lib.read(folder)
    expected = qwen3_cases.read_expected(folder)
    found = qwen3_cases.ours(load.load(folder, config), config)
    self.assertGreater(expected.logits.std(), 0.5)
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)
    self.assertGreater(len(np.unique(expected.greedy)), 10)
    np.testing.assert_array_equal(found.greedy, expected.greedy)

  @parameterized.parameters(*qwen3_cases.CASES)
  def test_gradients(self, name):
    folder = qwen3_cases.FOLDER / name
    config = shape_lib.read(folder)
    found = qwen3_cases.gradients(load.load(folder, config), config)
    expected = load.load(folder / 'gradients', config)
    expected = traverse_util.flatten_dict(expected, sep='/')
    for path, x in traverse_util.flatten_dict(found, sep='/').items():
      scale = np.abs(expected[path]).max()
      self.assertGreater(scale, 1e-4, path)
      np.testing.assert_allclose(
          x, expected[path], atol=1e-4 * scale, err_msg=path
      )


if __name__ == '__main__':
  absltest.main()
