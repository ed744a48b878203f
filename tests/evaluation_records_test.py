"""Tests for bao_jax.evaluation.records."""

import dataclasses
import errno
import json
import os
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax.evaluation import records

_TURN = records.Turn(
    think='Two rules are left.',
    choice='answer',
    content='42',
    reply='Correct.',
    reward=1.0,
    is_user=True,
    num_tokens=2,
    tokens=('4', '2'),
    advantages=(0.5, -0.25),
    terms={'information_seeking': -0.05},
)
_RECORD = records.Record(
    run='BAO',
    gym='function',
    level='easy',
    split='test',
    task_id='function/easy/test/0',
    sample=0,
    seed=1,
    status='terminated',
    solved=True,
    max_turns=15,
    error='',
    num_prompt_tokens=120,
    prompt='Find the rule.',
    turns=(_TURN,),
)
_PLAIN = dataclasses.replace(_TURN, tokens=(), advantages=(), terms={})


def _conversation(rewards, *, answers=(), **changes) -> records.Record:
  turns = tuple(
      dataclasses.replace(_PLAIN, reward=reward, is_user=i in answers)
      for i, reward in enumerate(rewards)
  )
  return dataclasses.replace(_RECORD, turns=turns, **changes)


class FileTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.path = pathlib.Path(folder.name) / 'a' / 'b.jsonl'

  def test_what_is_written_is_read(self):
    # Half a surrogate pair and a line separator: a policy may write either.
    odd = dataclasses.replace(_PLAIN, content='\ud800 \u2028 é\r\x00\n<b>')
    written = [_RECORD, dataclasses.replace(_RECORD, sample=1, turns=(odd,))]
    records.write(self.path, written)
    self.assertEqual(records.read(self.path), written)
    self.assertLen(self.path.read_bytes().split(b'\n'), 3)

  def test_empty_optional_fields_take_no_space(self):
    records.write(self.path, [dataclasses.replace(_RECORD, turns=(_PLAIN,))])
    (turn,) = json.loads(self.path.read_text())['turns']
    self.assertEqual(list(turn), list(vars(_PLAIN))[:7])

  def test_a_trip_says_how_many_aspects_it_has(self):
    trip = dataclasses.replace(_RECORD, gym='travel', num_aspects=3)
    records.write(self.path, [trip, _RECORD])
    first, second = map(json.loads, self.path.read_text().splitlines())
    self.assertEqual(first['num_aspects'], 3)
    # As in the lines of versions that did not know it.
    self.assertNotIn('num_aspects', second)
    self.assertEqual(records.read(self.path), [trip, _RECORD])

  def test_numpy_numbers_are_written(self):
    turn = dataclasses.replace(
        _TURN, reward=np.float32(0.5), advantages=np.array([1, 2], np.float32)
    )
    records.write(self.path, [dataclasses.replace(_RECORD, turns=(turn,))])
    (read,) = records.read(self.path)
    self.assertEqual(read.turns[0].reward, 0.5)
    self.assertEqual(read.turns[0].advantages, (1.0, 2.0))

  def test_a_failed_write_leaves_the_old_file(self):
    records.write(self.path, [_RECORD])
    bad = _conversation([float('nan')], task_id='function/easy/test/9')
    for write in (records.write, records.append):
      with self.assertRaisesRegex(ValueError, 'test/9.*not finite'):
        write(self.path, [_RECORD, bad])
      self.assertEqual(records.read(self.path), [_RECORD])
    self.assertEqual(os.listdir(self.path.parent), [self.path.name])

  def test_a_full_disk_leaves_the_old_file(self):
    records.write(self.path, [_RECORD])
    full = OSError(errno.ENOSPC, 'No space left on device')
    with mock.patch.object(os, 'fsync', side_effect=full):
      with self.assertRaisesRegex(OSError, 'No space left'):
        records.write(self.path, [_RECORD, _RECORD])
    self.assertEqual(records.read(self.path), [_RECORD])
    self.assertEqual(os.listdir(self.path.parent), [self.path.name])

  def test_a_torn_last_line_is_left_out_and_overwritten(self):
    records.write(self.path, [_RECORD, _RECORD])
    whole = self.path.read_bytes()
    start = whole.index(b'\n') + 1
    for end in range(start + 1, len(whole) - 1):
      self.path.write_bytes(whole[:end])
      self.assertEqual(records.read(self.path), [_RECORD])
    records.append(self.path, [_RECORD])
    self.assertEqual(self.path.read_bytes(), whole)

  def test_a_line_that_lacks_only_its_break_counts(self):
    records.write(self.path, [_RECORD, _RECORD])
    whole = self.path.read_bytes()
    self.path.write_bytes(whole[:-1])
    self.assertLen(records.read(self.path), 2)
    records.append(self.path, [_RECORD])
    self.assertLen(records.read(self.path), 3)

  def test_append_makes_the_file_and_adds_to_it(self):
    for sample in range(3):
      records.append(self.path, [dataclasses.replace(_RECORD, sample=sample)])
    self.assertEqual([r.sample for r in records.read(self.path)], [0, 1, 2])

  def _line(self, change) -> str:
    records.write(self.path, [_RECORD])
    value = json.loads(self.path.read_text())
    change(value)
    return json.dumps(value)

  @parameterized.named_parameters(
      ('not_json', lambda r: r.clear(), "'run' is missing"),
      ('missing', lambda r: r.pop('gym'), "'gym' is missing"),
      ('unknown', lambda r: r.update(gmy=1), "unknown field 'gmy'"),
      ('kind', lambda r: r.update(sample='1'), "'sample' must be an integer"),
      ('bool', lambda r: r.update(sample=True), "'sample' must be an integer"),
      (
          'aspects',
          lambda r: r.update(num_aspects='2'),
          "'num_aspects' must be an integer",
      ),
      ('status', lambda r: r.update(status='ok'), "'status' must be one of"),
      ('solved', lambda r: r.update(status='failed'), "'solved' must be false"),
      ('turns', lambda r: r.update(turns=3), "'turns' must be a list, not 3"),
      (
          'reward',
          lambda r: r['turns'][0].update(reward=float('inf')),
          r"'turns\[0\].reward' must be a finite number",
      ),
      (
          'extra',
          lambda r: r['turns'][0].update(a=1),
          r"unknown field 'turns\[0\].a'",
      ),
      (
          'advantages',
          lambda r: r['turns'][0].update(advantages=[1.0]),
          r"turns\[0\]: 'advantages' has 1 entries, but 'num_tokens' is 2",
      ),
      (
          'terms',
          lambda r: r['turns'][0].update(terms={'kl': None}),
          r"'turns\[0\].terms.kl' must be a finite number, not null",
      ),
  )
  def test_a_malformed_line_is_named(self, change, message):
    line = self._line(change)
    good = self._line(lambda record: None)
    self.path.write_text(f'{good}\n{line}\n{good}\n')
    with self.assertRaisesRegex(ValueError, rf'b\.jsonl:2: .*{message}'):
      records.read(self.path)

  def test_a_torn_line_in_the_middle_is_named(self):
    records.write(self.path, [_RECORD])
    self.path.write_bytes(b'{"run": "BA\n' + self.path.read_bytes())
    with self.assertRaisesRegex(ValueError, r'b\.jsonl:1: not JSON'):
      records.read(self.path)


