"""Reinforcement learning: GRPO with turn-level rewards, regularized (BAO).

A step, in five sentences. The policy holds G conversations about each of the
step's tasks. Their turns are rewarded by the gyms, and behavior terms are
added. Each turn's return is compared with its group. The policy takes one
clipped gradient step per mini-batch. Everything follows from the config, the
step's number and the state, so a killed run goes on as if nothing happened.

Read `train` from top to bottom.
"""

from collections.abc import Callable
import functools
import pathlib
import time
from typing import NamedTuple

from absl import logging
import jax
import jax.numpy as jnp
import numpy as np
import tqdm

from bao_jax import checkpoint
from bao_jax import logging as metrics_lib
from bao_jax import types
from bao_jax.evaluation import evaluate
from bao_jax.evaluation import records
from bao_jax.model import config as config_lib
from bao_jax.rewards import behavior
from bao_jax.rewards import returns
from bao_jax.rl import advantages as advantages_lib
from bao_jax.sampling import rollout
from bao_jax.tasks import reader
from bao_jax.train import batch as batch_lib
from bao_jax.train import optimizer
from bao_jax.train import setup
from bao_jax.train import sft
from bao_jax.train import step as step_lib

# (batch) -> `[B, M]` behavior terms by name.
TermsFn = Callable[[types.Batch], dict[str, jax.Array]]
# (batch, shaped rewards `[B, M]`) -> advantages `[B, T]`.
AdvantageFn = Callable[[types.Batch, jax.Array], jax.Array]


class Credit(NamedTuple):
  """What a batch of conversations taught.

  Attributes:
    terms: behavior terms by name, `[B, M]` each.
    shaped: `[B, M]` the gyms' rewards plus the terms.
    advantages: `[B, T]`.
    zero_variance: `[]` the share of groups whose scores are all alike.
  """

  terms: dict[str, jax.Array]
  shaped: jax.Array
  advantages: jax.Array
  zero_variance: jax.Array


def terms_fn(rewards: setup.Config) -> TermsFn:
  """Returns the configured behavior terms.

  Raises:
    ValueError: the variant is unknown.
  """
  if rewards.variant not in ('paper', 'released', 'none'):
    raise ValueError(
        f'rewards.variant={rewards.variant!r} must be paper, released or none.'
    )

  def paper(b):
    return {
        'information_seeking': behavior.information_seeking(
            b.is_user, b.turn_mask, b.valid, coef=rewards.lambda_ans
        ),
        'over_thinking': behavior.over_thinking(
            b.turn_mask,
            b.solved,
            b.max_turns,
            b.valid,
            coef=rewards.lambda_think,
        ),
    }

  def released(b):
    return {
        'information_seeking': behavior.information_seeking_released(
            b.rewards,
            b.is_user,
            b.turn_mask,
            b.valid,
            coef=rewards.lambda_ans,
        ),
        'over_thinking': behavior.over_thinking_released(
            b.rewards, b.turn_mask, b.valid, coef=rewards.lambda_think
        ),
    }

  variants = {'paper': paper, 'released': released, 'none': lambda b: {}}

  def terms(batch):
    out = variants[rewards.variant](batch)
    if rewards.user_cost:
      out['user_cost'] = behavior.involvement_cost(
          batch.is_user, batch.turn_mask, batch.valid, weight=rewards.user_cost
      )
    return out

  return terms


