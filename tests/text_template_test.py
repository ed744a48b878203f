from absl.testing import absltest
from absl.testing import parameterized
import chat_cases

from bao_jax.text import chat
from bao_jax.text import template
from bao_jax.text import tokenizer as tokenizer_lib

TOKENIZERS = {
    'plain': tokenizer_lib.train(['Guess.'] * 9, vocab_size=300),
    'phrases': tokenizer_lib.train(
        ['Guess.'] * 9, vocab_size=300, phrases=chat.PHRASES
    ),
}


class Qwen3FormatTest(parameterized.TestCase):

  @parameterized.product(
      name=list(chat_cases.CASES), tokenizer=list(TOKENIZERS)
  )
  def test_renderer(self, name, tokenizer):
    messages, text, with_tools = chat_cases.CASES[name]
    found = chat_cases.ours(TOKENIZERS[tokenizer], messages, with_tools)
    self.assertEqual(found, text)

  @parameterized.parameters(*chat_cases.DIFFERENCES)
  def test_renderer_keeps_what_the_template_drops(self, name):
    messages, theirs, ours = chat_cases.DIFFERENCES[name]
    self.assertEqual(chat_cases.ours(TOKENIZERS['plain'], messages), ours)
    self.assertNotEqual(ours, theirs)


class TemplateTest(parameterized.TestCase):

  @parameterized.parameters(*chat_cases.CASES)
  def test_template_of_ours_renders_the_same(self, name):
    messages, text, with_tools = chat_cases.CASES[name]
    found = chat_cases.theirs(template.TEMPLATE, messages, with_tools)
    self.assertEqual(found, text)

  @parameterized.parameters(*chat_cases.DIFFERENCES)
  def test_template_of_ours_keeps_every_thought(self, name):
    messages, _, text = chat_cases.DIFFERENCES[name]
    self.assertEqual(chat_cases.theirs(template.TEMPLATE, messages), text)

  def test_thought_within_the_content(self):
    turn = {'role': 'assistant', 'content': '<think>\nhm\n</think>\n\nYes.'}
    messages = [{'role': 'user', 'content': 'So?'}, turn]
    self.assertEqual(
        chat_cases.theirs(template.TEMPLATE, messages),
        '<|im_start|>user\nSo?<|im_end|>\n<|im_start|>assistant\n<think>\nhm\n'
        '</think>\n\nYes.<|im_end|>\n',
    )

  def test_tools_without_a_system_message(self):
    messages = [{'role': 'user', 'content': 'So?'}]
    self.assertEqual(
        chat_cases.theirs(template.TEMPLATE, messages, True),
        f'<|im_start|>system\n{chat.tool_section()}<|im_end|>\n'
        '<|im_start|>user\nSo?<|im_end|>\n<|im_start|>assistant\n',
    )


if __name__ == '__main__':
  absltest.main()
