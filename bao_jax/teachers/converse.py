"""Conversations between a scripted player and a gym, as trajectories.

They are rendered by the same renderer as the policy's own, so that the warm
start learns the very tokens that rollouts will see.
"""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import dataclasses
import random

import numpy as np

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.sampling import calls
from bao_jax.teachers import base
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib

# Of a whole conversation. Each question to a user has a nearer one of its own.
_DEADLINE = calls.Deadline(24 * 3600.0, 'of a conversation of a teacher')


@dataclasses.dataclass(frozen=True)
class Dialogue:
  """A conversation as text.

  Attributes:
    task: the task.
    sample: which conversation about it.
    observation: what was read first.
    moves: what the player did.
    steps: what the gym answered.
    solved: whether the task was solved.
    max_turns: the turn budget.
    error: why the conversation failed, in its last turn; '' if it did not.
  """

  task: types.Task
  sample: int
  observation: envs_base.Observation
  moves: tuple[base.Move, ...]
  steps: tuple[envs_base.Step, ...]
  solved: bool
  max_turns: int
  error: str = ''

  @property
  def status(self) -> str:
    """Returns 'terminated', 'truncated' or 'failed'."""
    if self.error:
      return types.FAILED
    is_over = self.steps[-1].terminated
    return types.TERMINATED if is_over else types.TRUNCATED


def converse(
    player: base.TeacherFn,
    gym: envs_base.Gym,
    task: types.Task,
    *,
    seed: int,
    sample: int = 0,
) -> Dialogue:
  """Plays one task to its end.

  Args:
    player: a teacher or another scripted player.
    gym: the task's gym.
    task: what to play.
    seed: with the task's id and the sample it decides every draw.
    sample: which conversation about the task.

  Returns:
    The dialogue; one whose user or player is out of reach has failed, and ends
    there.
  """
  rng = random.Random(f'{seed}/{task.id}/{sample}')
  state, observation = gym.reset(task, seed, sample)
  moves, steps, history, error = [], [], [], ''
  while not state.done:
    try:
      move = player(observation, history, gym.max_turns - state.turn, rng)
      moves.append(move)
      state, step = gym.step(state, move.action)
    except envs_base.UserError as outage:
      error = str(outage)
      unanswered = len(moves) - len(steps)
      steps += [envs_base.Step('')] * unanswered
      break
    steps.append(step)
    history.append((move.action, step.reply))
  return Dialogue(
      task,
      sample,
      observation,
      tuple(moves),
      tuple(steps),
      state.solved and not error,
      gym.max_turns,
      error,
  )


def converse_all(
    talks: Sequence[Callable[[], Dialogue]], *, num_threads: int
) -> Iterator[Dialogue]:
  """Plays many tasks, several at a time if their users take time to answer.

  Args:
    talks: calls of `converse`.
    num_threads: how many are played at a time.

  Yields:
    Their dialogues, in order.

  Raises:
    Exception: what the first of them to raise anything raised; no other one
      begins after that, and none that is under way is waited for.
  """
  if num_threads == 1:
    yield from (talk() for talk in talks)
    return
  ended, position = {}, 0
  running = calls.Round(
      talks, num_threads=num_threads, deadlines=[[_DEADLINE]] * len(talks)
  )
  with contextlib.closing(running.as_completed()) as outcomes:
    for i, outcome in outcomes:
      if isinstance(outcome.value, Exception):
        raise outcome.value
      ended[i] = outcome.value
      while position in ended:
        yield ended.pop(position)
        position += 1


def texts(dialogue: Dialogue) -> list[str]:
  """Returns every text of a dialogue, to train a tokenizer on."""
  said = [dialogue.observation.system, dialogue.observation.user]
  for move, step in zip(dialogue.moves, dialogue.steps):
    said += [move.think, move.action.choice, move.action.content, step.reply]
  return said


def to_trajectory(
    dialogue: Dialogue,
    tokenizer: tokenizer_lib.Tokenizer,
    *,
    with_tools: bool = False,
) -> types.Trajectory:
  """Renders a dialogue as if a policy had sampled it, with logps of 0."""
  observation = dialogue.observation
  prompt = np.concatenate(
      [
          chat.render_system(
              tokenizer, observation.system, with_tools=with_tools
          ),
          chat.render_user(tokenizer, observation.user),
      ]
  )
  turns = []
  for index, (move, step) in enumerate(zip(dialogue.moves, dialogue.steps)):
    tokens = chat.render_turn(tokenizer, move.think, move.action)
    is_last = index + 1 == len(dialogue.moves)
    reply = np.zeros(0, np.int32)
    if not is_last:
      reply = chat.render_reply(tokenizer, step.reply)
    turns.append(
        types.Turn(
            action=move.action,
            tokens=tokens,
            logps=np.zeros(len(tokens), np.float32),
            reply=reply,
            reward=step.reward,
            is_user=step.is_user,
            reply_text=step.reply,
        )
    )
  return types.Trajectory(
      task=dialogue.task,
      sample=dialogue.sample,
      prompt=prompt,
      turns=tuple(turns),
      status=dialogue.status,
      solved=dialogue.solved,
      max_turns=dialogue.max_turns,
      error=dialogue.error,
  )


def random_player(pool: Sequence[base.Move]) -> base.TeacherFn:
  """Returns a player that repeats moves others made, whatever it is told."""

  def play(observation, history, turns_left, rng):
    del observation, history, turns_left
    return dataclasses.replace(rng.choice(pool), think='')

  return play
