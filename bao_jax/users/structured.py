"""The object in a model's reply, read with tolerance for form alone.

  <think>...</think> ```json {'right': True,} ```   ->   {'right': True}

How it is written may vary; what it says may not be guessed. A reply that is cut
off, breaks inside of an object, names a field twice, holds two objects that
would do, or does not end with the one that does, alone, is refused: what a
model quotes, in an object or in a sentence, must not pass for its verdict.
Reading takes time linear in the text and evaluates nothing.
"""

from collections.abc import Iterator, Mapping
import functools
import json
import math
import re
from typing import Any

import jsonschema

_THINK, _END_THINK = '<think>', '</think>'
_MAX_DEPTH = 32
_MAX_OBJECTS = 16
_MAX_COMPLAINT = 200

# An object begins with a quoted name or is empty; other braces are prose.
_OPEN = re.compile(r'\{(?=\s*["\'}])')
_FENCE = re.compile(r'(```\w*)?')
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
    | (?P<word>[A-Za-z_]+)
    | (?P<mark>[{}\[\]:,])
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {
    'true': True,
    'false': False,
    'null': None,
    'True': True,
    'False': False,
    'None': None,
}
# A JSON string is made of a single-quoted one by these.
_QUOTES = re.compile(r'\\.|"', re.DOTALL)


def without_thought(text: str) -> str:
  """Returns what follows a model's thoughts; '' if they have no end.

  Thoughts come first: a mark within or behind the first object after them is
  text that the model quotes.
  """
  said = text.strip()
  if said.startswith(_THINK):
    said = said.partition(_END_THINK)[2].strip()
  if said.startswith('{'):
    return said
  first = _OPEN.search(said)
  begin = first.start() if first else len(said)
  head = said[:begin].rpartition(_END_THINK)[2]
  return '' if _THINK in head else (head + said[begin:]).strip()


def read(text: str, schema: Mapping[str, Any]) -> Any:
  """Reads the one object of a reply that satisfies a schema.

  Args:
    text: a model's reply, which ends with the object: on lines of its own, in a
      fence or not.
    schema: a JSON schema, of an object.

  Returns:
    The object, with JSON types; whole numbers are ints, however written.

  Raises:
    ValueError: says what is wrong, in words for the model.
  """
  validator = _validator(json.dumps(schema, sort_keys=True))
  valid, error = [], None
  said, begin, end = without_thought(text), 0, 0
  for i, (value, begin, end) in enumerate(_objects(said)):
    if i == _MAX_OBJECTS:
      raise ValueError('there are too many JSON objects in it')
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is None:
      valid.append(value)
  if error is not None:  # What was valid before it was quoted.
    raise ValueError(_complaint(error))
  if not valid:
    raise ValueError('there is no JSON object in it')
  if any(_plain(value) != _plain(valid[0]) for value in valid):
    raise ValueError('there are several different JSON objects in it')
  if not _stands_alone(said, begin, end):
    raise ValueError('there is text beside the JSON object')
  return valid[0]


def _stands_alone(text: str, begin: int, end: int) -> bool:
  """Whether an object ends a text and begins a line of it."""
  before = text[:begin].rpartition('\n')[2].strip()
  return bool(_FENCE.fullmatch(before)) and text[end:].strip() in ('', '```')


def _plain(value: Any) -> str:
  """Returns what equal objects share; unlike `==`, it tells True from 1."""
  return json.dumps(value, sort_keys=True)


@functools.lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema.Draft202012Validator:
  return jsonschema.Draft202012Validator(json.loads(schema))


def _complaint(error: jsonschema.ValidationError) -> str:
  where = '.'.join(map(str, error.absolute_path))
  text = f'{where}: {error.message}' if where else error.message
  return text[:_MAX_COMPLAINT]


def _objects(text: str) -> Iterator[tuple[dict[str, Any], int, int]]:
  """Yields the objects side by side, and where each begins and ends."""
  position = 0
  while begin := _OPEN.search(text, position):
    reader = _Reader(text, begin.start())
    value = reader.value()
    position = reader.position
    yield value, begin.start(), position


class _Reader:
  """Reads one value, from left to right and without a way back."""

  def __init__(self, text: str, position: int):
    self._text = text
    self.position = position

  def value(self, depth: int = 0) -> Any:
    kind, token = self._next()
    if depth > _MAX_DEPTH:
      raise ValueError('the JSON is nested too deeply')
    if kind == 'string':
      return _string(token)
    if kind == 'number':
      return _number(token)
    if kind == 'word' and token in _WORDS:
      return _WORDS[token]
    if token == '{':
      return self._object(depth)
    if token == '[':
      return self._array(depth)
    raise ValueError(f'the JSON breaks at {token[:20]!r}')

  def _object(self, depth: int) -> dict[str, Any]:
    fields = {}
    while not self._ends('}'):
      kind, token = self._next()
      if kind != 'string':
        raise ValueError(f'the JSON has {token[:20]!r} for a field')
      name = _string(token)
      if name in fields:
        raise ValueError(f'the JSON has the field {name[:20]!r} twice')
      if self._next()[1] != ':':
        raise ValueError(f'the JSON has no colon after {name[:20]!r}')
      fields[name] = self.value(depth + 1)
      self._separate('}')
    return fields

  def _array(self, depth: int) -> list[Any]:
    items = []
    while not self._ends(']'):
      items.append(self.value(depth + 1))
      self._separate(']')
    return items

  def _next(self) -> tuple[str, str]:
    match = _TOKEN.match(self._text, self.position)
    if match is None:
      what = self._text[self.position : self.position + 20].strip()
      raise ValueError(
          f'the JSON breaks at {what!r}' if what else 'the JSON is cut off'
      )
    self.position = match.end()
    return match.lastgroup, match[match.lastgroup]

  def _ends(self, mark: str) -> bool:
    """Takes the mark if it comes next."""
    match = _TOKEN.match(self._text, self.position)
    found = match is not None and match[0].strip() == mark
    self.position = match.end() if found else self.position
    return found

  def _separate(self, mark: str) -> None:
    """Takes a comma, which may be missing before the end alone."""
    match = _TOKEN.match(self._text, self.position)
    token = match['mark'] if match else None
    if token == ',':
      self.position = match.end()
    elif token != mark:
      what = self._text[self.position : self.position + 20].strip()
      raise ValueError(
          f'the JSON breaks at {what!r}' if what else 'the JSON is cut off'
      )


def _string(token: str) -> str:
  if token[0] == "'":
    fix = lambda m: {"\\'": "'", '"': '\\"'}.get(m[0], m[0])
    token = f'"{_QUOTES.sub(fix, token[1:-1])}"'
  try:
    # Not strict: models write line breaks into strings.
    return json.loads(token, strict=False)
  except ValueError as error:
    raise ValueError(f'the JSON breaks in {token[:20]!r}') from error


def _number(token: str) -> int | float:
  if len(token) > 40:
    raise ValueError(f'the JSON has too long a number, {token[:20]}...')
  number = float(token)
  if not math.isfinite(number):
    raise ValueError(f'the JSON has too large a number, {token}')
  if token.lstrip('-').isdigit():
    return int(token)
  return int(number) if number.is_integer() else number
