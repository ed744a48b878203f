"""Built-in Tau tasks: what a user wants of a shop or of an airline.

A task's `data` has the keys of the benchmark and three of our own:

  user_id, instruction  who the user is and what it is to do, in words
  obs                   its first line, which the policy reads
  actions               {name, kwargs} of the calls of a right solution
  outputs               what the user must be told
  kind                  what the task is about, one of `KINDS`
  database              domain, size and seed, from which it is drawn
  facts                 the instruction in structured form; see `users.tau`

Every task has a database of its own, so that nothing is learned but how to look
things up. A task without `facts` is playable with a user that needs none.
"""

from collections.abc import Iterator, Mapping, Sequence
import copy
import functools
import itertools
import random
from typing import Any

from bao_jax import types
from bao_jax.envs.tau import airline_data
from bao_jax.envs.tau import retail_data
from bao_jax.tasks.builtin import combinations
from bao_jax.tasks.builtin import tau_airline
from bao_jax.tasks.builtin import tau_parts
from bao_jax.tasks.builtin import tau_retail

LEVELS = ('easy', 'medium', 'full')
SPLITS = combinations.SPLITS
TRAIN, HELD_OUT = 420, 84

# Domain, then makers of a scenario.
_RETAIL_FEW = ('cancel', 'return', 'price', 'refuse_cancel', 'refuse_return')
_RETAIL = (
    *_RETAIL_FEW,
    'exchange',
    'modify_items',
    'refuse_swap',
    'address',
    'refuse_address',
    'payment',
    'count',
    'retail_transfer',
)
_AIRLINE = (
    'cancel_trip',
    'refuse_cancel_trip',
    'bags',
    'date',
    'refuse_date',
    'fare',
    'airline_transfer',
)
KINDS: Mapping[str, tuple[str, ...]] = {
    'easy': _RETAIL_FEW,
    'medium': (*_RETAIL, *_AIRLINE),
    'full': (
        *_RETAIL,
        'profile',
        'total',
        'two_wishes',
        *_AIRLINE,
        'passenger',
        'book',
        'certificate',
        'refuse_certificate',
    ),
}

_OPENINGS = {
    'easy': ('i want to {}',),
    'medium': ('i want to {}', 'hello, i want to {}'),
    'full': (
        'Hello! I need some help, because I want to {}.',
        'Hi. I want to {}. Can you do that for me?',
        'Good morning, I want to {}, please.',
    ),
}


def generate(level: str, split: str, seed: int = 0) -> list[types.Task]:
  """Generates the tasks of one split.

  Args:
    level: 'easy' (retail, few tools), 'medium' or 'full'.
    split: 'train', 'validation' or 'test'.
    seed: of the draw.

  Returns:
    Tasks, the same ones for the same arguments. No combination of parts is in
    two splits of a seed, and every part is in its training split.

  Raises:
    ValueError: there is no such level or split.
  """
  if level not in LEVELS:
    raise ValueError(f'Unknown level {level!r}; use one of {list(LEVELS)}')
  if split not in SPLITS:
    raise ValueError(f'Unknown split {split!r}; use one of {list(SPLITS)}')
  return [
      types.Task(f'tau/{level}/{split}/{i}', 'tau', level, _data(scenario))
      for i, scenario in enumerate(_splits(level, seed)[split])
  ]


@functools.lru_cache(maxsize=8)
def _splits(level: str, seed: int) -> Mapping[str, list[Mapping[str, Any]]]:
  """Returns the scenarios of every split."""
  train: list[Mapping[str, Any]] = []
  held_out: list[Mapping[str, Any]] = []
  parts: set[str] = set()
  for scenario in _distinct(level, seed):
    if len(train) < TRAIN:
      train.append(scenario)
      parts.update(scenario['parts'])
    elif parts.issuperset(scenario['parts']):
      held_out.append(scenario)
    if len(held_out) == 2 * HELD_OUT:
      break
  return {
      'train': train,
      'validation': held_out[:HELD_OUT],
      'test': held_out[HELD_OUT:],
  }


def _distinct(level: str, seed: int) -> Iterator[Mapping[str, Any]]:
  """Yields scenarios, the kinds in turn, no combination of parts twice."""
  seen = set()
  for number in itertools.count():
    kind = KINDS[level][number % len(KINDS[level])]
    scenario = _scenario(kind, level, f'{seed}/{number}')
    if scenario is not None and scenario['parts'] not in seen:
      seen.add(scenario['parts'])
      yield scenario


def _scenario(kind: str, level: str, seed: str) -> Mapping[str, Any] | None:
  """Returns a scenario of a kind; None if the database has no room for it."""
  is_retail = kind in tau_retail.MAKERS
  data = retail_data if is_retail else airline_data
  module = tau_retail if is_retail else tau_airline
  rng = random.Random(f'tau/{kind}/{level}/{seed}')
  made = module.MAKERS[kind](data.database(level, seed), level, rng)
  if made is None:
    return None
  opening = rng.choice(_OPENINGS[level])
  domain = 'retail' if is_retail else 'airline'
  return {
      'kind': kind,
      'parts': (kind, *made.parts),
      'made': made,
      'obs': opening.format(made.requests[0]['wish']),
      'database': {'domain': domain, 'size': level, 'seed': seed},
  }


def _data(scenario: Mapping[str, Any]) -> Mapping[str, Any]:
  made: tau_parts.Scenario = scenario['made']
  # A copy, since the scenarios are kept.
  return copy.deepcopy(
      {
          'user_id': made.user_id,
          'instruction': instruction(made.who, made.requests),
          'obs': scenario['obs'],
          'actions': list(made.actions),
          'outputs': list(made.outputs),
          'kind': scenario['kind'],
          'database': scenario['database'],
          'facts': {'who': made.who, 'requests': list(made.requests)},
      }
  )


_ENDS = {
    'done': 'You are satisfied once you were told that it is done.',
    'value': 'You are satisfied once you were told one clear number.',
    'refusal': (
        'You suspect that the rules forbid it and believe nothing but a clear'
        ' refusal, with which you are satisfied.'
    ),
    'transfer': 'Nobody but a person can satisfy you.',
}


def instruction(
    who: Mapping[str, str], requests: Sequence[Mapping[str, Any]]
) -> str:
  """Returns the user's part in words, for users that are language models."""
  known = ', '.join(f'{_spelled(k)} {v}' for k, v in who.items())
  text = [f'You are a customer: {known}.']
  for request in requests:
    opening = 'If that is refused, say' if request['fallback'] else 'Say'
    text.append(f'{opening} in words of your own: I want to {request["wish"]}.')
    told = ', '.join(f'{_spelled(k)} {v}' for k, v in request['tells'].items())
    text.append(f'When asked, you know: {told}.' if told else '')
    text.append(_ENDS[request['ends']])
    if request['insists']:
      text.append('You do not take the first refusal.')
  return ' '.join(filter(None, text))


def _spelled(slot: str) -> str:
  return slot.replace('_', ' ')
