"""The chat format and tokenizer at the size of Qwen3's vocabulary.

The template is that of the published models, which `trl` holds; the vocabulary
is in `dashscope`. Neither is imported.
"""

import importlib.util
import json
import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import chat_cases
import numpy as np
import pytest
import tokenizers

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib
from bao_jax.text import chat
from bao_jax.text import template
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.text import tools
from benchmarks import measure

_REASON = 'needs the extra parity: pip install -e ".[parity]"'
pytest.importorskip('transformers', reason=_REASON)

import transformers  # noqa: E402
from transformers.convert_slow_tokenizer import TikTokenConverter  # noqa: E402

pytestmark = pytest.mark.parity

VOCAB = 151936  # Of the model; the tokenizer has 151669.
FIRST_SPECIAL = 151643
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r'| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+'
)
# By id, from 151643 on. Those of tools and thoughts are not "special" to the
# library: decoding never skips them.
SPECIAL = (
    *('<|endoftext|>', '<|im_start|>', '<|im_end|>'),
    *('<|object_ref_start|>', '<|object_ref_end|>'),
    *('<|box_start|>', '<|box_end|>', '<|quad_start|>', '<|quad_end|>'),
    *('<|vision_start|>', '<|vision_end|>', '<|vision_pad|>'),
    *('<|image_pad|>', '<|video_pad|>'),
)
PLAIN = (
    *('<tool_call>', '</tool_call>'),
    *('<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>', '<|fim_pad|>'),
    *('<|repo_name|>', '<|file_sep|>'),
    *('<tool_response>', '</tool_response>', '<think>', '</think>'),
)


def package_file(package, path):
  """Returns a file of an installed package; skips where there is none."""
  spec = importlib.util.find_spec(package)
  if spec is None:
    pytest.skip(f'{package}: {_REASON}')
  return pathlib.Path(spec.origin).parent / path


def published_tokenizer():
  """Builds the tokenizer of Qwen3 from its vocabulary."""
  converter = TikTokenConverter(
      vocab_file=str(package_file('dashscope', 'resources/qwen.tiktoken')),
      pattern=_PATTERN,
  )
  backend = converter.converted()
  backend.normalizer = tokenizers.normalizers.NFC()
  backend.add_special_tokens(
      [tokenizers.AddedToken(x, normalized=False) for x in SPECIAL]
  )
  backend.add_tokens(
      [tokenizers.AddedToken(x, normalized=False) for x in PLAIN]
  )
  return backend


class TemplateTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    path = package_file('trl', 'chat_templates/qwen3.jinja')
    cls.published = path.read_text()

  @parameterized.parameters(*chat_cases.CASES)
  def test_published_template_renders_the_same(self, name):
    messages, text, with_tools = chat_cases.CASES[name]
    found = chat_cases.theirs(self.published, messages, with_tools)
    self.assertEqual(found, text)

  @parameterized.parameters(*chat_cases.DIFFERENCES)
  def test_published_template_drops_what_is_said_of_it(self, name):
    messages, text, _ = chat_cases.DIFFERENCES[name]
    self.assertEqual(chat_cases.theirs(self.published, messages), text)


class VocabularyTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.folder = pathlib.Path(folder.name)
    backend = published_tokenizer()
    backend.save(str(cls.folder / 'tokenizer.json'))
    cls.tokenizer = tokenizer_lib.load(cls.folder)

  def test_ids_of_marks(self):
    self.assertEqual(self.tokenizer.vocab_size, 151669)
    for i, mark in enumerate((*SPECIAL, *PLAIN)):
      self.assertEqual(self.tokenizer.id(mark), FIRST_SPECIAL + i)
    self.assertEqual(self.tokenizer.id('<|im_end|>'), 151645)
    self.assertEqual(self.tokenizer.id('</think>'), 151668)

  def test_ids_of_text_are_those_of_tiktoken(self):
    # The library that the vocabulary was made for, over the same ranks.
    import tiktoken
    from tiktoken import load as tiktoken_load

    path = package_file('dashscope', 'resources/qwen.tiktoken')
    theirs = tiktoken.Encoding(
        'qwen',
        pat_str=_PATTERN,
        mergeable_ranks=tiktoken_load.load_tiktoken_bpe(str(path)),
        special_tokens={},
    )
    rng = np.random.default_rng(0)
    words = [theirs.decode([int(i)]) for i in rng.integers(151643, size=2000)]
    texts = [
        'Guess the rule: f(1, 2, 3, 4) = 15.3333.',
        'Καλημέρα 你好 🙂👩‍👩‍👧 naïve\r\n\t x1234567',
        *(''.join(rng.choice(words, 20)) for _ in range(200)),
    ]
    for text in map(tokenizers.normalizers.NFC().normalize_str, texts):
      if '\ufffd' in text:  # A part of a letter alone.
        continue
      found = self.tokenizer.encode(tokenizer_lib.Piece(text))
      self.assertEqual(found.tolist(), theirs.encode_ordinary(text))
      self.assertEqual(self.tokenizer.decode(found), text)

  @parameterized.parameters(*chat_cases.CASES)
  def test_pieces_of_the_renderer_join_to_the_ids_of_the_whole(self, name):
    messages, text, with_tools = chat_cases.CASES[name]
    pieces = chat_cases.render(self.tokenizer, messages, with_tools)
    found = np.concatenate(pieces)
    if messages[-1]['role'] == 'assistant':
      text = text[:-1]
    whole = self.tokenizer.encode(tokenizer_lib.Piece(text, is_markup=True))
    self.assertEqual(self.tokenizer.decode(found), text)
    np.testing.assert_array_equal(found, whole)

  def test_marks_in_data_stay_text(self):
    text = ''.join((*SPECIAL, *PLAIN))
    ids = chat.render_reply(self.tokenizer, text)
    self.assertIn(text, self.tokenizer.decode(ids))
    marks = ids[ids >= FIRST_SPECIAL]
    expected = chat.render_reply(self.tokenizer, 'x')
    np.testing.assert_array_equal(marks, expected[expected >= FIRST_SPECIAL])

  def test_engine_speaks_from_the_whole_vocabulary(self):
    config = config_lib.ModelConfig(VOCAB, 1, 8, 8, 1, 1, 8)
    engine = engine_lib.Engine(
        config, 2, 256, decode_tokens=8, append_buckets=(64,)
    )
    prompt = chat.render_user(self.tokenizer, 'Begin.')
    turn = chat.render_turn(self.tokenizer, 'hm', types.Action('answer', '7'))
    self.assertEqual(
        tools.parse(self.tokenizer.decode(turn)), types.Action('answer', '7')
    )
    params = engine.unstack(measure.parameters(config))
    full = lambda value, dtype: np.full(2, value, dtype)
    rows = np.arange(2, dtype=np.uint32)
    cache = engine.append(
        params, engine.empty_rows(), [prompt[:-1]] * 2, longest=0
    )
    _, out = engine.decode(
        params,
        cache,
        full(prompt[-1], np.int32),
        full(8, np.int32),
        choose.Sampling(
            np.asarray(engine.row_keys(0, 0, rows, rows)),
            full(1, np.float32),
            full(0, np.int32),
            full(1, np.float32),
        ),
        full(self.tokenizer.id('<|im_end|>'), np.int32),
        longest=len(prompt),
    )
    said = np.asarray(out.tokens)
    self.assertTrue(np.all((said >= 0) & (said < VOCAB)))
    self.assertGreater(len(np.unique(said)), 8)
    self.assertIsInstance(self.tokenizer.decode(said[0]), str)
    self.assertEqual(self.tokenizer.decode([VOCAB - 1]), '')  # Padding.

  def test_transformers_renders_with_the_template_of_ours(self):
    fields = {
        'tokenizer_class': 'PreTrainedTokenizerFast',
        'chat_template': template.TEMPLATE,
    }
    (self.folder / 'tokenizer_config.json').write_text(json.dumps(fields))
    theirs = transformers.AutoTokenizer.from_pretrained(self.folder)
    messages, text, _ = chat_cases.CASES['tools']
    ids = theirs.apply_chat_template(
        messages,
        tools=[tools.SCHEMA],
        add_generation_prompt=True,
        return_dict=False,
    )
    found = np.concatenate(chat_cases.render(self.tokenizer, messages, True))
    np.testing.assert_array_equal(found, ids)
    self.assertEqual(theirs.decode(ids), text)


if __name__ == '__main__':
  absltest.main()
