"""The holder of a claim: concerns, and the counterpoints that meet them.

Goes by the task's `facts` alone (`tasks.builtin.persuade` has its keys).
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import stances
from bao_jax.tasks.builtin import persuade_words
from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import points

_CONCERNS = persuade_words.CONCERNS


def require_facts(task: types.Task, user: object) -> None:
  """Refuses a task that the scripted holder could not play.

  Args:
    task: about to be attempted.
    user: of the gym.

  Raises:
    ValueError: the task carries no facts, and the user needs them.
  """
  if isinstance(user, Holder) and 'facts' not in task.data:
    raise ValueError(
        f'{task.id}: data has no "facts", which the scripted user needs; give'
        ' the gym another user, or use the built-in tasks'
    )


@dataclasses.dataclass(frozen=True)
class Holder:
  """Moves when a concern is met for the first time: `base.UserFn`.

  The first new counterpoint of a message counts, no other. Nothing is moved by
  a point that was made before, that no concern is behind, that comes together
  with its opposite, or that stands in a sentence with an unknown word. Offences
  lose a step, until the next counterpoint. Every reply voices the first concern
  that is still open.

  Attributes:
    max_points: a message that makes more points than these moves nothing.
  """

  max_points: int = 2

  def __call__(self, state: base.State, message: str) -> stances.Verdict:
    """Returns what an argument leads to, in a state of `PersuadeGym`."""
    concerns = state.task.data['facts']['concerns']
    arguments = [argument for argument, _, _ in state.memory['exchanges']]
    met = self._met(state.task, arguments)
    met_now = self._met(state.task, [*arguments, message])
    rung = stances.LADDER.index(state.memory['stance'])
    said = Said.read(message, state.task.level)
    if said.offends:
      rung, tone = max(0, rung - 1), 'offended'
    elif len(met_now) > len(met):
      rung, tone = sum(concerns[name] for name in met_now), 'moved'
    elif len(said.points) > self.max_points:
      tone = 'flooded'
    else:
      tone = 'repeated' if set(said.points) & set(met) else 'unmoved'
    still_open = [name for name in concerns if name not in met_now]
    reply = _reply(tone, met_now[-1:], still_open, state.task.level)
    return stances.Verdict(reply, stances.LADDER[rung])

  def _met(self, task: types.Task, arguments: Sequence[str]) -> list[str]:
    """Returns the concerns that a series of arguments meets, in order."""
    concerns: Mapping[str, int] = task.data['facts']['concerns']
    met = []
    for argument in arguments:
      said = Said.read(argument, task.level)
      if not said.offends and len(said.points) <= self.max_points:
        new = [p for p in said.counters if p in concerns and p not in met]
        met += new[:1]
    return met


@dataclasses.dataclass(frozen=True)
class Said:
  """What an argument says.

  Attributes:
    points: the concerns whose counterpoint it names, in whatever way.
    counters: those of them that it stands up for.
    offends: whether it gives offence.
  """

  points: tuple[str, ...] = ()
  counters: tuple[str, ...] = ()
  offends: bool = False

  @classmethod
  @functools.lru_cache(maxsize=4096)  # Each turn reads all arguments again.
  def read(cls, message: str, level: str) -> 'Said':
    """Reads an argument in free wording."""
    sentences = points.read(message, persuade_words.lexicon(level))
    named, claimed, taken_back = [], [], []
    for sentence in sentences:
      named += [t.slot for t in sentence.mentions if _is_counter(t)]
      counters, reasons = _claims(sentence)
      taken_back += reasons
      claimed += counters
    if any(sentence.has('head') for sentence in sentences):
      claimed = []  # It concedes the claim.
    return cls(
        points=tuple(dict.fromkeys(named)),
        counters=tuple(
            name for name in dict.fromkeys(claimed) if name not in taken_back
        ),
        offends=any(sentence.has('thing') for sentence in sentences),
    )


def _is_counter(token: lexicon_lib.Token) -> bool:
  return token.value == _CONCERNS[token.slot].counter


def _claims(sentence: points.Sentence) -> tuple[list[str], list[str]]:
  """Returns the concerns whose counterpoint, and whose reason, is asserted.

  A reason may be denied ("it does not save money") or told as what others think
  ("you say that it saves money"). A counterpoint is gone after that, as it is
  in a question or beside an unknown word.
  """
  counters, reasons, denies = [], [], False
  fine = sentence.is_known and not sentence.is_question
  for token in sentence.tokens:
    if token.kind in ('not', 'nor', 'verb'):
      fine, denies = fine and not denies, True
    elif token.kind == 'mention' and _is_counter(token):
      fine = fine and not denies
      counters.append(token.slot)
    elif token.kind == 'mention':
      reasons += [] if denies else [token.slot]
      denies = False
  fine = fine and not denies and not sentence.has('flip')
  return counters if fine else [], reasons


def _reply(
    tone: str, met: Sequence[str], still_open: Sequence[str], level: str
) -> str:
  """Returns how the holder takes an argument, and what is still open."""
  replies = _FULL if level == 'full' else _SHORT
  if not still_open:
    return replies['convinced']
  name = still_open[0]
  reason = _CONCERNS[name].reason
  topics = {'met': met[0] if met else '', 'open': name, 'reason': reason}
  return f'{replies[tone]} {replies["open"]}'.format(**topics)


_SHORT = {
    'moved': 'fair.',
    'unmoved': 'no.',
    'repeated': 'heard that.',
    'flooded': 'too much.',
    'offended': 'rude.',
    'open': 'but {open}',
    'convinced': 'you win',
}
_FULL = {
    'moved': 'On {met} I give in, that moves me.',
    'unmoved': 'That does not convince me.',
    'repeated': 'You have told me that already.',
    'flooded': 'You throw a lot at me at once, and none of it sticks.',
    'offended': 'I do not like to be talked to like that.',
    'open': 'What I still think of is {open}: {reason}.',
    'convinced': 'I have nothing left to say for it. You have changed my mind.',
}
