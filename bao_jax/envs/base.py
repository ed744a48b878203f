"""The contract of a gym: two pure functions over frozen state.

A gym knows text and tasks. It refuses to know tokens, policies and devices.

  state, observation = gym.reset(task, seed)
  state, step = gym.step(state, Action('action', '1 0 0 0'))

`Gym` keeps what all gyms share, so that a new gym writes two methods: `prompt`
(what the policy reads first) and `respond` (what one legal action does).
"""

import abc
from collections.abc import Callable, Mapping
import dataclasses
from typing import Any, ClassVar

from bao_jax import types


class UserError(Exception):
  """The user or judge could not be reached: the conversation has failed."""


@dataclasses.dataclass(frozen=True)
class Observation:
  """What the policy reads first: the system and the first user message."""

  system: str
  user: str


@dataclasses.dataclass(frozen=True)
class State:
  """A conversation between two turns.

  Attributes:
    task: the task being attempted.
    seed: of the run; with the task and the sample it decides every draw.
    sample: which conversation about the task.
    turn: the number of turns taken.
    done: whether the conversation is over.
    solved: whether the task is solved.
    best: the best score earned so far; rewards are improvements over it.
    answers: the number of turns so far that involved the user.
    memory: what else a gym remembers; never mutated, only replaced.
  """

  task: types.Task
  seed: int = 0
  sample: int = 0
  turn: int = 0
  done: bool = False
  solved: bool = False
  best: float = 0.0
  answers: int = 0
  memory: Mapping[str, Any] = dataclasses.field(default_factory=dict)


# The user: (state, message of the policy) -> reply, which the gym may state to
# be more than text. The state is the one before the turn. Deterministic if
# scripted.
UserFn = Callable[[State, str], Any]
# The judge: (state, answer of the policy) -> verdict; the gym states its type.
JudgeFn = Callable[[State, str], Any]


@dataclasses.dataclass(frozen=True)
class Step:
  """What a turn led to.

  Attributes:
    reply: text for the policy.
    reward: the gym's own reward of the turn.
    terminated: the task ended the conversation.
    truncated: the turn budget ended it.
    is_user: whether the turn involved the user.
    solved: whether the task is solved by now.
  """

  reply: str
  reward: float = 0.0
  terminated: bool = False
  truncated: bool = False
  is_user: bool = False
  solved: bool = False


@dataclasses.dataclass(frozen=True)
class Response:
  """What a gym's `respond` returns: a `Step` before the shared bookkeeping."""

  reply: str
  reward: float = 0.0
  solved: bool = False
  terminated: bool = False
  best: float | None = None  # None keeps the best score so far.
  memory: Mapping[str, Any] | None = None  # None keeps the memory.