class ToArraysTest(absltest.TestCase):

  def test_worked_example(self):
    arrays = records.to_arrays(
        [
            _conversation([0.0, 1.0], answers=[1]),
            _conversation([0.0, 0.25, 0.0], answers=[0, 1], solved=False),
            _conversation(
                [0.5], status='failed', solved=False, error='timeout'
            ),
        ]
    )
    np.testing.assert_array_equal(
        arrays.rewards, [[0, 1, 0], [0, 0.25, 0], [0.5, 0, 0]]
    )
    np.testing.assert_array_equal(
        arrays.is_user, [[0, 1, 0], [1, 1, 0], [0, 0, 0]]
    )
    np.testing.assert_array_equal(
        arrays.turn_mask, [[1, 1, 0], [1, 1, 1], [1, 0, 0]]
    )
    np.testing.assert_array_equal(arrays.solved, [1, 0, 0])
    np.testing.assert_array_equal(arrays.valid, [1, 1, 0])
    self.assertEqual(arrays.rewards.dtype, np.float32)
    self.assertEqual({a.dtype for a in arrays[1:]}, {np.dtype(bool)})

  def test_nothing_is_an_empty_array(self):
    arrays = records.to_arrays([])
    self.assertEqual([a.shape for a in arrays], [(0, 1)] * 3 + [(0,)] * 2)

  def test_a_conversation_may_have_no_turns(self):
    arrays = records.to_arrays([_conversation([])])
    np.testing.assert_array_equal(arrays.turn_mask, [[False]])


if __name__ == '__main__':
  absltest.main()
