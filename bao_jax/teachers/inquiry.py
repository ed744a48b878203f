"""How to find hidden values by yes-or-no questions, and say so while thinking.

What the Telepathy and Turtle teachers share. All they know they read off the
conversation, so a teacher is a pure function of what a policy sees.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
import dataclasses
import random

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.teachers import base
from bao_jax.teachers import beliefs as beliefs_lib
from bao_jax.users import lexicon as lexicon_lib

_RASH = 0.7  # How often a teacher without scheduling answers before it knows.
_AIMLESS = 0.5  # How often one without querying asks what brings nothing.
_FORGETFUL = 0.25  # How often one without memory asks again.


@dataclasses.dataclass(frozen=True)
class Voice:
  """How thoughts are worded; each text has one gap.

  Attributes:
    wrong: which assumption a failed answer refuted.
    known: what is known of all slots.
    left: the turns left.
    ask: what the next question is about.
    guess: what is assumed in an answer.
    answer: what is answered when all is known.
    joint: stands between two of these.
  """

  wrong: str = 'wrong, so not {}'
  known: str = '{}'
  left: str = '{} left'
  ask: str = 'ask {}'
  guess: str = 'guess {}'
  answer: str = 'answer'
  joint: str = '; '


SENTENCES = Voice(
    wrong='That was wrong, so my assumption fails: it is not {}.',
    known='What I know: {}.',
    left='I have {} turns left.',
    ask='Next I ask about {}, which splits what is left.',
    guess='I assume {} and answer.',
    answer='Nothing is open any more, so I answer.',
    joint=' ',
)


@dataclasses.dataclass(frozen=True)
class Puzzle:
  """What is to be found out, as far as the first prompt tells.

  Attributes:
    beliefs: the hidden slots in the order in which they are asked about, and
      what they can be.
    lexicon: how the user understands questions.
    questions: per slot, a question with a gap for its values.
    answer: the answer, with a gap named after each slot.
    vague: questions that bring nothing.
    separate: whether replies to answers confirm each slot on its own.
    voice: how the teacher thinks.
  """

  beliefs: beliefs_lib.Beliefs
  lexicon: lexicon_lib.Lexicon
  questions: Mapping[str, str]
  answer: str
  vague: tuple[str, ...]
  separate: bool
  voice: Voice = Voice()


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
    right: (puzzle, reply to an answer) -> the values it confirmed.
  """

  behaviors: base.Behaviors
  slip: float
  puzzle: Callable[[envs_base.Observation], Puzzle]
  right: Callable[[Puzzle, str], Collection[str]]

  def __call__(
      self,
      observation: envs_base.Observation,
      history: base.History,
      turns_left: int,
      rng: random.Random,
  ) -> base.Move:
    """Returns the next move; see `base.TeacherFn`."""
    view = self._view(self.puzzle(observation), history)
    thoughts = self._looking_back(view)
    if self.behaviors.scheduling:
      thoughts.append(view.puzzle.voice.left.format(turns_left))
    choice = self._choice(view, turns_left, rng)
    act = self._ask if choice == 'ask' else self._answer
    plan, action = act(view, rng)
    return base.Move(
        think=view.puzzle.voice.joint.join([*thoughts, plan]),
        action=action,
        is_target=choice != 'slip',
    )

  def _view(self, puzzle: Puzzle, history: base.History) -> '_View':
    before = beliefs = puzzle.beliefs
    for action, reply in history:
      before = beliefs
      said = beliefs_lib.named(action.content, puzzle.lexicon)
      if action.choice == 'action':
        beliefs = beliefs_lib.after_question(beliefs, said, reply)
      elif action.choice == 'answer':
        right = self.right(puzzle, reply)
        beliefs = beliefs_lib.after_answer(
            beliefs, said, right, separate=puzzle.separate
        )
    return _View(puzzle, [action for action, _ in history], before, beliefs)

  def _choice(self, view: '_View', turns_left: int, rng: random.Random) -> str:
    """Returns 'ask', 'answer' or 'slip'."""
    if view.has_just_answered:
      if not self.behaviors.refinement:
        return 'answer'
      if self.behaviors.scheduling:
        return 'ask'  # Never two answers in a row, even if all is known now.
    if not view.open_slots:
      return 'answer'
    if not self.behaviors.scheduling:
      return 'answer' if rng.random() < _RASH else 'ask'
    if turns_left <= 1:
      return 'answer'
    if view.tempts(turns_left) and rng.random() < self.slip:
      return 'slip'
    return 'ask'

  def _looking_back(self, view: '_View') -> list[str]:
    """Returns which assumption has just failed, and what is known."""
    voice = view.puzzle.voice
    thoughts = []
    if self.behaviors.refinement and view.has_just_answered:
      thoughts.append(voice.wrong.format(listed(view.refuted) or 'all of it'))
    if self.behaviors.memory:
      notes = [view.note(slot) for slot in view.beliefs]
      thoughts.append(voice.known.format(', '.join(notes)))
    return thoughts

  def _ask(self, view: '_View', rng: random.Random) -> tuple[str, types.Action]:
    """Returns a plan and a question."""
    questions = view.puzzle.questions
    asked = [a.content for a in view.actions if a.choice == 'action']
    slot, values = view.target
    text = listed(values[: max(1, len(values) // 2)])
    aim, question = text, questions[slot].format(text)
    if not self.behaviors.querying and rng.random() < _AIMLESS:
      slot, values = rng.choice(list(view.puzzle.beliefs.items()))
      wild = questions[slot].format(rng.choice(values))
      question = rng.choice([*view.puzzle.vague, wild, *asked[-1:]])
      aim = 'anything'
    elif not self.behaviors.memory and asked and rng.random() < _FORGETFUL:
      aim, question = 'that', rng.choice(asked)
    return view.puzzle.voice.ask.format(aim), types.Action('action', question)

  def _answer(
      self, view: '_View', rng: random.Random
  ) -> tuple[str, types.Action]:
    """Returns a plan and an answer that fits what is known."""
    guess = {slot: rng.choice(values) for slot, values in view.beliefs.items()}
    assumed = ' '.join(guess[slot] for slot in view.open_slots)
    voice = view.puzzle.voice
    plan = voice.guess.format(assumed) if assumed else voice.answer
    return plan, types.Action('answer', view.puzzle.answer.format(**guess))


@dataclasses.dataclass(frozen=True)
class _View:
  """A conversation as the teacher sees it.

  Attributes:
    puzzle: what is to be found out.
    actions: what was done so far.
    before: the beliefs before the last reply.
    beliefs: the beliefs now.
  """

  puzzle: Puzzle
  actions: Sequence[types.Action]
  before: beliefs_lib.Beliefs
  beliefs: beliefs_lib.Beliefs

  @property
  def has_just_answered(self) -> bool:
    return bool(self.actions) and self.actions[-1].choice == 'answer'

  @property
  def open_slots(self) -> list[str]:
    return beliefs_lib.open_slots(self.beliefs)

  def tempts(self, turns_left: int) -> bool:
    """Whether to slip: one slot alone is open, untouched, and time remains."""
    if len(self.open_slots) != 1:
      return False
    (slot,) = self.open_slots
    values = self.beliefs[slot]
    # The slip, the questions that halve what it leaves, and the answer.
    needed = 2 + max(1, (len(values) - 2).bit_length())
    return values == self.puzzle.beliefs[slot] and needed <= turns_left

  @property
  def refuted(self) -> list[str]:
    """The values told by the last answer that its reply ruled out."""
    text = self.actions[-1].content
    told = beliefs_lib.named(text, self.puzzle.lexicon)
    return [
        value
        for slot, values in told.items()
        for value in values
        if value in self.before.get(slot, ())
        and value not in self.beliefs.get(slot, ())
    ]

  @property
  def target(self) -> tuple[str, tuple[str, ...]]:
    """The slot to ask about: the first open one, else the one just refuted."""
    changed = [s for s in self.beliefs if self.beliefs[s] != self.before[s]]
    slot = (self.open_slots + changed + list(self.beliefs))[0]
    return slot, self.beliefs[slot]

  def note(self, slot: str) -> str:
    """Returns what is known of a slot, in a word or two."""
    possible, values = self.beliefs[slot], self.puzzle.beliefs[slot]
    excluded = [value for value in values if value not in possible]
    if len(possible) == 1:
      return possible[0]
    if not excluded:
      return f'{slot} ?'
    if len(excluded) < len(possible):
      return f'not {listed(excluded)}'
    return listed(possible)


def listed(values: Sequence[str]) -> str:
  """Joins values as in 'red, blue or green'."""
  *rest, last = values or ('',)
  return f'{", ".join(rest)} or {last}' if rest else last
