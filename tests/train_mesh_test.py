"""One device and meshes of eight compute the same."""

import math
import pathlib
import re
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import jax
import numpy as np
import optax
import pytest

from bao_jax import checkpoint
from bao_jax import sharding
from bao_jax.model import config as config_lib
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib
from bao_jax.train import batch as batch_lib
from bao_jax.train import setup
from bao_jax.train import sft
from bao_jax.train import step as step_lib
from benchmarks import measure

SHAPE = config_lib.ModelConfig(
    vocab_size=64,
    num_layers=2,
    width=16,
    ff_width=32,
    num_heads=8,
    num_kv_heads=2,
    head_dim=8,
    rope_theta=1e4,
)
ONE, CUBE = (1, 1, 1), (2, 2, 2)
# Rows alone, parameters along the width alone, more devices than key heads.
OTHERS = (8, 1, 1), (1, 8, 1), (1, 2, 4), (1, 1, 8)
SGD = optax.sgd(1.0)  # So that the step is the gradient.
B, T = 32, 24


def make_mesh(sizes):
  return sharding.make_mesh(dict(zip(sharding.AXES, sizes)))


def place(tree, shardings):
  return jax.tree.map(jax.device_put, tree, shardings)


def make_state(tx, mesh):
  """Returns a state whose parameters are the same on every mesh."""
  like = setup.abstract_state(SHAPE, tx, mesh)
  params = place(measure.parameters(SHAPE), sharding.of(like.params))
  return setup.first_state(params, tx, like)


def policy_batch():
  rng = np.random.default_rng(0)
  # Rows of one half say more: mini-batches must be those of one device.
  share = np.where(np.arange(B) < B // 2, 0.8, 0.3)[:, None]
  mask = rng.uniform(size=(B, T)) < share
  mask[:, 0] = mask[3] = False
  old = rng.uniform(-4.5, -3.5, (B, T)).astype(np.float32)
  return step_lib.PolicyBatch(
      tokens=rng.integers(1, 64, (B, T)).astype(np.int32),
      mask=mask,
      old_logps=old,
      advantages=rng.normal(size=(B, T)).astype(np.float32),
      ref_logps=old,
  )


def update(sizes):
  """Takes a step of two mini-batches of two pieces each."""
  mesh = make_mesh(sizes)
  state = make_state(SGD, mesh)
  where = sharding.of(state)

  def step(state, batch):
    return step_lib.policy_step(
        state,
        batch,
        model=step_lib.ModelFn(SHAPE, 8, mesh),
        tx=SGD,
        objective=step_lib.Objective(kl_coef=0.1),
        temperature=0.8,
        num_minibatches=2,
        num_microbatches=2,
    )

  call = jax.jit(
      step,
      in_shardings=(where, sharding.rows(mesh)),
      out_shardings=(where, sharding.replicated(mesh)),
      donate_argnums=0,
  )
  program = call.lower(state, policy_batch()).compile()
  batch = sharding.place_rows(policy_batch(), mesh)
  return *jax.device_get(program(state, batch)), program.as_text()


def gathered(program):
  """Returns the number of entries of each array that a program gathers."""
  shapes = re.findall(r'= \w+\[([\d,]*)\]\S* all-gather', program)
  return [math.prod(map(int, shape.split(','))) for shape in shapes]


def packed_batch():
  rng = np.random.default_rng(1)
  sequences = [
      (rng.integers(1, 64, n).astype(np.int32), np.arange(n) % 3 > 0)
      for n in rng.integers(8, T, 8)
  ]
  return jax.tree.map(
      lambda x: np.resize(x, (8, T)), batch_lib.pack(sequences, length=T)
  )


def imitate(sizes):
  """Takes the warm start's step of the loop."""
  mesh = make_mesh(sizes)
  config = setup.Config(dict(sft=dict(chunk=8)))
  step = sft.compile_step(config, SHAPE, SGD, mesh)
  return jax.device_get(step(make_state(SGD, mesh), packed_batch(), None))


def speak(sizes):
  """Shares a prompt, appends replies and decodes, greedily and not."""
  mesh = make_mesh(sizes)
  engine = engine_lib.Engine(
      SHAPE,
      num_rows=16,
      num_slots=32,
      prefix_rows=8,
      decode_tokens=6,
      append_buckets=(8,),
      layout=sharding.decode_layout(SHAPE, mesh),
  )
  like = setup.abstract_state(SHAPE, SGD, mesh)
  placed = place(measure.parameters(SHAPE), sharding.of(like.params))
  params = engine.unstack(placed)
  rng = np.random.default_rng(2)
  ids = lambda *sizes: [rng.integers(1, 64, n).astype(np.int32) for n in sizes]
  prefix = engine.append(
      params, engine.empty_prefix(), ids(*range(1, 9)), longest=0
  )
  cache = engine.share_call(
      engine.empty_rows(), prefix, np.arange(16, dtype=np.int32)[::-1] % 8
  )
  cache = engine.append(params, cache, ids(*rng.integers(0, 9, 16)), longest=8)
  sampling = choose.Sampling(
      key=np.arange(32, dtype=np.uint32).reshape(16, 2),
      temperature=np.linspace(0, 1, 16, dtype=np.float32),
      top_k=np.zeros(16, np.int32),
      top_p=np.ones(16, np.float32),
  )
  cache, decoded = engine.decode(
      params,
      cache,
      rng.integers(1, 64, 16).astype(np.int32),
      np.arange(16, dtype=np.int32) % 7,
      sampling,
      np.zeros(16, np.int32),
      longest=16,
  )
  return jax.device_get((decoded, cache))


def assert_close(first, second, atol):
  jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=atol, rtol=atol),
      first,
      second,
  )


