"""Whether a conversation did what its task asks for, as tau-bench grades it.

the database is as after the task's own actions, and all outputs were told
"""

from collections.abc import Mapping, Sequence
import re
from typing import Any

from bao_jax.envs.tau import backend as backend_lib
from bao_jax.envs.tau import shared_tools

# Numbers that stand alone: not those of ids, dates and times.
_NUMBER = re.compile(r'(?<![\w#.:@-])\$?(\d[\d,]*(?:\.\d+)?)(?![\w:@-]|\.\d)')


def numbers(text: str) -> list[float]:
  """Returns the different numbers that a text states, ids left out."""
  found = [float(n.replace(',', '')) for n in _NUMBER.findall(text)]
  return list(dict.fromkeys(found))


def says(message: str, output: str) -> bool:
  """Returns whether a message has an output as a whole word or number."""
  try:
    return float(output.replace(',', '')) in numbers(message)
  except ValueError:
    pattern = rf'(?<!\w){re.escape(output.lower())}(?!\w)'
    return re.search(pattern, message.lower().replace(',', '')) is not None


def says_all(
    messages: Sequence[str], outputs: Sequence[str], max_values: int
) -> bool:
  """Returns whether every output was told to the user.

  Args:
    messages: of the agent to the user.
    outputs: what the task asks to be told.
    max_values: how many different numbers, times the number of outputs, a
      message may state to count; 0: any number, and an output may also stand
      within a longer word, as in tau-bench.
  """
  if not max_values:
    plain = [message.lower().replace(',', '') for message in messages]
    return all(any(o.lower() in text for text in plain) for o in outputs)
  limit = max_values * len(outputs)
  frank = [text for text in messages if len(numbers(text)) <= limit]
  return all(any(says(text, o) for text in frank) for o in outputs)


def is_as_asked(
    backend: backend_lib.Backend,
    data: Mapping[str, Any],
    database: backend_lib.Database,
) -> bool:
  """Returns whether a database is as after the task's own actions."""
  gold = backend_lib.replay(backend.tools, backend.database, data['actions'])
  return backend_lib.digest(gold) == backend_lib.digest(database)


def is_idle(backend: backend_lib.Backend, data: Mapping[str, Any]) -> bool:
  """Returns whether nothing is to be changed, told or handed over."""
  names = [action['name'] for action in data['actions']]
  leaves = is_as_asked(backend, data, backend.database)
  return leaves and not data['outputs'] and shared_tools.TRANSFER not in names
