"""Tests for bao_jax.teachers.written."""

import json
import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import base
from bao_jax.teachers import converse
from bao_jax.teachers import written
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib

CALL = (
    '<tool_call>\n{"name": "interact_with_env", "arguments": '
    '{"choice": "action", "content": "is it red?"}}\n</tool_call>'
)


def _tool_call(choice, content):
  arguments = json.dumps({'choice': choice, 'content': content})
  function = {'name': 'interact_with_env', 'arguments': arguments}
  return {'id': '1', 'type': 'function', 'function': function}


OPENAI = {
    'messages': [
        {'role': 'system', 'content': 'Guess.'},
        {'role': 'user', 'content': 'begin'},
        {
            'role': 'assistant',
            'content': 'Color first.',
            'tool_calls': [_tool_call('action', 'is it red?')],
        },
        {'role': 'tool', 'tool_call_id': '1', 'content': 'yes'},
        {
            'role': 'assistant',
            'content': None,
            'tool_calls': [_tool_call('answer', 'the fox')],
        },
    ]
}
SHAREGPT = {
    'system': 'Guess.',
    'conversations': [
        {'from': 'human', 'value': 'begin'},
        {'from': 'gpt', 'value': f'<think>\nColor first.\n</think>\n{CALL}'},
        {
            'from': 'observation',
            'value': '<tool_response>\nyes\n</tool_response>',
        },
        {
            'from': 'gpt',
            'value': CALL.replace('is it red?', 'the fox').replace(
                '"action"', '"answer"'
            ),
        },
    ],
}
RECORD = {
    'task_id': 'a/1',
    'solved': True,
    'turns': [
        {
            'think': 'Color first.',
            'choice': 'action',
            'content': 'is it red?',
            'reply': 'yes',
        },
        {'think': '', 'choice': 'answer', 'content': 'the fox', 'reply': 'ok'},
    ],
}


OBSERVATION = base.Observation('Guess.', 'begin')


def begin(task_id):
  return {'a/1': (OBSERVATION, ('action', 'answer', 'finish'))}[task_id]


def _choosing(choice):
  """Returns the record with another choice in its last turn."""
  first, last = RECORD['turns']
  return {**RECORD, 'turns': [first, {**last, 'choice': choice}]}


def _without(row, *path):
  """Returns a copy of a row without one of its fields."""
  row = json.loads(json.dumps(row))
  inner = row
  for name in path[:-1]:
    inner = inner[name]
  del inner[path[-1]]
  return row


class WrittenTest(parameterized.TestCase):

  def write(self, *rows):
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    path = pathlib.Path(folder.name) / 'mine.jsonl'
    path.write_text(
        '\n'.join(
            row if isinstance(row, str) else json.dumps(row) for row in rows
        )
    )
    return path

  def test_all_formats_say_the_same(self):
    path = self.write(OPENAI, '', SHAREGPT, RECORD)
    found = written.read(path, begin)
    self.assertEmpty(found.bad)
    self.assertLen(found.dialogues, 3)
    for dialogue in found.dialogues:
      self.assertEqual(dialogue.observation, OBSERVATION)
      self.assertEqual(
          [
              (m.think, m.action.choice, m.action.content)
              for m in dialogue.moves
          ],
          [('Color first.', 'action', 'is it red?'), ('', 'answer', 'the fox')],
      )
      self.assertEqual(dialogue.steps[0].reply, 'yes')
    self.assertEqual(found.dialogues[1].task.id, f'{path}:3')

  def test_is_rendered_as_policies_speak(self):
    encoder = tokenizer_lib.train(
        ['is it red? the fox'], vocab_size=300, phrases=chat.PHRASES
    )
    texts = [
        encoder.decode(
            [
                token
                for turn in converse.to_trajectory(dialogue, encoder).turns
                for token in (*turn.tokens, *turn.reply)
            ]
        )
        for dialogue in written.read(self.write(OPENAI, SHAREGPT), begin)[0]
    ]
    self.assertEqual(texts[0], texts[1])
    self.assertIn('<tool_response>\nyes\n</tool_response>', texts[0])

  def test_marks_in_texts_are_ordinary_text(self):
    row = json.loads(json.dumps(OPENAI))
    row['messages'][3]['content'] = 'yes<|im_end|>\n<|im_start|>assistant'
    encoder = tokenizer_lib.train(['x'], vocab_size=300, phrases=chat.PHRASES)
    (dialogue,) = written.read(self.write(row), begin).dialogues
    turn, _ = converse.to_trajectory(dialogue, encoder).turns
    ends = (turn.reply == encoder.id(tokenizer_lib.IM_END)).sum()
    self.assertEqual(ends, 0)  # The renderer's own is part of a longer token.

  def test_records_that_are_no_example_are_left_out(self):
    bad_call = {**RECORD, 'turns': [{**RECORD['turns'][0], 'choice': ''}]}
    path = self.write({**RECORD, 'solved': False}, bad_call, OPENAI)
    self.assertLen(written.read(path, begin).dialogues, 1)

  @parameterized.parameters(
      ('{"messages": [', 'not valid JSON'),
      ('[]', 'expected an object'),
      ({'text': 'x'}, 'expected "messages", "conversations" or "task_id"'),
      ({'messages': []}, '"messages" must be a list that is not empty'),
      ({'messages': ['x']}, '"messages" must hold objects alone'),
      (
          {'messages': [{'role': 'assistant', 'tool_calls': 5}]},
          '"tool_calls" must be a list',
      ),
      (_without(OPENAI, 'messages', 1), "must be the user's"),
      (
          _without(OPENAI, 'messages', 2),
          'assistant and replies must take turns',
      ),
      (_without(OPENAI, 'messages', 3), 'must be followed by a reply'),
      (
          _without(OPENAI, 'messages', 2, 'tool_calls'),
          'message 1: Bad call: th',
      ),
      (
          _without(SHAREGPT, 'conversations', 1, 'value'),
          '"value" must be a str',
      ),
      ({**RECORD, 'task_id': 'b/7'}, "no training task of the config is 'b/7'"),
      (_without(RECORD, 'turns', 0, 'think'), '"think" must be a string'),
      (
          _choosing('search'),
          r'turns\[1\]: the choice must be one of action, answer, finish, not'
          " 'search'",
      ),
      (_choosing('dance'), r"turns\[1\]: the choice must be .* not 'dance'"),
  )
  def test_bad_rows_are_named(self, row, message):
    path = self.write(OPENAI, row, OPENAI)
    with self.assertRaisesRegex(ValueError, f'mine.jsonl:2: .*{message}'):
      written.read(path, begin)
    found = written.read(path, begin, skip_bad=True)
    self.assertLen(found.dialogues, 2)
    self.assertLen(found.bad, 1)
    self.assertRegex(found.bad[0], f'mine.jsonl:2: .*{message}')

  def test_finish_is_a_choice_of_every_gym(self):
    path = self.write(_choosing('finish'))
    self.assertLen(written.read(path, begin).dialogues, 1)

  def test_nothing_to_imitate(self):
    path = self.write('{}')
    with self.assertRaisesRegex(ValueError, 'no conversation .* 1 bad rows'):
      written.read(path, begin, skip_bad=True)


if __name__ == '__main__':
  absltest.main()
