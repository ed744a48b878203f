import functools

from absl.testing import absltest
from absl.testing import parameterized
import jax
import jax.numpy as jnp
import numpy as np
import optax

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.train import batch as batch_lib
from bao_jax.train import credit
from bao_jax.train import rl
from bao_jax.train import step as step_lib
from benchmarks import measure

CONFIG = config_lib.ModelConfig(
    vocab_size=24,
    num_layers=1,
    width=16,
    ff_width=32,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
    rope_theta=1e4,
)
MODEL = step_lib.ModelFn(CONFIG, chunk=8)
GROUP = 4
TX = optax.sgd(1.0)


def conversation(rng, *, sample, status=types.TRUNCATED, num_turns=2):
  """Returns a conversation of random tokens and rewards."""
  ids = lambda n: rng.integers(1, 24, n).astype(np.int32)
  turns = []
  for i in range(num_turns):
    tokens = ids(rng.integers(2, 5))
    turns.append(
        types.Turn(
            action=types.Action('action'),
            tokens=tokens,
            logps=rng.uniform(-4, -2, len(tokens)).astype(np.float32),
            reply=ids(2 if i + 1 < num_turns else 0),
            reward=float(rng.normal()),
            is_user=bool(rng.integers(2)),
        )
    )
  task = types.Task('x/easy/train/0', 'x', 'easy', {})
  return types.Trajectory(
      task, sample, ids(3), tuple(turns), status, False, max_turns=3
  )


def conversations(num=8, failed=()):
  rng = np.random.default_rng(0)
  return [
      conversation(
          rng,
          sample=i % GROUP,
          status=types.FAILED if i in failed else types.TRUNCATED,
          num_turns=1 + i % 3,
      )
      for i in range(num)
  ]


def prepare(trajectories, *, length=24, group=GROUP):
  """Lays out conversations and credits their turns by eq. 5b."""
  batch = batch_lib.to_batch(trajectories, length=length, num_turns=3)
  settings = rl.setup.Config(
      dict(
          estimator='turn',
          gamma=0.9,
          scale_by_std=True,
          zero_variance_tol=1e-6,
          zero_variance_on='shaped',
          samples_per_task=group,
          trajectory_score='sum',
          turn_credit='naive',
      )
  )
  advantages = credit.advantage_fn(settings)(batch, jnp.asarray(batch.rewards))
  return rl.policy_batch(batch, advantages, None)


def update(params, batch, **kwargs):
  """Takes one step of gradient descent; returns parameters and metrics."""
  state = types.TrainState(jnp.zeros((), jnp.int32), params, TX.init(params))
  state, metrics = compiled(tuple(sorted(kwargs.items())))(state, batch)
  return state.params, metrics


@functools.cache
def compiled(settings):
  defaults = dict(
      model=MODEL, tx=TX, objective=step_lib.Objective(), temperature=1.0
  )
  return jax.jit(
      functools.partial(step_lib.policy_step, **(defaults | dict(settings)))
  )


supervised = jax.jit(
    functools.partial(step_lib.supervised_step, model=MODEL, tx=TX)
)


def moved(params, new):
  return jax.tree.map(lambda a, b: np.asarray(b - a), params, new)


def assert_close(first, second, atol=2e-6):
  jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=atol), first, second
  )


