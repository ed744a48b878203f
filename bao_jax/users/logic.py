"""The truth of a coordination of facts under every way to bracket it.

"not red and small" can be read as (not red) and small, or as not (red and
small). Where the readings disagree the honest answer is "Maybe".
"""

from collections.abc import Sequence
import functools
import itertools

# The truth of a fact, or 'not', 'and', 'or', 'but' (an 'and' that nothing
# reaches over) and 'and/or' (a comma that can stand for either).
Item = bool | str

_JOIN = {
    'and': (lambda a, b: a and b,),
    'or': (lambda a, b: a or b,),
    'and/or': (lambda a, b: a and b, lambda a, b: a or b),
}


def truths(items: Sequence[Item]) -> set[bool]:
  """Returns the truth values of all readings of `items`.

  Two facts side by side are joined by 'and'. A 'not' reaches over a
  coordination only if that holds no other 'not': in "not red and not small"
  each has its own.

  Args:
    items: facts and operators, like `['not', True, 'and', False]`.

  Returns:
    A subset of {True, False}; empty if `items` cannot be read at all.
  """
  groups = itertools.groupby(items, lambda item: item == 'but')
  parts = [_readings(tuple(group)) for is_but, group in groups if not is_but]
  found = {True} if parts else set()
  for part in parts:
    found = {before and value for before in found for value in part}
  return found


def _readings(items: tuple[Item, ...]) -> frozenset[bool]:
  """Fills the table of all spans, as the CYK parser does."""

  @functools.cache
  def span(start: int, stop: int) -> frozenset[bool]:
    if stop - start == 1:
      return frozenset(item for item in items[start:stop] if item in (0, 1))
    found = set()
    if items[start] == 'not' and _reaches(items[start + 1 : stop]):
      found |= {not value for value in span(start + 1, stop)}
    for cut in range(start + 1, stop):
      join = _JOIN.get(items[cut])
      right = span(cut + bool(join), stop) if cut + bool(join) < stop else ()
      for a, b in itertools.product(span(start, cut), right):
        found |= {fn(a, b) for fn in join or _JOIN['and']}
    return frozenset(found)

  return span(0, len(items))


def _reaches(rest: tuple[Item, ...]) -> bool:
  """Whether a 'not' before `rest` can deny all of it."""
  return 'not' not in itertools.dropwhile(lambda item: item == 'not', rest)
