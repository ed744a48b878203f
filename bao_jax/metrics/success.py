"""What conversations achieved and how much of the user they took.

Pure functions of numpy arrays, one value per conversation, so that intervals
can be drawn over tasks; `summary` averages them. Rewards are the gym's own,
never shaped ones. N counts conversations, M turns.

Pass@U-k, Score, UR and the exploration ratio are those of "Pushing Forward
Pareto Frontiers of Proactive Agents with Behavioral Agentic Optimization" by
Yao et al. (https://arxiv.org/abs/2602.11351).
"""

import numpy as np


def pass_at_u(
    rewards: np.ndarray, is_user: np.ndarray, turn_mask: np.ndarray, *, k: int
) -> np.ndarray:
  """Sums the rewards earned up to the k-th answer.

  An answer is a turn that involves the user. With fewer than k answers the sum
  ends at the last one, so a conversation without answers counts 0. It is a
  prefix of a conversation that could go on, not one under a budget of k.

  Args:
    rewards: `[N, M]` the gym's own rewards.
    is_user: `[N, M]` bool, whether the turn involved the user.
    turn_mask: `[N, M]` bool, whether the turn happened.
    k: the number of answers allowed, at least 1.

  Returns:
    `[N]` float64 sums.
  """
  answered = is_user & turn_mask
  before = np.cumsum(answered, axis=1) - answered
  from_here = np.cumsum(answered[:, ::-1], axis=1)[:, ::-1]
  counted = turn_mask & (before < k) & (from_here > 0)
  return np.sum(rewards, axis=1, where=counted, dtype=np.float64)


def solved_at_u(
    rewards: np.ndarray,
    is_user: np.ndarray,
    turn_mask: np.ndarray,
    *,
    k: int,
    threshold: float = 1 - 1e-6,
) -> np.ndarray:
  """Tells whether the first k answers earned the full reward.

  The strict reading of Pass@U-k: a share of the reward counts nothing.

  Args:
    rewards: `[N, M]` the gym's own rewards.
    is_user: `[N, M]` bool, whether the turn involved the user.
    turn_mask: `[N, M]` bool, whether the turn happened.
    k: the number of answers allowed, at least 1.
    threshold: the sum of rewards from which on a task counts as solved.

  Returns:
    `[N]` bool.
  """
  return pass_at_u(rewards, is_user, turn_mask, k=k) >= threshold


def score(rewards: np.ndarray, turn_mask: np.ndarray) -> np.ndarray:
  """Sums the rewards of each conversation: `[N, M]` to `[N]` float64."""
  return np.sum(rewards, axis=1, where=turn_mask, dtype=np.float64)


def turns(turn_mask: np.ndarray) -> np.ndarray:
  """Counts the turns of each conversation, |τ|: `[N, M]` to `[N]` int."""
  return np.sum(turn_mask, axis=1)


def answers(is_user: np.ndarray, turn_mask: np.ndarray) -> np.ndarray:
  """Counts the turns that involved the user, U: `[N, M]` to `[N]` int."""
  return np.sum(is_user & turn_mask, axis=1)


def involvement_rate(is_user: np.ndarray, turn_mask: np.ndarray) -> np.ndarray:
  """Computes the share of turns that involved the user: UR is its mean.

    U / |τ|

  Args:
    is_user: `[N, M]` bool, whether the turn involved the user.
    turn_mask: `[N, M]` bool, whether the turn happened.

  Returns:
    `[N]` float64 shares, 0 for a conversation without turns.
  """
  return answers(is_user, turn_mask) / np.maximum(turns(turn_mask), 1)


def exploration_ratio(is_user: np.ndarray, turn_mask: np.ndarray) -> np.ndarray:
  """Counts the exploring turns per answer.

    #A_e / max(#A_u, 1)

  The paper does not say what a conversation without answers counts; here it
  counts as if it had given one. `summary` has the ratio of the totals as well.

  Args:
    is_user: `[N, M]` bool, whether the turn involved the user.
    turn_mask: `[N, M]` bool, whether the turn happened.

  Returns:
    `[N]` float64 ratios.
  """
  num_answers = answers(is_user, turn_mask)
  return (turns(turn_mask) - num_answers) / np.maximum(num_answers, 1)


def effective_turns(rewards: np.ndarray, turn_mask: np.ndarray) -> np.ndarray:
  """Finds the last turn that earned anything, counted from 1.

  UserRL's metric (https://arxiv.org/abs/2509.19736).

  Args:
    rewards: `[N, M]` the gym's own rewards.
    turn_mask: `[N, M]` bool, whether the turn happened.

  Returns:
    `[N]` int, 0 for a conversation that earned nothing.
  """
  number = 1 + np.arange(turn_mask.shape[1])
  earned = turn_mask & (rewards != 0)
  return np.max(np.where(earned, number, 0), axis=1, initial=0)


def time_weighted_score(
    rewards: np.ndarray, turn_mask: np.ndarray
) -> np.ndarray:
  """Sums rewards that fade with the turn: Σₜ rₜ / t, turns counted from 1.

  UserRL's metric (https://arxiv.org/abs/2509.19736).

  Args:
    rewards: `[N, M]` the gym's own rewards.
    turn_mask: `[N, M]` bool, whether the turn happened.

  Returns:
    `[N]` float64 sums.
  """
  return score(rewards / (1 + np.arange(turn_mask.shape[1])), turn_mask)


