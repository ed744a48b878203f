"""Whether the values in a sentence stand where they mean what they say.

"Is it in the forest?" tells where a thing lives; "is it near the forest?", "is
the forest red?" and "is it a large forest?" do not, though they name the same
words. What these checks do not vouch for is not understood.
"""

from collections.abc import Sequence

from bao_jax.users import lexicon as lexicon_lib

Token = lexicon_lib.Token

_JOINTS = ('and', 'but', 'or', 'nor', 'comma', 'not', 'flip')
_NOUNS = ('head', 'thing', 'pronoun')
_HAVE = ('has', 'have', 'had')
_BE = ('is', 'are', 'was', 'were', 'been', 'being')
_RELATIVES = ('that', 'who', 'which')


def hold(tokens: Sequence[Token], lexicon: lexicon_lib.Lexicon) -> bool:
  """Returns whether all of a sentence can be vouched for.

  Args:
    tokens: the sentence.
    lexicon: knows the slots.
  """
  return _slots_are_valued(tokens) and all(
      _value_holds(tokens, i, lexicon)
      if token.kind == 'mention'
      else _word_holds(tokens, i)
      for i, token in enumerate(tokens)
  )


def _slots_are_valued(tokens: Sequence[Token]) -> bool:
  """Checks that a named slot has a value: "is its home small?" has none."""
  valued = {token.slot for token in tokens if token.kind == 'mention'}
  return all(t.slot in valued for t in tokens if t.kind == 'slot')


def _word_holds(tokens: Sequence[Token], i: int) -> bool:
  """Checks a word that is no value."""
  token, right = tokens[i], _at(tokens, _past_dets(tokens, i + 1))
  if token.kind == 'degree':
    return _at(tokens, i + 1).kind != 'mention'
  if token.kind == 'slot':
    return _is_valued(tokens, i)
  if token.text in _HAVE and right.kind == 'thing':
    return False
  if token.kind != 'prep' or right.kind in ('mention', 'slot', 'not', ''):
    return True
  if token.text == 'to':
    return right.kind in ('filler', 'verb') and _at(tokens, i + 1) == right
  return token.text in ('of', 'by') and right.kind in _NOUNS


def _is_valued(tokens: Sequence[Token], i: int) -> bool:
  """Checks that a slot is next to its value: not "its skin is small"."""
  j = i + 1
  while _at(tokens, j).kind in ('det', 'aux', 'comma'):
    j += 1
  near = [_at(tokens, i - 1), _at(tokens, j)]
  slots = {token.slot for token in near if token.kind == 'mention'}
  return not slots or tokens[i].slot in slots


def _value_holds(
    tokens: Sequence[Token], i: int, lexicon: lexicon_lib.Lexicon
) -> bool:
  slot = lexicon.slot(tokens[i].slot)
  start = i
  while start and tokens[start - 1].kind == 'det':
    start -= 1
  left, right = _at(tokens, start - 1), _at(tokens, i + 1)
  if left.kind == 'not':  # "for something other than love"
    left = _at(tokens, start - 2)
  if left.kind == 'prep' and left.text not in slot.prepositions:
    return False
  if left.kind == 'verb' and left.text not in slot.verbs:
    return False
  if right.kind == 'genitive' and not slot.owns:
    return False
  if 'thing' in (_at(tokens, i - 1).kind, right.kind):
    return False
  return not (
      _is_acted_on(tokens, start, i, slot)
      or _is_verb(tokens, i, slot, left)
      or _is_placed(left, right, slot)
      or _is_attribute(tokens, i, lexicon)
      or _is_general(tokens, i, slot)
      or _lacks_role(tokens, start, i, lexicon)
  )


