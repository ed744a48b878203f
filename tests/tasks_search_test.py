"""Tests for bao_jax.tasks.builtin.search and the world behind it."""

import json

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.envs import search_index
from bao_jax.tasks.builtin import search
from bao_jax.tasks.builtin import search_words
from bao_jax.tasks.builtin import search_world

_SPLITS = ('train', 'validation', 'test')


def _hops(task):
  return [tuple(hop) for hop in task.data['facts']['hops']]


def _parts(tasks):
  return {part for task in tasks for part in search._parts(tuple(_hops(task)))}


class WorldTest(parameterized.TestCase):

  @parameterized.parameters(('easy', 96), ('medium', 206), ('full', 450))
  def test_has_so_many_articles(self, level, count):
    self.assertLen(search_world.articles(level), count)

  @parameterized.parameters(*search.LEVELS)
  def test_articles_tell_their_facts_and_link_to_others(self, level):
    world = search_world.articles(level)
    kinds = search_words.kinds(level)
    for article in world.values():
      text = ' '.join(article.sentences)
      self.assertEqual(
          list(article.facts), [r.name for r in kinds[article.kind].relations]
      )
      for relation in kinds[article.kind].relations:
        value = article.facts[relation.name]
        self.assertIn(value, text)
        self.assertNotEqual(value, article.title)
        if relation.target:
          self.assertEqual(world[value].kind, relation.target)
    linked = {v for a in world.values() for v in a.facts.values() if v in world}
    self.assertGreater(len(linked), len(world) / 4)

  @parameterized.parameters(*search.LEVELS)
  def test_a_cue_is_in_every_wording_and_a_question_has_one_meaning(
      self, level
  ):
    relations = [
        relation
        for kind in search_words.kinds(level).values()
        for relation in kind.relations
    ]
    for relation in relations:
      for text in relation.texts:
        self.assertIn(relation.cue, text.lower())
        self.assertEndsWith(text, '.')
        self.assertEqual(text.count('.'), 1)
      self.assertEqual(bool(relation.target), not relation.values)
    questions = [relation.question for relation in relations]
    self.assertLen(set(questions), len(questions))

  def test_easy_words_are_few(self):
    words = {
        word
        for article in search_world.articles('easy').values()
        for text in (article.title, *article.sentences)
        for word in text.split()
    }
    self.assertLess(len(words), 350)

  def test_titles_and_values_are_never_confused(self):
    for level in search.LEVELS:
      world = search_world.articles(level)
      for kind in search_words.kinds(level).values():
        for relation in kind.relations:
          self.assertEmpty(set(relation.values) & set(world))


class GenerateTest(parameterized.TestCase):

  @parameterized.product(level=search.LEVELS, seed=(0, 1))
  def test_splits(self, level, seed):
    tasks = {s: search.generate(level, s, seed) for s in _SPLITS}
    self.assertGreaterEqual(len(tasks['train']), 400)
    for split in _SPLITS:
      self.assertGreaterEqual(len(tasks[split]), 90)
      if split != 'train':
        self.assertContainsSubset(_parts(tasks[split]), _parts(tasks['train']))
    everything = [task for split in _SPLITS for task in tasks[split]]
    self.assertLen({task.id for task in everything}, len(everything))
    questions = [task.data['question'] for task in everything]
    self.assertLen(set(questions), len(questions))

  @parameterized.parameters(*search.LEVELS)
  def test_no_answering_fact_is_in_two_splits(self, level):
    facts = [
        {_hops(task)[-1] for task in search.generate(level, split)}
        for split in _SPLITS
    ]
    self.assertEmpty(facts[0] & facts[1])
    self.assertEmpty(facts[0] & facts[2])
    self.assertEmpty(facts[1] & facts[2])

  @parameterized.product(level=search.LEVELS, split=_SPLITS)
  def test_a_question_follows_from_the_articles(self, level, split):
    world = search_world.articles(level)
    for task in search.generate(level, split):
      hops = _hops(task)
      self.assertIn(len(hops), (1, 2) if level == 'easy' else (2,))
      self.assertIn(hops[0][0], task.data['question'])
      self.assertEqual(hops[-1][2], task.data['answer'])
      self.assertNotEqual(hops[0][0], task.data['answer'])
      for (_, _, value), (title, _, _) in zip(hops, hops[1:]):
        self.assertEqual(value, title)
      for title, relation, value in hops:
        self.assertEqual(world[title].facts[relation], value)

  def test_the_answer_is_not_in_the_question(self):
    for level in search.LEVELS:
      for task in search.generate(level, 'test'):
        words = task.data['question'].rstrip('?').split()
        self.assertNotIn(task.data['answer'], words)

  def test_is_pure_and_holds_json(self):
    tasks = search.generate('full', 'test', 0)
    self.assertEqual(tasks, search.generate('full', 'test', 0))
    self.assertNotEqual(tasks, search.generate('full', 'test', 1))
    for task in tasks:
      self.assertEqual(json.loads(json.dumps(dict(task.data))), task.data)

  @parameterized.parameters(('hard', 'test'), ('easy', 'dev'))
  def test_unknown_names_are_refused(self, level, split):
    with self.assertRaisesRegex(ValueError, "Unknown .* '(hard|dev)'; use one"):
      search.generate(level, split)


class IndexTest(parameterized.TestCase):

  @parameterized.parameters(*search.LEVELS)
  def test_a_title_and_a_cue_find_the_fact_first(self, level):
    find = search_index.local(level)
    world = search_world.articles(level)
    cues = {
        (name, relation.name): relation.cue
        for name, kind in search_words.kinds(level).items()
        for relation in kind.relations
    }
    found = total = 0
    for task in search.generate(level, 'test'):
      for title, relation, value in _hops(task):
        cue = cues[world[title].kind, relation]
        first = find(f'{title} {cue}')[0]
        total += 1
        found += first.title == title and value in first.snippet
    self.assertGreater(found / total, 0.95)

  def test_a_title_alone_does_not_show_everything(self):
    find = search_index.local('full')
    for article in list(search_world.articles('full').values())[::50]:
      snippet = find(article.title)[0].snippet
      self.assertEqual(snippet.count('.'), search_index.SNIPPET_SENTENCES)

  def test_is_built_once(self):
    self.assertIs(search_index.local('easy'), search_index.local('easy'))

  def test_ties_keep_the_order_of_the_world(self):
    # All places say the same of 'owner' but for the value.
    titles = [r.title for r in search_index.local('easy')('owner')]
    world = list(search_world.articles('easy'))
    self.assertEqual(titles, sorted(titles, key=world.index))
    self.assertLen(titles, search_index.NUM_RESULTS)

  @parameterized.parameters('', ' ', '!?', 'qqqq zzzz', '\u0000', '_')
  def test_finds_nothing(self, query):
    self.assertEmpty(search_index.local('full')(query))

  def test_repeating_and_case_change_nothing(self):
    find = search_index.local('full')
    self.assertEqual(find('river Wend'), find('RIVER river, wend! wend'))


if __name__ == '__main__':
  absltest.main()
