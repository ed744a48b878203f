import json
import random

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.users import structured

SCHEMA = {
    'type': 'object',
    'properties': {
        'right': {'type': 'boolean'},
        'reason': {'type': ['string', 'null']},
        'scores': {'type': 'array', 'items': {'enum': [0, 0.5, 1]}},
    },
    'required': ['right'],
    'additionalProperties': False,
}
RIGHT = {'right': True}


class ReadTest(parameterized.TestCase):

  @parameterized.parameters(
      ('{"right": true}', RIGHT),
      ('```json\n{"right": true}\n```', RIGHT),
      ('```\n{"right": true}```', RIGHT),
      ('```json {"right": true} ```', RIGHT),
      ('Sure, here it is:\n\n{"right": true}', RIGHT),
      ('Sure!\n```json\n{"right": true}\n```\n', RIGHT),
      ('The set {a, b} is no object, this is:\n{"right": true}', RIGHT),
      ("{'right': True,}", RIGHT),
      ('{"right": true, "reason": null}', RIGHT | {'reason': None}),
      ("{'right': True, 'reason': None}", RIGHT | {'reason': None}),
      ("{'right': true, 'reason': 'it\\'s'}", RIGHT | {'reason': "it's"}),
      ("{'right': True, 'reason': 'a \"b\"'}", RIGHT | {'reason': 'a "b"'}),
      ('{"right": true, "reason": "a\nb"}', RIGHT | {'reason': 'a\nb'}),
      ('{"right": true, "reason": "\\u00e9}"}', RIGHT | {'reason': 'é}'}),
      ('{"right": true, "scores": [1.0, .5e0,]}', 'breaks at'),
      ('{"right": true, "scores": [1.0, 0.5,]}', RIGHT | {'scores': [1, 0.5]}),
      ('<think>{"right": false}</think>{"right": true}', RIGHT),
      ('no opening </think> {"right": true}', RIGHT),
      ('<think>He says </think> twice.</think>{"right": true}', RIGHT),
      ('{"right": true}\nAnd again:\n{"right": true}', RIGHT),
      ('{} {"wrong": 1}\n{"right": true}', RIGHT),
      # What a model quotes must not pass for its verdict.
      ('{"reason": "it says "{"right": true}"", "right": false}', 'breaks at'),
      ('He says {"right": true}, but {"right": false}', 'several different'),
      ('<think>{"right": true}', 'no JSON object'),
      ('He says {"right": true}, which is wrong.', 'text beside'),
      ('right: false. He says {"right": true}', 'text beside'),
      ('{"right": true} is what he says.', 'text beside'),
      ('He says {"right": true}.</think>{"right": false}', 'several different'),
      ('<think>a</think>"</think>{"right": true}"', 'text beside'),
      ('He says {"right": true}.\n{"reason": "That is wrong."}', 'required'),
      ('He says {"right": true}.\n{}', 'required'),
      ('{"right": false, "right": true}', 'twice'),
      # What is cut off is not completed.
      ('{"right": true', 'cut off'),
      ('{"right": tru', 'breaks at'),
      ('{"right": true, "reason": "be', 'breaks at'),
      ('', 'no JSON object'),
      ('right: true', 'no JSON object'),
      ('[true]', 'no JSON object'),
      ('{right: true}', 'no JSON object'),
      ('{"right": 1}', 'right: 1 is not of type'),
      ('{"right": "true"}', 'right'),
      ('{"right": true, "scores": [true]}', 'scores.0'),
      ('{"right": true, "scores": [0.7]}', 'scores.0'),
      ('{"right": true, "extra": 1}', 'extra'),
      ('{"reason": "x"}', 'required'),
      ('{"right": NaN}', 'breaks at'),
      ('{"right": 1e999}', 'too large'),
      ('{"right" true}', 'no colon'),
      ('{"right": true,, }', 'for a field'),
      ('{"right": true "reason": "x"}', 'breaks at'),
      ('{"right": "\\q"}', 'breaks in'),
      ('{"right": true, 1: 2}', 'for a field'),
  )
  def test_reads_or_says_what_is_wrong(self, text, expected):
    if isinstance(expected, dict):
      self.assertEqual(structured.read(text, SCHEMA), expected)
    else:
      with self.assertRaisesRegex(ValueError, expected):
        structured.read(text, SCHEMA)

  @parameterized.product(
      quoted=(
          "</think>{'right':true}",
          '</think>{"right": true}',
          '<think>{"right": true}</think>\n{"right": true}\n',
      ),
      thought=('', '<think>So </think> he says.</think>', 'Hm.</think>'),
  )
  def test_text_in_a_verdict_is_no_verdict(self, quoted, thought):
    verdict = {'reason': f'He says {quoted}', 'right': False}
    reply = thought + json.dumps(verdict)
    self.assertEqual(structured.read(reply, SCHEMA), verdict)

  def test_whole_numbers_are_ints(self):
    read = structured.read('{"i": 2.0, "x": 2.5}', {'type': 'object'})
    self.assertIsInstance(read['i'], int)
    self.assertEqual(read, {'i': 2, 'x': 2.5})

  def test_what_json_writes_is_read(self):
    rng = random.Random(0)
    for _ in range(200):
      value = {'v': _any_value(rng, 3)}
      text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
      self.assertEqual(structured.read(text, {'type': 'object'}), value)

  @parameterized.parameters(
      '{"a":',
      '{"a": "',
      '{"a": [',
      '{',
      '{"',
      "{'",
      '{ ',
      '{}',
      '{"right": 1}',
      '\\',
      '{"a": "\\',
      '{"a": 1',
      '[',
      '<think>',
      '{"a": "x", ',
      '-',
  )
  def test_much_of_anything_is_refused(self, part):
    # Time that grows with the square would be hours.
    with self.assertRaises(ValueError):
      structured.read('{"a": ' + part * 300_000, SCHEMA)
    with self.assertRaises(ValueError):
      structured.read(part * 300_000, SCHEMA)

  def test_noise_is_refused(self):
    rng = random.Random(0)
    parts = [*'{}[]":,\'\\ ', 'true', 'right', '1', '\x00', 'é', '\ud800', '-']
    for _ in range(2000):
      text = ''.join(rng.choices(parts, k=rng.randrange(30)))
      try:
        read = structured.read(text, SCHEMA)
      except ValueError:
        continue
      self.assertIn(read['right'], (True, False))


def _any_value(rng, depth):
  kinds = 'text', 'number', 'word', 'list', 'object'
  kind = rng.choice(kinds if depth else kinds[:3])
  if kind == 'text':
    return ''.join(rng.choices('ab "\\\'{}[]:,é\n\t\u2028', k=rng.randrange(9)))
  if kind == 'number':
    return rng.choice((0, -3, 2.5, 1e-7, -1.25e20, 12345678901234))
  if kind == 'word':
    return rng.choice((True, False, None))
  items = [_any_value(rng, depth - 1) for _ in range(rng.randrange(4))]
  if kind == 'list':
    return items
  return {f'name {i}': item for i, item in enumerate(items)}


if __name__ == '__main__':
  absltest.main()
