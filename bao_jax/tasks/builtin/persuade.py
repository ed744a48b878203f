"""Built-in Persuade tasks: a claim, and the concerns of whoever holds it.

A task's `data` has the keys of the benchmark's rows and one of our own:

  claim     what the policy reads: a proposal and the first reason for it
  argument  the holder's own argument, which the policy does not read
  facts     {concerns: name -> the steps that its counterpoint is worth, in the
            order in which they are voiced}, for the scripted holder

The steps add up to the whole ladder and never grow along the order. The first
concern is the reason that the claim states; the others come up in replies.

Held out is the claim: no claim of a split is in another one, while each of its
proposals, of its reasons and of the concerns behind it occurs in train.
"""

from collections.abc import Iterator, Mapping
import random
from typing import Any

from bao_jax import types
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import persuade_words

LEVELS = persuade_words.LEVELS
NUM_CLAIMS = {  # In train, and held out in each of the others.
    'easy': (152, 32),
    'medium': (228, 48),
    'full': (228, 48),
}
TASKS_PER_CLAIM = {'easy': 3, 'medium': 2, 'full': 2}
# How many steps each concern is worth, in the order in which it is voiced.
STEPS = {
    'easy': ((2, 2, 2),),
    'medium': ((2, 2, 1, 1), (2, 2, 2)),
    'full': ((2, 2, 1, 1), (2, 2, 2), (3, 1, 1, 1), (2, 1, 1, 1, 1)),
}


def generate(level: str, split: str, seed: int = 0) -> list[types.Task]:
  """Generates the tasks of one split.

  Args:
    level: 'easy', 'medium' or 'full'.
    split: 'train', 'validation' or 'test'.
    seed: of the draw.

  Returns:
    456 tasks for training, 96 for the others; the same for the same arguments.
    A claim is held by two or three people, each with concerns of their own.

  Raises:
    ValueError: there is no such level or split.
  """
  if level not in LEVELS:
    raise ValueError(f'Unknown level {level!r}; use one of {list(LEVELS)}')
  train, held_out = NUM_CLAIMS[level]
  claims = combinations.split(
      {
          'proposal': persuade_words.PROPOSALS[level],
          'lead': persuade_words.NAMES[level],
      },
      split,
      seed=seed,
      train=train,
      held_out=held_out,
  )
  rng = random.Random(f'{seed} persuade {level} {split}')
  holders = [
      (claim, concerns)
      for claim in claims
      for concerns in _holders(claim['lead'], level, rng)
  ]
  return [
      types.Task(
          f'persuade/{level}/{split}/{i}',
          'persuade',
          level,
          claim_data(claim['proposal'], concerns, level),
      )
      for i, (claim, concerns) in enumerate(holders)
  ]


def claim_data(
    proposal: str, concerns: Mapping[str, int], level: str
) -> Mapping[str, Any]:
  """Returns the data of the task of one holder.

  Args:
    proposal: one of the level.
    concerns: each concern and its steps, the reason for the claim first.
    level: 'easy', 'medium' or 'full'.
  """
  claim = persuade_words.claim(proposal, next(iter(concerns)), level)
  return {
      'claim': claim,
      'argument': persuade_words.argument(claim, concerns, level),
      'facts': {'concerns': dict(concerns)},
  }


def _holders(
    lead: str, level: str, rng: random.Random
) -> Iterator[Mapping[str, int]]:
  """Yields the concerns of the people who hold one claim, all different."""
  others = [name for name in persuade_words.NAMES[level] if name != lead]
  seen = []
  while len(seen) < TASKS_PER_CLAIM[level]:
    steps = rng.choice(STEPS[level])
    names = [lead, *rng.sample(others, len(steps) - 1)]
    if names not in seen:
      seen.append(names)
      yield dict(zip(names, steps, strict=True))
