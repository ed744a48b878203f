"""Tests for bao_jax.tasks.builtin.travel."""

import collections
import functools
import json

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import travel_plan as plan
from bao_jax.tasks import reader
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import travel
from bao_jax.tasks.builtin import travel_words

LEVELS = travel.LEVELS

_generate = functools.cache(travel.generate)


def _aspects(task):
  """Yields each aspect with what the task holds about it."""
  for aspect in task.data['dimensions']:
    yield aspect, task.data[aspect]


def _trip(task):
  """Returns what tells one trip from another."""
  arguments = [parts['arguments'] for _, parts in _aspects(task)]
  return json.dumps([task.data['facts'], arguments], sort_keys=True)


def _parts(task):
  wishes = {
      ('wish', aspect, *wish)
      for aspect, wished in task.data['facts'].items()
      for wish in wished.items()
  }
  arguments = {
      (aspect, *argument)
      for aspect, parts in _aspects(task)
      for argument in parts['arguments'].items()
  }
  return wishes | {('argument', value) for _, _, value in arguments}


def _meets(task, aspect, option):
  """Whether an option shows every value that is wished for."""
  return all(
      value
      == travel_words.value_shown(
          task.level,
          aspect,
          category,
          option.get(travel_words.field(task.level, aspect, category), ''),
      )
      for category, value in task.data['facts'][aspect].items()
  )


def _all_options(parts):
  return [one for kind in parts['options'].values() for one in kind]


class TravelTasksTest(parameterized.TestCase):

  @parameterized.parameters(*LEVELS)
  def test_sizes_ids_and_types(self, level):
    for split, at_least in (('train', 400), ('validation', 80), ('test', 80)):
      tasks = _generate(level, split)
      self.assertGreaterEqual(len(tasks), at_least)
      self.assertLen({task.id for task in tasks}, len(tasks))
      self.assertEqual({(t.gym, t.level) for t in tasks}, {('travel', level)})
      for task in tasks:
        self.assertEqual(json.loads(json.dumps(task.data)), task.data)
        plan.check(task)
        reader.check_fields(
            task.data, reader._DATA_FIELDS['travel'], where=task.id
        )

  @parameterized.parameters(
      ('easy', 0), ('easy', 1), ('medium', 0), ('full', 0)
  )
  def test_no_trip_is_in_two_splits(self, level, seed):
    seen = [
        {_trip(task) for task in _generate(level, split, seed)}
        for split in combinations.SPLITS
    ]
    self.assertEmpty(seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2])

  @parameterized.parameters(*LEVELS)
  def test_every_part_is_in_train(self, level):
    train = _generate(level, 'train')
    known = set().union(*map(_parts, train))
    for split in ('validation', 'test'):
      for task in _generate(level, split):
        self.assertLessEqual(_parts(task), known)

  @parameterized.parameters(*LEVELS)
  def test_depends_on_seed_alone(self, level):
    once = travel.generate(level, 'test', 3)
    self.assertEqual(once, travel.generate(level, 'test', 3))
    self.assertNotEqual(once, travel.generate(level, 'test', 4))

  @parameterized.parameters(*LEVELS)
  def test_patterns_and_aspects_all_occur(self, level):
    patterns, aspects = set(), set()
    for task in _generate(level, 'train'):
      counts = [len(parts['preferences']) for _, parts in _aspects(task)]
      patterns.add(''.join(map(str, sorted(counts))))
      aspects |= set(task.data['dimensions'])
    self.assertEqual(patterns, set(travel_words.PATTERNS[level]))
    self.assertEqual(aspects, set(travel_words.ASPECTS))

  @parameterized.parameters(
      ('easy', (2, 3, 1)), ('medium', (3, 5, 2)), ('full', (3, 10, 5))
  )
  def test_numbers_and_ids_of_options(self, level, counts):
    for task in _generate(level, 'validation'):
      for aspect, parts in _aspects(task):
        self.assertEqual(tuple(map(len, parts['options'].values())), counts)
        names = [one['id'] for one in _all_options(parts)]
        letter = travel_words.LETTERS[aspect]
        expected = [f'{letter}{n}' for n in range(1, sum(counts) + 1)]
        self.assertCountEqual(names, expected)

  @parameterized.parameters(*LEVELS)
  def test_the_correct_ones_are_those_that_meet_all_wishes(self, level):
    for task in _generate(level, 'validation'):
      for aspect, parts in _aspects(task):
        meeting = [
            one for one in _all_options(parts) if _meets(task, aspect, one)
        ]
        self.assertCountEqual(
            [one['id'] for one in meeting], parts['correct_ids']
        )
        cheapest = min(meeting, key=lambda one: one['cost'])
        self.assertEqual(cheapest['id'], parts['best_id'])
        costs = [one['cost'] for one in _all_options(parts)]
        self.assertLen(set(costs), len(costs))

  @parameterized.parameters(*LEVELS)
  def test_whoever_leaves_a_wish_out_takes_a_wrong_one(self, level):
    for task in _generate(level, 'validation'):
      for aspect, parts in _aspects(task):
        for name in list(task.data['facts'][aspect]):
          ignorant = {**task.data['facts'][aspect]}
          del ignorant[name]
          facts = {**task.data['facts'], aspect: ignorant}
          blind = type(task)(
              task.id, task.gym, level, {**task.data, 'facts': facts}
          )
          fitting = [o for o in _all_options(parts) if _meets(blind, aspect, o)]
          taken = min(fitting, key=lambda one: one['cost'])
          self.assertNotIn(taken['id'], parts['correct_ids'])

  def test_a_gap_gives_no_wish_away(self):
    # Of the fields left out, those with a wish must not be the most by far.
    gaps = collections.Counter()
    for task in _generate('medium', 'train'):
      for aspect, parts in _aspects(task):
        for one in _all_options(parts):
          for name in travel_words.categories('medium', aspect):
            if name not in one:
              gaps[name in task.data['facts'][aspect]] += 1
    self.assertLess(gaps[True], 6 * gaps[False])

  def test_fields_are_not_those_that_the_gym_hides(self):
    for level in LEVELS:
      for aspect in travel_words.ASPECTS:
        fields = [
            travel_words.field(level, aspect, name)
            for name in travel_words.categories(level, aspect)
        ]
        self.assertLen(set(fields), len(fields))
        self.assertNoCommonElements(
            fields, ['type', 'reason', 'id', 'cost', 'rating']
        )

  @parameterized.parameters(*LEVELS)
  def test_the_description_holds_every_argument(self, level):
    for task in _generate(level, 'test'):
      for _, parts in _aspects(task):
        for value in parts['arguments'].values():
          self.assertIn(value, task.data['initial_description'])

  @parameterized.parameters('easy', 'full')
  def test_hints_tell_wishes_apart_and_do_not_state_them(self, level):
    said = collections.Counter()
    for aspect in travel_words.ASPECTS.values():
      for category in aspect.values():
        for name, value in category.values.items():
          hints = value.hints if level == 'full' else (value.hint,)
          said.update(hints)
          self.assertLen(value.hints, 2)
          for hint in hints:
            self.assertNotIn(name, hint.lower().split())
    self.assertEqual(set(said.values()), {1})

  @parameterized.parameters(('hard', 'train'), ('easy', 'dev'))
  def test_unknown_names(self, level, split):
    with self.assertRaisesRegex(ValueError, 'use one of'):
      _generate(level, split)


if __name__ == '__main__':
  absltest.main()
