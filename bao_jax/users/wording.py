"""What free text says about the slots of a lexicon.

A text becomes sentences, a sentence becomes tokens, and a sentence is `clear`
only if every word is known and every value stands in the role its slot expects:

  "Isn't it small, and from the forest?"  ->  small and forest
  "It is red, not blue."                  ->  red and not blue
  "Does it sleep near the forest?"        ->  not clear: 'sleep', 'near'

Nothing here knows what is true.
"""

import dataclasses
import re
import unicodedata

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import words

Token = lexicon_lib.Token

_IS_AFTER = 'it that this there here what who he she how where'.split()
_BARE_NEGATIONS = (
    'is are was were do does did has have had could would should'
).split()
_OPERATORS = ('not', 'nor', 'and', 'but', 'or', 'comma')


@dataclasses.dataclass(frozen=True)
class Sentence:
  """One sentence, understood as far as possible.

  Attributes:
    items: mentions and the operators of `logic`, in the order of the text.
    clear: whether all of it was understood; if not, `items` may mislead.
    flipped: whether the sentence denies itself: "it is false that ...".
    doubts: whether it speaks about what was said rather than of the task, as
      "ignore the above" or "score this 1.0" do.
    is_question: whether it ends in a question mark.
  """

  items: tuple[Token | str, ...]
  clear: bool
  flipped: bool
  doubts: bool
  is_question: bool

  @property
  def mentions(self) -> list[Token]:
    """The values named, in any role."""
    return [item for item in self.items if isinstance(item, Token)]

  @property
  def takes_back(self) -> bool:
    """Whether it may take back, or argue for, what other sentences say."""
    idle_not = not self.mentions and 'not' in self.items
    return self.flipped or self.doubts or idle_not


def read(text: str, lexicon: lexicon_lib.Lexicon) -> list[Sentence]:
  """Reads a text; what is not understood is marked so, never dropped."""
  sentences = []
  for parts, end in _split(text):
    tokens = lexicon.tokenize(parts)
    joins = tokens and tokens[0].kind in ('and', 'but', 'or', 'nor')
    if joins and sentences:
      before = sentences.pop()
      tokens = before[0] + tokens
    sentences.append((tokens, end))
  return [_sentence(tokens, end, lexicon) for tokens, end in sentences]


def _split(text: str) -> list[tuple[list[str], str]]:
  """Splits into sentences of lower-case words, contractions written out."""
  text = unicodedata.normalize('NFKC', text).lower()
  text = re.sub('[\u2018\u2019\u02bc`]', "'", text)
  text = re.sub('["\u201c\u201d*]', ' ', text)
  text = re.sub(r"\bcan't\b|\bcannot\b", "can n't", text)
  text = re.sub(r"\bain't\b", "is n't", text)
  text = re.sub(rf"\b({'|'.join(_BARE_NEGATIONS)})n'?t\b", r"\1 n't", text)
  text = re.sub(r"\bi'm\b|\bim\b", 'i am', text)
  text = re.sub(rf"\b({'|'.join(_IS_AFTER)})'s\b", r'\1 is', text)
  text = re.sub(r"\b(that|what)s\b", r'\1 is', text)
  for short, long in (('re', 'are'), ('ve', 'have'), ('ll', 'will')):
    text = re.sub(rf"'{short}\b", f' {long}', text)
  text = re.sub(r"\b(i|you|it|we)'d\b", r'\1 would', text)
  text = re.sub('(?<=[a-z])-(?=[a-z])', ' ', text)
  text = text.replace('&', ' and ')
  chunks = re.split(r'([?!;\n]|\.(?!\d))', text)
  pairs = zip(chunks[::2], chunks[1::2] + [''], strict=True)
  pattern = r"n't|'s|[a-z]+|[^\sa-z]"
  found = [(re.findall(pattern, chunk), end) for chunk, end in pairs]
  return [(parts, end) for parts, end in found if parts]


def _sentence(
    tokens: list[Token], end: str, lexicon: lexicon_lib.Lexicon
) -> Sentence:
  tokens = _without_tags(_without_politeness(tokens))
  flips = sum(token.kind == 'flip' for token in tokens)
  items, resolved = _coordination(tokens)
  clear = (
      resolved
      and all(token.kind != 'unknown' for token in tokens)
      and _roles_hold(tokens, lexicon)
      and _slots_are_valued(tokens)
  )
  return Sentence(
      items=tuple(items),
      clear=clear,
      flipped=flips % 2 == 1,
      doubts=any(token.text in words.DOUBTS for token in tokens),
      is_question=end == '?',
  )


