"""The options of the built-in Travel tasks: what can be booked, and its price.

Whoever does not know a wish takes the wrong option. For each wish, one option
that fails it alone is cheaper than the best one. Every noise option is too; it
leaves out the field that shows a wish, so that nobody can tell. Others leave
fields out as well, or else a gap would give away what there is a wish about.
"""

from collections.abc import Iterator, Mapping, Sequence
import random
from typing import Any

from bao_jax.tasks.builtin import travel_words

_BEST = 0.5  # The rank in price, from 0 to 1.
_KINDS = ('correct', 'wrong', 'noise')
_GAPS = 0.5  # How often other options leave a field out.


def options(
    level: str, aspect: str, wishes: Mapping[str, str], rng: random.Random
) -> Mapping[str, Any]:
  """Draws the options of an aspect.

  Args:
    level: 'easy', 'medium' or 'full'.
    aspect: what is booked.
    wishes: the value wished for, by category.
    rng: of the draw.

  Returns:
    `options`, lists by 'correct', 'wrong' and 'noise'; `correct_ids`, which
    have every value wished for, and `best_id`, the cheapest of these.
  """
  drawn = sorted(_draw(level, aspect, wishes, rng), key=lambda one: one[0])
  prices = sorted(rng.sample(range(20, 100), len(drawn)))
  numbers = rng.sample(range(1, len(drawn) + 1), len(drawn))
  found: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in _KINDS}
  best = ''
  letter = travel_words.LETTERS[aspect]
  for (rank, kind, values), price, number in zip(drawn, prices, numbers):
    one = {'id': f'{letter}{number}', **_fields(level, aspect, values, rng)}
    found[kind].append({**one, 'cost': price})
    best = one['id'] if rank == _BEST else best
  correct = sorted(one['id'] for one in found['correct'])
  return {'options': found, 'correct_ids': correct, 'best_id': best}


def _draw(
    level: str, aspect: str, wishes: Mapping[str, str], rng: random.Random
) -> Iterator[tuple[float, str, Mapping[str, str]]]:
  """Yields each option's rank in price, kind and value per category."""
  num_correct, num_wrong, num_noise = travel_words.NUM_OPTIONS[level]
  yield _BEST, 'correct', _values(level, aspect, wishes, rng)
  for _ in range(num_correct - 1):
    values = _values(level, aspect, wishes, rng)
    gaps = [name for name in values if name not in wishes]
    yield rng.uniform(0.51, 1), 'correct', _with_gap(values, gaps, rng)
  for name in wishes:
    values = _values(level, aspect, wishes, rng, failed=(name,))
    yield rng.uniform(0, 0.49), 'wrong', values
  for _ in range(num_wrong - len(wishes)):
    failed = rng.sample(list(wishes), rng.randint(1, len(wishes)))
    values = _values(level, aspect, wishes, rng, failed=failed)
    yield rng.random(), 'wrong', _with_gap(values, list(values), rng)
  for _ in range(num_noise):
    values = _values(level, aspect, wishes, rng)
    gap = rng.choice(list(wishes))
    yield rng.uniform(0, 0.49), 'noise', _without(values, gap)


def _with_gap(
    values: Mapping[str, str], gaps: Sequence[str], rng: random.Random
) -> Mapping[str, str]:
  if not gaps or rng.random() >= _GAPS:
    return values
  return _without(values, rng.choice(gaps))


def _without(values: Mapping[str, str], gap: str) -> Mapping[str, str]:
  return {name: value for name, value in values.items() if name != gap}


def _values(
    level, aspect, wishes, rng: random.Random, failed=()
) -> Mapping[str, str]:
  """Draws a value for each category, those wished for but for the failed."""
  values = {}
  for name, category in travel_words.categories(level, aspect).items():
    wish = wishes.get(name)
    others = [v for v in category.values if name not in failed or v != wish]
    is_met = wish is not None and name not in failed
    values[name] = wish if is_met else rng.choice(others)
  return values


def _fields(
    level: str, aspect: str, values: Mapping[str, str], rng: random.Random
) -> Mapping[str, Any]:
  """Returns how an option is shown, without its id and cost."""
  if level != 'full':
    return dict(values)
  shown = {
      travel_words.field(level, aspect, name): rng.choice(
          travel_words.ASPECTS[aspect][name].values[value].shown
      )
      for name, value in values.items()
  }
  return {**shown, 'rating': round(rng.uniform(3.5, 5), 1)}
