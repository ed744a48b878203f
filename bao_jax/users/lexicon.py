"""What the words of a task can mean: slots and their values.

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
    others: words of the same sort that are true of no task, like 'yellow'.
    part: 'adjective', 'noun', 'actor', or 'kind' for what a thing is.
    prepositions: those that keep a value's role: a thing is 'in' the forest,
      while 'near' the forest says something else.
    roles: words of which one must be there if a value comes with no more than
      a determiner: "is the forest its home?" asks about the thing, "is the
      forest red?" about the forest. If empty, none is needed.
    verbs: those whose object a value can be and keep its role: a rope can be
      used, and a cook, if taken, is no thief.
    barred: participles that change a value's role when they follow it: "was
      the cook taken" makes the cook a victim.
    owns: whether "the baker's" keeps a value's role.
    is_verb: whether a value can be a verb with another object: "did the nurse
      fear the book" gives no motive.
  """

  name: str
  values: Mapping[str, tuple[str, ...]]
  names: tuple[str, ...] = ()
  others: tuple[str, ...] = ()
  part: str = 'noun'
  prepositions: tuple[str, ...] = ()
  roles: tuple[str, ...] = ()
  verbs: tuple[str, ...] = ()
  barred: tuple[str, ...] = ()
  owns: bool = False
  is_verb: bool = False

  def tokens(self) -> Mapping[Phrase, Token]:
    """Returns each form of each value, and the slot's names, as tokens."""
    mention = functools.partial(Token, 'mention', slot=self.name)
    table = {_phrase(w): Token('slot', w, self.name) for w in self.names}
    table |= {_phrase(w): mention(w, value=f'other {w}') for w in self.others}
    for value, forms in self.values.items():
      table |= {_phrase(w): mention(w, value=value) for w in (value, *forms)}
    return table


@dataclasses.dataclass(frozen=True, eq=False)  # Hashed by identity.
class Lexicon:
  """All that a scripted user understands.

  Attributes:
    slots: what can be asked about.
    fillers: words and phrases that carry no meaning of their own here.
    verbs: those that take an object.
    misleading: phrases of known words that mean something else.
    heads: nouns without meaning that a value can stand before: 'city animal'.
    things: nouns without meaning that make another word of a value they touch:
      a 'love letter' is no love.
  """

  slots: tuple[Slot, ...]
  fillers: tuple[str, ...] = ()
  verbs: tuple[str, ...] = ()
  misleading: tuple[str, ...] = ()
  heads: tuple[str, ...] = ()
  things: tuple[str, ...] = ()

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
    own = {
        'filler': self.fillers,
        'verb': self.verbs,
        'unknown': self.misleading,
        'head': self.heads,
        'thing': self.things,
    }
    for kind, texts in own.items():
      table |= {_phrase(text): Token(kind, text) for text in texts}
    for slot in self.slots:
      table |= slot.tokens()
    return table

  @functools.cached_property
  def _sizes(self) -> list[int]:
    return sorted({len(phrase) for phrase in self._table}, reverse=True)


def _phrase(text: str) -> Phrase:
  return tuple(text.split())