def advantage_fn(rl: setup.Config) -> AdvantageFn:
  """Returns the configured estimator.

  Raises:
    ValueError: the estimator, score or credit is unknown.
  """
  scores = {
      'sum': returns.sum_score,
      'mean': returns.mean_score,
      'r2g': functools.partial(returns.r2g_score, gamma=rl.gamma),
  }
  credits = {
      'naive': returns.naive_credit,
      'equalized': returns.equalized_credit,
      'r2g': functools.partial(returns.r2g_credit, gamma=rl.gamma),
      'em': returns.em_credit,
  }
  for field, table in (('trajectory_score', scores), ('turn_credit', credits)):
    if rl[field] not in table:
      raise ValueError(
          f'rl.{field}={rl[field]!r} must be one of {sorted(table)}.'
      )
  score, credit = scores[rl.trajectory_score], credits[rl.turn_credit]
  size = rl.samples_per_task

  def turn(b, shaped):
    return advantages_lib.turn_advantages(
        shaped,
        b.turn_mask,
        b.valid,
        group_size=size,
        gamma=rl.gamma,
        scale_by_std=rl.scale_by_std,
        tol=rl.zero_variance_tol,
    )

  def userrl(b, shaped):
    return advantages_lib.userrl_advantages(
        score(shaped, b.turn_mask),
        credit(shaped, b.turn_mask),
        b.turn,
        b.valid,
        group_size=size,
    )

  def rloo(b, shaped):
    return advantages_lib.rloo_advantages(
        score(shaped, b.turn_mask), b.turn_mask, b.valid, group_size=size
    )

  def grpo(b, shaped):
    return advantages_lib.grpo_advantages(
        score(shaped, b.turn_mask),
        b.turn_mask,
        b.valid,
        group_size=size,
        scale_by_std=rl.scale_by_std,
    )

  by_turn = {'turn': turn, 'rloo': rloo, 'grpo': grpo}
  if rl.estimator == 'userrl':
    return userrl
  if rl.estimator not in by_turn:
    raise ValueError(
        f'rl.estimator={rl.estimator!r} must be one of '
        f'{sorted([*by_turn, "userrl"])}.'
    )
  return lambda b, shaped: advantages_lib.to_tokens(
      by_turn[rl.estimator](b, shaped), b.turn
  )


def credit(
    batch: types.Batch,
    *,
    terms: TermsFn,
    advantages: AdvantageFn,
    group_size: int,
    tol: float,
) -> Credit:
  """Shapes rewards and turns them into advantages."""
  added = terms(batch)
  shaped = batch.rewards + sum(added.values())
  _, share = advantages_lib.zero_variance(
      returns.sum_score(shaped, batch.turn_mask, decimals=None),
      batch.valid,
      group_size=group_size,
      tol=tol,
  )
  return Credit(added, shaped, advantages(batch, shaped), share)


def policy_batch(
    batch: types.Batch, advantages: jax.Array, ref_logps: jax.Array | None
) -> step_lib.PolicyBatch:
  """Keeps what the policy loss needs."""
  return step_lib.PolicyBatch(
      tokens=batch.tokens,
      mask=(batch.turn >= 0) & batch.valid[:, None],
      old_logps=batch.logps,
      advantages=advantages,
      ref_logps=batch.logps if ref_logps is None else ref_logps,
  )


