"""What the scripts of the Tau teacher are written with.

A script is a generator: it yields a `Do` and is sent the reply to it. It knows
nothing but these replies, so a conversation can be played again from its
history.
"""

from collections.abc import Generator, Mapping, Sequence
import dataclasses
import json
import re
from typing import Any

from bao_jax import types
from bao_jax.users import tau_words


@dataclasses.dataclass(frozen=True)
class Do:
  """The next step: what for, in a few words, and the action."""

  plan: str
  action: types.Action


# A script and the parts of one: yields steps, is sent replies.
Script = Generator[Do, str, Any]

_SPELLED = {
    'name': 'first and last name',
    'zip': 'zip code',
    'email': 'email',
    'user_id': 'user id',
    'order_id': 'order number',
    'reservation_id': 'reservation number',
    'reason': 'reason',
    'address': 'new address',
    'payment': 'payment method',
    'route': 'route',
    'date': 'date',
    'cabin': 'cabin',
    'bags': 'number of bags',
    'passenger': 'new name',
}
_LONG = ('address', 'passenger')  # Their values hold commas and come last.


class Desk:
  """A helper of one conversation: words, calls and notes.

  Attributes:
    is_full: whether to write in sentences.
    is_easy: whether calls and results are in the short form.
    notes: what is known, in the order in which it was found out.
  """

  def __init__(self, level: str):
    self.is_full = level == 'full'
    self.is_easy = level == 'easy'
    self.notes: dict[str, str] = {}

  def say(self, plan: str, message: str) -> Script:
    """Says something to the user; returns its reply."""
    if self.is_full:
      message = re.sub(r'\bi\b', 'I', message[0].upper() + message[1:])
    return (yield Do(plan, types.Action('action', message)))

  def call(self, name: str, **arguments: Any) -> Script:
    """Calls a tool; returns its result, None for an error."""
    if self.is_full:
      content = json.dumps({'name': name, 'arguments': arguments})
    elif self.is_easy:
      content = f'{name}: {_in_order(arguments)}'
    else:
      content = f'{name}: {json.dumps(arguments)}'
    plan = name.partition('_')[0] if self.is_easy else name.replace('_', ' ')
    reply = yield Do(plan, types.Action('answer', content))
    if reply.startswith('Error'):
      return None
    if self.is_easy:
      return _read_terse(reply)
    try:
      return json.loads(reply)
    except ValueError:
      return reply

  def ask(self, *slots: str) -> Script:
    """Asks for what is not known of some slots; notes what is told."""
    open_slots = [slot for slot in slots if slot not in self.notes]
    if open_slots:
      spelled = _listed([_SPELLED[slot] for slot in open_slots])
      text = (
          f'please tell me your {spelled}.' if self.is_full else f'{spelled}?'
      )
      reply = yield from self.say(f'ask {spelled}', text)
      self.notes |= self._told(reply)

  def propose(self, what: str) -> Script:
    """Asks for a yes to a change; returns the reply."""
    return (yield from self.say('propose', f'shall i {what}?'))

  def refuse(self, why: str, *, short: str = '') -> Script:
    """Refuses, again if the user insists; returns the last reply."""
    text = f'i am sorry, {why}{"." * self.is_full}'
    if self.is_easy:
      text = short
    reply = yield from self.say('decline', text)
    if 'sure?' in reply:
      again = f'i am sure: {why}{"." * self.is_full}'
      reply = yield from self.say('still not allowed, decline again', again)
    return reply

  def report(self, what: str) -> Script:
    """Says that something is done; returns the reply."""
    text = f'it is done, {what}{"." * self.is_full}'
    if self.is_easy:
      text = 'it is done'
    return (yield from self.say('report', text))

  def thought(self) -> str:
    """Returns what is known, in a few words."""
    if self.is_full:
      return ', '.join(f'{k} {v}' for k, v in self.notes.items())
    return ', '.join(self.notes.values())

  def _told(self, reply: str) -> dict[str, str]:
    voice = tau_words.FULL if self.is_full else tau_words.TERSE
    told = {}
    for slot, template in voice.tells.items():
      head, tail = template.split('{}')
      stop = r'(.*)$' if slot in _LONG else r'(.*?)(?:$|, )'
      if self.is_full:
        stop = rf'(.*?){re.escape(tail)}(?:$| )'
      found = re.search(rf'(?:^|[,.] ){re.escape(head)}{stop}', reply)
      if found:
        told[slot] = found[1]
    return told


def wish_of(text: str) -> str:
  """Returns what the user wants, after its last "I want to"."""
  wishes = re.findall(r'\b[iI] (?:also )?want to ([^.,?]*)', text)
  return wishes[-1] if wishes else ''


def _in_order(arguments: Mapping[str, Any]) -> str:
  values = (v[0] if isinstance(v, list) else v for v in arguments.values())
  return ', '.join(values)


def _read_terse(text: str) -> Any:
  """Reads an order in the short form; other texts stay what they are."""
  found = re.fullmatch(
      r'order (\S+), status (\w+), items name (\w+), item (\w+),'
      r' price (\d+), payment (\w+)',
      text,
  )
  if not found:
    return text
  order_id, status, name, item_id, price, payment = found.groups()
  return {
      'order_id': order_id,
      'status': status,
      'items': [{'name': name, 'item_id': item_id, 'price': int(price)}],
      'payment_method_id': payment,
  }


def _listed(words: Sequence[str]) -> str:
  *rest, last = words
  return f'{", ".join(rest)} and {last}' if rest else last
