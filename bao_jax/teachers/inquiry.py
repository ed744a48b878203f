"""How to find hidden values by yes-or-no questions, and say so while thinking.

What the Telepathy and Turtle teachers share. All they know they read off the
conversation, so a teacher is a pure function of what a policy sees.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import random

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.teachers import base
from bao_jax.teachers import beliefs as beliefs_lib
from bao_jax.users import lexicon as lexicon_lib

_RASH = 0.35  # How often a teacher without scheduling answers before it knows.
_AIMLESS = 0.5  # How often one without querying asks what brings nothing.
_FORGETFUL = 0.25  # How often one without memory asks again.


@dataclasses.dataclass(frozen=True)
class Puzzle:
  """What is to be found out, as far as the first prompt tells.

  Attributes:
    slots: the hidden ones, in the order in which they are asked about.
    lexicon: how the user understands questions.
    questions: per slot, a question with a gap for its values.
    answer: the answer, with a gap named after each slot.
    vague: questions that bring nothing.
  """

  slots: tuple[lexicon_lib.Slot, ...]
  lexicon: lexicon_lib.Lexicon
  questions: Mapping[str, str]
  answer: str
  vague: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Teacher:
  """Asks about one slot after the other, halving what is possible.

  With all behaviors it restates what it knows, counts the turns left, asks
  what splits the rest and answers once. A slip answers while one slot is still
  open; the thought after it says which assumption was wrong, and asks on.

  Attributes:
    behaviors: which of these it shows.
    slip: the probability of a slip in a conversation.
    puzzle: reads the puzzle off the prompt.
    right: (puzzle, reply to an answer) -> the values it confirmed, or None if
      such replies do not tell.
  """

  behaviors: base.Behaviors
  slip: float
  puzzle: Callable[[envs_base.Observation], Puzzle]
  right: Callable[[Puzzle, str], Collection[str] | None]

  def __call__(
      self,
      observation: envs_base.Observation,
      history: base.History,
      turns_left: int,
      rng: random.Random,
  ) -> base.Move:
    """Returns the next move; see `base.TeacherFn`."""
    puzzle = self.puzzle(observation)
    beliefs = self._beliefs(puzzle, history)
    thought = self._memories(puzzle, beliefs, history)
    if self.behaviors.scheduling:
      thought.append(f'{turns_left} left')
    kind = self._next(puzzle, beliefs, history, turns_left, rng)
    if kind == 'ask':
      question, aim = self._question(puzzle, beliefs, history, rng)
      thought.append(f'ask {aim}')
      return _move(thought, 'action', question)
    guess = {slot: rng.choice(values) for slot, values in beliefs.items()}
    open_ones = [guess[s] for s in beliefs if len(beliefs[s]) > 1]
    thought.append(f'guess {" ".join(open_ones)}' if open_ones else 'answer')
    text = puzzle.answer.format(**guess)
    return _move(thought, 'answer', text, is_target=kind != 'slip')

  def _next(
      self,
      puzzle: Puzzle,
      beliefs: beliefs_lib.Beliefs,
      history: base.History,
      turns_left: int,
      rng: random.Random,
  ) -> str:
    """Returns 'ask', 'answer' or 'slip'."""
    if history and history[-1][0].choice == 'answer':
      if not self.behaviors.refinement:
        return 'answer'
      if self.behaviors.scheduling:
        return 'ask'  # Even what is certain by now: never two answers in a row.
    open_slots = [slot for slot in beliefs if len(beliefs[slot]) > 1]
    if not open_slots:
      return 'answer'
    if not self.behaviors.scheduling:
      return 'answer' if rng.random() < _RASH else 'ask'
    if turns_left <= 1:
      return 'answer'
    untouched = len(beliefs[open_slots[0]]) == len(_slot(puzzle, open_slots[0]))
    tempted = len(open_slots) == 1 and untouched
    return 'slip' if tempted and rng.random() < self.slip else 'ask'

  def _question(
      self,
      puzzle: Puzzle,
      beliefs: beliefs_lib.Beliefs,
      history: base.History,
      rng: random.Random,
  ) -> tuple[str, str]:
    """Returns a question and what it is about."""
    asked = [a.content for a, _ in history if a.choice == 'action']
    if not self.behaviors.querying and rng.random() < _AIMLESS:
      slot = rng.choice(puzzle.slots)
      value = rng.choice(list(slot.values))
      wild = puzzle.questions[slot.name].format(value)
      return rng.choice([*puzzle.vague, wild, *asked[-1:]]), 'anything'
    if not self.behaviors.memory and asked and rng.random() < _FORGETFUL:
      return rng.choice(asked), 'that'
    slot, values = self._aim(beliefs, history)
    text = listed(values[: max(1, len(values) // 2)])
    return puzzle.questions[slot].format(text), text

  def _aim(
      self, beliefs: beliefs_lib.Beliefs, history: base.History
  ) -> tuple[str, tuple[str, ...]]:
    """Returns the first open slot, or the one that a wrong answer settled."""
    for slot, values in beliefs.items():
      if len(values) > 1:
        return slot, values
    return list(beliefs.items())[-1]

  def _beliefs(
      self, puzzle: Puzzle, history: base.History
  ) -> beliefs_lib.Beliefs:
    beliefs = beliefs_lib.initial(puzzle.slots)
    for action, reply in history:
      named = beliefs_lib.named(action.content, puzzle.lexicon)
      if action.choice == 'action':
        beliefs = beliefs_lib.after_question(beliefs, named, reply)
      elif action.choice == 'answer':
        right = self.right(puzzle, reply)
        beliefs = beliefs_lib.after_answer(beliefs, named, right)
    return beliefs

  def _memories(
      self,
      puzzle: Puzzle,
      beliefs: beliefs_lib.Beliefs,
      history: base.History,
  ) -> list[str]:
    """Returns what was refuted just now, and what is known."""
    memories = []
    if (
        self.behaviors.refinement
        and history
        and history[-1][0].choice == 'answer'
    ):
      before = self._beliefs(puzzle, history[:-1])
      refuted = _refuted(before, beliefs, puzzle, history[-1][0])
      memories.append(f'wrong, so not {listed(refuted) or "all"}')
    if self.behaviors.memory:
      notes = [_note(slot, beliefs[slot.name]) for slot in puzzle.slots]
      memories.append(', '.join(notes))
    return memories


def listed(values: Sequence[str]) -> str:
  """Joins values as in 'red, blue or green'."""
  *rest, last = values or ('',)
  return f'{", ".join(rest)} or {last}' if rest else last


def _slot(puzzle: Puzzle, name: str) -> Sequence[str]:
  return next(tuple(s.values) for s in puzzle.slots if s.name == name)


def _note(slot: lexicon_lib.Slot, possible: Sequence[str]) -> str:
  """Returns what is known of one slot, in a word or two."""
  if len(possible) == 1:
    return possible[0]
  excluded = [value for value in slot.values if value not in possible]
  if not excluded:
    return f'{slot.name} ?'
  if len(excluded) < len(possible):
    return f'not {listed(excluded)}'
  return listed(possible)


def _refuted(
    before: beliefs_lib.Beliefs,
    after: beliefs_lib.Beliefs,
    puzzle: Puzzle,
    answer: types.Action,
) -> list[str]:
  """Returns the values of an answer that its reply ruled out."""
  told = beliefs_lib.named(answer.content, puzzle.lexicon)
  return [
      value
      for slot, values in told.items()
      for value in values
      if value in before.get(slot, ()) and value not in after[slot]
  ]


def _move(
    thought: Sequence[str], choice: str, content: str, *, is_target: bool = True
) -> base.Move:
  action = types.Action(choice, content)
  return base.Move('; '.join(thought), action, is_target)