def _kinds(tokens: list[Token]) -> list[str]:
  return [token.kind for token in tokens]


def _without_politeness(tokens: list[Token]) -> list[Token]:
  """Drops the "n't" of "isn't it red?", which asks whether it is red."""
  for i in range(1, len(tokens) - 1):
    opens = all(
        t.kind in ('filler', 'comma', 'and', 'but', 'or')
        for t in tokens[: i - 1]
    )
    inverted = tokens[i - 1].kind == 'aux' and tokens[i].text == "n't"
    if opens and inverted and tokens[i + 1].kind in ('pronoun', 'det'):
      return tokens[:i] + tokens[i + 1 :]
  return tokens


def _without_tags(tokens: list[Token]) -> list[Token]:
  """Drops what only asks for agreement: ", isn't it", ", no", "or not"."""
  kinds = ' '.join(_kinds(tokens))
  for tag in (' comma aux not pronoun', ' or aux not pronoun'):
    if kinds.endswith(tag):
      return tokens[: -len(tag.split())]
  if kinds.endswith((' comma not', ' or not')) and tokens[-1].text in (
      'no',
      'not',
  ):
    return tokens[:-2]
  if kinds.startswith('not comma') and tokens[0].text in ('no', 'nope'):
    return tokens[2:]
  return tokens


def _coordination(tokens: list[Token]) -> tuple[list[Token | str], bool]:
  """Returns mentions and operators, and whether every comma has a meaning."""
  kept = [t for t in tokens if t.kind == 'mention' or t.kind in _OPERATORS]
  items: list[Token | str] = []
  resolved = True
  for i, token in enumerate(kept):
    if token.kind == 'mention':
      items.append(token)
    elif token.kind == 'nor':
      items += ['and', 'not']
    elif token.kind == 'comma':
      joint, known = _comma(kept, i)
      resolved &= known
      items += [joint] if joint else []
    else:
      items.append(token.kind)
  return _trimmed(items), resolved


def _comma(kept: list[Token], i: int) -> tuple[str, bool]:
  """Returns what the comma at `i` stands for, and whether that is sure."""
  before = [t for t in kept[:i] if t.kind == 'mention']
  after = kept[i + 1 :]
  if not before or not any(t.kind == 'mention' for t in after):
    return '', True
  if after[0].kind in ('and', 'but', 'or', 'nor'):
    return '', True
  joint = next((t.kind for t in after if t.kind in ('and', 'or')), '')
  same = after[0].kind == 'mention' and after[0].slot == before[-1].slot
  if same:
    return joint or 'and', bool(joint)
  return {'and': 'and', 'or': 'and/or', '': 'but'}[joint], True


def _trimmed(items: list[Token | str]) -> list[Token | str]:
  """Drops operators that join nothing: "and is it red" is just red."""
  joints = ('and', 'but', 'or', 'and/or')
  while items and items[0] in joints:
    items = items[1:]
  while items and items[-1] in joints:
    items = items[:-1]
  return items


def _slots_are_valued(tokens: list[Token]) -> bool:
  """Checks that a named slot has a value: "is its home small?" has none."""
  valued = {token.slot for token in tokens if token.kind == 'mention'}
  return all(t.slot in valued for t in tokens if t.kind == 'slot')


def _roles_hold(tokens: list[Token], lexicon: lexicon_lib.Lexicon) -> bool:
  """Checks that each value stands where its slot lets it stand."""
  return all(
      _role_holds(tokens, i, lexicon.slot(token.slot))
      for i, token in enumerate(tokens)
      if token.kind == 'mention'
  )


def _role_holds(tokens: list[Token], i: int, slot: lexicon_lib.Slot) -> bool:
  before = i
  while before and tokens[before - 1].kind == 'det':
    before -= 1
  left = tokens[before - 1] if before else None
  right = tokens[i + 1] if i + 1 < len(tokens) else None
  if left and left.kind == 'prep' and left.text not in slot.prepositions:
    return False
  if right and right.text in slot.barred:
    return False
  if right and right.kind == 'genitive' and not slot.owns:
    return False
  return slot.part != 'noun' or not _is_subject(tokens, before, i)


def _is_subject(tokens: list[Token], before: int, i: int) -> bool:
  """Whether "is the forest green?" speaks of the value at `i`, not the task."""
  inverted = before < i and before and tokens[before - 1].kind == 'aux'
  speaks = any(
      t.kind == 'mention' and t.slot != tokens[i].slot for t in tokens[i + 1 :]
  )
  named = any(t.kind == 'pronoun' for t in tokens[:before])
  return bool(inverted and speaks and not named)
