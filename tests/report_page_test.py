"""Tests for bao_jax.report.page."""

import base64
from collections.abc import Sequence
import dataclasses
import hashlib
from html import parser
import pathlib
import random
import re
import tempfile
from xml.etree import ElementTree

from absl.testing import absltest
from absl.testing import parameterized

from bao_jax.evaluation import records
from bao_jax.report import page
from bao_jax.report import runs
from bao_jax.report import table

_ATTACK = '<script>alert("1")</script><img src=x onerror=alert(2)> & \'"`'
_QUESTIONS = (
    'Is it alive?',
    'Is it larger than a shoe?',
    'Would one find it in a kitchen?',
    'Does it need electricity?',
)


def _turn(
    rng: random.Random,
    gym: str,
    is_user: bool,
    reward: float,
    with_tokens: bool,
) -> records.Turn:
  """Makes a turn; with tokens it also has advantages and shaping terms."""
  choice = 'answer' if is_user else rng.choice(['action', 'search'])
  if gym == 'function':
    content = ' '.join(str(rng.randint(1, 9)) for _ in range(4))
  else:
    content = rng.choice(_QUESTIONS)
  think = f'Known so far: {rng.randint(1, 9)} facts. Two rules are left, so I '
  think += 'commit.' if is_user else 'split them with one more question.'
  call = f'{{"choice": "{choice}", "content": "{content}"}}'
  pieces = re.findall(r'\s?\S+', f'<think>\n{think}\n</think>\n\n{call}')
  advantage = round(rng.gauss(0.8 if reward else -0.2, 0.5), 3)
  return records.Turn(
      think=think,
      choice=choice,
      content=content,
      reply='That is right.' if reward else rng.choice(['Yes', 'No', '17.5']),
      reward=reward,
      is_user=is_user,
      num_tokens=len(pieces),
      tokens=pieces if with_tokens else (),
      advantages=[advantage] * len(pieces) if with_tokens else (),
      terms={'information_seeking': -0.05, 'over_thinking': 0.0}
      if with_tokens and is_user
      else {},
  )


def _record(
    rng: random.Random, run: str, gym: str, i: int, skill: float, haste: float
) -> records.Record:
  """Makes a conversation: hasty policies answer often, skilled ones right."""
  turns = []
  while len(turns) < 15 and not any(turn.reward for turn in turns):
    is_user = rng.random() < haste
    reward = float(is_user and rng.random() < skill)
    turns.append(_turn(rng, gym, is_user, reward, run == 'BAO' and i < 4))
    if rng.random() < 0.06:
      break
  is_failed = rng.random() < 0.02
  solved = not is_failed and bool(turns[-1].reward)
  return records.Record(
      run=run,
      gym=gym,
      level='easy',
      split='test',
      task_id=f'{gym}/easy/test/{i}',
      sample=0,
      seed=0,
      status='failed' if is_failed else 'terminated' if solved else 'truncated',
      solved=solved,
      max_turns=15,
      error='the user did not answer within 30 s' if is_failed else '',
      num_prompt_tokens=118,
      prompt=f'You play the {gym} gym.\n\nFind what is hidden; answer late.',
      turns=tuple(turns),
  )


def synthetic_runs(
    *, gyms: Sequence[str] = ('function', 'telepathy', 'turtle'), size: int = 80
) -> list[runs.Run]:
  """Makes the rows of a report as a real one has them."""
  rows = (
      ('scripted teacher', 'Knows the rules of each gym.', 0.9, 0.2, True),
      ('random policy', 'Legal calls at random.', 0.02, 0.5, True),
      ('warm start', 'Supervised on teacher conversations.', 0.4, 0.35, False),
      ('UserRL', 'Equalized / R2G, no regularization.', 0.5, 0.4, False),
      ('eq. 5b, no regularization', '', 0.5, 0.45, False),
      ('BAO', 'Eq. 5b with both regularizers.', 0.6, 0.22, False),
  )
  made = []
  for name, description, skill, haste, is_reference in rows:
    rng = random.Random(name)
    found = [
        _record(rng, name, gym, i, skill - 0.08 * j, haste)
        for j, gym in enumerate(gyms)
        for i in range(size)
    ]
    made.append(runs.Run(name, found, description, is_reference))
  return made


