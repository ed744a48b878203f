"""Tests for bao_jax.sampling.completions."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from bao_jax.model import config as config_lib
from bao_jax.sampling import completions
from bao_jax.sampling import engine as engine_lib
from benchmarks import measure

CONFIG = config_lib.ModelConfig(
    vocab_size=40,
    num_layers=1,
    width=16,
    ff_width=16,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
    rope_theta=1e4,
)
STOP = 3


class Counting:
  """An engine that counts its calls."""

  def __init__(self, engine):
    self._engine = engine
    self.appends = self.decodes = 0

  def __getattr__(self, name):
    return getattr(self._engine, name)

  def append(self, *args, **kwargs):
    self.appends += 1
    return self._engine.append(*args, **kwargs)

  def decode(self, *args, **kwargs):
    self.decodes += 1
    return self._engine.decode(*args, **kwargs)


def make_completer(num_rows, **changes):
  settings = dict(
      num_slots=48, prefix_rows=8, decode_tokens=4, append_buckets=(16,)
  )
  engine = engine_lib.Engine(CONFIG, num_rows, **(settings | changes))
  params = engine.unstack(measure.parameters(CONFIG))
  return completions.Completer(engine, params, STOP)


COMPLETER = make_completer(8)
SMALL = make_completer(
    3, num_slots=44, prefix_rows=2, decode_tokens=5, append_buckets=(4, 8)
)


def make_prompts(count=20, **changes):
  """Returns prompts about three systems, of any length from 1 to 12."""
  rng = np.random.default_rng(0)
  systems = [tuple(rng.integers(4, 40, n).tolist()) for n in (17, 5, 9)]
  settings = dict(max_tokens=9, temperature=1.0) | changes
  return sorted(
      completions.Prompt(
          systems[i % 3],
          tuple(rng.integers(4, 40, 1 + i % 12).tolist()),
          seed=i,
          **settings,
      )
      for i in range(count)
  )


def complete(prompts, completer=COMPLETER, **kwargs):
  found = dict(completer.complete(prompts, **kwargs))
  return [
      found[i].tolist() if i in found else None for i in range(len(prompts))
  ]


class CompleterTest(parameterized.TestCase):

  def test_completions_end_at_the_stop_token_or_with_the_budget(self):
    prompts = make_prompts(40)
    ends = {ids[-1] == STOP for ids in complete(prompts)}
    self.assertEqual(ends, {True, False})
    for ids in complete(prompts):
      self.assertNotIn(STOP, ids[:-1])
      if ids[-1] != STOP:
        self.assertLen(ids, 9)

  def test_company_rows_and_pieces_change_nothing(self):
    prompts = make_prompts()
    all_at_once = complete(prompts)
    self.assertEqual(complete(prompts), all_at_once)
    self.assertEqual([complete([p])[0] for p in prompts], all_at_once)
    self.assertEqual(complete(prompts[::-1]), all_at_once[::-1])
    self.assertEqual(complete(prompts, SMALL), all_at_once)

  def test_seed_and_text_decide_what_is_drawn(self):
    (prompt,) = make_prompts(1)
    again = [dataclasses.replace(prompt, seed=seed) for seed in range(6)]
    drawn = complete(again)
    self.assertGreater(len(set(map(tuple, drawn))), 3)
    self.assertEqual(complete([again[3]]), [drawn[3]])
    greedy = [dataclasses.replace(p, temperature=0.0) for p in again]
    self.assertLen(set(map(tuple, complete(greedy))), 1)

  def test_rows_have_settings_of_their_own(self):
    (prompt,) = make_prompts(1)
    greedy = dataclasses.replace(prompt, temperature=0.0)
    likeliest = complete([greedy])
    for changes in ({'top_k': 1}, {'top_p': 1e-6}, {'temperature': 1e-4}):
      one = dataclasses.replace(prompt, **changes)
      free = [dataclasses.replace(prompt, seed=i) for i in range(20, 23)]
      said = complete([one, *free])
      self.assertEqual(said[:1], likeliest)
      self.assertEqual(said[1:], complete(free))

  def test_many_prompts_share_calls(self):
    prompts = make_prompts(24, max_tokens=4)
    systems = {p.system for p in prompts}
    engine = Counting(COMPLETER.engine)
    counted = dataclasses.replace(COMPLETER, engine=engine)
    self.assertNotIn(None, complete(prompts, counted))
    self.assertEqual(engine.decodes, 24 // 8)
    # The three systems together, then eight prompts at a time.
    self.assertLen(systems, 3)
    self.assertEqual(engine.appends, 1 + 24 // 8)

  def test_the_same_text_is_prefilled_once(self):
    (prompt,) = make_prompts(1)
    engine = Counting(COMPLETER.engine)
    counted = dataclasses.replace(COMPLETER, engine=engine)
    complete([dataclasses.replace(prompt, seed=i) for i in range(24)], counted)
    self.assertEqual(engine.appends, 2)

  def test_what_nobody_waits_for_is_given_up(self):
    prompts = make_prompts()
    whole = complete(prompts)
    engine = Counting(COMPLETER.engine)
    counted = dataclasses.replace(COMPLETER, engine=engine)
    few = complete(prompts, counted, is_wanted=lambda i: i in (2, 7))
    self.assertEqual(
        few, [whole[i] if i in (2, 7) else None for i in range(20)]
    )
    # Sooner or later: those that have begun are noticed after a call.
    asked = []

    def is_wanted(i):
      asked.append(i)
      return len(asked) <= 4

    begun = complete(prompts, counted, is_wanted=is_wanted)
    self.assertGreater(begun.count(None), 16)
    self.assertEqual(
        [x for x in begun if x], [w for x, w in zip(begun, whole) if x]
    )

  def test_prompts_without_a_system(self):
    prompts = [
        dataclasses.replace(p, system=(), rest=p.system + p.rest)
        for p in make_prompts()
    ]
    self.assertEqual(complete(prompts), complete(make_prompts()))

  def test_compiles_everything_beforehand_and_no_more_than_the_table(self):
    SMALL.compile()
    compiled = SMALL.engine.num_compiles()
    widths, helds = 2, len(SMALL.engine.held_buckets)
    # Append and write for prefixes, share for both, decode for rows.
    self.assertEqual(compiled, widths * helds + widths + 2 + helds)
    for max_tokens in (1, 9, 15):
      complete(make_prompts(30, max_tokens=max_tokens), SMALL)
    self.assertEqual(SMALL.engine.num_compiles(), compiled)

  def test_no_prompts(self):
    self.assertEqual(complete([]), [])


if __name__ == '__main__':
  absltest.main()