def train(
    config: setup.Config, workdir: str | pathlib.Path
) -> types.TrainState:
  """Runs reinforcement learning, or what is left of it.

  Args:
    config: the experiment. Where `warm_start` names no folder, the warm start
      runs first, in a folder of its own within `workdir`.
    workdir: where to write and resume from.

  Returns:
    The final state.

  Raises:
    ConfigMismatchError: the folder belongs to another config.
    FloatingPointError: the loss is no longer finite.
  """
  workdir = pathlib.Path(workdir)
  setup.check_names(config)
  checkpoint.claim(workdir, {'loop': 'rl', **config.to_dict()})
  terms, advantages = terms_fn(config.rewards), advantage_fn(config.rl)
  first = pathlib.Path(config.warm_start or workdir / 'warm_start')
  if not config.warm_start:
    sft.train(config, first)
  encoder = setup.tokenizer(config, first)
  shape = setup.model_config(config, encoder)

  # State.
  tx = optimizer.make_optimizer(**config.rl.optimizer.to_dict())
  reference = latest_params(config, shape, first)
  state = types.TrainState(
      jnp.zeros((), jnp.int32), reference, tx.init(reference)
  )
  saved = checkpoint.Checkpoints(workdir)
  if saved.latest() is not None:
    state = saved.restore(state)
  updates = config.rl.num_minibatches * config.rl.num_epochs
  start = int(state.step) // updates
  reference = jax.tree.map(jnp.copy, reference) if config.rl.kl_coef else None

  # Compiled functions.
  model = step_lib.ModelFn(shape, config.rl.chunk)
  update = jax.jit(
      functools.partial(
          step_lib.policy_step,
          model=model,
          tx=tx,
          objective=objective(config.rl),
          temperature=config.sampling.temperature,
          num_minibatches=config.rl.num_minibatches,
          num_microbatches=config.rl.num_microbatches,
      ),
      donate_argnames='state',
  )
  assign = jax.jit(
      functools.partial(
          credit,
          terms=terms,
          advantages=advantages,
          group_size=config.rl.samples_per_task,
          tol=config.rl.zero_variance_tol,
      )
  )
  ref_logps = jax.jit(
      lambda params, batch: step_lib.token_logps(
          params,
          batch.tokens,
          batch.turn >= 0,
          model=model,
          temperature=config.sampling.temperature,
      )[0]
  )

  # Conversations.
  speaker = setup.conversations(
      config,
      shape,
      encoder,
      temperature=config.sampling.temperature,
      faults=rollout.FaultLog(workdir / 'faults.txt'),
  )
  tasks = setup.tasks(config, 'train')
  watched = [
      rollout.Request(task)
      for task in setup.few_tasks(
          config, 'validation', config.evaluation.num_tasks
      )
  ]

  writer = metrics_lib.MetricWriter(workdir, step=start)
  bar = tqdm.tqdm(
      total=config.rl.num_steps, initial=start, desc=workdir.name, unit='step'
  )
  with checkpoint.Preemption() as preemption:
    for i in range(start, config.rl.num_steps):
      began = time.monotonic()
      chosen = reader.tasks_of_step(
          tasks,
          seed=config.seed,
          step=i,
          tasks_per_step=config.rl.tasks_per_step,
      )
      requests = [
          rollout.Request(task, sample)
          for task in chosen
          for sample in range(config.rl.samples_per_task)
      ]
      trajectories = speaker.hold(state.params, requests, step=i)
      spoken = time.monotonic()
      batch = to_batch(config, trajectories)
      credited = assign(batch)
      prepared = policy_batch(
          batch,
          credited.advantages,
          ref_logps(reference, batch) if reference else None,
      )
      for _ in range(config.rl.num_epochs):
        state, metrics = update(state, prepared)
      metrics = jax.device_get(metrics)
      metrics_lib.check_finite(i, metrics)
      metrics |= describe(trajectories, batch, jax.device_get(credited))
      metrics |= speeds(trajectories, spoken - began, time.monotonic() - spoken)
      is_last = i + 1 == config.rl.num_steps
      if is_last:
        records.write(
            workdir / 'conversations.jsonl',
            explained(trajectories, credited, batch, encoder, config.seed),
        )
      if is_last or (i + 1) % config.evaluation.every_rl == 0:
        held = setup.greedy(speaker).hold(state.params, watched, step=i)
        metrics |= evaluate.summarize(held, 'validation')
      writer.write(i, metrics)
      bar.set_postfix(
          score=f'{metrics["train/score"]:.2f}',
          ur=f'{metrics["train/involvement_rate"]:.2f}',
      )
      bar.update()
      if (
          is_last
          or preemption.is_requested
          or (i + 1) % config.checkpoint_every == 0
      ):
        saved.save(i + 1, state)
      if preemption.is_requested and not is_last:
        raise SystemExit(f'Stopped after step {i + 1}; start again to go on.')
  bar.close()
  writer.close()
  saved.close()
  logging.info('%s: %d steps done.', workdir, config.rl.num_steps)
  return state


