"""Any player over any tasks, as records and as a few numbers."""

from collections.abc import Sequence

import numpy as np

from bao_jax import types
from bao_jax.evaluation import records
from bao_jax.metrics import success
from bao_jax.teachers import converse
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.text import tools


def to_record(
    trajectory: types.Trajectory,
    tokenizer: tokenizer_lib.Tokenizer,
    *,
    run: str,
    split: str,
    seed: int,
    advantages: Sequence[np.ndarray] | None = None,
    terms: Sequence[dict[str, float]] | None = None,
    with_tokens: bool = False,
) -> records.Record:
  """Turns a conversation into a line for people and reports to read.

  Args:
    trajectory: the conversation.
    tokenizer: decodes it.
    run: the name of the row in tables.
    split: where its task comes from.
    seed: of the evaluation.
    advantages: per turn, one number per sampled token.
    terms: per turn, the shaping terms by name.
    with_tokens: whether the pieces of each turn are kept.

  Returns:
    The record.
  """
  task = trajectory.task
  turns = []
  for i, turn in enumerate(trajectory.turns):
    text = tokenizer.decode(turn.tokens)
    pieces = [tokenizer.decode([t]) for t in turn.tokens] if with_tokens else ()
    turns.append(
        records.Turn(
            think=tools.thought(text),
            choice=turn.action.choice,
            content=text if turn.action.error else turn.action.content,
            reply=turn.reply_text,
            reward=float(turn.reward),
            is_user=bool(turn.is_user),
            num_tokens=len(turn.tokens),
            tokens=pieces,
            advantages=() if advantages is None else advantages[i].tolist(),
            terms={} if terms is None else terms[i],
        )
    )
  return records.Record(
      run=run,
      gym=task.gym,
      level=task.level,
      split=split,
      task_id=task.id,
      sample=trajectory.sample,
      seed=seed,
      status=trajectory.status,
      solved=bool(trajectory.solved),
      max_turns=trajectory.max_turns,
      error=trajectory.error,
      num_prompt_tokens=len(trajectory.prompt),
      prompt=tokenizer.decode(trajectory.prompt),
      turns=tuple(turns),
      num_aspects=_num_aspects(task),
  )


def of_dialogue(
    dialogue: converse.Dialogue, *, run: str, split: str, seed: int
) -> records.Record:
  """Turns a conversation of a player that knows no tokens into a line.

  Args:
    dialogue: the conversation.
    run: the name of the row in tables.
    split: where its task comes from.
    seed: of the evaluation.

  Returns:
    The record, its counts of tokens 0.
  """
  task, observation = dialogue.task, dialogue.observation
  return records.Record(
      run=run,
      gym=task.gym,
      level=task.level,
      split=split,
      task_id=task.id,
      sample=dialogue.sample,
      seed=seed,
      status=dialogue.status,
      solved=dialogue.solved,
      max_turns=dialogue.max_turns,
      error=dialogue.error,
      num_prompt_tokens=0,
      prompt=f'{observation.system}\n\n{observation.user}',
      turns=[
          records.Turn(
              think=move.think,
              choice=move.action.choice,
              content=move.action.content,
              reply=step.reply,
              reward=float(step.reward),
              is_user=step.is_user,
              num_tokens=0,
          )
          for move, step in zip(dialogue.moves, dialogue.steps)
      ],
      num_aspects=_num_aspects(task),
  )


def _num_aspects(task: types.Task) -> int:
  return len(task.data['dimensions']) if task.gym == 'travel' else 0


def summarize(
    trajectories: Sequence[types.Trajectory], prefix: str
) -> dict[str, float]:
  """Computes the metrics of the benchmark.

  Args:
    trajectories: conversations.
    prefix: of the names, 'eval' say.

  Returns:
    '<prefix>/score', '<prefix>/involvement_rate' and so on, and the score of
    each gym as '<prefix>/score_<gym>'.
  """
  arrays = _arrays(trajectories)
  metrics = success.summary(*arrays, max_k=3)
  valid = arrays[-1]
  gyms = np.array([t.task.gym for t in trajectories])
  scores = success.score(arrays[0], arrays[2])
  for gym in sorted(set(gyms)):
    chosen = (gyms == gym) & valid
    if chosen.any():
      metrics[f'score_{gym}'] = float(scores[chosen].mean())
  return {
      f'{prefix}/{name.removeprefix("eval/")}': value
      for name, value in metrics.items()
  }


def _arrays(trajectories):
  """Lays out rewards, is_user, turn_mask `[N, M]` and valid `[N]`."""
  width = max([1, *(len(t.turns) for t in trajectories)])
  shape = len(trajectories), width
  rewards = np.zeros(shape)
  is_user, turn_mask = np.zeros(shape, bool), np.zeros(shape, bool)
  for row, trajectory in enumerate(trajectories):
    count = len(trajectory.turns)
    rewards[row, :count] = [t.reward for t in trajectory.turns]
    is_user[row, :count] = [t.is_user for t in trajectory.turns]
    turn_mask[row, :count] = True
  valid = np.array([t.status != types.FAILED for t in trajectories], bool)
  return rewards, is_user, turn_mask, valid