def synthetic_curves() -> dict[str, list[dict[str, float]]]:
  """Makes rows of metrics: a warm start, then two rising policies."""
  rng = random.Random(0)
  curves = {'warm start': [], 'UserRL': [], 'BAO': []}
  for step in range(0, 300, 10):
    curves['warm start'].append(
        {
            'step': step,
            'sft/loss': 3 * 0.985**step + 0.4 + rng.gauss(0, 0.03),
            'sft/validation_loss': 3 * 0.985**step + 0.5,
        }
    )
  for name, goal, involvement in (('UserRL', 0.7, 0.4), ('BAO', 0.8, 0.2)):
    for step in range(100):
      done = 1 - 0.97**step
      row = {
          'step': step,
          'reward/raw': 0.5 + (goal - 0.5) * done + rng.gauss(0, 0.05),
          'reward/shaped': 0.4 + (goal - 0.5) * done + rng.gauss(0, 0.05),
      }
      if step % 10 == 0:
        row['eval/score'] = 0.5 + (goal - 0.5) * done
        row['eval/involvement_rate'] = 0.35 + (involvement - 0.35) * done
      curves[name].append(row)
  return curves


NOTES = (
    'Rows: the scripted teacher and the random policy are there to compare'
    ' with. Both reinforcement-learning rows start from the same warm start,'
    ' with the same seeds and tokens.',
    'Level easy, seed 0. The test split was read once, by this evaluation.',
    'Time: warm start 1 min 40 s, UserRL 2 min 5 s, BAO 2 min 11 s,'
    ' evaluation 48 s.',
)


class _Parser(parser.HTMLParser):
  """Collects elements, their attributes and text, and checks the nesting."""

  _VOID = frozenset({'meta', 'link', 'img', 'br', 'input'})

  def __init__(self):
    super().__init__()
    self.open = []
    self.elements = []
    self.texts = {}
    self.errors = []

  def handle_starttag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))
    if tag not in self._VOID:
      self.open.append(tag)

  def handle_endtag(self, tag):
    if not self.open or self.open.pop() != tag:
      self.errors.append((tag, self.getpos()))

  def handle_data(self, data):
    tag = self.open[-1] if self.open else ''
    self.texts.setdefault(tag, []).append(data)

  def of(self, tag: str) -> list[dict[str, str]]:
    return [attrs for name, attrs in self.elements if name == tag]


