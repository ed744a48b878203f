"""Conversations as the page shows them: labels, numbers and colored tokens.

Text stays text here; the page's template escapes it.
"""

from collections.abc import Sequence
import dataclasses
import itertools

from bao_jax import types
from bao_jax.evaluation import records
from bao_jax.report import runs as runs_lib

_BELOW, _ABOVE = (0xE0, 0x7B, 0x00), (0x2B, 0x83, 0xC6)  # Orange and blue.
_STRENGTH = 0.6  # At most this much color, so that dark text stays readable.


@dataclasses.dataclass(frozen=True)
class Span:
  """Adjacent sampled tokens of one advantage.

  Attributes:
    text: the tokens' text, joined.
    advantage: of each of them.
    color: of the advantage, for CSS.
  """

  text: str
  advantage: float
  color: str


@dataclasses.dataclass(frozen=True)
class Turn:
  """A turn of a conversation.

  Attributes:
    turn: what the record says.
    spans: the sampled tokens; empty where the record has no tokens or no
      advantages.
    advantage: the mean over the tokens; None where the record has none.
  """

  turn: records.Turn
  spans: tuple[Span, ...]
  advantage: float | None


@dataclasses.dataclass(frozen=True)
class Conversation:
  """A conversation, ready to be shown.

  Attributes:
    run: the index of its run.
    record: what the record says.
    turns: its turns.
    outcome: 'solved', 'not solved' or 'failed'.
    score: the sum of the environment's rewards.
    num_answers: how many turns involved the user.
    num_tokens: how many tokens the policy sampled.
    largest: the largest absolute advantage, the end of the color scale; 0
      where there is none.
  """

  run: int
  record: records.Record
  turns: tuple[Turn, ...]
  outcome: str
  score: float
  num_answers: int
  num_tokens: int
  largest: float


def conversations(
    runs: Sequence[runs_lib.Run], *, max_tasks: int
) -> list[Conversation]:
  """Prepares the conversations of some tasks, of every run on the same tasks.

  Args:
    runs: the policies.
    max_tasks: how many tasks of each gym are kept, evenly spread over them.

  Returns:
    The conversations, run by run, in the order of their records.
  """
  kept = set(shown_tasks(runs, max_tasks=max_tasks))
  return [
      _conversation(i, record)
      for i, run in enumerate(runs)
      for record in run.records
      if record.task_id in kept
  ]


def shown_tasks(runs: Sequence[runs_lib.Run], *, max_tasks: int) -> list[str]:
  """Picks `max_tasks` tasks of each gym, evenly spread over its tasks."""
  kept = []
  for gym in runs_lib.gyms(runs):
    found = [r.task_id for run in runs for r in run.records if r.gym == gym]
    tasks = list(dict.fromkeys(found))
    count = min(max_tasks, len(tasks))
    kept += [tasks[i * len(tasks) // count] for i in range(count)]
  return kept


def _conversation(run: int, record: records.Record) -> Conversation:
  advantages = [abs(a) for turn in record.turns for a in turn.advantages]
  largest = max(advantages, default=0.0)
  if record.status == types.FAILED:
    outcome = 'failed'
  else:
    outcome = 'solved' if record.solved else 'not solved'
  return Conversation(
      run=run,
      record=record,
      turns=tuple(_turn(turn, largest) for turn in record.turns),
      outcome=outcome,
      score=sum(turn.reward for turn in record.turns),
      num_answers=sum(turn.is_user for turn in record.turns),
      num_tokens=sum(turn.num_tokens for turn in record.turns),
      largest=largest,
  )


def _turn(turn: records.Turn, largest: float) -> Turn:
  """Joins adjacent tokens of one advantage."""
  advantages = list(turn.advantages)
  pairs = zip(turn.tokens, advantages)
  spans = [
      Span(
          text=''.join(token for token, _ in group),
          advantage=advantage,
          color=color(advantage, largest),
      )
      for advantage, group in itertools.groupby(pairs, lambda pair: pair[1])
  ]
  return Turn(
      turn=turn,
      spans=tuple(spans),
      advantage=sum(advantages) / len(advantages) if advantages else None,
  )


def color(advantage: float, largest: float) -> str:
  """Colors an advantage: orange below 0, white at 0, blue above.

  Args:
    advantage: of a token.
    largest: the absolute advantage of the full color; 0 if all are 0.

  Returns:
    A CSS color.
  """
  hue = _ABOVE if advantage > 0 else _BELOW
  share = _STRENGTH * min(abs(advantage) / largest, 1) if largest else 0
  mixed = (round(255 + share * (channel - 255)) for channel in hue)
  return '#' + ''.join(f'{channel:02x}' for channel in mixed)
