"""Tests for bao_jax.tasks.builtin.turtle."""

import collections
import itertools
import json

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import turtle
from bao_jax.tasks.builtin import turtle_words

LEVELS = turtle.LEVELS
# The weights that occur in the benchmark.
WEIGHTS = {0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 1}


def _hidden(task):
  return (task.data['new_title'], *task.data['facts'].values())


def _texts(task):
  keys = ('new_title', 'new_surface', 'new_bottom')
  return ' '.join(task.data[key] for key in keys).split()


class TurtleTasksTest(parameterized.TestCase):

  @parameterized.parameters(*LEVELS)
  def test_sizes_ids_and_types(self, level):
    for split, at_least in (('train', 400), ('validation', 80), ('test', 80)):
      tasks = turtle.generate(level, split)
      self.assertGreaterEqual(len(tasks), at_least)
      self.assertLen({task.id for task in tasks}, len(tasks))
      self.assertEqual({(t.gym, t.level) for t in tasks}, {('turtle', level)})
      for task in tasks:
        self.assertEqual(json.loads(json.dumps(task.data)), task.data)

  @parameterized.parameters(*itertools.product(LEVELS, (0, 1)))
  def test_no_combination_is_in_two_splits(self, level, seed):
    seen = [
        _hidden(task)
        for split in combinations.SPLITS
        for task in turtle.generate(level, split, seed)
    ]
    self.assertLen(set(seen), len(seen))

  @parameterized.parameters(*LEVELS)
  def test_every_word_and_part_is_in_train(self, level):
    train = turtle.generate(level, 'train')
    parts = {(s, v) for t in train for s, v in t.data['facts'].items()}
    words = {word for task in train for word in _texts(task)}
    for split in ('validation', 'test'):
      for task in turtle.generate(level, split):
        self.assertLessEqual(set(task.data['facts'].items()), parts)
        self.assertLessEqual(set(_texts(task)), words)

  def test_depends_on_seed_alone(self):
    for level in LEVELS:
      self.assertEqual(
          turtle.generate(level, 'test', 3), turtle.generate(level, 'test', 3)
      )
    self.assertNotEqual(
        turtle.generate('full', 'test', 3), turtle.generate('full', 'test', 4)
    )

  @parameterized.parameters(*LEVELS)
  def test_criteria_share_out_the_story(self, level):
    for task in turtle.generate(level, 'validation'):
      criteria = task.data['evaluation']
      told = [slot for criterion in criteria for slot in criterion['slots']]
      self.assertCountEqual(told, turtle_words.HIDDEN[level])
      self.assertAlmostEqual(sum(c['score'] for c in criteria), 1)
      self.assertLessEqual({c['score'] for c in criteria}, WEIGHTS)
      for criterion in criteria:
        for slot in criterion['slots']:
          self.assertIn(task.data['facts'][slot], criterion['statement'])

  def test_easy_weights(self):
    task = turtle.generate('easy', 'train')[0]
    weights = {c['slots'][0]: c['score'] for c in task.data['evaluation']}
    self.assertEqual(weights, {'who': 0.4, 'why': 0.3, 'how': 0.3})

  def test_full_has_one_to_five_criteria_mostly_three_or_four(self):
    tasks = turtle.generate('full', 'train')
    counts = collections.Counter(len(t.data['evaluation']) for t in tasks)
    self.assertContainsSubset(counts, range(1, 6))
    self.assertCountEqual([count for count, _ in counts.most_common(2)], [3, 4])

  def test_the_surface_does_not_tell(self):
    for level in LEVELS:
      for task in turtle.generate(level, 'test'):
        shown = set(task.data['new_surface'].lower().rstrip('.').split())
        self.assertEmpty(shown & set(task.data['facts'].values()))

  @parameterized.parameters(('hard', 'train'), ('easy', 'dev'))
  def test_unknown_names(self, level, split):
    with self.assertRaisesRegex(ValueError, 'use one of'):
      turtle.generate(level, split)


if __name__ == '__main__':
  absltest.main()
