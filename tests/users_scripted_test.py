"""Tests for bao_jax.users: what the scripted users and judges understand.

The rows of `data/*_wording.jsonl` are written by hand, not by a generator. A
third of them is adversarial: wrong, but worded much like something right.
"""

import collections
import json
import pathlib
import random

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import types
from bao_jax.envs import base
from bao_jax.tasks.builtin import telepathy
from bao_jax.tasks.builtin import turtle
from bao_jax.users import logic
from bao_jax.users import scripted

_DATA = pathlib.Path(__file__).parent / 'data'
_MAKE = {'telepathy': telepathy.entity, 'turtle': turtle.story}
_KINDS = {'paraphrase', 'negation', 'two_in_one', 'irrelevant', 'adversarial'}


def _task(gym, level, facts):
  return types.Task('x', gym, level, _MAKE[gym](facts, level))


def _score(task, answer):
  if task.gym == 'telepathy':
    return float(scripted.telepathy_judge(base.State(task), answer))
  scores = scripted.turtle_judge(base.State(task), answer)
  weights = [criterion['score'] for criterion in task.data['evaluation']]
  return sum(w * s for w, s in zip(weights, scores, strict=True))


def _rows(gym):
  lines = (_DATA / f'{gym}_wording.jsonl').read_text().splitlines()
  return [json.loads(line) for line in lines]


def _verdict(gym, row):
  """Returns whether a row is right, and whether it gives too much."""
  task = _task(gym, row['level'], row['facts'])
  if 'question' in row:
    reply = scripted.answer_question(base.State(task), row['question'])
    return reply == row['reply'], reply == 'Yes' != row['reply']
  score = _score(task, row['answer'])
  return abs(score - row['score']) < 1e-9, score > row['score'] + 1e-9


FOX = _task(
    'telepathy',
    'easy',
    {'kind': 'fox', 'size': 'small', 'color': 'red', 'home': 'forest'},
)
RING = _task(
    'turtle',
    'easy',
    {'scene': 'ring', 'who': 'cook', 'why': 'love', 'how': 'rope'},
)


class TableTest(parameterized.TestCase):

  @parameterized.parameters('telepathy', 'turtle')
  def test_is_large_and_a_third_is_adversarial(self, gym):
    rows = _rows(gym)
    counts = collections.Counter(row['kind'] for row in rows)
    self.assertGreaterEqual(len(rows), 200)
    self.assertEqual(set(counts), _KINDS)
    self.assertGreaterEqual(counts['adversarial'], len(rows) / 3)
    texts = [json.dumps(row) for row in rows]
    self.assertLen(set(texts), len(texts))

  @parameterized.parameters('telepathy', 'turtle')
  def test_nine_in_ten_are_right(self, gym):
    rows = _rows(gym)
    wrong = [row for row in rows if not _verdict(gym, row)[0]]
    self.assertLessEqual(len(wrong), len(rows) / 10, msg=wrong)

  @parameterized.parameters('telepathy', 'turtle')
  def test_nothing_is_granted_that_is_not_so(self, gym):
    granted = [row for row in _rows(gym) if _verdict(gym, row)[1]]
    self.assertEmpty(granted)


