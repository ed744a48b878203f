import functools

from absl.testing import absltest
from absl.testing import parameterized
import jax
import numpy as np

from bao_jax.model import cache as cache_lib
from bao_jax.model import config as config_lib
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib
from bao_jax.train import step as step_lib
from benchmarks import measure

CONFIG = config_lib.ModelConfig(
    vocab_size=40,
    num_layers=2,
    width=16,
    ff_width=32,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    rope_theta=1e4,
)
STOP = 3
NONE = np.zeros(0, np.int32)


def make_engine(num_rows):
  return engine_lib.Engine(
      CONFIG,
      num_rows,
      48,
      prefix_rows=2,
      decode_tokens=6,
      append_buckets=(2, 5),
  )


class DecodeTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.params = measure.parameters(CONFIG)
    cls.engine = make_engine(3)

  def speak(self, engine, talks, keys, *, temperature=1.0):
    """Alternates `append` and `decode`; returns tokens and logps by row."""
    num_rows = engine.num_rows
    unstacked = engine.unstack(self.params)
    cache = engine.empty_rows()
    pending = np.zeros(num_rows, np.int32)
    tokens, logps = [[] for _ in talks], [[] for _ in talks]
    for turn in range(len(talks[0])):
      given = [talk[turn] for talk in talks]
      whole = [
          np.concatenate([pending[i : i + 1], x]) if turn else x
          for i, x in enumerate(given)
      ]
      longest = int(np.max(cache.length))
      ids = [x[:-1] for x in whole]
      cache = engine.append(unstacked, cache, ids, longest=longest)
      pending = np.array([x[-1] for x in whole], np.int32)
      full = lambda value, dtype: np.full(num_rows, value, dtype)
      cache, out = engine.decode(
          unstacked,
          cache,
          pending,
          full(6, np.int32),
          choose.Sampling(
              keys,
              full(temperature, np.float32),
              full(0, np.int32),
              full(1, np.float32),
          ),
          full(STOP, np.int32),
          longest=int(np.max(cache.length)),
      )
      for i, x in enumerate(given):
        count = int(out.count[i])
        tokens[i] += [x, out.tokens[i, :count]]
        logps[i] += [np.full(len(x), np.nan), out.logps[i, :count]]
        pending[i] = out.tokens[i, count - 1]
    return list(map(np.concatenate, tokens)), list(map(np.concatenate, logps))

  def talks(self):
    rng = np.random.default_rng(0)
    lengths = [(7, 3, 1), (2, 6, 4), (11, 1, 2)]
    return [
        [rng.integers(4, 40, n).astype(np.int32) for n in row]
        for row in lengths
    ]

  def keys(self):
    rows = np.arange(3, dtype=np.uint32)
    return np.asarray(choose.row_keys(0, 0, rows, rows))

  @parameterized.parameters(1.0, 0.7)
  def test_logps_equal_the_full_forward(self, temperature):
    tokens, logps = self.speak(
        self.engine, self.talks(), self.keys(), temperature=temperature
    )
    model = step_lib.ModelFn(CONFIG, chunk=16)
    padded = np.zeros((3, 48), np.int32)
    for row, ids in zip(padded, tokens):
      row[: len(ids)] = ids
    forward = functools.partial(
        step_lib.token_logps, model=model, temperature=temperature
    )
    full, _ = jax.jit(forward)(self.params, padded, np.ones(padded.shape, bool))
    for row in range(3):
      sampled = ~np.isnan(logps[row])
      self.assertGreater(sampled.sum(), 3)
      np.testing.assert_allclose(
          logps[row][sampled], full[row][: len(sampled)][sampled], atol=1e-5
      )

  def test_row_and_batch_size_change_nothing(self):
    tokens, logps = self.speak(self.engine, self.talks(), self.keys())
    order = [2, 0, 1]
    talks = [self.talks()[i] for i in order]
    moved, _ = self.speak(self.engine, talks, self.keys()[order])
    for place, i in enumerate(order):
      np.testing.assert_array_equal(moved[place], tokens[i])
    alone = make_engine(1)
    for i in range(3):
      one, scores = self.speak(alone, [self.talks()[i]], self.keys()[[i]])
      np.testing.assert_array_equal(one[0], tokens[i])
      np.testing.assert_allclose(scores[0], logps[i], atol=1e-5)

  def test_stops_at_stop_token_and_at_budget(self):
    unstacked = self.engine.unstack(self.params)
    sampling = choose.Sampling(
        self.keys(),
        np.zeros(3, np.float32),
        np.zeros(3, np.int32),
        np.ones(3, np.float32),
    )
    decode = lambda budget, stop: self.engine.decode(
        unstacked,
        self.engine.empty_rows(),
        np.array([5, 6, 7], np.int32),
        np.array(budget, np.int32),
        sampling,
        np.array(stop, np.int32),
        longest=0,
    )
    _, free = decode([6, 6, 6], [-1, -1, -1])
    np.testing.assert_array_equal(free.count, [6, 6, 6])
    self.assertFalse(free.stopped.any())
    said = np.asarray(free.tokens)
    # Row 0 is idle, row 1 stops at what it says third, row 2 runs out.
    stop = [-1, said[1, 2], -1]
    first = int(np.argmax(said[1] == said[1, 2])) + 1
    cache, out = decode([0, 6, 4], stop)
    np.testing.assert_array_equal(out.count, [0, first, 4])
    np.testing.assert_array_equal(out.stopped, [False, True, False])
    np.testing.assert_array_equal(cache.length, [0, first, 4])
    np.testing.assert_array_equal(out.tokens[2, :4], said[2, :4])


class CacheTest(absltest.TestCase):

  def test_write_adds_behind_each_row_and_drops_what_is_not_real(self):
    cache = cache_lib.empty(CONFIG, 2, 4)
    ones = (np.ones((2, 2, 8, 3), np.float32),) * 2
    cache = cache_lib.write(cache, ones, ones, np.array([1, 3]))
    twos = tuple(2 * x for x in ones)
    cache = cache_lib.write(cache, twos, twos, np.array([2, 0]))
    np.testing.assert_array_equal(cache.length, [3, 3])
    for held in (*cache.k, *cache.v):
      np.testing.assert_array_equal(held[:, 0, 0], [[1, 2, 2, 0], [1, 1, 1, 0]])

  def test_share_replaces_the_chosen_rows(self):
    ones = (np.ones((2, 2, 8, 3), np.float32),) * 2
    fill = lambda rows, value, counts: cache_lib.write(
        cache_lib.empty(CONFIG, rows, 4),
        tuple(value * x[:1].repeat(rows, 0) for x in ones),
        tuple(value * x[:1].repeat(rows, 0) for x in ones),
        np.array(counts),
    )
    shared = cache_lib.share(
        fill(3, 1, [1, 2, 3]), fill(2, 5, [2, 1]), np.array([-1, 1, 0])
    )
    np.testing.assert_array_equal(shared.length, [1, 1, 2])
    np.testing.assert_array_equal(shared.k[0][:, 0, 0, 0], [1, 5, 5])
    np.testing.assert_array_equal(shared.v[1][2, 0, 0], [5, 5, 0, 0])


if __name__ == '__main__':
  absltest.main()
