"""The numbers that a free wording names. It knows no gym and computes nothing.

  read('a=3, b=1, c=0 and d=2')  ->  [Numeral(3, 'a'), Numeral(1, 'b'), ...]
  read('I say 16.')              ->  [Numeral(16)]
  read('3-2'), read('not 16')    ->  None

Whoever reads it must be sure what was meant, so it refuses (None) wherever a
number may mean something else than itself: in a sum, a negation, a comparison,
a power of ten.
"""

import dataclasses
import re

WORDS = (
    *('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'),
    *('nine', 'ten', 'eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen'),
    *('sixteen', 'seventeen', 'eighteen', 'nineteen', 'twenty'),
)
_FILLERS = ('and', 'a', 'b', 'c', 'd', 'is', 'be', 'to')
# These change what the number beside them means.
_ALTERING = re.compile(
    r"""\b(?:
        no|not|never|nor|neither|none|cannot|except|without|avoid|unless|skip
        |than|between|above|below|under|over|least|most|almost|nearly
        |plus|times|half|twice|double|triple|squared?|cubed?|root|sqrt|log
        |percent|dozen|hundred|thousand|million|divided|multiplied|power
    )\b|n['’]t\b|\bdont\b|\b(?:any|every|all)\w*\s+but\b""",
    re.IGNORECASE | re.VERBOSE,
)
_LEGEND = re.compile(r'\ba[\s,]*b[\s,]*c[\s,]*(?:and\s+)?d\b', re.IGNORECASE)
_MINUS = re.compile(r'\b(?:minus|negative)\s+', re.IGNORECASE)
_CHUNK = re.compile(r'[^\s,;:()\[\]{}|=，；：、]+')
_SYMBOL = re.compile(r'[-+*/^~<>%–—≈≠≤≥]+$')
_MARKS = r'(?:\*\*|[`"\'_“”‘’])*'
_NUMERAL = re.compile(
    rf'{_MARKS}([abcd])?([-+]?(?:\d{{1,15}}(?:\.\d{{0,15}})?|\.\d{{1,15}}))'
    rf'(?:{_MARKS}|[.!?])*$',
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Numeral:
  """A number and the variable (a, b, c or d; '' if none) said to have it."""

  value: float
  name: str = ''


def read(text: str) -> list[Numeral] | None:
  """Returns the numbers in their order; None where they may mean another."""
  if _ALTERING.search(text):
    return None
  text = _LEGEND.sub(' ', text.replace('−', '-').replace('->', '='))
  chunks = _CHUNK.findall(_MINUS.sub('-', text))
  if not any(_is_numeric(chunk) for chunk in chunks):
    chunks = _from_words(chunks)
  numerals = []
  for i, chunk in enumerate(chunks):
    if not _is_numeric(chunk):
      continue
    match = _NUMERAL.match(chunk)
    if match is None or (i and _SYMBOL.match(chunks[i - 1])):
      return None
    name = match[1] or _name_before(chunks[:i])
    numerals.append(Numeral(float(match[2]), name.lower()))
  return numerals


def _is_numeric(chunk: str) -> bool:
  return any(letter.isnumeric() for letter in chunk)


def _name_before(chunks: list[str]) -> str:
  if chunks and chunks[-1].lower() in ('is', 'to', 'be'):
    chunks = chunks[:-1]
  return chunks[-1] if chunks and chunks[-1].lower() in tuple('abcd') else ''


def _from_words(chunks: list[str]) -> list[str]:
  """Spells 'three' as '3' if the text holds nothing but such words."""
  plain = [chunk.lower().strip('.!?') for chunk in chunks]
  if any(word.lstrip('-') not in WORDS + _FILLERS for word in plain):
    return []
  spelt = {word: str(i) for i, word in enumerate(WORDS)}
  return [
      word[: word.startswith('-')] + spelt.get(word.lstrip('-'), word)
      for word in plain
  ]