class SameOnEveryMeshTest(parameterized.TestCase):

  def check_update(self, sizes):
    one, metrics, _ = update(ONE)
    state, others, program = update(sizes)
    assert_close(state.params, one.params, 1e-5)
    assert_close(others, metrics, 1e-5)
    self.assertGreater(metrics['policy/gradient_norm'], 0.1)
    # Neither logits nor more of the parameters than one layer's are gathered.
    matrix = SHAPE.width * SHAPE.vocab_size
    self.assertLessEqual(max(gathered(program), default=0), matrix)

  def check_imitation(self, sizes):
    (one, metrics), (state, others) = imitate(ONE), imitate(sizes)
    assert_close(state.params, one.params, 1e-5)
    assert_close(others, metrics, 1e-5)

  def check_speech(self, sizes):
    (one, held), (decoded, cache) = speak(ONE), speak(sizes)
    np.testing.assert_array_equal(decoded.tokens, one.tokens)
    np.testing.assert_array_equal(decoded.count, one.count)
    np.testing.assert_allclose(decoded.logps, one.logps, atol=1e-4)
    np.testing.assert_array_equal(cache.length, held.length)
    assert_close((cache.k, cache.v), (held.k, held.v), 1e-4)

  def test_update(self):
    self.check_update(CUBE)

  def test_imitation(self):
    self.check_imitation(CUBE)

  def test_speech(self):
    self.check_speech(CUBE)

  @parameterized.parameters(*OTHERS)
  @pytest.mark.slow  # Below the parameters, or it is lost.
  def test_update_on_others(self, *sizes):
    self.check_update(sizes)

  @parameterized.parameters(*OTHERS)
  @pytest.mark.slow  # Below the parameters, or it is lost.
  def test_imitation_on_others(self, *sizes):
    self.check_imitation(sizes)

  @parameterized.parameters(*OTHERS)
  @pytest.mark.slow  # Below the parameters, or it is lost.
  def test_speech_on_others(self, *sizes):
    self.check_speech(sizes)


class CheckpointTest(absltest.TestCase):

  def test_restored_onto_another_mesh(self):
    folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
    tx = optax.adam(0.1)
    state = make_state(tx, make_mesh(CUBE))
    saved = checkpoint.Checkpoints(folder)
    saved.save(1, state)
    for sizes in (CUBE, ONE, (1, 8, 1)):
      like = setup.abstract_state(SHAPE, tx, make_mesh(sizes))
      restored = saved.restore(like)
      self.assertEqual(sharding.of(restored), sharding.of(like))
      jax.tree.map(np.testing.assert_array_equal, restored, state)
    saved.close()


if __name__ == '__main__':
  absltest.main()
