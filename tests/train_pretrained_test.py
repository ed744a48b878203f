"""A run that starts from published weights, and what it ends in."""

import dataclasses
import importlib
import json
import pathlib
import shutil
import sys
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import experiments_cli_test as cli
from flax import traverse_util
import jax
import jinja2
import numpy as np

from bao_jax.model import config as config_lib
from bao_jax.model import lora
from bao_jax.model.hf import export
from bao_jax.model.hf import files
from bao_jax.model.hf import hub
from bao_jax.model.hf import load
from bao_jax.model.hf import shape as shape_lib
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import adapted
from bao_jax.train import exported
from bao_jax.train import lessons
from bao_jax.train import pretrained
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import sft
from benchmarks import measure


def tiny(**changes):
  return cli.tiny(**{'envs.max_turns': 8, 'teacher.conversations': 4} | changes)


def write(folder, config, **settings):
  """Writes the published weights of the config's shape, and a tokenizer."""
  shape = config_lib.ModelConfig(**config.model.to_dict())
  tokenizer = tokenizer_lib.train(['the cat'] * 9, vocab_size=300)
  with tempfile.TemporaryDirectory() as made:
    path = pathlib.Path(made) / 'tokenizer.json'
    tokenizer_lib.save(tokenizer, path)
    template = path.with_name('chat_template.jinja')
    template.write_text('theirs')
    export.export(
        measure.parameters(shape),
        shape,
        folder,
        beside=[path, template],
        fields={'max_position_embeddings': 1234},
        dtype='float32',
        **settings,
    )


class StartTest(cli.CliTest):

  def setUp(self):
    super().setUp()
    self.weights = self.folder / 'weights'
    self.config = tiny(weights=str(self.weights))
    write(self.weights, self.config)

  def test_run_begins_with_the_weights_and_ends_in_new_ones(self):
    seen = []

    def first(*args):
      seen.append(jax.device_get(initial_params(*args)))
      return seen[-1]

    initial_params = pretrained.initial_params
    with mock.patch.object(pretrained, 'initial_params', first):
      state = sft.train(self.config, self.folder / 'run')
    shape = config_lib.ModelConfig(**self.config.model.to_dict())
    for ours, theirs in zip(
        jax.tree.leaves(seen[0]), jax.tree.leaves(measure.parameters(shape))
    ):
      np.testing.assert_array_equal(ours, theirs)
    # Neither evaluation nor export of a run takes more than the folder of the
    # run and, for the files beside the tensors, that of the weights.
    encoder = lessons.saved_tokenizer(self.folder / 'run')
    self.assertEqual(
        encoder.backend.to_str(),
        tokenizer_lib.load(self.weights).backend.to_str(),
    )
    out = self.folder / 'out'
    exported.export(self.folder / 'run', out, dtype='float32')
    self.assertEqual(shape_lib.read(out), shape)
    written = traverse_util.flatten_dict(load.load(out, shape), sep='/')
    for path, x in traverse_util.flatten_dict(state.params, sep='/').items():
      np.testing.assert_array_equal(written[path], x, err_msg=path)
    fields = json.loads((out / 'config.json').read_text())
    self.assertEqual(fields['max_position_embeddings'], 1234)
    for name in ('tokenizer.json', 'chat_template.jinja'):
      self.assertEqual(
          (out / name).read_bytes(), (self.weights / name).read_bytes()
      )

  @parameterized.parameters(
      (
          {'model.width': 32, 'model.rope_theta': 1e6},
          r'weights: .* is another model than config.model; set'
          r' --config.model.width=16 --config.model.rope_theta=10000.0\.',
      ),
      ({'model.tie_embeddings': False}, 'set --config.model.tie_embeddings=Tr'),
      ({'weights': '/nowhere'}, 'weights: /nowhere: no such folder'),
  )
  def test_weights_of_something_else(self, changes, message):
    config = self.config
    config.update_from_flattened_dict(changes)
    for train in (sft.train, rl.train):
      line = self.fails(train, config, self.folder / 'run')
      self.assertRegex(line, message)
      self.assertFalse((self.folder / 'run').exists())

  def test_damaged_weights(self):
    path = self.weights / files.SINGLE
    path.write_bytes(path.read_bytes()[:-9])
    line = self.fails(sft.train, self.config, self.folder / 'run')
    self.assertIn(f'{path}: cut short within or before the tensor', line)

  def test_weights_without_a_tokenizer(self):
    (self.weights / 'tokenizer.json').unlink()
    line = self.fails(sft.train, self.config, self.folder / 'run')
    self.assertIn('tokenizer.json: no such file; set text.tokenizer', line)
    self.config.text.tokenizer = str(self.folder / 'other.json')
    line = self.fails(sft.train, self.config, self.folder / 'run')
    self.assertIn('other.json: no such tokenizer file', line)

  def test_vocabulary_smaller_than_the_tokenizers(self):
    weights = self.folder / 'small'
    config = tiny(**{'weights': str(weights), 'model.vocab_size': 200})
    write(weights, config)
    line = self.fails(sft.train, config, self.folder / 'run')
    self.assertIn('model.vocab_size=200 is smaller than the', line)


