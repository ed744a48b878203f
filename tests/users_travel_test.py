"""Tests for bao_jax.users.travel: what the scripted traveler understands.

The rows of `data/travel_wording.jsonl` are written by hand, all about one trip.
A third of them is adversarial: worth nothing, but worded much like what is.
"""

import collections
import json
import pathlib
import random

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import travel_plan as plan
from bao_jax.tasks.builtin import travel as tasks
from bao_jax.tasks.builtin import travel_words
from bao_jax.users import travel
from bao_jax.users import travel_reading

_DATA = pathlib.Path(__file__).parent / 'data' / 'travel_wording.jsonl'
_KINDS = {'paraphrase', 'negation', 'two_in_one', 'irrelevant', 'adversarial'}
_FITS = {True: 'yes', False: 'no', None: 'unrelated'}

TRIP = tasks.Trip(
    wishes=(
        ('flight', 'time', 'morning'),
        ('flight', 'seat', 'window'),
        ('hotel', 'place', 'beach'),
        ('hotel', 'view', 'river'),
        ('restaurant', 'mood', 'quiet'),
        ('restaurant', 'menu', 'vegan'),
    ),
    origin='Oslo',
    city='Rome',
    start='May 3',
    end='May 9',
)
TASK = types.Task(
    'travel/full/x', 'travel', 'full', tasks.scenario(TRIP, 'full')
)
STATE = base.State(TASK)


def _rows():
  return [json.loads(line) for line in _DATA.read_text().splitlines()]


def _verdict(role, text, state=STATE):
  """Returns what the scripted judges say, in the words of the table."""
  if role == 'search':
    return _FITS[travel.judge_search(state, text).fits]
  kind, name = travel.classify(state, text)
  if kind != plan.ASKS:
    return kind
  (wish,) = [p for p in plan.preferences(state.task) if p.id == name]
  return f'{wish.aspect}.{wish.category}'


def _earns(verdict):
  return verdict == 'yes' or '.' in verdict


class TableTest(absltest.TestCase):

  def test_is_large_and_a_third_is_adversarial(self):
    rows = _rows()
    counts = collections.Counter(row['kind'] for row in rows)
    self.assertGreaterEqual(len(rows), 100)
    self.assertEqual(set(counts), _KINDS)
    self.assertGreaterEqual(counts['adversarial'], len(rows) / 3)
    self.assertLen({(row['role'], row['text']) for row in rows}, len(rows))

  def test_nine_in_ten_are_right(self):
    rows = _rows()
    found = [(_verdict(row['role'], row['text']), row) for row in rows]
    wrong = [(said, row) for said, row in found if said != row['verdict']]
    self.assertLessEqual(len(wrong), len(rows) / 10, msg=wrong)

  def test_nothing_is_granted_that_is_not_so(self):
    for row in _rows():
      said = _verdict(row['role'], row['text'])
      if _earns(said):
        self.assertEqual(said, row['verdict'], msg=f'{row}')


class QuestionTest(parameterized.TestCase):

  @parameterized.parameters(*travel_words.LEVELS)
  def test_every_question_of_the_tables_is_understood(self, level):
    for aspect in travel_words.ASPECTS:
      for category in travel_words.categories(level, aspect):
        text = travel_words.question(level, aspect, category)
        read = travel_reading.read(text, level)
        self.assertTrue(read.clear and read.asks, msg=text)
        self.assertEqual(read.aspects, {aspect}, msg=text)
        asked = {pair for pair in read.categories if pair[0] == aspect}
        self.assertEqual(asked, {(aspect, category)}, msg=text)

  def test_no_word_means_two_categories_of_an_aspect(self):
    seen = {}
    for aspect, category, term in travel_reading._terms():
      self.assertEqual(seen.setdefault((aspect, term), category), category)

  def test_a_wish_is_asked_for_once(self):
    question = 'What view should the hotel window have?'
    self.assertEqual(_verdict('message', question), 'hotel.view')
    told = base.State(TASK, memory={'elicited': ['P4']})
    self.assertEqual(_verdict('message', question, told), 'other')

  def test_an_aspect_with_a_choice_has_no_wishes(self):
    chosen = base.State(TASK, memory={'chosen': {'hotel': 'wrong'}})
    question = 'What view should the hotel window have?'
    self.assertEqual(_verdict('message', question, chosen), 'other')

  @parameterized.parameters(
      'flight time? ', 'view ', 'hotel ', 'not ', '?', '\n', 'a', 'May 3 '
  )
  def test_endless_texts_are_not_understood(self, text):
    long = f'What view should the hotel have? {text * 50_000}'
    self.assertEqual(_verdict('message', long), 'vague')
    self.assertIn(_verdict('search', long), ('no', 'unrelated'))


class SpamTest(absltest.TestCase):
  """However words are strung together, one category alone can earn."""

  def test_random_words(self):
    rng = random.Random(0)
    words = [
        term
        for aspect in TASK.data['dimensions']
        for name, category in travel_words.ASPECTS[aspect].items()
        for term in (name, *category.values)
    ]
    words += ['flight', 'hotel', 'restaurant', '?', 'what', 'or', 'not']
    earned = 0
    for _ in range(3000):
      text = ' '.join(rng.choices(words, k=rng.randint(1, 9)))
      said = _verdict('message', text)
      if not _earns(said):
        continue
      earned += 1
      aspect, category = said.split('.')
      table = travel_words.ASPECTS[aspect]
      named = [
          name
          for name, other in table.items()
          if {name, *other.values} & set(text.split())
      ]
      self.assertEqual(named, [category], msg=text)
      self.assertIn('?', text)
    self.assertGreater(earned, 0)

  def test_naming_every_place_and_day_finds_nothing(self):
    cities = ' '.join(travel_words.cities('full'))
    days = ' '.join(travel_words.days('full')[:20])
    for aspect in ('flight', 'hotel', 'restaurant'):
      self.assertEqual(_verdict('search', f'{aspect} {cities} {days}'), 'no')


class VoiceTest(parameterized.TestCase):

  def test_hints_without_stating(self):
    topic = {'topic': {'id': 'P4', 'asked': True}}
    said = travel.voice(base.State(TASK, memory=topic), 'Which view?')
    self.assertEqual(said, plan.preferences(TASK)[3].implicit)
    self.assertNotIn('river', said)

  def test_small_talk_tells_nothing(self):
    topic = {'topic': {'id': '', 'asked': False}}
    said = travel.voice(base.State(TASK, memory=topic), 'Hello')
    self.assertNotIn(said, [p.implicit for p in plan.preferences(TASK)])


if __name__ == '__main__':
  absltest.main()
