"""What free text says about the slots of a lexicon.

A text becomes sentences, a sentence becomes tokens, and a sentence is `clear`
only if every word is known and every value stands in the role its slot expects:

  "Isn't it small, and from the forest?"  ->  small and forest
  "It is red, not blue."                  ->  red and not blue
  "Does it sleep near the forest?"        ->  not clear: 'sleep', 'near'

Nothing here knows what is true.
"""

import dataclasses
import functools
import re
import unicodedata

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import roles
from bao_jax.users import words

Token = lexicon_lib.Token

MAX_LENGTH = 4000  # Characters; the longest story takes a tenth.

_IS_AFTER = 'it that this there here what who he she how where'.split()
_BARE_NEGATIONS = (
    'is are was were do does did has have had could would should'
).split()
_OPERATORS = ('not', 'nor', 'and', 'but', 'or', 'comma')
_JOINTS = ('and', 'but', 'or', 'and/or')
_SUBJECTS = ('pronoun', 'det', 'mention')


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
  is_question: bool = False

  @property
  def mentions(self) -> list[Token]:
    """The values named, in any role."""
    return [item for item in self.items if isinstance(item, Token)]

  @property
  def takes_back(self) -> bool:
    """Whether it may take back, or argue for, what other sentences say."""
    idle_not = not self.mentions and 'not' in self.items
    return self.flipped or self.doubts or idle_not


@functools.lru_cache(maxsize=4096)  # Players ask the same questions often.
def read(text: str, lexicon: lexicon_lib.Lexicon) -> tuple[Sentence, ...]:
  """Reads a text; what is not understood is marked so, never dropped.

  Args:
    text: from a policy; of more than `MAX_LENGTH` characters nothing is
      understood.
    lexicon: the words to understand it by.

  Returns:
    Its sentences, in order.
  """
  if len(text) > MAX_LENGTH:
    return (Sentence((), clear=False, flipped=False, doubts=True),)
  sentences = []
  for parts, end in split(text):
    tokens = lexicon.tokenize(parts)
    joins = tokens and tokens[0].kind in ('and', 'but', 'or', 'nor')
    if joins and sentences:
      before = sentences.pop()
      tokens = before[0] + tokens
    sentences.append((tokens, end))
  return tuple(_sentence(tokens, end, lexicon) for tokens, end in sentences)


def split(text: str) -> list[tuple[list[str], str]]:
  """Splits into sentences of lower-case words, contractions written out."""
  text = unicodedata.normalize('NFKC', text).lower()
  text = re.sub('[\u2018\u2019\u02bc`]', "'", text)
  text = re.sub('["\u201c\u201d*]', ' ', text)
  text = re.sub(r"\bcan't\b|\bcannot\b", "can n't", text)
  text = re.sub(r"\bain't\b", "is n't", text)
  text = re.sub(rf"\b({'|'.join(_BARE_NEGATIONS)})n'?t\b", r"\1 n't", text)
  text = re.sub(r"\bi'm\b|\bim\b", 'i am', text)
  text = re.sub(rf"\b({'|'.join(_IS_AFTER)})'s\b", r'\1 is', text)
  text = re.sub(r'\b(that|what)s\b', r'\1 is', text)
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
  known = all(token.kind != 'unknown' for token in tokens)
  return Sentence(
      items=tuple(_items(tokens)),
      clear=known and roles.hold(tokens, lexicon),
      flipped=flips % 2 == 1,
      doubts=any(token.text in words.DOUBTS for token in tokens),
      is_question=end == '?',
  )


def _without_politeness(tokens: list[Token]) -> list[Token]:
  """Drops the "n't" of "isn't it red?", which asks whether it is red."""
  opening = ('filler', 'comma', 'and', 'but', 'or')
  start = next(
      (i for i, t in enumerate(tokens) if t.kind not in opening), len(tokens)
  )
  kinds = [token.kind for token in tokens[start : start + 4]]
  inverted = kinds[:2] == ['aux', 'not'] and tokens[start + 1].text == "n't"
  # "Isn't red?" lacks a subject: the value alone must not count as one.
  if inverted and len(kinds) == 4 and kinds[2] in _SUBJECTS:
    return [*tokens[: start + 1], *tokens[start + 2 :]]
  return tokens


def _without_tags(tokens: list[Token]) -> list[Token]:
  """Drops what only asks for agreement: ", isn't it", ", no", "or not"."""
  kinds = [token.kind for token in tokens]
  if kinds[-3:] == ['aux', 'not', 'pronoun'] and 'aux' in kinds[:-3]:
    return tokens[:-3]
  if kinds[-2:] in (['comma', 'not'], ['or', 'not']):
    return tokens[:-2]
  if kinds[:2] == ['not', 'comma'] and tokens[0].text in ('no', 'nope'):
    return tokens[2:]
  return tokens


def _items(tokens: list[Token]) -> list[Token | str]:
  """Returns the mentions and the operators between them."""
  kept = [t for t in tokens if t.kind == 'mention' or t.kind in _OPERATORS]
  items: list[Token | str] = []
  for i, token in enumerate(kept):
    if token.kind == 'mention':
      items.append(token)
    elif token.kind == 'nor':
      items += ['and', 'not']
    elif token.kind == 'not' and _follows_subject(kept, i):
      items.insert(_start_of_group(items), 'not')
    elif token.kind == 'comma':
      items += _comma(kept, i)
    else:
      items.append(token.kind)
  return _trimmed(items)


def _follows_subject(kept: list[Token], i: int) -> bool:
  """Whether a 'not' denies what stands before it: "the cook did not"."""
  is_last = i + 1 == len(kept) or kept[i + 1].kind in ('comma', 'but')
  return is_last and i > 0 and kept[i - 1].kind == 'mention'


def _start_of_group(items: list[Token | str]) -> int:
  start = len(items)
  while start and isinstance(items[start - 1], Token):
    start -= 1
  return start


def _comma(kept: list[Token], i: int) -> list[str]:
  """Returns what the comma at `i` stands for."""
  before = [t for t in kept[:i] if t.kind == 'mention']
  after = kept[i + 1 :]
  if not before or not any(t.kind == 'mention' for t in after):
    return []
  if after[0].kind in ('and', 'but', 'or', 'nor'):
    return []
  if after[0].kind == 'not' or _closes_denial(kept, i):
    return ['but']
  joint = next((t.kind for t in after if t.kind in ('and', 'or')), '')
  if after[0].slot == before[-1].slot:
    return [joint or 'and/or']
  return [{'and': 'and', 'or': 'and/or', '': 'but'}[joint]]


def _closes_denial(kept: list[Token], i: int) -> bool:
  """Whether the comma at `i` ends a 'not': "red, not blue, small"."""
  last = next((j for j in reversed(range(i)) if kept[j].kind == 'not'), None)
  if last is None or any(t.kind in ('comma', 'but') for t in kept[last:i]):
    return False
  is_inserted = last == 0 or kept[last - 1].kind in ('comma', 'but')
  denied = {t.slot for t in kept[last:i] if t.kind == 'mention'}
  follows = kept[i + 1]
  return not denied or (
      follows.kind == 'mention' and (follows.slot in denied or is_inserted)
  )


def _trimmed(items: list[Token | str]) -> list[Token | str]:
  """Drops operators that join nothing: "and is it red" is just red."""
  while items and items[0] in _JOINTS:
    items = items[1:]
  while items and items[-1] in _JOINTS:
    items = items[:-1]
  return items
