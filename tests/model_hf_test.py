"""Published checkpoints: loaded, refused, written."""

import contextlib
import dataclasses
import json
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
from flax import traverse_util
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.model.hf import export
from bao_jax.model.hf import files
from bao_jax.model.hf import load
from bao_jax.model.hf import names
from bao_jax.model.hf import shape as shape_lib
from benchmarks import measure

CONFIG = config_lib.ModelConfig(
    vocab_size=48,
    num_layers=3,
    width=24,
    ff_width=40,
    num_heads=4,
    num_kv_heads=2,
    head_dim=10,
    rope_theta=5e6,
    tie_embeddings=False,
)


def flat(params):
  return traverse_util.flatten_dict(params, sep='/')


class HfTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    temporary = self.enter_context(tempfile.TemporaryDirectory())
    self.folder = pathlib.Path(temporary) / 'weights'
    self.params = measure.parameters(CONFIG)

  def write(self, config=CONFIG, **settings):
    settings = {'dtype': 'float32', 'max_bytes': 20_000} | settings
    export.export(measure.parameters(config), config, self.folder, **settings)

  def edit_config(self, **fields):
    path = self.folder / 'config.json'
    value = json.loads(path.read_text()) | fields
    value = {k: v for k, v in value.items() if v != 'nothing'}
    path.write_text(json.dumps(value))

  def file_of(self, name):
    index = json.loads((self.folder / files.INDEX).read_text())
    return self.folder / index['weight_map'][name]

  def edit_file(self, path, edit):
    tensors = safetensors_numpy.load_file(path)
    edit(tensors)
    safetensors_numpy.save_file(tensors, path)


