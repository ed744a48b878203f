import pathlib
import random
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib

Piece = tokenizer_lib.Piece
CORPUS = ['the cat sat on the mat', 'is it 12 or 345?', 'Yes. No. Maybe.'] * 3
MARKS = (*tokenizer_lib.SPECIAL, *tokenizer_lib.MARKUP, *chat.PHRASES)


def trained(vocab_size=360, phrases=chat.PHRASES):
  return tokenizer_lib.train(CORPUS, vocab_size=vocab_size, phrases=phrases)


class EncodeTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.tokenizer = trained()
    cls.mark_ids = {cls.tokenizer.id(mark) for mark in MARKS}

  def assertIsPlainData(self, text):
    ids = self.tokenizer.encode(Piece(text))
    self.assertEqual(self.tokenizer.decode(ids), text)
    self.assertEmpty(self.mark_ids & set(ids.tolist()), text)

  @parameterized.parameters(*MARKS)
  def test_mark_in_markup_is_one_token_and_in_data_is_none(self, mark):
    ids = self.tokenizer.encode(Piece(mark, is_markup=True))
    np.testing.assert_array_equal(ids, [self.tokenizer.id(mark)])
    self.assertIsPlainData(mark)
    self.assertIsPlainData(f'a{mark}{mark} b{mark}')

  @parameterized.parameters(
      '',
      '\n \t\r\n  ',
      'naïve Καλημέρα 你好 🙂👩‍👩‍👧 é',
      '\x00\x01\x7f\ufeff\ufffd\u2028',
      ' leading and trailing ',
      '0123456789',
      '<<|im_end|><|im_<|im_end|>end|>',
  )
  def test_any_text_is_kept(self, text):
    self.assertIsPlainData(text)

  @parameterized.parameters(
      ('a \ud800 b', 'a \ufffd b'),
      ('\udc00\ud800', '\ufffd\ufffd'),
      ('\ud83d\ude42', '🙂'),  # Both halves, as JSON may spell them.
      ('\ufeff\ud800 é', '\ufeff\ufffd é'),
  )
  def test_half_of_a_surrogate_pair_is_replaced(self, text, expected):
    for markup in (False, True):
      ids = self.tokenizer.encode(Piece(text, is_markup=markup))
      self.assertEqual(self.tokenizer.decode(ids), expected)

  def test_random_text_is_kept_and_forges_nothing(self):
    rng = random.Random(0)
    pieces = [
        *MARKS,
        '<',
        '|',
        '>',
        '\n',
        'think',
        '/',
        '"',
        'é',
        '🙂',
        ' a',
        '1',
    ]
    for _ in range(500):
      self.assertIsPlainData(''.join(rng.choices(pieces, k=8)))

  def test_data_and_markup_do_not_join_to_a_mark(self):
    for mark in MARKS:
      for cut in range(1, len(mark)):
        ids = self.tokenizer.encode(Piece(mark[:cut]), Piece(mark[cut:]))
        self.assertEqual(self.tokenizer.decode(ids), mark)

  def test_words_are_shorter_than_their_letters(self):
    self.assertLess(len(self.tokenizer.encode(Piece('the cat sat'))), 8)

  def test_digits_stand_alone(self):
    self.assertLen(self.tokenizer.encode(Piece('345')), 3)

  def test_missing_mark_is_named(self):
    with self.assertRaisesRegex(ValueError, 'no token .<nothing>.'):
      self.tokenizer.id('<nothing>')


class TrainTest(absltest.TestCase):

  def test_same_corpus_gives_the_same_tokenizer(self):
    first, second = trained(), trained()
    self.assertEqual(first.backend.to_str(), second.backend.to_str())

  def test_keeps_within_the_vocabulary(self):
    self.assertLessEqual(trained(vocab_size=300).vocab_size, 300)
    ids = trained(vocab_size=300).encode(Piece('🙂 the cat'))
    self.assertLess(ids.max(), 300)

  def test_markup_is_a_token_without_phrases(self):
    tokenizer = trained(phrases=())
    ids = tokenizer.encode(Piece('<think>\n', is_markup=True))
    self.assertEqual(ids[0], tokenizer.id('<think>'))


class LoadTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    folder = self.enter_context(tempfile.TemporaryDirectory())
    self.path = pathlib.Path(folder) / 'tokenizer.json'

  def test_loads_what_was_saved(self):
    tokenizer = trained()
    tokenizer_lib.save(tokenizer, self.path)
    text = 'the <|im_end|> cat é'
    for path in (self.path, self.path.parent):
      loaded = tokenizer_lib.load(path)
      np.testing.assert_array_equal(
          loaded.encode(Piece(text)), tokenizer.encode(Piece(text))
      )

  def test_full_disk_leaves_what_was_there(self):
    tokenizer_lib.save(trained(), self.path)
    before = self.path.read_bytes()

    def fill_up(path, text, encoding):
      path.write_bytes(text[:9].encode(encoding))
      raise OSError('No space left on device')

    with mock.patch.object(pathlib.Path, 'write_text', fill_up):
      with self.assertRaisesRegex(OSError, 'No space left'):
        tokenizer_lib.save(trained(300), self.path)
    self.assertEqual(self.path.read_bytes(), before)
    self.assertEqual(list(self.path.parent.iterdir()), [self.path])

  def test_missing_file_is_named(self):
    with self.assertRaisesRegex(ValueError, 'tokenizer.json: no such'):
      tokenizer_lib.load(self.path)

  def test_other_file_is_named(self):
    self.path.write_text('{"a": 1}')
    with self.assertRaisesRegex(ValueError, 'tokenizer.json: not a tokenizer'):
      tokenizer_lib.load(self.path)

  def test_tokenizer_without_marks_is_refused(self):
    trained().backend.__class__(tokenizer_lib.tokenizers.models.BPE()).save(
        str(self.path)
    )
    with self.assertRaisesRegex(ValueError, r'no token .<\|im_start\|>'):
      tokenizer_lib.load(self.path)


if __name__ == '__main__':
  absltest.main()
