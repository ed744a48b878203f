"""Tests for bao_jax.tasks.builtin.tau."""

import collections
import itertools
import json
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs.tau import backend
from bao_jax.envs.tau import builtin
from bao_jax.envs.tau import grading
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import tau

LEVELS = tau.LEVELS


def _what(task):
  """Returns what a task is about, ids left out."""
  facts = task.data['facts']
  tells = [
      (slot, value)
      for request in facts['requests']
      for slot, value in request['tells'].items()
      if not slot.endswith('_id')
  ]
  wishes = [request['wish'] for request in facts['requests']]
  return task.data['kind'], facts['who']['name'], *wishes, *tells


class TauTasksTest(parameterized.TestCase):

  @parameterized.parameters(*LEVELS)
  def test_sizes_ids_and_types(self, level):
    for split, at_least in (('train', 400), ('validation', 80), ('test', 80)):
      tasks = tau.generate(level, split)
      self.assertGreaterEqual(len(tasks), at_least)
      self.assertLen({task.id for task in tasks}, len(tasks))
      self.assertEqual({(t.gym, t.level) for t in tasks}, {('tau', level)})
      for task in tasks:
        self.assertEqual(json.loads(json.dumps(task.data)), task.data)

  @parameterized.parameters(*itertools.product(LEVELS, (0, 1)))
  def test_no_task_is_in_two_splits(self, level, seed):
    seen = collections.defaultdict(set)
    for split in combinations.SPLITS:
      for scenario in tau._splits(level, seed)[split]:
        seen[scenario['parts']].add(split)
    self.assertEqual({len(splits) for splits in seen.values()}, {1})

  @parameterized.parameters(*LEVELS)
  def test_databases_are_in_one_split(self, level):
    seeds = [
        task.data['database']['seed']
        for split in combinations.SPLITS
        for task in tau.generate(level, split)
    ]
    self.assertLen(set(seeds), len(seeds))

  @parameterized.parameters(*LEVELS)
  def test_every_part_is_in_train(self, level):
    splits = tau._splits(level, 0)
    parts = {part for s in splits['train'] for part in s['parts']}
    for split in ('validation', 'test'):
      for scenario in splits[split]:
        self.assertLessEqual(set(scenario['parts']), parts)

  def test_what_is_new_in_held_out_tasks_is_left_out(self):
    with mock.patch.object(tau, 'TRAIN', 15):
      splits = tau._splits.__wrapped__('easy', 0)
    parts = {part for s in splits['train'] for part in s['parts']}
    for scenario in splits['validation'] + splits['test']:
      self.assertLessEqual(set(scenario['parts']), parts)

  @parameterized.parameters(*LEVELS)
  def test_every_kind_is_in_every_split(self, level):
    for split in combinations.SPLITS:
      kinds = {task.data['kind'] for task in tau.generate(level, split)}
      self.assertEqual(kinds, set(tau.KINDS[level]))

  def test_easy_is_retail_with_few_tools(self):
    for task in tau.generate('easy', 'test'):
      self.assertEqual(task.data['database']['domain'], 'retail')
      self.assertLen(builtin.builtin(task).tools, 4)

  @parameterized.parameters('medium', 'full')
  def test_both_domains_are_there(self, level):
    tasks = tau.generate(level, 'test')
    domains = {task.data['database']['domain'] for task in tasks}
    self.assertEqual(domains, {'retail', 'airline'})

  def test_depends_on_seed_alone(self):
    for level in LEVELS:
      first = tau.generate(level, 'test')
      again = tau._splits.__wrapped__(level, 0)['test']
      self.assertEqual([t.data for t in first], [tau._data(s) for s in again])
    self.assertNotEqual(
        [_what(task) for task in tau.generate('easy', 'test', 3)],
        [_what(task) for task in tau.generate('easy', 'test', 4)],
    )

  @parameterized.parameters(*LEVELS)
  def test_right_actions_work(self, level):
    for task in tau.generate(level, 'validation'):
      source = builtin.builtin(task)
      db = source.database
      for action in task.data['actions']:
        db, text = backend.call(
            source.tools, db, action['name'], action['kwargs']
        )
        self.assertFalse(text.startswith('Error'), (task.id, text))

  @parameterized.parameters(*LEVELS)
  def test_what_is_refused_is_left_alone(self, level):
    for task in tau.generate(level, 'validation'):
      is_idle = grading.is_idle(builtin.builtin(task), task.data)
      self.assertEqual(is_idle, task.data['kind'].startswith('refuse'), task.id)

  @parameterized.parameters(*LEVELS)
  def test_refusals_open_like_what_is_allowed(self, level):
    # Or the first line would tell them apart.
    openings = collections.defaultdict(set)
    for task in tau.generate(level, 'train'):
      kind = task.data['kind']
      wish = task.data['facts']['requests'][0]['wish']
      openings[kind].add(' '.join(wish.split()[:2]))
    for kind, heads in openings.items():
      if kind.startswith('refuse_'):
        others = set().union(
            *(h for k, h in openings.items() if not k.startswith('refuse'))
        )
        self.assertLessEqual(heads, others, kind)

  def test_the_instruction_tells_all_that_the_user_knows(self):
    for task in tau.generate('full', 'test'):
      facts = task.data['facts']
      for value in facts['who'].values():
        self.assertIn(value, task.data['instruction'])
      for request in facts['requests']:
        self.assertIn(request['wish'], task.data['instruction'])
        for value in request['tells'].values():
          self.assertIn(value, task.data['instruction'])

  @parameterized.parameters(('hard', 'train'), ('easy', 'dev'))
  def test_unknown_names(self, level, split):
    with self.assertRaisesRegex(ValueError, 'use one of'):
      tau.generate(level, split)


if __name__ == '__main__':
  absltest.main()
