"""Tests for bao_jax.tasks.builtin.telepathy."""

import itertools
import json

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import kinds
from bao_jax.tasks.builtin import telepathy
from bao_jax.tasks.builtin import telepathy_words

LEVELS = telepathy.LEVELS


def _hidden(task):
  slots = dict.fromkeys(['kind', *task.data['required']])
  return tuple(task.data['facts'][slot] for slot in slots)


def _texts(task):
  keys = ('title', 'description', 'goal', 'target_entity', 'category')
  return ' '.join(task.data[key] for key in keys).split()


class TelepathyTasksTest(parameterized.TestCase):

  @parameterized.parameters(*LEVELS)
  def test_sizes_ids_and_types(self, level):
    for split, at_least in (('train', 400), ('validation', 80), ('test', 80)):
      tasks = telepathy.generate(level, split)
      self.assertGreaterEqual(len(tasks), at_least)
      self.assertLen({task.id for task in tasks}, len(tasks))
      self.assertEqual(
          {(t.gym, t.level) for t in tasks}, {('telepathy', level)}
      )
      for task in tasks:
        self.assertEqual(json.loads(json.dumps(task.data)), task.data)

  @parameterized.parameters(*itertools.product(LEVELS, (0, 1)))
  def test_no_combination_is_in_two_splits(self, level, seed):
    seen = [
        _hidden(task)
        for split in combinations.SPLITS
        for task in telepathy.generate(level, split, seed)
    ]
    self.assertLen(set(seen), len(seen))

  @parameterized.parameters(*LEVELS)
  def test_every_word_and_part_is_in_train(self, level):
    train = telepathy.generate(level, 'train')
    parts = {(s, v) for t in train for s, v in t.data['facts'].items()}
    words = {word for task in train for word in _texts(task)}
    for split in ('validation', 'test'):
      for task in telepathy.generate(level, split):
        self.assertLessEqual(set(task.data['facts'].items()), parts)
        self.assertLessEqual(set(_texts(task)), words)

  def test_depends_on_seed_alone(self):
    self.assertEqual(
        telepathy.generate('easy', 'test', 3),
        telepathy.generate('easy', 'test', 3),
    )
    self.assertNotEqual(
        telepathy.generate('easy', 'test', 3),
        telepathy.generate('easy', 'test', 4),
    )

  def test_easy_has_few_parts(self):
    slots = telepathy_words.lexicon('easy').slots
    self.assertLessEqual(sum(len(slot.values) for slot in slots), 64)

  def test_full_has_many_attributes_that_fit_the_kind(self):
    for task in telepathy.generate('full', 'validation'):
      facts = task.data['facts']
      self.assertGreaterEqual(len(facts), 9)
      self.assertEqual(facts['category'], kinds.category_of(facts['kind']))
    self.assertGreaterEqual(len(telepathy_words.lexicon('full').slots), 12)

  def test_the_prompt_does_not_tell(self):
    for level in LEVELS:
      for task in telepathy.generate(level, 'test'):
        shown = f'{task.data["description"]} {task.data["goal"]}'.split()
        secret = {task.data['facts'][slot] for slot in task.data['required']}
        self.assertEmpty(secret & set(shown))

  @parameterized.parameters(('hard', 'train'), ('easy', 'dev'))
  def test_unknown_names(self, level, split):
    with self.assertRaisesRegex(ValueError, 'use one of'):
      telepathy.generate(level, split)


class CombinationsTest(parameterized.TestCase):

  def test_train_has_every_value_even_if_it_is_small(self):
    slots = {'x': list(map(str, range(60))), 'y': list(map(str, range(40)))}
    train = combinations.split(slots, 'train', seed=0, train=60, held_out=200)
    for slot, values in slots.items():
      self.assertEqual({found[slot] for found in train}, set(values))

  def test_too_few(self):
    with self.assertRaisesRegex(ValueError, '4 combinations are too few'):
      combinations.split({'x': 'ab', 'y': 'cd'}, 'train', seed=0)


class KindsTest(parameterized.TestCase):

  @parameterized.parameters(
      ('owl', 'life', 'alive'),
      ('owl', 'legs', 'two legs'),
      ('cart', 'wheel', 'wheeled'),
      ('boat', 'wheel', 'wheelless'),
      ('apple', 'eating', 'edible'),
      ('piano', 'hand', 'bulky'),
  )
  def test_features(self, kind, feature, value):
    self.assertEqual(kinds.features(kind)[feature], value)

  def test_arguable_features_are_absent(self):
    self.assertNotIn('eating', kinds.features('goat'))

  def test_no_kind_has_two_values_of_a_feature(self):
    for slot in kinds.feature_slots()[1:]:
      for kind in kinds.slot().values:
        value = kinds.features(kind).get(slot.name)
        self.assertIn(value, (None, *slot.values))


if __name__ == '__main__':
  absltest.main()
