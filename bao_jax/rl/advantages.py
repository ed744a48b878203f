"""Advantages: how much better a turn did than its group expected.

Pure functions of arrays. Rows come in groups of G samples of one task, adjacent
to each other. Group statistics are those of the valid members alone; failed
conversations and padding rows get exactly 0 and change no other row. Groups
with fewer than two valid members tell nothing and get 0. No advantage carries
gradient.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from bao_jax.rewards import returns


class GroupStats(NamedTuple):
  """Statistics of the valid members of each row's group.

  Attributes:
    total: `[B]` the sum of the scores.
    mean: `[B]` their mean, 0 without valid members.
    std: `[B]` their standard deviation, 0 with fewer than two.
    count: `[B]` int, the number of valid members.
  """

  total: jax.Array
  mean: jax.Array
  std: jax.Array
  count: jax.Array


def group_stats(
    scores: jax.Array, valid: jax.Array, *, group_size: int, ddof: int = 0
) -> GroupStats:
  """Computes mean and standard deviation over the valid members of groups.

  Args:
    scores: `[B]` scores; those of invalid rows are never read.
    valid: `[B]` bool, the rows that count.
    group_size: the number of rows per group, G.
    ddof: 0 for the population standard deviation, 1 for the sample one.

  Returns:
    The statistics, repeated for each row of a group.
  """
  scores, valid = _grouped(scores, valid, group_size)
  count = jnp.sum(valid, axis=1, keepdims=True)
  total = jnp.sum(jnp.where(valid, scores, 0.0), axis=1, keepdims=True)
  mean = total / jnp.maximum(count, 1)
  squares = jnp.square(jnp.where(valid, scores - mean, 0.0))
  variance = jnp.sum(squares, axis=1, keepdims=True) / jnp.maximum(
      count - ddof, 1
  )
  repeat = lambda x: jnp.repeat(x, group_size, axis=1).reshape(-1)
  return GroupStats(*map(repeat, (total, mean, jnp.sqrt(variance), count)))


def zero_variance(
    scores: jax.Array,
    valid: jax.Array,
    *,
    group_size: int,
    tol: float = 1e-6,
) -> tuple[jax.Array, jax.Array]:
  """Finds the groups that are filtered because nothing can be learned.

  Those are groups whose valid scores all lie within `tol` of each other, and
  groups with fewer than two valid members. Without the tolerance, scores that
  are equal but for float noise are divided by that noise.

  Args:
    scores: `[B]` scores; those of invalid rows are never read.
    valid: `[B]` bool, the rows that count.
    group_size: the number of rows per group, G.
    tol: the largest distance of two scores that counts as none; a negative one
      keeps groups of equal scores.

  Returns:
    `[B/G]` bool, which groups are filtered, and `[]` float32 their share among
    the groups with any valid member.
  """
  scores, valid = _grouped(scores, valid, group_size)
  highest = jnp.max(scores, axis=1, where=valid, initial=-jnp.inf)
  lowest = jnp.min(scores, axis=1, where=valid, initial=jnp.inf)
  filtered = (highest - lowest <= tol) | (jnp.sum(valid, axis=1) < 2)
  present = jnp.any(valid, axis=1)
  share = jnp.sum(filtered & present) / jnp.maximum(jnp.sum(present), 1)
  return filtered, share


def turn_advantages(
    rewards: jax.Array,
    turn_mask: jax.Array,
    valid: jax.Array,
    *,
    group_size: int,
    gamma: float = 1.0,
    scale_by_std: bool = True,
    leave_one_out: bool = False,
    ddof: int = 0,
    eps: float = 1e-6,
    tol: float = 1e-6,
    compared: jax.Array | None = None,
) -> jax.Array:
  """Compares the return of each turn with the group's mean reward.

    Aₜ = (Gₜ - mean_group{R}) / (std_group{R} + ε)
    Gₜ = Σ_{j≥t} γ^(j-t) rⱼ,  R = Σₖ rₖ

  See eq. 5b of "Pushing Forward Pareto Frontiers of Proactive Agents with
  Behavioral Agentic Optimization" by Yao et al.
  (https://arxiv.org/abs/2602.11351), which names neither the estimator of the
  standard deviation (here the population's) nor ε.

  With γ = 1, no division by the deviation, no filter (`tol=-1`) and
  `losses.constant_mean`, the mean of the resulting gradient over groups of N is
  (N - 1)/N times the gradient of E[R], because a row is 1/N of its own
  baseline; with `leave_one_out` it is that gradient. Each step away from there
  gives the gradient of no objective (its Jacobian is not symmetric). In numbers
  from the toy of tests/rl_estimator_test.py, at N = 4:

  - γ < 1 undervalues what came early. Let a conversation be solved in turn 8
    for a reward of 1, as half of its group was: at γ = 0.8 the first turn has
    G = 0.21 against a mean of 0.5, and turns 1 to 4 of a success are pushed
    down. In the toy the gradient of asking a second question changes sign,
    although the question pays.
  - The deviation weighs a task by how rare success or failure is, and a group
    by how alike its members happen to be. In the toy, which has one task, it
    stretches the gradient 2.3 times, unevenly by 2 %.
  - The token mean divides by the tokens of the group, which its own choices
    made many or few. In the toy it takes away 40 to 53 % of the gradient,
    depending on the turn.
  - The filter drops groups of equal scores. It changes nothing if rewards come
    at the end only, and 0.2 % in the toy (3 % at N = 2).

  γ is 1 by default: R in the formula and the Score in the tables are
  undiscounted, a budget bounds the turns, and a wish for short conversations or
  few answers belongs into a reward term, where it can be read and priced. The
  authors' released runs use 0.8 with another normalizer.

  Args:
    rewards: `[B, M]` shaped rewards; those of invalid rows are never read.
    turn_mask: `[B, M]` bool, whether the turn happened.
    valid: `[B]` bool, False for failed conversations and padding rows.
    group_size: the number of samples per task, G.
    gamma: the discount per turn, γ.
    scale_by_std: whether to divide by the standard deviation.
    leave_one_out: whether a row's baseline is the mean of the other members.
    ddof: 0 for the population standard deviation, 1 for the sample one.
    eps: added to the standard deviation.
    tol: as in `zero_variance`; filtered groups get 0.
    compared: `[B]` the scores that `zero_variance` compares; None takes R.

  Returns:
    `[B, M]` float32 advantages, 0 on turns that did not happen.
  """
  chex.assert_rank([rewards, valid], [2, 1])
  chex.assert_equal_shape([rewards, turn_mask])
  happened = turn_mask & valid[:, None]
  turn_returns = returns.discounted_returns(rewards, happened, gamma=gamma)
  scores = returns.sum_score(rewards, happened, decimals=None)
  stats = group_stats(scores, valid, group_size=group_size, ddof=ddof)
  baseline = _others_mean(scores, stats) if leave_one_out else stats.mean
  advantages = turn_returns - baseline[:, None]
  if scale_by_std:
    advantages /= stats.std[:, None] + eps
  filtered, _ = zero_variance(
      scores if compared is None else compared,
      valid,
      group_size=group_size,
      tol=tol,
  )
  kept = happened & ~jnp.repeat(filtered, group_size)[:, None]
  return jax.lax.stop_gradient(jnp.where(kept, advantages, 0.0))


def rloo_advantages(
    scores: jax.Array,
    turn_mask: jax.Array,
    valid: jax.Array,
    *,
    group_size: int,
) -> jax.Array:
  """Compares a conversation with the other members of its group.

    Aᵢ = Sᵢ - mean_{j≠i}{Sⱼ},  on every turn of conversation i

  See "Back to Basics" by Ahmadian et al. (https://arxiv.org/abs/2402.14740).

  Args:
    scores: `[B]` scores of conversations; those of invalid rows are never read.
    turn_mask: `[B, M]` bool, whether the turn happened.
    valid: `[B]` bool, False for failed conversations and padding rows.
    group_size: the number of samples per task, G.

  Returns:
    `[B, M]` float32 advantages, 0 on turns that did not happen.
  """
  stats = group_stats(scores, valid, group_size=group_size)
  return _to_turns(
      scores - _others_mean(scores, stats), stats, turn_mask, valid
  )


def grpo_advantages(
    scores: jax.Array,
    turn_mask: jax.Array,
    valid: jax.Array,
    *,
    group_size: int,
    scale_by_std: bool = False,
    ddof: int = 0,
    eps: float = 1e-6,
) -> jax.Array:
  """Compares a conversation with its group: Dr. GRPO, or GRPO with the std.

    Aᵢ = Sᵢ - mean{S},  over std{S} + ε for GRPO, on every turn of i

  See "Understanding R1-Zero-Like Training" by Liu et al.
  (https://arxiv.org/abs/2503.20783), which goes with `losses.constant_mean`,
  and "DeepSeekMath" by Shao et al. (https://arxiv.org/abs/2402.03300).

  Args:
    scores: `[B]` scores of conversations; those of invalid rows are never read.
    turn_mask: `[B, M]` bool, whether the turn happened.
    valid: `[B]` bool, False for failed conversations and padding rows.
    group_size: the number of samples per task, G.
    scale_by_std: whether to divide by the standard deviation (GRPO).
    ddof: 0 for the population standard deviation, 1 for the sample one.
    eps: added to the standard deviation.

  Returns:
    `[B, M]` float32 advantages, 0 on turns that did not happen.
  """
  stats = group_stats(scores, valid, group_size=group_size, ddof=ddof)
  advantages = scores - stats.mean
  if scale_by_std:
    advantages /= stats.std + eps
  return _to_turns(advantages, stats, turn_mask, valid)


def userrl_advantages(
    scores: jax.Array,
    credits: jax.Array,
    turn: jax.Array,
    valid: jax.Array,
    *,
    group_size: int,
    eps: float = 1e-6,
) -> jax.Array:
  """Spreads a group-normalized score over tokens by the credit of their turn.

    z = (S - mean{S}) / (std{S} + ε),  std with n - 1
    A = w z N₊ / Σ w,  w = the credit of the token's turn, N₊ = #{w ≠ 0}

  with Σ and N₊ over the sampled tokens of the conversation; 0 if Σ w = 0. This
  is the released code of UserRL (https://arxiv.org/abs/2509.19736), kept as the
  baseline it is, faults included. Its paper's formula differs.

  - Credits of mixed sign flip or explode: one token each with credits -1 and
    +0.5 and z = 1 get +4 and -2; -0.50 and +0.51 get -100 and +102.
  - A conversation whose credits are all 0, a failure under `r2g_credit` without
    shaping, gets no gradient, however bad its score.
  - With z < 0 and a positive sum, a turn of negative credit gets a positive
    advantage.
  - A group of one is compared with mean 0 and std 1. Here that holds where
    `group_size` is 1, not where outages left one member of many.

  Args:
    scores: `[B]` scores of conversations; those of invalid rows are never read.
    credits: `[B, M]` credits of turns.
    turn: `[B, T]` int, the turn that sampled the token; -1 for other tokens.
    valid: `[B]` bool, False for failed conversations and padding rows.
    group_size: the number of samples per task, G.
    eps: added to the standard deviation.

  Returns:
    `[B, T]` float32 advantages, 0 on tokens that the policy did not sample.
  """
  chex.assert_rank([scores, credits, turn, valid], [1, 2, 2, 1])
  stats = group_stats(scores, valid, group_size=group_size, ddof=1)
  z = (scores - stats.mean) / (stats.std + eps)
  if group_size == 1:
    z = scores / (1 + eps)
  weights = to_tokens(credits, turn)
  weights = jnp.where(valid[:, None], weights, 0.0)
  total = jnp.sum(weights, axis=1)
  scale = jnp.sum(weights != 0, axis=1) / jnp.where(total == 0, 1.0, total)
  scale = jnp.where(valid & (total != 0), z * scale, 0.0)
  return jax.lax.stop_gradient(weights * scale[:, None])


def to_tokens(turn_values: jax.Array, turn: jax.Array) -> jax.Array:
  """Gives each token the value of the turn that sampled it.

  Args:
    turn_values: `[B, M]` values of turns.
    turn: `[B, T]` int, the turn that sampled the token; -1 for other tokens.

  Returns:
    `[B, T]` values, 0 where `turn` is -1.
  """
  chex.assert_rank([turn_values, turn], 2)
  chex.assert_equal_shape_prefix([turn_values, turn], 1)
  values = jnp.take_along_axis(turn_values, jnp.maximum(turn, 0), axis=1)
  return jnp.where(turn >= 0, values, 0.0)


def _grouped(
    scores: jax.Array, valid: jax.Array, group_size: int
) -> tuple[jax.Array, jax.Array]:
  chex.assert_rank(scores, 1)
  chex.assert_equal_shape([scores, valid])
  if scores.shape[0] % group_size:
    raise ValueError(
        f'{scores.shape[0]} rows are no multiple of group_size={group_size}'
    )
  return scores.reshape(-1, group_size), valid.reshape(-1, group_size)


def _others_mean(scores: jax.Array, stats: GroupStats) -> jax.Array:
  return (stats.total - scores) / jnp.maximum(stats.count - 1, 1)


def _to_turns(
    advantages: jax.Array,
    stats: GroupStats,
    turn_mask: jax.Array,
    valid: jax.Array,
) -> jax.Array:
  chex.assert_rank(turn_mask, 2)
  kept = turn_mask & (valid & (stats.count > 1))[:, None]
  return jax.lax.stop_gradient(jnp.where(kept, advantages[:, None], 0.0))