class PolicyStepTest(parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.params = measure.parameters(CONFIG)

  def losses_by_logps(self, batch):
    """Returns the gradient of the loss in the log-probabilities."""
    objective = step_lib.Objective(clip_low=9.0, clip_high=9.0)

    @jax.jit
    def gradient(params, batch):
      logps, _ = step_lib.token_logps(
          params, batch.tokens, batch.mask, model=MODEL
      )
      num_tokens, num_rows = jnp.sum(batch.mask), len(batch.tokens)
      loss = lambda x: objective.loss(x, batch, num_tokens, num_rows)
      return jax.grad(loss)(logps)

    return np.asarray(gradient(self.params, batch))

  def test_gradient_is_zero_but_for_sampled_tokens_of_valid_rows(self):
    trajectories = conversations(failed=(2,))
    batch = prepare(trajectories)
    # An advantage everywhere: the mask alone has to hold it back.
    batch = batch.replace(advantages=jnp.ones_like(batch.advantages))
    gradient = self.losses_by_logps(batch)
    for row, trajectory in enumerate(trajectories):
      _, turn, _ = batch_lib.flatten(trajectory)
      sampled = np.zeros(24, bool)
      sampled[: len(turn)] = (turn >= 0) & (row != 2)
      np.testing.assert_array_equal(gradient[row] != 0, sampled)

  def test_environment_tokens_move_nothing_if_they_come_last(self):
    # What comes after the last sampled token is in nobody's context.
    batch = prepare(conversations())
    expected, _ = update(self.params, batch)
    tokens = np.array(batch.tokens)
    for row, mask in zip(tokens, np.asarray(batch.mask)):
      row[np.flatnonzero(mask)[-1] + 1 :] = 7
    got, _ = update(self.params, batch.replace(tokens=tokens))
    assert_close(got, expected)

  def test_only_failed_conversations_move_nothing(self):
    batch = prepare(conversations(failed=range(8)))
    got, metrics = update(self.params, batch)
    for leaf in jax.tree.leaves(moved(self.params, got)):
      np.testing.assert_array_equal(leaf, 0)
    self.assertEqual(metrics['policy/gradient_norm'], 0)

  def test_failed_sample_changes_no_other(self):
    good = conversations(3)
    rng = np.random.default_rng(9)
    failed = conversation(rng, sample=3, status=types.FAILED, num_turns=3)
    alone, together = prepare(good, group=3), prepare([*good, failed])
    np.testing.assert_allclose(
        together.advantages[:3], alone.advantages, atol=1e-6
    )
    np.testing.assert_array_equal(together.advantages[3], 0)
    np.testing.assert_allclose(
        self.losses_by_logps(together)[:3],
        self.losses_by_logps(alone),
        atol=1e-6,
    )
    assert_close(
        update(self.params, together)[0], update(self.params, alone)[0]
    )

  def test_padding_changes_nothing(self):
    short, long = prepare(conversations()), prepare(conversations(), length=40)
    assert_close(update(self.params, short)[0], update(self.params, long)[0])

  @parameterized.parameters('token', 'sequence', 'constant')
  def test_micro_batches_change_nothing(self, aggregation):
    batch = prepare(conversations(failed=(1,)))
    objective = step_lib.Objective(aggregation=aggregation, constant_tokens=9)
    whole, metrics = update(self.params, batch, objective=objective)
    pieces, others = update(
        self.params, batch, objective=objective, num_microbatches=4
    )
    assert_close(pieces, whole)
    for name, value in metrics.items():
      np.testing.assert_allclose(others[name], value, atol=1e-5, err_msg=name)

  def test_mini_batches_are_steps(self):
    batch = prepare(conversations())
    both, _ = update(self.params, batch, num_minibatches=2)
    half = lambda part: jax.tree.map(lambda x: x[part], batch)
    params, _ = update(self.params, half(slice(4)))
    params, _ = update(params, half(slice(4, None)))
    assert_close(both, params)

  def test_eight_devices_agree_with_one(self):
    batch = jax.tree.map(np.asarray, prepare(conversations(failed=(5,))))
    expected, metrics = update(self.params, batch)
    mesh = jax.make_mesh(
        (8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
    )
    spec = jax.sharding.PartitionSpec
    place = lambda tree, *axes: jax.device_put(
        tree, jax.sharding.NamedSharding(mesh, spec(*axes))
    )
    sharded = place(batch, 'data')
    self.assertLen(sharded.tokens.addressable_shards, 8)
    got, others = update(place(self.params), sharded)
    assert_close(got, expected)
    for name, value in metrics.items():
      np.testing.assert_allclose(others[name], value, atol=1e-5, err_msg=name)


class SupervisedStepTest(absltest.TestCase):

  def setUp(self):
    super().setUp()
    self.params = measure.parameters(CONFIG)

  def update(self, packed):
    params = self.params
    state = types.TrainState(jnp.zeros((), jnp.int32), params, TX.init(params))
    state, metrics = supervised(state, packed)
    return state.params, metrics

  def sequences(self):
    out = []
    for trajectory in conversations(4):
      tokens, turn, _ = batch_lib.flatten(trajectory)
      out.append((tokens, turn >= 0))
    return out

  def test_packing_changes_nothing(self):
    sequences = self.sequences()
    packed = batch_lib.pack(sequences, length=48)
    longest = max(len(tokens) for tokens, _ in sequences)
    apart = batch_lib.pack(
        [tuple(np.pad(x, (0, longest - len(x))) for x in s) for s in sequences],
        length=longest,
    )
    self.assertLess(packed.tokens.shape[0], len(sequences))
    self.assertLen(apart.tokens, len(sequences))
    got, metrics = self.update(packed)
    expected, others = self.update(apart)
    assert_close(got, expected)
    np.testing.assert_allclose(
        metrics['sft/loss'], others['sft/loss'], atol=1e-5
    )

  def test_loss_is_about_masked_tokens_alone(self):
    sequences = self.sequences()
    packed = batch_lib.pack(sequences, length=48)
    _, metrics = self.update(packed)
    forward = functools.partial(step_lib.packed_logps, model=MODEL)
    logps, _ = jax.jit(forward)(self.params, packed)
    self.assertAlmostEqual(
        float(metrics['sft/loss']),
        -float(np.mean(np.asarray(logps)[packed.mask])),
        places=5,
    )
    nothing = packed.replace(mask=np.zeros_like(packed.mask))
    got, _ = self.update(nothing)
    for leaf in jax.tree.leaves(moved(self.params, got)):
      np.testing.assert_array_equal(leaf, 0)


class BatchTest(absltest.TestCase):

  def test_too_long_is_refused_by_name(self):
    with self.assertRaisesRegex(ValueError, 'x/easy/train/0: .* do not fit'):
      batch_lib.to_batch(conversations(1), length=4, num_turns=3)
    with self.assertRaisesRegex(ValueError, '5 tokens do not fit'):
      batch_lib.pack([(np.zeros(5), np.zeros(5))], length=4)

  def test_bucket_is_the_smallest_that_holds(self):
    self.assertEqual(batch_lib.bucket(8, (16, 8)), 8)
    self.assertEqual(batch_lib.bucket(9, (16, 8)), 16)
    with self.assertRaisesRegex(ValueError, '17 tokens exceed'):
      batch_lib.bucket(17, (16, 8))

  def test_flatten_aligns(self):
    trajectory = conversations(3)[2]
    tokens, turn, logps = batch_lib.flatten(trajectory)
    self.assertLen(tokens, batch_lib.num_tokens(trajectory))
    for i, t in enumerate(trajectory.turns):
      np.testing.assert_array_equal(tokens[turn == i], t.tokens)
      np.testing.assert_array_equal(logps[turn == i], t.logps)
    np.testing.assert_array_equal(logps[turn == -1], 0)


if __name__ == '__main__':
  absltest.main()