class LoadTest(HfTest):

  @parameterized.product(tied=[True, False], max_bytes=[20_000, 2**32])
  def test_what_was_written_is_loaded(self, tied, max_bytes):
    config = dataclasses.replace(CONFIG, tie_embeddings=tied)
    self.write(config, max_bytes=max_bytes)
    self.assertEqual(shape_lib.read(self.folder), config)
    loaded, expected = (
        flat(x)
        for x in (load.load(self.folder, config), measure.parameters(config))
    )
    self.assertEqual(set(loaded), set(expected))
    for path, x in expected.items():
      np.testing.assert_array_equal(loaded[path], x, err_msg=path)

  def test_linear_maps_lie_transposed_in_files(self):
    self.write()
    name = 'model.layers.1.self_attn.o_proj.weight'
    with safetensors.safe_open(self.file_of(name), 'np') as file:
      stored = file.get_tensor(name)
    kernel = self.params['layers']['attention']['o']['kernel'][1]  # [H, C, D]
    np.testing.assert_array_equal(stored, kernel.reshape(40, 24).T)

  @parameterized.parameters(
      ([('embed', 'data')],),
      ([('vocab', 'tensor'), ('heads', 'tensor'), ('mlp', ('data', 'fsdp'))],),
      ([('embed', 'fsdp'), ('kv_heads', 'tensor'), ('head_dim', 'data')],),
      (
          [
              ('head_dim', 'data'),
              ('mlp', 'tensor'),
              ('vocab', ('data', 'tensor')),
          ],
      ),
      ([],),
  )
  def test_shards_hold_what_the_whole_holds(self, rules):
    self.write()
    mesh = jax.make_mesh((2, 2, 2), ('data', 'fsdp', 'tensor'))
    boxed = jax.eval_shape(
        lambda key: qwen3.init(CONFIG, key), jax.random.key(0)
    )
    shardings = nn.logical_to_mesh_sharding(
        nn.get_partition_spec(boxed), mesh, rules
    )
    # Blocks of five rows, so that tables come in pieces.
    with mock.patch.object(load, '_BLOCK_BYTES', 5 * 4 * CONFIG.width):
      loaded = load.load(self.folder, CONFIG, shardings)
    placed = flat(shardings)
    for path, x in flat(loaded).items():
      self.assertEqual(x.sharding, placed[path])
      np.testing.assert_array_equal(x, flat(self.params)[path], err_msg=path)

  @parameterized.parameters('bfloat16', 'float32')
  def test_dtype_of_parameters_is_the_callers(self, stored):
    self.write(dtype=stored)
    for dtype in (jnp.float32, jnp.bfloat16):
      loaded = load.load(self.folder, CONFIG, dtype=dtype)
      for path, x in flat(loaded).items():
        self.assertEqual(x.dtype, dtype)
        expected = flat(self.params)[path].astype(stored).astype(dtype)
        np.testing.assert_array_equal(x, expected, err_msg=path)

  def test_only_a_slice_is_read_at_a_time(self):
    self.write()
    mesh = jax.make_mesh((8,), ('fsdp',))
    split = lambda x: jax.sharding.NamedSharding(
        mesh,
        jax.sharding.PartitionSpec(
            *('fsdp' if n == CONFIG.width else None for n in x.shape)
        ),
    )
    largest = []

    def read(*args, **kwargs):
      part = files_read(*args, **kwargs)
      largest.append(part.size)
      return part

    files_read = files.read
    with mock.patch.object(files, 'read', read):
      load.load(self.folder, CONFIG, jax.tree.map(split, self.params))
    whole = max(int(np.prod(x.shape)) for x in names.stored(CONFIG).values())
    self.assertEqual(max(largest), whole // 8)

  def test_head_of_a_tied_checkpoint_is_left_alone(self):
    # Some published folders hold a copy of the embedding there.
    self.write()
    self.edit_config(tie_word_embeddings=True)
    config = shape_lib.read(self.folder)
    self.assertNotIn('head', load.load(self.folder, config))


class ConfigTest(HfTest):

  def setUp(self):
    super().setUp()
    self.write()

  @parameterized.parameters(
      {'rope_theta': 1e4},
      {'rope_theta': 1e4, 'rope_scaling': {'rope_type': 'default'}},
      {
          'rope_theta': 'nothing',
          'rope_scaling': 'nothing',
          'rope_parameters': {'rope_type': 'default', 'rope_theta': 1e4},
      },
      {
          'rope_theta': 1e4,
          'rope_parameters': {'rope_type': 'default', 'rope_theta': 10_000},
      },
  )
  def test_both_forms_of_the_rotary_base(self, **fields):
    self.edit_config(**fields)
    self.assertEqual(shape_lib.read(self.folder).rope_theta, 1e4)

  @parameterized.parameters(
      ({'rope_theta': 'nothing'}, "neither 'rope_theta' nor 'rope_parameters"),
      (
          {
              'rope_theta': 'nothing',
              'rope_parameters': {'rope_type': 'default'},
          },
          "neither 'rope_theta' nor 'rope_parameters",
      ),
      (
          {'rope_parameters': {'rope_theta': 1e4}},
          r"'rope_theta' and 'rope_parameters' differ: \[10000.0, 5000000.0\]",
      ),
      (
          {'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0}},
          "rope_scaling={'rope_type': 'yarn'.*not supported",
      ),
      (
          {'rope_scaling': {'type': 'linear', 'factor': 2.0}},
          'rope_scaling=.*not supported',
      ),
      (
          {'rope_parameters': {'rope_type': 'dynamic', 'rope_theta': 5e6}},
          'rope_parameters=.*not supported',
      ),
      (
          {
              'rope_parameters': {
                  'partial_rotary_factor': 0.5,
                  'rope_theta': 5e6,
              }
          },
          'rope_parameters=.*not supported',
      ),
      ({'model_type': 'qwen3_moe'}, "model_type='qwen3_moe'; only dense Qwen3"),
      ({'model_type': 'nothing'}, 'model_type=None; only dense Qwen3'),
      (
          {'architectures': ['Qwen3ForSequenceClassification']},
          'architectures=.*Classification',
      ),
      ({'attention_bias': True}, 'attention_bias=True is not supported'),
      ({'hidden_act': 'gelu'}, "hidden_act='gelu' is not supported"),
      ({'use_sliding_window': True}, 'use_sliding_window=True is not'),
      (
          {'layer_types': ['full_attention', 'sliding_attention']},
          'layer_types has sliding_attention; only',
      ),
      ({'quantization_config': {'bits': 4}}, 'quantization_config=.*not supp'),
      ({'head_dim': 'nothing'}, "there is no 'head_dim'"),
      ({'tie_word_embeddings': 'nothing'}, "no 'tie_word_embeddings'"),
      ({'num_key_value_heads': 3}, 'num_heads=4 must be a multiple'),
  )
  def test_what_is_not_ours_is_refused(self, fields, message):
    self.edit_config(**fields)
    with self.assertRaisesRegex(ValueError, message):
      shape_lib.read(self.folder)

  def test_missing_and_broken_files(self):
    path = self.folder / 'config.json'
    path.write_text('[]')
    with self.assertRaisesRegex(ValueError, 'config.json: not a JSON object'):
      shape_lib.read(self.folder)
    path.write_text('{')
    with self.assertRaisesRegex(ValueError, 'config.json: not JSON'):
      shape_lib.read(self.folder)
    path.unlink()
    with self.assertRaisesRegex(FileNotFoundError, 'config.json: no such file'):
      shape_lib.read(self.folder)


class DamageTest(HfTest):

  NAME = 'model.layers.1.mlp.up_proj.weight'

  def setUp(self):
    super().setUp()
    self.write()
    self.path = self.file_of(self.NAME)

  @contextlib.contextmanager
  def refused(self, message, error=ValueError, config=CONFIG):
    yield
    with self.assertRaises(error) as context:
      load.load(self.folder, config)
    self.assertRegex(str(context.exception), message)
    self.assertNotIn('\n', str(context.exception))

  @parameterized.parameters(1, 1000)
  def test_file_cut_short(self, count):
    data = self.path.read_bytes()
    last = max(
        safetensors_numpy.load_file(self.path),
        key=lambda name: data.find(f'"{name}"'.encode()),
    )
    name = last if count == 1 else r'model\.layers\.\d\.'
    with self.refused(f'{self.path}: cut short within.* the tensor {name}'):
      self.path.write_bytes(data[:-count])

  def test_file_cut_in_its_header(self):
    for size in (0, 7, 30):
      with self.refused(f'{self.path}: cut short, or not a safetensors file'):
        self.path.write_bytes(self.path.read_bytes()[:size])

  def test_file_of_something_else(self):
    with self.refused(f'{self.path}: (damaged|cut short)'):
      self.path.write_bytes(b'\x08' + bytes(7) + b'nonsense' + bytes(100))

  def test_missing_tensor(self):
    with self.refused(f'{self.path}: lacks the tensor {self.NAME}'):
      self.edit_file(self.path, lambda x: x.pop(self.NAME))

  def test_tensor_that_the_index_lacks_as_well(self):
    with self.refused(f'lacks the tensor {self.NAME}'):
      self.edit_file(self.path, lambda x: x.pop(self.NAME))
      index = json.loads((self.folder / files.INDEX).read_text())
      del index['weight_map'][self.NAME]
      (self.folder / files.INDEX).write_text(json.dumps(index))

  def test_tensor_too_many(self):
    name = 'model.layers.0.self_attn.q_proj.bias'
    with self.refused(f'{self.path}: has a tensor {name}, which the model'):
      self.edit_file(self.path, lambda x: x.update({name: np.zeros(3)}))

  def test_layer_too_many(self):
    fewer = dataclasses.replace(CONFIG, num_layers=2)
    with self.refused(
        r'has a tensor model\.layers\.2\.\S+, which the model', config=fewer
    ):
      pass

  def test_wrong_shape(self):
    with self.refused(
        rf'{self.path}: the tensor {self.NAME} has the shape \(40, 23\), but by'
        r' config.json it is \(40, 24\)'
    ):
      self.edit_file(
          self.path, lambda x: x.update({self.NAME: np.zeros((40, 23))})
      )

  def test_dtype_that_is_not_read(self):
    with self.refused(f'{self.path}: the tensor {self.NAME} is I8; only F32'):
      self.edit_file(
          self.path,
          lambda x: x.update({self.NAME: np.zeros((40, 24), np.int8)}),
      )

  def test_missing_file(self):
    with self.refused(
        f'{self.path}: no such file, but {files.INDEX} says that it holds',
        FileNotFoundError,
    ):
      self.path.unlink()

  def test_missing_index(self):
    with self.refused(
        'holds no model.safetensors and no model.safetensors.index.json',
        FileNotFoundError,
    ):
      (self.folder / files.INDEX).unlink()

  def test_index_without_a_map(self):
    with self.refused(f"{files.INDEX}: there is no 'weight_map'"):
      (self.folder / files.INDEX).write_text('{}')


class ExportTest(HfTest):

  def test_index_names_every_tensor_once(self):
    self.write()
    index = json.loads((self.folder / files.INDEX).read_text())
    listed = index['weight_map']
    self.assertEqual(set(listed), set(names.stored(CONFIG)))
    count = sum(x.size for x in flat(self.params).values())
    self.assertEqual(
        index['metadata'],
        {'total_parameters': count, 'total_size': 4 * count},
    )
    total = len(set(listed.values()))
    self.assertGreater(total, 2)
    for name in set(listed.values()):
      self.assertRegex(name, rf'^model-0000\d-of-0000{total}\.safetensors$')
      with safetensors.safe_open(self.folder / name, 'np') as file:
        held = {x for x in listed if listed[x] == name}
        self.assertEqual(set(file.keys()), held)
        self.assertEqual(file.metadata(), {'format': 'pt'})

  def test_other_files_and_fields_come_along(self):
    beside = self.folder.with_name('tokenizer.json')
    beside.write_text('{}')
    fields = {
        'eos_token_id': 7,
        'hidden_size': 1,
        'dtype': 'float16',
        'rope_parameters': {'rope_theta': 1.0, 'rope_type': 'default'},
    }
    self.write(beside=[beside], fields=fields, max_bytes=2**32)
    self.assertEqual((self.folder / 'tokenizer.json').read_text(), '{}')
    written = json.loads((self.folder / 'config.json').read_text())
    self.assertEqual(written['eos_token_id'], 7)
    self.assertEqual(written['torch_dtype'], 'float32')
    self.assertNotIn('dtype', written)
    self.assertEqual(shape_lib.read(self.folder), CONFIG)

  def test_failure_leaves_nothing(self):
    with self.assertRaises(FileNotFoundError):
      self.write(beside=['/nonexistent/tokenizer.json'])
    self.assertEmpty(list(self.folder.parent.iterdir()))

  def test_folder_that_is_there_is_kept(self):
    self.folder.mkdir()
    with self.assertRaisesRegex(FileExistsError, 'is there already; choose'):
      self.write()
    self.assertEmpty(list(self.folder.iterdir()))

  def test_unknown_dtype(self):
    with self.assertRaisesRegex(ValueError, "dtype='int8': use bfloat16 or"):
      self.write(dtype='int8')


class SizesTest(parameterized.TestCase):

  @parameterized.parameters(
      ('0.6b', 596_049_920),
      ('1.7b', 1_720_574_976),
      ('4b', 4_022_468_096),
      ('8b', 8_190_735_360),
      ('14b', 14_768_307_200),
      ('32b', 32_762_123_264),
  )
  def test_parameters_are_as_many_as_published(self, size, expected):
    shapes = names.shapes(config_lib.SIZES[size]).values()
    self.assertEqual(sum(int(np.prod(shape)) for shape in shapes), expected)


if __name__ == '__main__':
  absltest.main()