def objective(rl: setup.Config) -> step_lib.Objective:
  """Returns the configured loss.

  Raises:
    ValueError: the aggregation or the KL estimator is unknown.
  """
  if rl.aggregation not in ('token', 'sequence', 'constant'):
    raise ValueError(
        f'rl.aggregation={rl.aggregation!r} must be token, sequence or '
        'constant.'
    )
  if rl.kl_estimator not in ('k1', 'k2', 'k3'):
    raise ValueError(f'rl.kl_estimator={rl.kl_estimator!r} must be k1, k2, k3.')
  return step_lib.Objective(
      clip_low=rl.clip_low,
      clip_high=rl.clip_high,
      dual_clip=rl.dual_clip or None,
      aggregation=rl.aggregation,
      constant_tokens=rl.constant_tokens,
      kl_estimator=rl.kl_estimator,
      kl_coef=rl.kl_coef,
  )


def latest_params(
    config: setup.Config, shape: config_lib.ModelConfig, folder: pathlib.Path
) -> types.Params:
  """Loads the parameters that a run ended with, whichever loop it was."""
  # Both loops use the same optimizer; the schedule has no state of its own.
  tx = optimizer.make_optimizer(**config.rl.optimizer.to_dict())
  like = setup.train_state(config, shape, tx)
  return checkpoint.Checkpoints(folder).restore(like).params


def to_batch(config: setup.Config, trajectories) -> types.Batch:
  """Pads conversations to the smallest configured length that holds them."""
  longest = max(map(batch_lib.num_tokens, trajectories))
  return batch_lib.to_batch(
      trajectories,
      length=batch_lib.bucket(longest, config.rl.length_buckets),
      num_turns=config.envs.max_turns,
  )


def describe(
    trajectories, batch: types.Batch, credited: Credit
) -> dict[str, float]:
  """Computes what to log about a step's conversations."""
  count = max(int(np.sum(batch.valid)), 1)
  kept = batch.turn_mask & batch.valid[:, None]
  total = lambda x: float(np.sum(x, where=kept)) / count
  metrics = evaluate.summarize(trajectories, 'train')
  metrics['reward/raw'] = total(batch.rewards)
  metrics['reward/shaped'] = total(credited.shaped)
  for name, term in credited.terms.items():
    metrics[f'reward/{name}'] = total(term)
  metrics['train/zero_variance'] = float(credited.zero_variance)
  lengths = list(map(batch_lib.num_tokens, trajectories))
  sampled = [sum(len(t.tokens) for t in x.turns) for x in trajectories]
  metrics['length/conversation'] = float(np.mean(lengths))
  metrics['length/sampled'] = float(np.mean(sampled))
  for status in (types.TRUNCATED, types.FAILED):
    share = np.mean([t.status == status for t in trajectories])
    metrics[f'train/{status}'] = float(share)
  return metrics


def explained(
    trajectories, credited: Credit, batch: types.Batch, encoder, seed: int
) -> list[records.Record]:
  """Returns records that show what each turn and token was credited with."""
  credited = jax.device_get(credited)
  lines = []
  for row, trajectory in enumerate(trajectories):
    count = range(len(trajectory.turns))
    lines.append(
        evaluate.to_record(
            trajectory,
            encoder,
            run='training',
            split='train',
            seed=seed,
            advantages=[
                credited.advantages[row][batch.turn[row] == i] for i in count
            ],
            terms=[
                {name: float(x[row, i]) for name, x in credited.terms.items()}
                for i in count
            ],
            with_tokens=True,
        )
    )
  return lines


def speeds(trajectories, rollout_s: float, update_s: float) -> dict[str, float]:
  """Computes tokens per second of both halves of a step."""
  sampled = sum(len(t.tokens) for x in trajectories for t in x.turns)
  seen = sum(map(batch_lib.num_tokens, trajectories))
  return {
      'time/rollout_s': rollout_s,
      'time/update_s': update_s,
      'time/rollout_tokens_per_s': sampled / rollout_s,
      'time/update_tokens_per_s': seen / update_s,
  }
