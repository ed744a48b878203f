import json
import random

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.text import tools

FINE = (
    '<think>\nhm\n</think>\n\n<tool_call>\n{"name": "interact_with_env",'
    ' "arguments": {"choice": "answer", "content": "é 1"}}\n</tool_call>'
    '<|im_end|>'
)


def call(choice='action', content='x', **fields):
  arguments = {'choice': choice, 'content': content}
  fields = {'name': tools.NAME, 'arguments': arguments} | fields
  return f'<tool_call>\n{json.dumps(fields)}\n</tool_call>'


class ParseTest(parameterized.TestCase):

  @parameterized.parameters(
      (FINE, 'answer', 'é 1'),
      (call('search', 'q'), 'search', 'q'),
      (call('action', '  two words '), 'action', 'two words'),
      (call('action', '[action] 1 2'), 'action', '1 2'),
      (call('answer', '[action] 1 2'), 'answer', '[action] 1 2'),
      (call('action', 7), 'action', '7'),
      (call('action', 0.5), 'action', '0.5'),
      (call('finish', 'bye'), 'finish', 'bye'),
      (call(arguments={'choice': 'finish'}), 'finish', ''),
      (call('action', 'a') + call('answer', 'b'), 'action', 'a'),
      (call('action', '</tool_call> <|im_end|>'), 'action', None),
      ('<think>\n' + call('answer') + '</think>' + call(), 'action', 'x'),
  )
  def test_reads_the_first_call(self, text, choice, content):
    action = tools.parse(text)
    self.assertEqual(action.error, '')
    self.assertEqual(action.choice, choice)
    if content is not None:
      self.assertEqual(action.content, content)

  @parameterized.parameters(
      ('', 'there was no <tool_call>'),
      ('<think>\n' + call(), 'the thought was not closed'),
      ('<think>\n' + call() + '</think>', 'there was no <tool_call>'),
      ('<tool_call>\n{"name": </tool_call>', 'not valid JSON'),
      ('<tool_call>' + '[' * 100_000, 'not valid JSON'),
      (call().replace('</tool_call>', ''), 'was not closed with </tool_call>'),
      (call().replace('}}', '}} {}'), 'was not closed with </tool_call>'),
      (call(name='rm'), 'the only tool is interact_with_env'),
      ('<tool_call>[1]</tool_call>', 'the only tool is interact_with_env'),
      (call(arguments='x'), '"arguments" must be an object'),
      (call('jump'), '"choice" must be one of action, search, answer'),
      (call(['action']), '"choice" must be one of'),
      (call(None), '"choice" must be one of'),
      (call(arguments={'choice': 'action'}), '"content" must be a string'),
      (call('action', True), '"content" must be a string'),
      (call('action', ['x']), '"content" must be a string'),
  )
  def test_bad_call_says_what_was_wrong(self, text, error):
    action = tools.parse(text)
    self.assertContainsSubsequence(action.error, f'Bad call: {error}')
    self.assertIn(error, action.error)
    self.assertEqual((action.choice, action.content), ('', ''))

  def test_never_raises_and_gives_text_that_can_be_encoded(self):
    rng = random.Random(0)
    pieces = [
        *(tools.THINK, tools.END_THINK, tools.CALL, tools.END_CALL),
        *(tools.CALL_HEAD, tools.CALL_MIDDLE, tools.CALL_TAIL, 'action'),
        *('\\ud800', '\\', '"', '{', '}', '[', ']', ':', ',', '1e999', 'NaN'),
        *('null', '-', '9' * 5000, '\x00', '\n', '\ufeff', '🙂', 'é'),
    ]
    for _ in range(3000):
      if rng.random() < 0.5:
        parts = rng.choices(pieces, k=rng.randrange(1, 12))
      else:  # A good call with a few characters changed.
        parts = list(FINE)
        for _ in range(rng.randrange(1, 4)):
          parts[rng.randrange(len(parts))] = rng.choice(pieces)
      action = tools.parse(''.join(parts))
      self.assertNotEqual(bool(action.error), bool(action.choice))
      action.content.encode('utf-8')

  def test_half_a_surrogate_pair_is_replaced(self):
    action = tools.parse(call('answer', 'a\ud83d'))
    self.assertEqual(action.content, 'a\ufffd')
    # Escapes that make a pair are the character.
    self.assertEqual(tools.parse(call('answer', '🙂')).content, '🙂')


if __name__ == '__main__':
  absltest.main()