def _is_acted_on(
    tokens: Sequence[Token], start: int, i: int, slot: lexicon_lib.Slot
) -> bool:
  """Whether a value suffers the deed: "was the cook (who was) taken"."""
  auxes = [_at(tokens, start - 1).text]
  j = i + 1
  while _at(tokens, j).kind == 'aux' or _at(tokens, j).text in _RELATIVES:
    auxes.append(tokens[j].text)
    j += 1
  if set(_HAVE) & set(auxes) and 'been' not in auxes:
    return False  # "the cook has taken it"
  deed = _at(tokens, j)
  suffers = deed.kind == 'verb' and deed.text not in slot.verbs
  passive = set(auxes) & set(_BE) and not deed.text.endswith('ing')
  return deed.text in slot.barred or bool(suffers and passive)


def _is_verb(
    tokens: Sequence[Token], i: int, slot: lexicon_lib.Slot, left: Token
) -> bool:
  """Whether a value has an object: "did the nurse fear the book"."""
  right = _at(tokens, i + 1)
  opens = right.kind == 'det' or right.text in ('it', 'him', 'her', 'them')
  is_object = _at(tokens, _past_dets(tokens, i + 1)).kind != 'slot'
  has_object = left.kind != 'prep' and opens and is_object
  is_object = left.text in _HAVE  # "does the guard have money?"
  return slot.is_verb and (has_object or is_object or right.text == 'of')


def _is_placed(left: Token, right: Token, slot: lexicon_lib.Slot) -> bool:
  """Whether the sentence says where a value is: "was the rope in it"."""
  is_subject = left.kind == 'aux' and left.text not in _HAVE
  return slot.part == 'noun' and is_subject and right.kind == 'prep'


def _is_attribute(
    tokens: Sequence[Token], i: int, lexicon: lexicon_lib.Lexicon
) -> bool:
  """Whether an adjective is about another value: "does it eat tiny seeds?"."""
  if lexicon.slot(tokens[i].slot).part != 'adjective':
    return False
  last = i
  while _at(tokens, last + 1).kind == 'mention':
    last += 1
  right = _at(tokens, last + 1)
  if right.kind == 'slot' and right.slot != tokens[last].slot:
    return True  # "a small house"
  needs_role = bool(lexicon.slot(tokens[last].slot).roles)
  is_list = not any(t.kind in ('aux', 'prep', 'pronoun') for t in tokens)
  is_head = _at(tokens, last + 1).kind not in ('head', 'genitive')
  return needs_role and is_head and not is_list


def _is_general(
    tokens: Sequence[Token], i: int, slot: lexicon_lib.Slot
) -> bool:
  """Whether the sentence is about all of a kind: "can a fox be red?"."""
  start = i
  while _at(tokens, start - 1).kind == 'mention':
    start -= 1
  article, before = _at(tokens, start - 1), _at(tokens, start - 2)
  opens = article.text in ('a', 'an') and before.kind == 'aux'
  named = _at(tokens, start - 3).kind == 'pronoun'  # "it is a fox"
  return slot.part == 'kind' and opens and not named


def _lacks_role(
    tokens: Sequence[Token], start: int, i: int, lexicon: lexicon_lib.Lexicon
) -> bool:
  """Whether a value that needs a role, like a home, has been given none."""
  left, right = _at(tokens, start - 1), _at(tokens, i + 1)
  roles = lexicon.slot(tokens[i].slot).roles
  if not roles or left.kind == 'prep' or left.kind in _JOINTS:
    return False
  if right.kind in ('head', 'genitive') or _names_kind(right, lexicon):
    return False
  is_list = not any(token.kind == 'aux' for token in tokens)
  is_bare = start == i and left.kind != 'aux'
  has_role = any(token.text in roles for token in tokens)
  return not (is_list or is_bare or has_role)


def _names_kind(token: Token, lexicon: lexicon_lib.Lexicon) -> bool:
  """Whether a token is a noun that others qualify, like 'fox'."""
  if token.kind != 'mention':
    return False
  return lexicon.slot(token.slot).part == 'kind'


def _past_dets(tokens: Sequence[Token], i: int) -> int:
  while _at(tokens, i).kind == 'det':
    i += 1
  return i


def _at(tokens: Sequence[Token], i: int) -> Token:
  return tokens[i] if 0 <= i < len(tokens) else Token('', '')