class WriteReportTest(parameterized.TestCase):

  def _write(self, made, *, curves=(), notes=(), **kwargs) -> str:
    with tempfile.TemporaryDirectory() as folder:
      path = pathlib.Path(folder) / 'report' / 'index.html'
      page.write_report(
          path,
          title=kwargs.pop('title', 'A report'),
          runs=made,
          curves=dict(curves),
          notes=notes,
          num_resamples=20,
          **kwargs,
      )
      return path.read_bytes().decode()

  def _parse(self, html: str) -> _Parser:
    parsed = _Parser()
    parsed.feed(html)
    parsed.close()
    self.assertEqual(parsed.errors, [])
    self.assertEqual(parsed.open, [])
    return parsed

  def test_is_whole(self):
    made = synthetic_runs(size=12)
    html = self._write(made, curves=synthetic_curves(), notes=NOTES)
    parsed = self._parse(html)
    ids = [attrs['id'] for _, attrs in parsed.elements if 'id' in attrs]
    self.assertLen(set(ids), len(ids))
    for link in parsed.of('a'):
      self.assertIn(link['href'].removeprefix('#'), ids)
    # All gyms and three of them: a table of results and one of prefixes each.
    self.assertLen(parsed.of('table'), 8)
    # Two plots per group of tasks, six metrics.
    self.assertLen(parsed.of('img'), 8 + 6)
    self.assertLen(parsed.of('template'), 6 * 3 * 12)
    for note in NOTES:
      self.assertIn(note, html)
    self.assertLess(len(html), 3_000_000)

  def test_needs_no_network(self):
    made = synthetic_runs(gyms=['function'], size=4)
    html = self._write(made, curves=synthetic_curves())
    parsed = self._parse(html)
    for _, attrs in parsed.elements:
      for name in ('src', 'href', 'action', 'srcset', 'poster'):
        self.assertRegex(attrs.get(name, '#'), '^(#|data:)')
    (script,) = parsed.texts['script']
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest())
    (policy,) = (
        attrs['content'] for attrs in parsed.of('meta') if 'http-equiv' in attrs
    )
    self.assertIn("default-src 'none'", policy)
    self.assertIn(f"script-src 'sha256-{digest.decode()}'", policy)
    self.assertNotRegex(''.join(parsed.texts['style']), r'url\(|@import')

  def test_plots_are_svg_with_words(self):
    made = synthetic_runs(gyms=['function'], size=4)
    for image in self._parse(self._write(made)).of('img'):
      kind, _, data = image['src'].partition(',')
      self.assertEqual(kind, 'data:image/svg+xml;base64')
      root = ElementTree.fromstring(base64.b64decode(data))
      self.assertEqual(root.tag, '{http://www.w3.org/2000/svg}svg')
      for run in made:
        self.assertIn(run.name, image['alt'])

  def test_all_text_is_escaped(self):
    turn = records.Turn(
        think=_ATTACK,
        choice=_ATTACK,
        content=_ATTACK,
        reply=_ATTACK,
        reward=1.0,
        is_user=True,
        num_tokens=1,
        terms={_ATTACK: 1.0},
    )
    colored = dataclasses.replace(turn, tokens=(_ATTACK,), advantages=(1.0,))
    record = records.Record(
        run=_ATTACK,
        gym=_ATTACK,
        level=_ATTACK,
        split=_ATTACK,
        task_id=_ATTACK,
        sample=0,
        seed=0,
        status='failed',
        solved=False,
        max_turns=2,
        error=_ATTACK,
        num_prompt_tokens=1,
        prompt=_ATTACK,
        turns=(turn, colored),
    )
    html = self._write(
        [runs.Run(_ATTACK, [record], _ATTACK)],
        curves={_ATTACK: [{'step': 0, 'eval/score': 1.0}]},
        notes=[_ATTACK],
        title=_ATTACK,
        panels={'eval/score': 'Score'},
    )
    parsed = self._parse(html)
    self.assertLen(parsed.of('script'), 1)
    self.assertNotIn('<img src=x', html)
    for _, attrs in parsed.elements:
      self.assertNotIn('onerror', attrs)
    # What is escaped reads as it was written.
    for part in ('title', 'h1', 'h3', 'option', 'p', 'strong', 'div', 'span'):
      self.assertIn(_ATTACK, ''.join(parsed.texts[part]), part)
    self.assertEqual(parsed.of('template')[0]['data-gym'], _ATTACK)

  def test_dollars_in_names_are_no_formula(self):
    made = synthetic_runs(gyms=['function'], size=2)[:1]
    made = [dataclasses.replace(made[0], name='costs $1_{2 and \\frac$')]
    image, _ = self._parse(self._write(made)).of('img')
    svg = base64.b64decode(image['src'].partition(',')[2]).decode()
    self.assertIn('costs $1_{2 and \\frac$', svg)

  def test_half_a_surrogate_pair_is_shown_as_a_question_mark(self):
    (run,) = synthetic_runs(gyms=['function'], size=1)[-1:]
    turn = dataclasses.replace(
        run.records[0].turns[0], content='a\ud800b', tokens=(), advantages=()
    )
    record = dataclasses.replace(run.records[0], turns=(turn,))
    html = self._write([dataclasses.replace(run, records=[record])])
    self.assertIn('>a?b<', html)

  def test_equal_arguments_give_equal_bytes(self):
    first, second = (
        self._write(
            synthetic_runs(gyms=['function'], size=3), curves=synthetic_curves()
        )
        for _ in range(2)
    )
    self.assertEqual(first, second)

  def test_shows_the_numbers_of_the_table(self):
    made = synthetic_runs(gyms=['function'], size=20)
    parsed = self._parse(self._write(made))
    values = {
        attrs['data-value']
        for attrs in parsed.of('td')
        if attrs.get('data-label') == 'Score'
    }
    expected = {str(table.row(run).score.mean) for run in made}
    self.assertEqual(values, expected)

  @parameterized.named_parameters(
      ('no_runs', [], 'no policy was evaluated'),
      ('no_records', [runs.Run('BAO', [])], 'nothing to average'),
  )
  def test_nothing_to_show(self, made, message):
    html = self._write(made)
    self._parse(html)
    self.assertIn(message, html)
    self.assertIn('There are no conversations.', html)
    self.assertNotIn('nan', html.partition('<main>')[2].partition('src=')[0])

  def test_a_run_of_failures_has_no_numbers(self):
    (run,) = synthetic_runs(gyms=['function'], size=3)[-1:]
    failed = [
        dataclasses.replace(r, status='failed', solved=False, error='outage')
        for r in run.records
    ]
    html = self._write([dataclasses.replace(run, records=failed)])
    self._parse(html)
    self.assertIn('3 failed', html)
    self.assertIn('nothing to average', html)

  def test_two_runs_of_one_name_are_refused(self):
    with self.assertRaisesRegex(ValueError, "two runs are named 'BAO'"):
      self._write([runs.Run('BAO', []), runs.Run('BAO', [])])

  def test_conversations_are_limited_per_gym(self):
    made = synthetic_runs(gyms=['function', 'turtle'], size=9)
    parsed = self._parse(self._write(made, max_tasks=3))
    templates = parsed.of('template')
    self.assertLen(templates, 6 * 2 * 3)
    self.assertEqual(
        {t['data-task'] for t in templates},
        {
            f'{gym}/easy/test/{i}'
            for gym in ('function', 'turtle')
            for i in (0, 3, 6)
        },
    )


if __name__ == '__main__':
  absltest.main()