class ExportTest(cli.CliTest):

  def setUp(self):
    super().setUp()
    self.run_folder = self.folder / 'run'
    self.out = self.folder / 'out'
    cli.make_run(self.run_folder, tiny())

  def test_tokenizer_of_our_own_gets_what_engines_need(self):
    exported.export(self.run_folder, self.out)
    names = {path.name for path in self.out.iterdir()}
    self.assertEqual(
        names,
        {
            *('config.json', 'generation_config.json', 'tokenizer.json'),
            *('model.safetensors', 'tokenizer_config.json'),
        },
    )
    encoder = tokenizer_lib.load(self.out)
    fields = json.loads((self.out / 'config.json').read_text())
    stop = encoder.id(tokenizer_lib.IM_END)
    self.assertEqual(fields['eos_token_id'], stop)
    self.assertEqual(fields['max_position_embeddings'], 320)
    self.assertEqual(fields['torch_dtype'], 'bfloat16')
    fields = json.loads((self.out / 'tokenizer_config.json').read_text())
    self.assertEqual(encoder.id(fields['eos_token']), stop)
    jinja2.Environment().from_string(fields['chat_template'])

  def test_adapters_become_part_of_what_is_exported(self):
    weights, folder = self.folder / 'weights', self.folder / 'adapted'
    config = tiny(weights=str(weights))
    write(weights, config)
    config.lora.rank = 2
    config.sft.num_steps, config.sft.optimizer.warmup_steps = 2, 0
    sft.train(config, folder)
    exported.export(folder, self.out, dtype='float32')
    shape = setup.model_config(config, lessons.saved_tokenizer(folder))
    mesh = setup.mesh(config)
    whole = adapted.latest_params(config, shape, folder, mesh)
    loaded = load.load(self.out, shape)
    jax.tree.map(np.testing.assert_array_equal, loaded, lora.merge(whole))
    before = load.load(weights, shape)['layers']['attention']['q']['kernel']
    after = loaded['layers']['attention']['q']['kernel']
    self.assertGreater(np.max(np.abs(after - before)), 1e-4)

  def test_run_of_reinforcement_learning_has_its_warm_starts_tokenizer(self):
    folder = self.folder / 'rl'
    config = tiny(warm_start=str(self.run_folder))
    setup.claim(folder, 'rl', config)
    shutil.copytree(self.run_folder / 'checkpoints', folder / 'checkpoints')
    self.assertEqual(exported.export(folder, self.out, dtype='float32'), 1)
    self.assertEqual(
        (self.out / 'tokenizer.json').read_bytes(),
        (self.run_folder / 'tokenizer.json').read_bytes(),
    )

  def test_run_on_more_devices_than_are_here(self):
    exported.export(self.run_folder, self.folder / 'few', dtype='float32')
    path = self.run_folder / 'config.json'
    saved = json.loads(path.read_text())
    saved['mesh']['data'] = 4096
    path.write_text(json.dumps(saved))
    exported.export(self.run_folder, self.out, dtype='float32')
    few, out = (f / files.SINGLE for f in (self.folder / 'few', self.out))
    self.assertEqual(few.read_bytes(), out.read_bytes())

  def test_folders_that_are_there_or_are_not(self):
    self.out.mkdir()
    line = self.fails(exported.export, self.run_folder, self.out)
    self.assertIn('is there already; choose another folder', line)
    line = self.fails(exported.export, self.folder / 'no', self.folder / 'x')
    self.assertIn('holds no run', line)


class BaoFunctionTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    path = [str(cli.EXPERIMENTS), *sys.path]
    with mock.patch.object(sys, 'path', path):
      self.module = importlib.import_module('configs.bao_function')

  @parameterized.parameters(*config_lib.SIZES)
  def test_sizes_are_the_published_ones(self, size):
    config = self.module.get_config(f'size={size}')
    setup.check_names(config)
    shape = config_lib.ModelConfig(**config.model.to_dict())
    expected = dataclasses.replace(config_lib.SIZES[size], dtype='bfloat16')
    self.assertEqual(shape, expected)
    rl_batch = config.rl.tasks_per_step * config.rl.samples_per_task
    pieces = config.rl.num_minibatches * config.rl.num_microbatches
    self.assertEqual(rl_batch % pieces, 0)
    self.assertEqual(config.rl.length_buckets[-1], config.sampling.max_tokens)

  def test_tiny_has_room_for_its_prompts(self):
    config = self.module.get_config()
    setup.check_names(config)
    with tempfile.TemporaryDirectory() as folder:
      encoder = lessons.tokenizer(config, pathlib.Path(folder))
      self.assertNotEmpty(
          sft.teacher_sequences(config, encoder, pathlib.Path(folder))
      )
    self.assertGreaterEqual(config.model.vocab_size, encoder.vocab_size)

  def test_unknown_size(self):
    with self.assertRaisesRegex(ValueError, "'size=5b'; use size= one of tiny"):
      self.module.get_config('size=5b')


class HubTest(parameterized.TestCase):

  def test_repository_is_fetched_at_its_revision(self):
    with mock.patch('huggingface_hub.snapshot_download') as fetch:
      fetch.return_value = '/somewhere'
      found = hub.folder('owner/model@abc')
      self.assertEqual(found, pathlib.Path('/somewhere'))
      self.assertEqual(fetch.call_args.args, ('owner/model',))
      self.assertEqual(fetch.call_args.kwargs['revision'], 'abc')
      hub.folder('owner/model')
      self.assertIsNone(fetch.call_args.kwargs['revision'])

  def test_offline(self):
    with mock.patch.dict('os.environ', HF_HUB_OFFLINE='1'), mock.patch(
        'huggingface_hub.constants.HF_HUB_OFFLINE', True
    ):
      with self.assertRaisesRegex(
          ConnectionError,
          r'^weights: owner/model: no such folder, and it could not be fetched'
          r' from the Hub \(.*\); give a folder that holds the weights\.$',
      ):
        hub.folder('owner/model')

  def test_package_is_absent(self):
    with mock.patch.dict('sys.modules', huggingface_hub=None):
      with self.assertRaisesRegex(
          ValueError, r'needs the package huggingface_hub; install .*\[hub\]'
      ):
        hub.folder('owner/model')

  @parameterized.parameters('nowhere', '/no/where', './no/where', 'a/b/c')
  def test_what_is_no_repository_is_a_missing_folder(self, name):
    with self.assertRaisesRegex(FileNotFoundError, f'{name}: no such folder'):
      hub.folder(name)


if __name__ == '__main__':
  absltest.main()
