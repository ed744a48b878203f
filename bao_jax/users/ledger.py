"""What models were asked, what came of it and what it cost, by role."""

import collections
from collections.abc import Mapping
import dataclasses
import json
import os
import pathlib
import threading
import time
from typing import Any

import numpy as np

_MAX_TIMES = 4096  # Of the latest replies, for percentiles.
_SAVE_EVERY = 30.0  # Seconds. What a kill may leave uncounted.


@dataclasses.dataclass
class Account:
  """The counts of one role. Mutable: a `Ledger` adds to it.

  Attributes:
    asks: questions.
    replayed: questions that were answered from a cache.
    failed: questions that got no valid reply.
    requests: HTTP requests.
    retries: requests that repeated one that a server did not answer.
    reasks: requests that sent an invalid reply back.
    tokens_in: tokens sent, by the servers' counts.
    tokens_out: tokens received.
    cost: of both, in the currency of the configured prices.
    errors: what went wrong with requests, by kind; 'invalid' counts replies
      that were not what was asked for, 'budget' questions that took too long.
  """

  asks: int = 0
  replayed: int = 0
  failed: int = 0
  requests: int = 0
  retries: int = 0
  reasks: int = 0
  tokens_in: int = 0
  tokens_out: int = 0
  cost: float = 0.0
  errors: collections.Counter = dataclasses.field(
      default_factory=collections.Counter
  )


_COUNTS = [f.name for f in dataclasses.fields(Account) if f.name != 'errors']


class Ledger:
  """The accounts of all roles; any thread may add to them."""

  def __init__(self):
    self._lock = threading.Lock()
    self._path: pathlib.Path | None = None
    self._saved = time.monotonic()
    self._clear()

  def _clear(self) -> None:
    self._accounts = collections.defaultdict(Account)
    self._seconds = collections.defaultdict(
        lambda: collections.deque(maxlen=_MAX_TIMES)
    )

  def open(self, path: str | pathlib.Path) -> None:
    """Keeps the accounts of another run from here on.

    Args:
      path: of its JSON file; what it counted before is counted on.

    Raises:
      ValueError: the file is not a ledger's.
    """
    path = pathlib.Path(path).absolute()
    with self._lock:
      if path == self._path:
        return
    self.save()
    with self._lock:
      self._path = path
      self._clear()
      if path.exists():
        self._load(path)

  def _load(self, path: pathlib.Path) -> None:
    try:
      saved = json.loads(path.read_text())['roles']
      for role, counts in saved.items():
        own = self._accounts[role]
        for name in _COUNTS:
          setattr(own, name, counts[name])
        own.errors.update(counts['errors'])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
      raise ValueError(f'{path}: not a summary of calls: {error!r}') from error

  def add(self, role: str, **counts: float) -> None:
    """Adds to the counts of a role, by the names of `Account`'s fields."""
    with self._lock:
      own = self._accounts[role]
      for name, count in counts.items():
        setattr(own, name, getattr(own, name) + count)

  def add_error(self, role: str, kind: str) -> None:
    with self._lock:
      self._accounts[role].errors[kind] += 1

  def add_time(self, role: str, seconds: float) -> None:
    """Adds how long a request took that was answered; saves now and then."""
    with self._lock:
      self._seconds[role].append(seconds)
    if time.monotonic() - self._saved > _SAVE_EVERY:
      self.save()

  def total(self, name: str) -> float:
    """Returns a count over all roles."""
    with self._lock:
      return sum(getattr(own, name) for own in self._accounts.values())

  def summary(self) -> dict[str, Any]:
    """Returns everything as JSON values: 'roles' by name, and the 'cost'."""
    with self._lock:
      roles = {
          role: {
              **{name: getattr(own, name) for name in _COUNTS},
              'errors': dict(sorted(own.errors.items())),
              **_percentiles(self._seconds[role]),
          }
          for role, own in sorted(self._accounts.items())
      }
    return {'roles': roles, 'cost': sum(r['cost'] for r in roles.values())}

  def metrics(self) -> dict[str, float]:
    """Returns the counts as 'users/<role>_<count>', and 'users/cost'.

    They are sums since the run began. Empty as long as nobody was asked.
    """
    summary = self.summary()
    if not summary['roles']:
      return {}
    values = {'users/cost': summary['cost']}
    for role, counts in summary['roles'].items():
      values |= _flat(role, counts)
    return values

  def save(self) -> None:
    """Writes the summary to the run's file, whole or not at all."""
    summary = self.summary()
    with self._lock:
      self._saved = time.monotonic()
      if self._path is None:
        return
      temporary = self._path.with_suffix('.tmp')
      temporary.write_text(json.dumps(summary, indent=2))
      os.replace(temporary, self._path)


def sentence(summary: Mapping[str, Any]) -> str:
  """Says what a summary comes to: questions by role, and what they cost."""
  roles = summary['roles']
  total = lambda name: sum(counts[name] for counts in roles.values())
  asked = ', '.join(
      f'{role} {counts["asks"]}' for role, counts in roles.items()
  )
  for what in ('replayed', 'failed'):
    asked += f'; {total(what)} {what}' * bool(total(what))
  told = f' ({asked})' * bool(asked)
  return (
      f'Models were asked {total("asks")} questions{told}, which cost'
      f' {summary["cost"]:.4g}.'
  )


def _flat(role: str, counts: Mapping[str, Any]) -> dict[str, float]:
  plain = {name: v for name, v in counts.items() if name != 'errors'}
  errors = {f'error_{kind}': v for kind, v in counts['errors'].items()}
  return {
      f'users/{role}_{name}': float(value)
      for name, value in (plain | errors).items()
  }


def _percentiles(seconds: collections.deque) -> dict[str, float]:
  if not seconds:
    return {'seconds_p50': 0.0, 'seconds_p95': 0.0}
  p50, p95 = np.percentile(np.array(seconds), (50, 95))
  return {'seconds_p50': float(p50), 'seconds_p95': float(p95)}