def pass_at_k(
    num_solved: np.ndarray, num_samples: np.ndarray, *, k: int
) -> np.ndarray:
  """Estimates the chance that one of k samples solves a task, without bias.

    pass@k = 1 - C(n - c, k) / C(n, k)

  See "Evaluating Large Language Models Trained on Code" by Chen et al.
  (https://arxiv.org/abs/2107.03374).

  Args:
    num_solved: `[N]` int, how many samples of each task solved it, c.
    num_samples: `[N]` int, how many there were, n, at least k.
    k: samples drawn.

  Returns:
    `[N]` float64.
  """
  return 1 - _share_of_draws(num_samples - num_solved, num_samples, k)


def pass_hat_k(
    num_solved: np.ndarray, num_samples: np.ndarray, *, k: int
) -> np.ndarray:
  """Estimates the chance that all of k samples solve a task, without bias.

    pass^k = C(c, k) / C(n, k)

  See "τ-bench" by Yao et al. (https://arxiv.org/abs/2406.12045).

  Args:
    num_solved: `[N]` int, how many samples of each task solved it, c.
    num_samples: `[N]` int, how many there were, n, at least k.
    k: samples drawn.

  Returns:
    `[N]` float64.
  """
  return _share_of_draws(num_solved, num_samples, k)


def _share_of_draws(
    marked: np.ndarray, total: np.ndarray, k: int
) -> np.ndarray:
  """Computes C(m, k) / C(n, k): draws of k that hold marked ones alone."""
  drawn = np.arange(k)
  factors = (marked[:, None] - drawn) / (total[:, None] - drawn)
  return np.prod(np.maximum(factors, 0.0), axis=1)


def aspect_score(
    rewards: np.ndarray,
    aspects: np.ndarray,
    turn_mask: np.ndarray,
    num_aspects: np.ndarray,
) -> np.ndarray:
  """Averages the best reward of each thing that was to be booked.

    Σₐ maxₜ rₜ / A,  over the turns t that answered aspect a

  UserRL's figure for Travel (https://arxiv.org/abs/2509.19736): an aspect
  without an answer counts 0, and searching and asking count nothing.

  Args:
    rewards: `[N, M]` the gym's own rewards.
    aspects: `[N, M]` int, which aspect a turn answered; -1 for other turns. In
      the Travel gym the first letter of an answer tells.
    turn_mask: `[N, M]` bool, whether the turn happened.
    num_aspects: `[N]` A, the number of aspects of the trip; NaN where it is not
      known, which makes a NaN.

  Returns:
    `[N]` float64 means.
  """
  known = np.arange(np.max(aspects, initial=-1) + 1)
  answers = turn_mask[..., None] & (aspects[..., None] == known)  # [N, M, A]
  earned = np.where(answers, rewards[..., None], 0)
  best = np.max(earned, axis=1, initial=0)
  return np.sum(best, axis=1, dtype=np.float64) / num_aspects


def summary(
    rewards: np.ndarray,
    is_user: np.ndarray,
    turn_mask: np.ndarray,
    valid: np.ndarray,
    *,
    max_k: int = 9,
) -> dict[str, float]:
  """Averages every metric over the conversations that did not fail.

  Args:
    rewards: `[N, M]` the gym's own rewards.
    is_user: `[N, M]` bool, whether the turn involved the user.
    turn_mask: `[N, M]` bool, whether the turn happened.
    valid: `[N]` bool, False for failed conversations: counted, never averaged.
    max_k: the largest k of Pass@U-k.

  Returns:
    Scalars named 'eval/…'. Means are NaN if no conversation is valid, and
    'eval/exploration_ratio_of_totals' is infinite if none has an answer.
  """
  rewards, is_user, turn_mask = rewards[valid], is_user[valid], turn_mask[valid]
  values = {
      'score': score(rewards, turn_mask),
      'involvement_rate': involvement_rate(is_user, turn_mask),
      'exploration_ratio': exploration_ratio(is_user, turn_mask),
      'turns': turns(turn_mask),
      'answers': answers(is_user, turn_mask),
      'effective_turns': effective_turns(rewards, turn_mask),
      'time_weighted_score': time_weighted_score(rewards, turn_mask),
  }
  for k in range(1, max_k + 1):
    values[f'pass_at_u{k}'] = pass_at_u(rewards, is_user, turn_mask, k=k)
    values[f'solved_at_u{k}'] = solved_at_u(rewards, is_user, turn_mask, k=k)
  num_answers = np.sum(values['answers'])
  num_explored = np.sum(values['turns']) - num_answers
  means = {f'eval/{name}': _mean(value) for name, value in values.items()}
  return means | {
      'eval/exploration_ratio_of_totals': (
          num_explored / num_answers if num_answers else float('inf')
      ),
      'eval/conversations': float(valid.size),
      'eval/failed': float(np.sum(~valid)),
  }


def _mean(x: np.ndarray) -> float:
  return float(np.mean(x)) if x.size else float('nan')
