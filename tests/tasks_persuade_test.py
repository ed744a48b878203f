"""Tests for bao_jax.tasks.builtin.persuade."""

import itertools
import json

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import persuade
from bao_jax.tasks.builtin import persuade_words
from bao_jax.users import persuade as users
from bao_jax.users import points

LEVELS = persuade.LEVELS
SPLITS = combinations.SPLITS


def _proposal(task):
  claim = task.data['claim']
  proposals = persuade_words.PROPOSALS[task.level]
  (proposal,) = [p for p in proposals if claim.startswith((f'{p} ', f'{p},'))]
  return proposal


class PersuadeTasksTest(parameterized.TestCase):

  @parameterized.parameters(*LEVELS)
  def test_sizes_ids_and_types(self, level):
    for split, at_least in (('train', 300), ('validation', 60), ('test', 60)):
      tasks = persuade.generate(level, split)
      self.assertGreaterEqual(len(tasks), at_least)
      self.assertLen({task.id for task in tasks}, len(tasks))
      self.assertLen({json.dumps(t.data) for t in tasks}, len(tasks))
      for task in tasks:
        self.assertEqual((task.gym, task.level), ('persuade', level))
        self.assertEqual(json.loads(json.dumps(task.data)), task.data)

  @parameterized.parameters(*itertools.product(LEVELS, (0, 1)))
  def test_no_claim_is_in_two_splits(self, level, seed):
    claims = [
        {task.data['claim'] for task in persuade.generate(level, split, seed)}
        for split in SPLITS
    ]
    self.assertLen(set.union(*claims), sum(map(len, claims)))

  @parameterized.parameters(*itertools.product(LEVELS, (0, 1)))
  def test_every_part_is_in_train(self, level, seed):
    train = persuade.generate(level, 'train', seed)
    concerns = {c for task in train for c in task.data['facts']['concerns']}
    leads = {next(iter(task.data['facts']['concerns'])) for task in train}
    proposals = {_proposal(task) for task in train}
    self.assertEqual(concerns, set(persuade_words.NAMES[level]))
    for split in ('validation', 'test'):
      for task in persuade.generate(level, split, seed):
        self.assertIn(_proposal(task), proposals)
        held = task.data['facts']['concerns']
        self.assertIn(next(iter(held)), leads)
        self.assertLessEqual(set(held), concerns)

  @parameterized.parameters(*LEVELS)
  def test_steps_fill_the_ladder_and_never_grow(self, level):
    for task in persuade.generate(level, 'train'):
      steps = list(task.data['facts']['concerns'].values())
      self.assertEqual(sum(steps), 6)
      self.assertEqual(steps, sorted(steps, reverse=True))

  @parameterized.parameters(*LEVELS)
  def test_the_claim_states_its_first_reason_alone(self, level):
    for task in persuade.generate(level, 'test'):
      lead, *others = task.data['facts']['concerns']
      self.assertEqual(_named(task.data['claim'], level), {lead})
      named = _named(task.data['argument'], level)
      self.assertEqual(named, {lead, *others})

  def test_depends_on_seed_alone(self):
    for level in LEVELS:
      one = persuade.generate(level, 'test', 3)
      self.assertEqual(one, persuade.generate(level, 'test', 3))
      self.assertNotEqual(one, persuade.generate(level, 'test', 4))

  @parameterized.parameters(('hard', 'train'), ('easy', 'dev'))
  def test_unknown_names(self, level, split):
    with self.assertRaisesRegex(ValueError, 'use one of'):
      persuade.generate(level, split)


def _named(text, level):
  sentences = points.read(text, persuade_words.lexicon(level))
  return {t.slot for sentence in sentences for t in sentence.mentions}


class WordsTest(parameterized.TestCase):

  def test_phrases_belong_to_one_concern(self):
    owners = {}
    for name, concern in persuade_words.CONCERNS.items():
      phrases = (concern.reason, concern.counter, concern.short)
      lists = (concern.topics, concern.reasons, concern.counters)
      for phrase in (*phrases, *itertools.chain(*lists)):
        self.assertEqual(owners.setdefault(phrase, name), name, msg=phrase)

  @parameterized.parameters(*LEVELS)
  def test_each_counterpoint_is_understood_and_no_reason_is_one(self, level):
    for name in persuade_words.NAMES[level]:
      concern = persuade_words.CONCERNS[name]
      for text in (concern.counter, concern.short, *concern.counters):
        said = users.Said.read(f'Consider that {text}.', level)
        self.assertEqual(said.counters, (name,), msg=text)
      for text in (concern.reason, *concern.reasons, *concern.topics):
        said = users.Said.read(text, level)
        self.assertEqual((said.points, said.counters), ((), ()), msg=text)

  @parameterized.parameters(*LEVELS)
  def test_the_level_is_read_off_the_prompt(self, level):
    for task in persuade.generate(level, 'validation'):
      prompt = f'claim: {task.data["claim"]}'
      self.assertEqual(persuade_words.level_of(prompt), level)


if __name__ == '__main__':
  absltest.main()
