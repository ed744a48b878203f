"""What every teacher is: a function from what the policy sees to a move."""

from collections.abc import Callable, Sequence
import dataclasses
import random

from bao_jax import types
from bao_jax.envs import base

History = Sequence[tuple[types.Action, str]]  # Each action and its reply.


@dataclasses.dataclass(frozen=True)
class Behaviors:
  """The proactive behaviors a teacher shows; each can be switched off.

  See section 3 of "Pushing Forward Pareto Frontiers of Proactive Agents with
  Behavioral Agentic Optimization" by Yao et al.
  (https://arxiv.org/abs/2602.11351).

  Attributes:
    memory: keeps what is known in every thought and never asks it again.
    refinement: on a contradiction says which assumption was wrong.
    scheduling: gathers early, answers late, aware of the turns left.
    querying: asks what splits the open possibilities; never vague.
  """

  memory: bool = True
  refinement: bool = True
  scheduling: bool = True
  querying: bool = True


@dataclasses.dataclass(frozen=True)
class Move:
  """One turn of a teacher.

  Attributes:
    think: what stands between the thinking marks.
    action: the tool call.
    is_target: whether the student learns to imitate the turn; a deliberate
      slip is context for the refinement that follows, not a target.
  """

  think: str
  action: types.Action
  is_target: bool = True


# (observation, history, turns left, rng) -> move. It sees what a policy sees,
# never the hidden task.
TeacherFn = Callable[[base.Observation, History, int, random.Random], Move]
