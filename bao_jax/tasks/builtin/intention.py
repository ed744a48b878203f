"""Built-in Intention tasks: a vague request with details left open.

A task's `data` has the keys of the benchmark's requests and one of our own:

  category, task   what the policy reads
  missing_details  what the request leaves open, from 2 to 5 of
                   {description, importance ('1' to '3'), inquiry, options}
  facts            {values: kind -> option, missing: the kind of each missing
                   detail, in their order}, for the scripted user

What a request does not leave open it states, or nobody cares: at level full, at
times, for one kind that matters little. The kinds of details that count in a
category, and how much, are the same in all of its requests: that is what there
is to learn.

Held out is the combination: the subject, which details are open and what they
are. Every subject, every kind and every option of a category is in train.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import random
from typing import Any

from bao_jax import types
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import intention_words

LEVELS = intention_words.LEVELS
NUM_TRAIN = 456
NUM_MISSING = {'easy': (2, 3), 'medium': (2, 3, 4), 'full': (2, 3, 4, 5)}


@dataclasses.dataclass(frozen=True)
class Request:
  """A request and what is behind it.

  Attributes:
    category: its domain.
    subject: what is wanted.
    values: each kind of detail that somebody cares about, and what it is.
    missing: those of them that the request leaves open.
  """

  category: str
  subject: str
  values: Mapping[str, str]
  missing: tuple[str, ...]

  @property
  def parts(self) -> set[tuple[str, ...]]:
    """What must occur in train wherever it occurs."""
    values = {(self.category, *pair) for pair in self.values.items()}
    missing = {(self.category, 'missing', kind) for kind in self.missing}
    return {(self.category, self.subject)} | values | missing


def generate(level: str, split: str, seed: int = 0) -> list[types.Task]:
  """Generates the tasks of one split.

  Args:
    level: 'easy', 'medium' or 'full'.
    split: 'train', 'validation' or 'test'.
    seed: of the draw.

  Returns:
    456 tasks for training, 96 for the others; the same for the same arguments.

  Raises:
    ValueError: there is no such level or split.
  """
  if level not in LEVELS:
    raise ValueError(f'Unknown level {level!r}; use one of {list(LEVELS)}')
  requests = combinations.hold_out(
      _requests(level, seed),
      split,
      parts=lambda request: request.parts,
      train=NUM_TRAIN,
  )
  return [
      types.Task(
          f'intention/{level}/{split}/{i}',
          'intention',
          level,
          request_data(request, level),
      )
      for i, request in enumerate(requests)
  ]


def request_data(request: Request, level: str) -> Mapping[str, Any]:
  """Returns the data of the task that poses a request."""
  domain = intention_words.DOMAINS[level][request.category]
  return {
      'category': request.category,
      'task': _text(request, level),
      'missing_details': [
          {
              'description': intention_words.KINDS[kind].description,
              'importance': str(domain.kinds[kind]),
              'inquiry': intention_words.KINDS[kind].inquiry,
              'options': intention_words.options(level, kind),
          }
          for kind in request.missing
      ],
      'facts': {
          'values': dict(request.values),
          'missing': list(request.missing),
      },
  }


def _requests(level: str, seed: int) -> Iterator[Request]:
  """Draws requests without end, one category after the other."""
  rng = random.Random(f'{seed} intention {level}')
  while True:
    for category, domain in intention_words.DOMAINS[level].items():
      kinds = list(domain.kinds)
      num_missing = rng.choice(NUM_MISSING[level])
      missing = rng.sample(kinds, num_missing)
      rest = [kind for kind in kinds if kind not in missing]
      idle = [kind for kind in rest if domain.kinds[kind] == 1]
      if level == 'full' and idle and rng.random() < 0.5:
        rest.remove(rng.choice(idle))  # Nobody cares.
      yield Request(
          category,
          rng.choice(domain.subjects),
          {
              kind: rng.choice(intention_words.options(level, kind))
              for kind in kinds
              if kind in missing or kind in rest
          },
          tuple(kind for kind in kinds if kind in missing),
      )


def _text(request: Request, level: str) -> str:
  given = {k: v for k, v in request.values.items() if k not in request.missing}
  if level == 'easy':
    return ', '.join([request.subject, *given.values()])
  stated = [
      intention_words.KINDS[kind].given.format(value)
      for kind, value in given.items()
  ]
  opening = f'{request.subject}.'
  if level == 'medium':
    opening = f'{intention_words.MEDIUM}: a {request.subject}.'
  return ' '.join([opening, *stated])