@dataclasses.dataclass(frozen=True)
class Gym(abc.ABC):
  """What every gym shares: budgets, refusals, the end of a conversation.

  Attributes:
    max_turns: the turn budget; the turn that reaches it is executed, then the
      conversation is truncated.
    user_choices: the choices that involve the user (A_u of the paper).
    answer_limit: the number of user-involving turns after which the
      conversation is truncated, which the policy is told; None for no limit.
    bad_calls_end: whether a turn without a legal call truncates the
      conversation, as in UserRL's training, where it then is what eq. 3 of BAO
      charges for; by default it only costs the turn.
    step_penalty: subtracted from the reward of every turn, bad calls among
      them, times the turn's number, which is 1 for the first.
    clip_rewards: whether each reward is kept within [0, 1] after the penalty,
      as in most gyms of UserRL: the penalty then only makes late success worth
      less.
    max_content: of an action, in characters; a longer one is not passed on.
    show_rewards: whether a reply ends with its reward, as in UserRL's training
      (its evaluation does not show it).
  """

  max_turns: int = 15
  user_choices: tuple[str, ...] = ('answer',)
  answer_limit: int | None = None
  bad_calls_end: bool = False
  step_penalty: float = 0.0
  clip_rewards: bool = True
  max_content: int = 4000
  show_rewards: bool = False

  name: ClassVar[str]
  choices: ClassVar[tuple[str, ...]]  # Legal ones, beside 'finish'.

  @abc.abstractmethod
  def prompt(self, task: types.Task) -> Observation:
    """Returns what the policy reads first."""

  @abc.abstractmethod
  def respond(self, state: State, action: types.Action) -> Response:
    """Returns what a legal action leads to; sees no finish and no error."""

  def finish(self, state: State) -> Response:
    """Returns what 'finish' leads to; it always ends the conversation."""
    return Response(self.farewell(state), terminated=True)

  def farewell(self, state: State) -> str:
    """Returns the reply to 'finish'."""
    return 'The conversation is over.'

  def reset(
      self, task: types.Task, seed: int, sample: int = 0
  ) -> tuple[State, Observation]:
    """Starts a conversation.

    Args:
      task: what to attempt.
      seed: of the run.
      sample: which conversation about the task.

    Returns:
      The state before the first turn, and what the policy reads first.
    """
    state = State(task=task, seed=seed, sample=sample)
    return state, self._with_limit(self.prompt(task))

  def _with_limit(self, observation: Observation) -> Observation:
    if self.answer_limit is None:
      return observation
    what = ' or '.join(self.user_choices)
    told = f'You may use {what} {self.answer_limit} times at most.'
    return dataclasses.replace(observation, user=f'{observation.user}\n{told}')

  def step(self, state: State, action: types.Action) -> tuple[State, Step]:
    """Takes one turn.

    Args:
      state: what the last call returned; unchanged by this one.
      action: the parsed tool call. A bad call (`action.error`) or an illegal
        choice is answered with what was wrong, costs a turn and earns 0 before
        the penalty.

    Returns:
      The next state and what the policy gets to see of it.

    Raises:
      ValueError: the conversation is already over.
      UserError: the user or judge could not be reached.
    """
    if state.done:
      raise ValueError(f'{state.task.id}: step after the conversation ended')
    response = self._response(state, action)
    turn = state.turn + 1
    is_user = self._is_user(action)
    answers = state.answers + is_user
    out_of_budget = (
        turn >= self.max_turns
        or (self.answer_limit is not None and answers >= self.answer_limit)
        or (self.bad_calls_end and bool(action.error))
    )
    reward = self._reward(response, turn)
    step = Step(
        reply=response.reply + self.show_rewards * f'\nReward: {reward:g}',
        reward=reward,
        terminated=response.terminated,
        truncated=out_of_budget and not response.terminated,
        is_user=is_user,
        solved=state.solved or response.solved,
    )
    state = dataclasses.replace(
        state,
        turn=turn,
        answers=answers,
        done=step.terminated or step.truncated,
        solved=step.solved,
        best=state.best if response.best is None else response.best,
        memory=state.memory if response.memory is None else response.memory,
    )
    return state, step

  def _is_user(self, action: types.Action) -> bool:
    """Whether an action reached the user; a refused one did not."""
    return not self._objection(action) and action.choice in self.user_choices

  def _objection(self, action: types.Action) -> str:
    """Returns why an action is not passed on; '' if it is."""
    if action.error:
      return action.error
    if action.choice not in (*self.choices, 'finish'):
      legal = ', '.join(self.choices)
      return f'Unknown choice; use one of: {legal}.'
    if len(action.content) > self.max_content:
      return f'Too long; use at most {self.max_content} characters.'
    return ''

  def _reward(self, response: Response, turn: int) -> float:
    reward = response.reward - self.step_penalty * turn
    return min(max(reward, 0.0), 1.0) if self.clip_rewards else reward

  def _response(self, state: State, action: types.Action) -> Response:
    refusal = self._objection(action)
    if refusal:
      return Response(refusal)
    if action.choice == 'finish':
      return self.finish(state)
    return self.respond(state, action)