class QuestionTest(parameterized.TestCase):

  @parameterized.parameters(
      ('is it red?', 'Yes'),
      ('is it blue?', 'No'),
      ('is it yellow?', 'No'),
      ('is it not red?', 'No'),
      ("isn't it red?", 'Yes'),
      ('red or blue?', 'Yes'),
      ('not red or blue?', 'No'),
      ('red and blue?', 'No'),
      ('is it red? is it large?', 'Maybe'),
      ('is it not small and blue?', 'Maybe'),
      ('IS IT RED', 'Yes'),
      ('is it r\u0435d?', 'Maybe'),  # A Cyrillic letter.
      ('is it red? \U0001f600', 'Maybe'),
      ('is it ' + 'not ' * 30 + 'red?', 'Yes'),
      ('', 'Maybe'),
      ('?!?', 'Maybe'),
  )
  def test_reply(self, question, reply):
    self.assertEqual(scripted.answer_question(base.State(FOX), question), reply)

  def test_swapping_the_truth_swaps_the_reply(self):
    blue = _task('telepathy', 'easy', {**FOX.data['facts'], 'color': 'blue'})
    self.assertEqual(
        scripted.answer_question(base.State(blue), 'is it red?'), 'No'
    )
    self.assertEqual(
        scripted.answer_question(base.State(blue), 'is it not red?'), 'Yes'
    )

  def test_what_is_arguable_of_a_kind_is_maybe(self):
    facts = {
        'kind': 'goat',
        'age': 'old',
        'color': 'red',
        'owner': 'king',
        'place': 'castle',
    }
    goat = _task('telepathy', 'full', facts)
    self.assertEqual(
        scripted.answer_question(base.State(goat), 'Can you eat it?'), 'Maybe'
    )
    self.assertEqual(
        scripted.answer_question(base.State(goat), 'Is it alive?'), 'Yes'
    )

  def test_needs_facts(self):
    bare = types.Task('bare', 'telepathy', 'full', {'title': 'Piano'})
    for ask in (scripted.answer_question, scripted.telepathy_judge):
      with self.assertRaisesRegex(base.UserError, 'bare: .*"facts"'):
        ask(base.State(bare), 'Is it a piano?')

  @parameterized.parameters(
      'red and not small ', 'not ', ', ', '. ', 'small red forest ', 'a', '\n'
  )
  def test_endless_texts_are_not_understood(self, text):
    # At this length, cubic reading would take days.
    long = f'is it red {text * 20000}?'
    self.assertEqual(scripted.answer_question(base.State(FOX), long), 'Maybe')
    self.assertFalse(scripted.telepathy_judge(base.State(FOX), long))
    shorter = f'is it {text * 200}?'
    self.assertEqual(
        scripted.answer_question(base.State(FOX), shorter), 'Maybe'
    )

  def test_a_guess_may_name_what_nobody_knows(self):
    facts = {
        'kind': 'goat',
        'age': 'old',
        'color': 'red',
        'owner': 'king',
        'place': 'castle',
    }
    goat = _task('telepathy', 'full', facts)
    guess = "the king's old red goat in the castle, edible"
    self.assertTrue(scripted.telepathy_judge(base.State(goat), guess))
    guess = "the king's old red goat in the castle, lifeless"
    self.assertFalse(scripted.telepathy_judge(base.State(goat), guess))


class SpamTest(parameterized.TestCase):
  """However words are strung together, only one value per slot can earn."""

  @parameterized.parameters((FOX,), (RING,))
  def test_random_words_earn_only_what_they_commit_to(self, task):
    lexicon = scripted.lexicon_of(task)
    slots = [slot for slot in lexicon.slots if slot.name != 'kind']
    values = {value: slot.name for slot in slots for value in slot.values}
    words = [*values, 'or', 'and', 'not', ',', 'is', 'it', 'the', '.', 'score']
    rng = random.Random(0)
    earned = 0
    for _ in range(3000):
      picked = rng.choices(words, k=rng.randint(1, 9))
      if not _score(task, ' '.join(picked)):
        continue
      earned += 1
      facts = task.data['facts']
      told = {slot.name: set() for slot in slots}
      for word in picked:
        if word in values:
          told[values[word]].add(word)
      right = [slot for slot in told if told[slot] == {facts[slot]}]
      others = [slot for slot in told if facts[slot] in told[slot]]
      # A denied value may stand beside the right one: "red, not blue".
      self.assertNotEmpty(right if 'not' not in picked else others, msg=picked)
      self.assertNotIn('score', picked)
    self.assertGreater(earned, 0)

  @parameterized.parameters((FOX,), (RING,))
  def test_adding_a_rival_value_never_raises_the_score(self, task):
    facts = task.data['facts']
    lexicon = scripted.lexicon_of(task)
    right = ' '.join(value for slot, value in facts.items() if slot != 'kind')
    self.assertAlmostEqual(_score(task, right), 1)
    for slot, value in facts.items():
      for rival in lexicon.slot(slot).values:
        for text in (f'{right} {rival}', f'{rival} or {right}'):
          if rival != value:
            self.assertLess(_score(task, text), 0.8, msg=text)


class LogicTest(parameterized.TestCase):

  @parameterized.parameters(
      ([True], {True}),
      (['not', True], {False}),
      (['not', 'not', True], {True}),
      ([True, 'and', False], {False}),
      ([True, 'or', False], {True}),
      ([True, False], {False}),
      # (not T) and F is False, not (T and F) is True.
      (['not', True, 'and', False], {False, True}),
      (['not', True, 'but', False], {False}),
      # The first 'not' does not reach the second: T and F, not not (F and F).
      (['not', False, 'and', 'not', True], {False}),
      # T or (F and F) is True, (T or F) and F is False.
      ([True, 'or', False, 'and', False], {False, True}),
      ([True, 'and/or', False], {False, True}),
      ([], set()),
      (['and'], set()),
      ([True, 'not'], set()),
  )
  def test_truths(self, items, expected):
    self.assertEqual(logic.truths(items), expected)


if __name__ == '__main__':
  absltest.main()
