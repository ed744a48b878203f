"""What turns and whole conversations are worth, given the rewards of turns.

Pure functions of arrays. `turn_mask` is True on the first turns of a row, those
that happened; what `rewards` holds elsewhere is never read.

Returns and scores belong to "Pushing Forward Pareto Frontiers of Proactive
Agents with Behavioral Agentic Optimization" by Yao et al.
(https://arxiv.org/abs/2602.11351); turn credits to UserRL by Qian et al.
(https://arxiv.org/abs/2509.19736).
"""

import chex
import jax
import jax.numpy as jnp


def discounted_returns(
    rewards: jax.Array, turn_mask: jax.Array, *, gamma: float
) -> jax.Array:
  """Sums what each turn and the turns after it earned.

    Gₜ = Σ_{j≥t} γ^(j-t) rⱼ = rₜ + γ Gₜ₊₁

  See eq. 5a of Yao et al. Only turns count: what the environment wrote between
  two turns, however long, discounts nothing.

  Args:
    rewards: `[B, M]` rewards of turns, shaped ones for BAO.
    turn_mask: `[B, M]` bool, whether the turn happened.
    gamma: the discount per turn, γ.

  Returns:
    `[B, M]` float32 returns, 0 on turns that did not happen.
  """
  rewards = _masked(rewards, turn_mask)

  def backwards(later, reward):
    now = reward + gamma * later
    return now, now

  zeros = jnp.zeros_like(rewards[:, 0])
  _, returns = jax.lax.scan(backwards, zeros, rewards.T, reverse=True)
  return jnp.where(turn_mask, returns.T, 0.0)


def sum_score(
    rewards: jax.Array, turn_mask: jax.Array, *, decimals: int | None = 4
) -> jax.Array:
  """Scores a conversation by the sum of its rewards.

    S = Σₜ rₜ

  Args:
    rewards: `[B, M]` rewards of turns.
    turn_mask: `[B, M]` bool, whether the turn happened.
    decimals: rounded to as many, as BAO's released code does; None for none.

  Returns:
    `[B]` float32 scores.
  """
  return _rounded(jnp.sum(_masked(rewards, turn_mask), axis=1), decimals)


def mean_score(
    rewards: jax.Array, turn_mask: jax.Array, *, decimals: int | None = 4
) -> jax.Array:
  """Scores a conversation by the mean of its rewards over its turns.

    S = Σₜ rₜ / T'

  This is what UserRL's released code computes under the name "Sum"; its paper
  has `sum_score`. Of two conversations with the same rewards it prefers the
  shorter.

  Args:
    rewards: `[B, M]` rewards of turns.
    turn_mask: `[B, M]` bool, whether the turn happened.
    decimals: rounded to as many, as the released code does; None for none.

  Returns:
    `[B]` float32 scores, 0 for a row without turns.
  """
  total = jnp.sum(_masked(rewards, turn_mask), axis=1)
  num_turns = jnp.maximum(jnp.sum(turn_mask, axis=1), 1)
  return _rounded(total / num_turns, decimals)


def r2g_score(
    rewards: jax.Array, turn_mask: jax.Array, *, gamma: float
) -> jax.Array:
  """Scores a conversation by the return of its first turn ("reward to go").

    S = G₁ = Σₜ γ^(t-1) rₜ

  Args:
    rewards: `[B, M]` rewards of turns.
    turn_mask: `[B, M]` bool, whether the turn happened.
    gamma: the discount per turn, γ.

  Returns:
    `[B]` float32 scores.
  """
  return discounted_returns(rewards, turn_mask, gamma=gamma)[:, 0]


def naive_credit(rewards: jax.Array, turn_mask: jax.Array) -> jax.Array:
  """Credits a turn with its own reward: cₜ = rₜ.

  In UserRL's paper only, where training with it collapses.

  Args:
    rewards: `[B, M]` rewards of turns.
    turn_mask: `[B, M]` bool, whether the turn happened.

  Returns:
    `[B, M]` float32 credits, 0 on turns that did not happen.
  """
  return _masked(rewards, turn_mask)


def equalized_credit(rewards: jax.Array, turn_mask: jax.Array) -> jax.Array:
  """Credits every turn alike: cₜ = 1.

  Args:
    rewards: `[B, M]` rewards of turns, of which only the shape matters.
    turn_mask: `[B, M]` bool, whether the turn happened.

  Returns:
    `[B, M]` float32 credits, 0 on turns that did not happen.
  """
  return _masked(jnp.ones_like(rewards), turn_mask)


def r2g_credit(
    rewards: jax.Array, turn_mask: jax.Array, *, gamma: float
) -> jax.Array:
  """Credits a turn with its return ("reward to go"): cₜ = rₜ + γ cₜ₊₁.

  The same numbers as `discounted_returns`, under UserRL's name.

  Args:
    rewards: `[B, M]` rewards of turns.
    turn_mask: `[B, M]` bool, whether the turn happened.
    gamma: the discount per turn, γ.

  Returns:
    `[B, M]` float32 credits, 0 on turns that did not happen.
  """
  return discounted_returns(rewards, turn_mask, gamma=gamma)


def em_credit(
    rewards: jax.Array,
    turn_mask: jax.Array,
    *,
    k: float = 2.0,
    decimals: int | None = 4,
) -> jax.Array:
  """Credits a turn by a concave map of its reward ("exponential mapping").

    cₜ = ½ + ½ (1 - exp(-k rₜ)) / (1 - exp(-k))

  A turn without reward keeps half the credit; a reward of 1 gets all.

  Args:
    rewards: `[B, M]` rewards of turns.
    turn_mask: `[B, M]` bool, whether the turn happened.
    k: how concave the map is; not 0.
    decimals: rounded to as many, as the released code does; None for none.

  Returns:
    `[B, M]` float32 credits, 0 on turns that did not happen.
  """
  rewards = _masked(rewards, turn_mask)
  credit = 0.5 + 0.5 * jnp.expm1(-k * rewards) / jnp.expm1(-k)
  return jnp.where(turn_mask, _rounded(credit, decimals), 0.0)


def _masked(rewards: jax.Array, turn_mask: jax.Array) -> jax.Array:
  chex.assert_rank(rewards, 2)
  chex.assert_equal_shape([rewards, turn_mask])
  return jnp.where(turn_mask, rewards, 0.0).astype(jnp.float32)


def _rounded(x: jax.Array, decimals: int | None) -> jax.Array:
  return x if decimals is None else jnp.round(x, decimals)
