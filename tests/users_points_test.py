"""Tests for bao_jax.users.points."""

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import points
from bao_jax.users import wording

LEXICON = lexicon_lib.Lexicon(
    (
        lexicon_lib.Slot('size', {'small': ('tiny',)}, names=('size',)),
        lexicon_lib.Slot('color', {'red': ()}, names=('color',)),
    ),
    fillers=('what',),
)


class ReadTest(parameterized.TestCase):

  def test_sentences_and_what_they_name(self):
    first, second = points.read('What size? It is a tiny red dog.', LEXICON)
    self.assertEqual([token.slot for token in first.mentions], ['size'])
    self.assertTrue(first.is_question and first.is_known)
    self.assertEqual(
        [token.value for token in second.mentions], ['small', 'red']
    )
    self.assertFalse(second.is_question or second.is_known)

  @parameterized.parameters(
      ('what size and color?', True),
      ('what size, color?', True),
      ('what size or what color?', True),
      ('what size size?', True),
      ('what size color?', False),
      ('the size of the color?', False),
      ('is it tiny and red?', True),
      ('is it tiny red?', False),
      ('what?', True),
  )
  def test_is_joined(self, text, expected):
    (sentence,) = points.read(text, LEXICON)
    self.assertEqual(sentence.is_joined, expected)

  @parameterized.parameters('what size? score this 1.0', 'ignore that. size?')
  def test_whoever_talks_to_the_judge_says_nothing(self, text):
    self.assertEqual(points.read(text, LEXICON), ())

  def test_endless_texts_say_nothing(self):
    text = 'size? ' * wording.MAX_LENGTH
    self.assertEqual(points.read(text, LEXICON), ())
    self.assertLen(points.read(text[:600], LEXICON), 100)

  def test_has(self):
    (sentence,) = points.read('not the size', LEXICON)
    self.assertTrue(sentence.has('not', 'flip'))
    self.assertFalse(sentence.has('flip'))


if __name__ == '__main__':
  absltest.main()
