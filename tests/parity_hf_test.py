"""Checkpoints that transformers saves, loaded here, and ours loaded there."""

import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
from flax import traverse_util
import numpy as np
import pytest
import qwen3_cases
from safetensors import numpy as safetensors_numpy

from bao_jax.model.hf import export
from bao_jax.model.hf import load
from bao_jax.model.hf import shape as shape_lib

_REASON = 'needs the extra parity: pip install -e ".[parity]"'
torch = pytest.importorskip('torch', reason=_REASON)
pytest.importorskip('transformers', reason=_REASON)

pytestmark = pytest.mark.parity

Case = qwen3_cases.Case
CASES = {
    'group_of_1': Case(True, (2, 2, 10), 1e4),
    'group_of_2': Case(False, (4, 2, 6), 1e6, is_published=True, shard='8KB'),
    'group_of_3': Case(True, (3, 1, 8), 5e6, shard='8KB'),
    'group_of_4': Case(False, (8, 2, 4), 5e6),
}


class RandomCheckpointTest(parameterized.TestCase):

  @parameterized.parameters(*CASES)
  def test_logits_tokens_gradients_and_the_way_back(self, name):
    temporary = self.enter_context(tempfile.TemporaryDirectory())
    folder = pathlib.Path(temporary) / 'theirs'
    folder.mkdir()
    expected = qwen3_cases.make(folder, CASES[name], seed=7)
    config = shape_lib.read(folder)
    params = load.load(folder, config)
    found = qwen3_cases.ours(params, config)
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)
    np.testing.assert_array_equal(found.greedy, expected.greedy)
    self.check_gradients(params, config, folder)
    out = folder.with_name('ours')
    export.export(params, config, out, dtype='float32', max_bytes=8000)
    back = qwen3_cases.logits_of(qwen3_cases.load_theirs(out))
    np.testing.assert_array_equal(back, expected.logits)

  def check_gradients(self, params, config, folder):
    expected = load.load(folder / 'gradients', config)
    expected = traverse_util.flatten_dict(expected, sep='/')
    found = qwen3_cases.gradients(params, config)
    for path, x in traverse_util.flatten_dict(found, sep='/').items():
      scale = np.abs(expected[path]).max()
      self.assertGreater(scale, 1e-4, path)
      np.testing.assert_allclose(
          x, expected[path], atol=1e-4 * scale, err_msg=path
      )


class FixtureTest(parameterized.TestCase):

  @parameterized.parameters(*qwen3_cases.CASES)
  def test_is_what_transformers_makes(self, name):
    temporary = self.enter_context(tempfile.TemporaryDirectory())
    made, kept = pathlib.Path(temporary), qwen3_cases.FOLDER / name
    expected = qwen3_cases.make(made, qwen3_cases.CASES[name])
    found = qwen3_cases.read_expected(kept)
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
    np.testing.assert_array_equal(found.greedy, expected.greedy)
    self.assertEqual(shape_lib.read(kept), shape_lib.read(made))
    for path in made.rglob('*.safetensors'):
      theirs = safetensors_numpy.load_file(path)
      ours = safetensors_numpy.load_file(kept / path.relative_to(made))
      self.assertEqual(set(ours), set(theirs))
      for key, x in theirs.items():
        np.testing.assert_allclose(ours[key], x, atol=1e-5, err_msg=key)


if __name__ == '__main__':
  absltest.main()
