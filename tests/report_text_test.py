"""Tests for bao_jax.report.text: the layouts of both papers, worked by hand."""

from absl.testing import absltest

from bao_jax.evaluation import records
from bao_jax.report import runs
from bao_jax.report import table
from bao_jax.report import text


def _record(gym, task, rewards, *, sample=0, solved=False, num_aspects=0):
  """Makes a conversation of answers alone."""
  return records.Record(
      run='BAO',
      gym=gym,
      level='full',
      split='test',
      task_id=f'{gym}/{task}',
      sample=sample,
      seed=0,
      status='terminated',
      solved=solved,
      max_turns=4,
      error='',
      num_prompt_tokens=0,
      prompt='',
      turns=[
          records.Turn('', 'answer', 'F1', '', reward, True, 0)
          for reward in rewards
      ],
      num_aspects=num_aspects,
  )


def _groups(*lines):
  return table.groups([runs.Run('BAO', lines)])


class TextTest(absltest.TestCase):

  def test_layouts_of_the_papers(self):
    groups = _groups(
        _record('turtle', 0, [0.25, 0.5]),
        _record('turtle', 1, [0.0, 0.0]),
        _record('turtle', 2, [0.0, 0.0]),
        _record('function', 0, [1.0]),
    )
    self.assertIn(
        '| BAO | .0833/.2500/.2500/1.0000 | 1.0000/1.0000/1.0000/1.0000 |',
        text.paper_table(groups),
    )
    # The mean is over tasks: (.75 + 1) / 4, not (.25 + 1) / 2.
    said = text.userrl_table(groups)
    self.assertRegex(said, r'\| row \| turtle \| function \| Avg\. +\|')
    self.assertRegex(said, r'\| BAO \| \.2500 +\| 1\.0000 +\| \.4375 \|')

    self.assertNotIn('aspect', said)

  def test_trips_in_the_layout_of_userrl(self):
    others = [_record('turtle', i, [0.25, 0.5]) for i in (0, 1, 2)]
    trip = _record('travel', 0, [0.2, 0.8], num_aspects=2)
    said = text.userrl_table(_groups(trip, *others))
    # The better answer of two about F, over two aspects: .8 / 2.
    # The mean is over tasks: (.4 + 3 * .75) / 4.
    self.assertRegex(said, r'\| BAO \| \.4000 +\| \.7500 +\| \.6625 +\|')
    self.assertRegex(said, r'\n\ntravel: the best reward .* per aspect')

  def test_old_records_of_trips_have_no_number_there(self):
    others = [_record('turtle', i, [0.25, 0.5]) for i in (0, 1, 2)]
    groups = _groups(_record('travel', 0, [0.2, 0.8]), *others)
    said = text.userrl_table(groups)
    self.assertRegex(said, r'\| BAO \| - +\| \.7500 +\| - +\|')
    self.assertIn('- if records of an earlier version do not say', said)
    self.assertIn('/1.0000/', text.paper_table(groups))  # Its sum is known.

  def test_one_gym_is_its_own_average(self):
    said = text.userrl_table(_groups(_record('turtle', 0, [0.5])))
    self.assertRegex(said, r'\| BAO \| \.5000 +\| \.5000 \|')

  def test_samples(self):
    lines = [
        _record('turtle', 0, [1.0], sample=i, solved=i < 1) for i in (0, 1)
    ]
    said = text.samples_table(_groups(*lines)[0])
    cells = [cell.strip() for cell in said.splitlines()[-1].split('|')[1:-1]]
    means = [cell.split()[0] for cell in cells]
    # One of two is solved: pass@1 1/2, pass@2 1, pass^1 1/2, pass^2 0.
    self.assertEqual(means, ['BAO', '0.500', '1.000', '0.500', '0.000'])

  def test_frontier(self):
    free = _groups(_record('turtle', 0, [0.25, 0.5]))[0].rows[0]
    told = _groups(_record('turtle', 0, [0.75]))[0].rows[0]
    said = text.frontier_table(free, {1: told})
    self.assertRegex(said, r'\| 1 \| 0\.250 \[.*\| 0\.750 \[.*\| 1\.000 \[')


if __name__ == '__main__':
  absltest.main()
