"""Which behavior terms, which estimator and which loss: the config's choices.

Every choice is a pure function of arrays that stands elsewhere; here they get
their settings. This is the one place that knows them by name.
"""

from collections.abc import Callable
import functools
from typing import NamedTuple

import jax

from bao_jax import types
from bao_jax.rewards import behavior
from bao_jax.rewards import returns
from bao_jax.rl import advantages as advantages_lib
from bao_jax.train import setup
from bao_jax.train import step as step_lib

# (batch) -> `[B, M]` behavior terms by name.
TermsFn = Callable[[types.Batch], dict[str, jax.Array]]
# (batch, shaped rewards `[B, M]`) -> advantages `[B, T]`.
AdvantageFn = Callable[[types.Batch, jax.Array], jax.Array]
# (batch, shaped rewards `[B, M]`) -> `[B]` scores that the filter compares.
ComparedFn = Callable[[types.Batch, jax.Array], jax.Array]


class Credit(NamedTuple):
  """What a batch of conversations taught.

  Attributes:
    terms: behavior terms by name, `[B, M]` each.
    shaped: `[B, M]` the gyms' rewards plus the terms.
    advantages: `[B, T]`.
    zero_variance: `[]` the share of groups whose compared scores are all alike.
  """

  terms: dict[str, jax.Array]
  shaped: jax.Array
  advantages: jax.Array
  zero_variance: jax.Array


def check_names(config: setup.Config) -> None:
  """Refuses unknown choices before anything is written or computed.

  Raises:
    ValueError: a choice is unknown.
  """
  terms_fn(config.rewards)
  advantage_fn(config.rl)
  objective(config.rl)
  rl = config.rl
  rows = rl.tasks_per_step * rl.samples_per_task
  if rl.samples_per_task == 1 and rl.estimator != 'userrl':
    raise ValueError(
        f'rl.samples_per_task=1: rl.estimator={rl.estimator!r} compares the'
        ' samples of a task, so it needs at least 2.'
    )
  pieces = rl.num_minibatches * rl.num_microbatches
  if rows % pieces:
    raise ValueError(
        f'rl: {rows} conversations a step (tasks_per_step x samples_per_task) '
        f'do not divide into {pieces} (num_minibatches x num_microbatches).'
    )
  if max(rl.length_buckets) < config.sampling.max_tokens:
    raise ValueError(
        f'rl.length_buckets: the longest, {max(rl.length_buckets)}, does not '
        f'hold sampling.max_tokens={config.sampling.max_tokens}.'
    )


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


def compared_fn(rl: setup.Config) -> ComparedFn:
  """Returns what groups that teach nothing are told by.

  Raises:
    ValueError: the choice is unknown.
  """
  if rl.zero_variance_on not in ('shaped', 'raw'):
    raise ValueError(
        f'rl.zero_variance_on={rl.zero_variance_on!r} must be shaped or raw.'
    )
  is_raw = rl.zero_variance_on == 'raw'
  return lambda b, shaped: returns.sum_score(
      b.rewards if is_raw else shaped, b.turn_mask, decimals=None
  )


def advantage_fn(rl: setup.Config) -> AdvantageFn:
  """Returns the configured estimator.

  Raises:
    ValueError: the estimator, score, credit or filter is unknown.
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
  compared = compared_fn(rl)
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
        compared=compared(b, shaped),
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


def assign(
    batch: types.Batch,
    *,
    terms: TermsFn,
    advantages: AdvantageFn,
    compared: ComparedFn,
    group_size: int,
    tol: float,
) -> Credit:
  """Shapes rewards and turns them into advantages."""
  added = terms(batch)
  shaped = batch.rewards + sum(added.values())
  _, share = advantages_lib.zero_variance(
      compared(batch, shaped),
      batch.valid,
      group_size=group_size,
      tol=tol,
  )
  return Credit(added, shaped, advantages(batch, shaped), share)


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
