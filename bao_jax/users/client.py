"""Asks models: retries, re-asks, budgets, and a stop when all is lost.

  ask -> cache -> request -> retries -> read -> re-asks -> reply

What a server does not answer is tried again; what a model answers wrongly is
sent back; what stays without a valid reply fails the conversation, never more
and never less. Questions come from any thread; one loop in a thread of its own
does the waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
import dataclasses
import random
import threading
import time
from typing import Any

from bao_jax.envs import base
from bao_jax.users import cache as cache_lib
from bao_jax.users import chat
from bao_jax.users import ledger as ledger_lib
from bao_jax.users import models
from bao_jax.users import structured

# (model, request) -> completion. Raises `Unavailable` or `Refused`.
PostFn = Callable[
    [models.Model, Mapping[str, Any]], Awaitable[models.Completion]
]

_MAX_WAIT = 30.0  # Seconds between two tries, unless the server asks for more.
_GRACE = 5.0  # Seconds that the loop may be late.
_FREE_RETRIES = 100  # Of a run, before their share counts.
# Refusals that may be about one question: too long, say.
_ABOUT_REQUEST = (400, 413, 422)
# Roles whose thoughts are not part of what they say.
_SPEAKERS = ('user', 'judge')


@dataclasses.dataclass(frozen=True)
class Limits:
  """What all roles share.

  Attributes:
    concurrency: requests at the same time.
    backoff: seconds before the first retry; doubled each time, with jitter.
    retry_share: retries of a run per question, beyond the first 100; what
      fails after that fails at once.
    breaker_failures: questions in a row that no server answered, after which
      the run should end.
    max_cost: after which the run should end; 0 for no limit.
  """

  concurrency: int = 128
  backoff: float = 1.0
  retry_share: float = 1.0
  breaker_failures: int = 32
  max_cost: float = 0.0


class Client:
  """A `chat.ChatFn`.

  Args:
    post: carries a request; always called on the same event loop.
    roles: the model of each role.
    limits: see there.
    cache: of replies.
    ledger: counts everything.
  """

  def __init__(
      self,
      post: PostFn,
      roles: Mapping[str, models.Model],
      limits: Limits,
      cache: cache_lib.Cache,
      ledger: ledger_lib.Ledger,
  ):
    self._post = post
    self._roles = roles
    self._limits = limits
    self._cache = cache
    self.ledger = ledger
    self._lock = threading.Lock()
    self._failures = 0  # Questions in a row without any reply.
    self._stop = ''  # Why the run should end.
    self._answered: set[models.Model] = set()
    self._unstructured: set[tuple[str, str]] = set()  # Servers and models.
    self._slots = asyncio.Semaphore(limits.concurrency)
    self._loop = asyncio.new_event_loop()
    threading.Thread(target=self._loop.run_forever, daemon=True).start()

  def __call__(self, ask: chat.Ask) -> Any:
    """Returns the reply to a question; see `chat.ChatFn`."""
    model = self._model(ask.role)
    request = model.request(ask)
    key = cache_lib.key_of(ask, request)
    self.ledger.add(ask.role, asks=1)
    entry = self._cache.get(key)
    if entry is not None:
      self.ledger.add(ask.role, replayed=1)
    elif self._cache.mode == 'replay':
      raise ValueError(
          f'{ask.key}: no reply is recorded in {self._cache.path} (key {key});'
          " record the run with users.cache='record'."
      )
    else:
      entry = self._cache.put(key, ask, self._entry(ask, model, request))
    if entry.error:
      self.ledger.add(ask.role, failed=1)
      raise base.UserError(entry.error)
    return entry.reply

  def _model(self, role: str) -> models.Model:
    if role not in self._roles:
      raise ValueError(f'users.{role}: no model is configured for this role.')
    return self._roles[role]

  def _entry(self, ask, model, request) -> cache_lib.Entry:
    """Asks, and waits for what comes of it."""
    self._check_open()
    try:
      return cache_lib.Entry(self._wait(ask, model, request))
    except models.Unavailable as error:
      self._count_failure(error)
      what = f'is out of reach: {error}'
    except models.Refused as error:
      if error.status not in _ABOUT_REQUEST or model not in self._answered:
        raise ValueError(f'users.{ask.role}: {model.name}: {error}') from None
      what = f'refused the question: {error}'
    except base.UserError as error:
      what = str(error)
    return cache_lib.Entry(error=f'{ask.key}: the {ask.role} {what}')

  def _wait(self, ask, model, request) -> Any:
    """Hands a question to the loop and returns the reply."""
    future = asyncio.run_coroutine_threadsafe(
        self._within_budget(ask, model, request), self._loop
    )
    try:
      return future.result(model.budget + _GRACE)
    except TimeoutError:  # The loop itself is late.
      future.cancel()
      self.ledger.add_error(ask.role, 'budget')
      raise models.Unavailable('budget', 'the client is overloaded') from None

  def _check_open(self) -> None:
    """Raises a `StopError` if the run should end."""
    limit = self._limits.max_cost
    if limit and self.ledger.total('cost') >= limit:
      self._stop = (
          f'users.max_cost={limit:g} is spent; raise it and start again to go'
          ' on.'
      )
    if self._stop:
      self.ledger.save()
      raise chat.StopError(self._stop)

  def _count_failure(self, error: models.Unavailable) -> None:
    with self._lock:
      self._failures += 1
      is_open = self._failures >= self._limits.breaker_failures
      if is_open and not self._stop:
        self._stop = (
            f'No model replied to {self._failures} questions in a row, last: '
            f'{error}. Start again once the servers of users.* are in reach.'
        )
    self._check_open()

  # On the loop.

  async def _within_budget(self, ask, model, request) -> Any:
    try:
      async with asyncio.timeout(model.budget):
        return await self._valid_reply(ask, model, request)
    except TimeoutError:
      self.ledger.add_error(ask.role, 'budget')
      raise models.Unavailable(
          'budget', f'no valid reply within {model.budget:g} s'
      ) from None

  async def _valid_reply(self, ask, model, request) -> Any:
    """Sends replies back until one is valid."""
    end = time.monotonic() + model.budget
    for reasks_left in range(model.max_reasks, -1, -1):
      completion = await self._persist(ask, model, request, end)
      try:
        return _read(ask, completion.text)
      except ValueError as error:
        complaint = str(error)
        self.ledger.add_error(ask.role, 'invalid')
        request = models.asking_again(request, completion.text, complaint)
        self.ledger.add(ask.role, reasks=int(reasks_left > 0))
    raise base.UserError(
        f'gave no valid reply in {model.max_reasks + 1} tries: {complaint}'
    )

  async def _persist(self, ask, model, request, end) -> models.Completion:
    """Tries again what a server did not answer, as long as there is time."""
    backoff = self._limits.backoff
    for retries_left in range(model.max_retries, -1, -1):
      try:
        return await self._try(ask, model, request)
      except models.Unavailable as error:
        self.ledger.add_error(ask.role, error.kind)
        wait = max(backoff * random.uniform(0.5, 1.0), error.retry_after)
        is_late = time.monotonic() + wait >= end
        if not retries_left or is_late or not self._may_retry():
          raise
      self.ledger.add(ask.role, retries=1)
      await asyncio.sleep(wait)
      backoff = min(2 * backoff, _MAX_WAIT)

  def _may_retry(self) -> bool:
    if self._stop:
      return False
    allowed = self._limits.retry_share * self.ledger.total('asks')
    return self.ledger.total('retries') < _FREE_RETRIES + allowed

  async def _try(self, ask, model, request) -> models.Completion:
    """Sends a request, with the schema for as long as the server takes it."""
    server = model.base_url, model.name
    is_plain = ask.schema is None or model.structured == 'off'
    if is_plain or server in self._unstructured:
      return await self._send(ask, model, request)
    try:
      formatted = models.with_format(request, ask.schema)
      return await self._send(ask, model, formatted)
    except models.Refused as error:
      if model.structured == 'on' or error.status not in (400, 422):
        raise
    completion = await self._send(ask, model, request)
    self._unstructured.add(server)
    return completion

  async def _send(self, ask, model, request) -> models.Completion:
    """Sends one request and keeps the accounts."""
    async with self._slots:
      self.ledger.add(ask.role, requests=1)
      began = time.monotonic()
      completion = await self._post(model, request)
    cost = (
        completion.tokens_in * model.input_price
        + completion.tokens_out * model.output_price
    ) / 1e6
    self.ledger.add_time(ask.role, time.monotonic() - began)
    self.ledger.add(
        ask.role,
        tokens_in=completion.tokens_in,
        tokens_out=completion.tokens_out,
        cost=cost,
    )
    self._answered.add(model)
    self._failures = 0
    return completion


def _read(ask: chat.Ask, text: str) -> Any:
  """Returns what was asked for; a ValueError says why it is not there."""
  if ask.schema is not None:
    return structured.read(text, ask.schema)
  said = structured.without_thought(text) if ask.role in _SPEAKERS else text
  if not said.strip():
    raise ValueError('it is empty')
  return said
