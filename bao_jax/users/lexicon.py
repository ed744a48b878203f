"""What the words of a task can mean: slots, their values, and the words of both.

A lexicon is closed on purpose. The scripted user vouches only for sentences in
which it knows every word, so a word left out costs a "Maybe", never a wrong
"Yes".
"""

from collections.abc import Mapping
import dataclasses
import functools

from bao_jax.users import words

Phrase = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Token:
  """A word or phrase and the part it plays in a sentence.

  Attributes:
    kind: 'mention', 'slot' (the name of a slot), one of the kinds of
      `words.KINDS`, or 'unknown'.
    text: the words, lower case.
    slot: for a mention or a slot, the slot's name.
    value: for a mention, the value.
  """

  kind: str
  text: str
  slot: str = ''
  value: str = ''


@dataclasses.dataclass(frozen=True)
class Slot:
  """One thing to find out, of which exactly one value is true.

  Attributes:
    name: its key in a task's facts.
    values: each value and the further forms that mean it.
    names: the words that name the slot itself, like 'color'.
    prepositions: those that keep a value's role: a thing is 'in' the forest,
      while 'near' the forest says something else.
    others: words of the same sort that are true of no task, like 'yellow'.
    part: 'adjective', 'noun' or 'actor'. "Was the cook in love?" speaks of an
      actor, while "is the forest green?" says nothing of the animal.
    owns: whether "the baker's" keeps a value's role.
    barred: words that change a value's role when they follow it: 'was the
      cook taken' makes the cook a victim.
  """

  name: str
  values: Mapping[str, tuple[str, ...]]
  names: tuple[str, ...] = ()
  prepositions: tuple[str, ...] = ()
  others: tuple[str, ...] = ()
  part: str = 'noun'
  owns: bool = False
  barred: tuple[str, ...] = ()

  def tokens(self) -> Mapping[Phrase, Token]:
    """Returns each form of each value, and the slot's names, as tokens."""
    mention = functools.partial(Token, 'mention', slot=self.name)
    table = {_phrase(w): Token('slot', w, self.name) for w in self.names}
    table |= {_phrase(w): mention(w, value=f'other {w}') for w in self.others}
    for value, forms in self.values.items():
      table |= {_phrase(w): mention(w, value=value) for w in (value, *forms)}
    return table


@dataclasses.dataclass(frozen=True)
class Lexicon:
  """All that a scripted user understands.

  Attributes:
    slots: what can be asked about.
    fillers: words and phrases that carry no meaning of their own here.
  """

  slots: tuple[Slot, ...]
  fillers: tuple[str, ...] = ()

  def slot(self, name: str) -> Slot:
    """Returns the slot of that name."""
    return self._by_name[name]

  def tokenize(self, parts: list[str]) -> list[Token]:
    """Groups words into tokens, the longest known phrase first."""
    tokens, i = [], 0
    while i < len(parts):
      size = next(
          (n for n in self._sizes if tuple(parts[i : i + n]) in self._table), 0
      )
      phrase = tuple(parts[i : i + max(size, 1)])
      tokens.append(self._table.get(phrase, Token('unknown', parts[i])))
      i += max(size, 1)
    return tokens

  @functools.cached_property
  def _by_name(self) -> Mapping[str, Slot]:
    return {slot.name: slot for slot in self.slots}

  @functools.cached_property
  def _table(self) -> Mapping[Phrase, Token]:
    table = {
        _phrase(text): Token(kind, text)
        for kind, texts in words.KINDS.items()
        for text in texts
    }
    table |= {_phrase(text): Token('filler', text) for text in self.fillers}
    for slot in self.slots:
      table |= slot.tokens()
    return table

  @functools.cached_property
  def _sizes(self) -> list[int]:
    return sorted({len(phrase) for phrase in self._table}, reverse=True)


def _phrase(text: str) -> Phrase:
  return tuple(text.split())
