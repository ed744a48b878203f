"""Tests for bao_jax.tasks.builtin.intention."""

import collections
import itertools
import json

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import intention
from bao_jax.tasks.builtin import intention_words
from bao_jax.users import intention as users

LEVELS = intention.LEVELS
SPLITS = combinations.SPLITS


def _hidden(task):
  return json.dumps([task.data['task'], task.data['facts']], sort_keys=True)


def _parts(task):
  facts, category = task.data['facts'], task.data['category']
  subject = task.data['task'].split('.')[0].split(',')[0]
  yield category, subject
  yield from ((category, 'missing', kind) for kind in facts['missing'])
  yield from ((category, *pair) for pair in facts['values'].items())


class IntentionTasksTest(parameterized.TestCase):

  @parameterized.parameters(*LEVELS)
  def test_sizes_ids_and_types(self, level):
    for split, at_least in (('train', 300), ('validation', 60), ('test', 60)):
      tasks = intention.generate(level, split)
      self.assertGreaterEqual(len(tasks), at_least)
      self.assertLen({task.id for task in tasks}, len(tasks))
      for task in tasks:
        self.assertEqual((task.gym, task.level), ('intention', level))
        self.assertEqual(json.loads(json.dumps(task.data)), task.data)

  @parameterized.parameters(*itertools.product(LEVELS, (0, 1)))
  def test_no_request_is_in_two_splits(self, level, seed):
    seen = [
        _hidden(task)
        for split in SPLITS
        for task in intention.generate(level, split, seed)
    ]
    self.assertLen(set(seen), len(seen))

  @parameterized.parameters(*itertools.product(LEVELS, (0, 1)))
  def test_every_part_is_in_train(self, level, seed):
    train = intention.generate(level, 'train', seed)
    parts = {part for task in train for part in _parts(task)}
    for split in ('validation', 'test'):
      for task in intention.generate(level, split, seed):
        self.assertLessEqual(set(_parts(task)), parts)

  @parameterized.parameters(*LEVELS)
  def test_two_to_five_details_are_missing_and_not_told(self, level):
    sizes = collections.Counter()
    for task in intention.generate(level, 'train'):
      details, facts = task.data['missing_details'], task.data['facts']
      sizes[len(details)] += 1
      self.assertLen(details, len(facts['missing']))
      told = task.data['task'].replace(',', '').replace('.', '')
      for kind, detail in zip(facts['missing'], details, strict=True):
        self.assertIn(detail['importance'], ('1', '2', '3'))
        self.assertIn(facts['values'][kind], detail['options'])
        for option in detail['options']:
          self.assertNotIn(f' {option} ', f' {told} ')
    self.assertContainsSubset((2, 3), sizes)
    self.assertLessEqual(set(sizes), {2, 3, 4, 5})

  @parameterized.parameters(*LEVELS)
  def test_what_is_not_missing_is_told_or_open_to_all(self, level):
    unstated = 0
    for task in intention.generate(level, 'train'):
      facts = task.data['facts']
      kinds = intention_words.DOMAINS[level][task.data['category']].kinds
      for kind in set(kinds) - set(facts['missing']):
        if kind in facts['values']:
          self.assertIn(facts['values'][kind], task.data['task'])
        else:
          unstated += 1
    self.assertEqual(unstated > 0, level == 'full')

  def test_all_importances_and_many_domains_occur(self):
    tasks = intention.generate('full', 'train')
    details = [d for task in tasks for d in task.data['missing_details']]
    self.assertEqual({d['importance'] for d in details}, {'1', '2', '3'})
    self.assertLen({task.data['category'] for task in tasks}, 10)

  def test_depends_on_seed_alone(self):
    for level in LEVELS:
      one = intention.generate(level, 'test', 3)
      self.assertEqual(one, intention.generate(level, 'test', 3))
      self.assertNotEqual(one, intention.generate(level, 'test', 4))

  @parameterized.parameters(('hard', 'train'), ('easy', 'dev'))
  def test_unknown_names(self, level, split):
    with self.assertRaisesRegex(ValueError, 'use one of'):
      intention.generate(level, split)


class WordsTest(parameterized.TestCase):

  def test_options_belong_to_one_kind(self):
    owners = {}
    for kind, what in intention_words.KINDS.items():
      for option, forms in what.options.items():
        for form in (option, *forms):
          self.assertEqual(owners.setdefault(form, kind), kind, msg=form)

  @parameterized.parameters(*LEVELS)
  def test_each_inquiry_asks_for_its_kind_alone(self, level):
    for category, domain in intention_words.DOMAINS[level].items():
      lexicon = intention_words.lexicon(level, category)
      for kind in domain.kinds:
        what = intention_words.KINDS[kind]
        for question in (what.inquiry, f'What about {what.description}?'):
          self.assertEqual(users.asked(question, lexicon), [kind], msg=question)

  @parameterized.parameters(*LEVELS)
  def test_the_level_is_read_off_the_prompt(self, level):
    start = 'Category: {}\nRequest: {}' if level == 'full' else '{}: {}'
    for task in intention.generate(level, 'validation'):
      prompt = start.format(task.data['category'], task.data['task'])
      self.assertEqual(
          intention_words.level_of(prompt), (level, task.data['category'])
      )


class HoldOutTest(absltest.TestCase):

  def test_holds_out_what_train_has_the_parts_of(self):
    drawn = ['ab', 'bc', 'ba', 'xy', 'ac', 'bb']
    split = lambda name: combinations.hold_out(
        drawn, name, parts=set, train=2, held_out=1
    )
    # 'ba' is 'ab' again, and nothing of 'xy' is in train.
    self.assertEqual(split('train'), ['ab', 'bc'])
    self.assertEqual(split('validation'), ['ac'])
    self.assertEqual(split('test'), ['bb'])


if __name__ == '__main__':
  absltest.main()
