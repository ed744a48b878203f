"""What can still be true of each hidden slot, given what was said so far."""

from collections.abc import Callable, Collection, Mapping

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import wording

Beliefs = Mapping[str, tuple[str, ...]]  # slot -> values still possible
Named = Mapping[str, tuple[str, ...]]  # slot -> values that a text names


def named(text: str, lexicon: lexicon_lib.Lexicon) -> Named:
  """Returns the values that a text names."""
  found: dict[str, tuple[str, ...]] = {}
  for sentence in wording.read(text, lexicon):
    for token in sentence.mentions:
      found[token.slot] = (*found.get(token.slot, ()), token.value)
  return found


def open_slots(beliefs: Beliefs) -> list[str]:
  """Returns the slots of which more than one value is possible."""
  return [slot for slot, values in beliefs.items() if len(values) > 1]


def after_question(beliefs: Beliefs, asked: Named, reply: str) -> Beliefs:
  """Returns the beliefs after a question about one slot.

  Args:
    beliefs: before it.
    asked: the values it named.
    reply: 'yes', 'no' or anything else, which tells nothing.
  """
  if len(asked) != 1 or reply.lower() not in ('yes', 'no'):
    return beliefs
  (slot,) = asked
  is_yes = reply.lower() == 'yes'
  return _keep(beliefs, slot, lambda value: (value in asked[slot]) == is_yes)


def after_answer(
    beliefs: Beliefs, told: Named, right: Collection[str], *, separate: bool
) -> Beliefs:
  """Returns the beliefs after an answer that did not solve the task.

  Args:
    beliefs: before it.
    told: the values it named.
    right: those of them that the reply confirmed.
    separate: whether all that is not confirmed is wrong. If not, the reply
      only says that something is: which one is certain if all else is.
  """
  beliefs = dict(beliefs)
  for slot, values in told.items():
    if set(values) & set(right):
      beliefs |= _keep(beliefs, slot, lambda value: value in right)
  doubtful = [slot for slot in told if slot in open_slots(beliefs)]
  if separate or len(doubtful) == 1:
    for slot in doubtful:
      beliefs |= _keep(beliefs, slot, lambda v, s=slot: v not in told[s])
  return beliefs


def _keep(beliefs: Beliefs, slot: str, fits: Callable[[str], bool]) -> Beliefs:
  kept = tuple(value for value in beliefs.get(slot, ()) if fits(value))
  return {**beliefs, slot: kept} if kept else beliefs
