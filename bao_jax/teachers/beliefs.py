"""What can still be true of each hidden slot, given what was said so far."""

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import wording

Beliefs = Mapping[str, tuple[str, ...]]  # slot -> values still possible
Named = Mapping[str, tuple[str, ...]]  # slot -> values that a text names


def initial(slots: Sequence[lexicon_lib.Slot]) -> Beliefs:
  """Returns the beliefs before the first turn: all values are possible."""
  return {slot.name: tuple(slot.values) for slot in slots}


def named(text: str, lexicon: lexicon_lib.Lexicon) -> Named:
  """Returns the values that a text names."""
  found: dict[str, tuple[str, ...]] = {}
  for sentence in wording.read(text, lexicon):
    for token in sentence.mentions:
      found[token.slot] = (*found.get(token.slot, ()), token.value)
  return found


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
  return _keep(
      beliefs, slot, lambda value: (value in asked[slot]) == is_yes
  )


def after_answer(
    beliefs: Beliefs, told: Named, right: Collection[str] | None
) -> Beliefs:
  """Returns the beliefs after an answer that did not solve the task.

  Args:
    beliefs: before it.
    told: the values it named.
    right: those of them that the reply confirmed; None if it only said that
      not all are right, which tells which one is wrong if the others are
      certain.
  """
  if right is None:
    open_slots = [slot for slot in told if len(beliefs.get(slot, ())) > 1]
    if len(open_slots) != 1:
      return beliefs
    told, right = {open_slots[0]: told[open_slots[0]]}, ()
  for slot, values in told.items():
    value = values[0]
    keep = value in right
    beliefs = _keep(beliefs, slot, lambda v, v0=value, k=keep: (v == v0) == k)
  return beliefs


def _keep(beliefs: Beliefs, slot: str, fits) -> Beliefs:
  kept = tuple(value for value in beliefs.get(slot, ()) if fits(value))
  return {**beliefs, slot: kept} if kept else beliefs
