"""Behavior regularizers: terms that are added to the rewards of turns.

Pure functions of arrays. None sees a gym: whether a turn involved the user and
whether the task was solved arrive as booleans.

Equation numbers are those of "Pushing Forward Pareto Frontiers of Proactive
Agents with Behavioral Agentic Optimization" by Yao et al.
(https://arxiv.org/abs/2602.11351). The authors' code computes something else
than the equations; its variants are named `*_released`. Terms are 0 on turns
that did not happen and on failed conversations (outages, padding).
"""

import chex
import jax
import jax.numpy as jnp


def information_seeking(
    is_user: jax.Array,
    turn_mask: jax.Array,
    valid: jax.Array,
    *,
    coef: float,
) -> jax.Array:
  """Penalizes a turn that involves the user right after another that did.

    bₜ = -λ · 1[aₜ ∈ A_u and aₜ₋₁ ∈ A_u]

  This is eq. 2; `information_seeking_released` is what the authors run.

  Args:
    is_user: `[B, M]` bool, whether each turn involved the user.
    turn_mask: `[B, M]` bool, whether the turn happened.
    valid: `[B]` bool, False for failed conversations.
    coef: the weight, λ_ans.

  Returns:
    `[B, M]` float32 terms, none positive.
  """
  repeated = _repeats_user(is_user, _happened(turn_mask, valid))
  return jnp.where(repeated, -jnp.float32(coef), 0.0)


def information_seeking_released(
    rewards: jax.Array,
    is_user: jax.Array,
    turn_mask: jax.Array,
    valid: jax.Array,
    *,
    coef: float,
) -> jax.Array:
  """Penalizes repeated user turns of conversations that earned nothing.

    bₜ = -λ · 1[Σₖ rₖ ≤ 0] · 1[aₜ ∈ A_u and aₜ₋₁ ∈ A_u]

  The authors' code; eq. 2 applies to every conversation.

  Args:
    rewards: `[B, M]` the gym's own rewards, before any shaping.
    is_user: `[B, M]` bool, whether each turn involved the user.
    turn_mask: `[B, M]` bool, whether the turn happened.
    valid: `[B]` bool, False for failed conversations.
    coef: the weight, λ_ans.

  Returns:
    `[B, M]` float32 terms, none positive.
  """
  chex.assert_equal_shape([rewards, is_user, turn_mask])
  happened = _happened(turn_mask, valid)
  unrewarded = jnp.sum(rewards, axis=1, where=happened) <= 0
  repeated = _repeats_user(is_user, happened) & unrewarded[:, None]
  return jnp.where(repeated, -jnp.float32(coef), 0.0)


def over_thinking(
    turn_mask: jax.Array,
    solved: jax.Array,
    max_turns: jax.Array,
    valid: jax.Array,
    *,
    coef: float,
) -> jax.Array:
  """Penalizes unsolved conversations that left turns of their budget unused.

    bₜ = -λ · (T - T') / T'  for each of the T' < T turns, if not solved

  so that a conversation's terms sum to -λ (T - T'). It is meant for
  conversations that thought until their tokens ran out. This is eq. 3;
  `over_thinking_released` is what the authors run.

  Args:
    turn_mask: `[B, M]` bool, whether the turn happened.
    solved: `[B]` bool, whether the task was solved.
    max_turns: `[B]` int, each conversation's turn budget, T.
    valid: `[B]` bool, False for failed conversations.
    coef: the weight, λ_think.

  Returns:
    `[B, M]` float32 terms, none positive.
  """
  chex.assert_rank([solved, max_turns], 1)
  chex.assert_equal_shape([solved, max_turns, valid])
  happened = _happened(turn_mask, valid)
  num_turns = jnp.sum(happened, axis=1)
  unused = jnp.maximum(max_turns - num_turns, 0) / jnp.maximum(num_turns, 1)
  applies = happened & ~solved[:, None]
  return jnp.where(applies, -coef * unused[:, None].astype(jnp.float32), 0.0)


def over_thinking_released(
    rewards: jax.Array,
    turn_mask: jax.Array,
    valid: jax.Array,
    *,
    coef: float,
    max_turns: int = 15,
) -> jax.Array:
  """Penalizes short conversations without reward, as the authors' code does.

    bₜ = -(λ (T - n) + 0.2) / (n + 1)  on turns 1 … n-1, if Σₖ rₖ = 0 and n < T
    b₀ = -0.5 if also n = 1, else 0

  for n turns taken, counted from turn 0. Eq. 3 differs: it charges every turn,
  has neither the 0.2 nor the special case, and asks whether the task was solved
  rather than for the sum of the rewards.

  Args:
    rewards: `[B, M]` the gym's own rewards, before any shaping.
    turn_mask: `[B, M]` bool, whether the turn happened.
    valid: `[B]` bool, False for failed conversations.
    coef: the weight, λ_think.
    max_turns: T, a constant of that code whatever the gym's own budget is.

  Returns:
    `[B, M]` float32 terms, none positive.
  """
  chex.assert_equal_shape([rewards, turn_mask])
  happened = _happened(turn_mask, valid)
  num_turns = jnp.sum(happened, axis=1)
  total = coef * (max_turns - num_turns) + 0.2
  step = (total / (num_turns + 1)).astype(jnp.float32)
  is_first = jnp.arange(turn_mask.shape[1]) == 0
  first = jnp.where(num_turns == 1, 0.5, 0.0)
  penalty = jnp.where(is_first[None], first[:, None], step[:, None])
  unrewarded = jnp.sum(rewards, axis=1, where=happened) == 0
  applies = unrewarded & (num_turns < max_turns)
  return jnp.where(happened & applies[:, None], -penalty, 0.0)


def involvement_cost(
    is_user: jax.Array,
    turn_mask: jax.Array,
    valid: jax.Array,
    *,
    weight: float,
) -> jax.Array:
  """Charges every turn that involves the user: the scalarized objective.

    bₜ = -w · 1[aₜ ∈ A_u],  so that Σₜ (rₜ + bₜ) = R(τ) - w U(τ)

  See eq. 1. The paper shows that tuning w alone does not move the frontier, so
  this is its baseline, not its method.

  Args:
    is_user: `[B, M]` bool, whether each turn involved the user.
    turn_mask: `[B, M]` bool, whether the turn happened.
    valid: `[B]` bool, False for failed conversations.
    weight: the price of one such turn, w.

  Returns:
    `[B, M]` float32 terms.
  """
  chex.assert_equal_shape([is_user, turn_mask])
  charged = is_user & _happened(turn_mask, valid)
  return jnp.where(charged, -jnp.float32(weight), 0.0)


def _happened(turn_mask: jax.Array, valid: jax.Array) -> jax.Array:
  chex.assert_rank([turn_mask, valid], [2, 1])
  chex.assert_equal_shape_prefix([turn_mask, valid], 1)
  return turn_mask & valid[:, None]


def _repeats_user(is_user: jax.Array, happened: jax.Array) -> jax.Array:
  chex.assert_equal_shape([is_user, happened])
  is_user = is_user & happened
  before = jnp.pad(is_user[:, :-1], ((0, 0), (1, 0)))
  return is_user & before
