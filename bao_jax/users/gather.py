"""Questions of many threads, gathered for models on our own devices.

  threads of a round -> questions, gathered -> completions -> threads

What the gyms of a wave ask at the same time is answered together. It is
gathered until each thread of their round waits for a reply or has nothing left
to do, put in the order of the text and answered by one thread that makes all
device calls. So neither which thread was faster nor which conversation has
which row decides any bit of a reply.
"""

import asyncio
import atexit
from collections.abc import Callable, Iterator, Mapping, Sequence
import concurrent.futures
import contextlib
import dataclasses
import threading
import time
from typing import Any, Protocol

from bao_jax.envs import base
from bao_jax.sampling import calls
from bao_jax.sampling import completions
from bao_jax.users import models

# Share of a request's deadline after which it waits for no other question.
_PATIENCE = 1 / 3
_IDLE = 60.0  # Seconds; between two looks at whether there is anything to do.
_GRACE = 30.0  # Seconds that a call of the devices may take at the end.


class LocalModel(Protocol):
  """What a `Server` asks: requests become prompts, prompts completions."""

  def prompt(self, request: Mapping[str, Any]) -> completions.Prompt:
    """Returns what a request asks to go on from; raises `Refused`."""

  def complete(
      self,
      prompts: Sequence[completions.Prompt],
      is_wanted: Callable[[int], bool],
  ) -> Iterator[tuple[int, models.Completion]]:
    """Yields each prompt's index and completion, as they end."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Question:
  """A request that waits for its reply.

  Attributes:
    model: whom it is for.
    prompt: what that one goes on from.
    crew: of the thread that asks.
    patience: when it waits for no other question any more.
    reply: what waits.
  """

  model: str
  prompt: completions.Prompt
  crew: calls.Crew | None
  patience: float
  reply: concurrent.futures.Future = dataclasses.field(
      default_factory=concurrent.futures.Future
  )

  @property
  def is_wanted(self) -> bool:
    is_over = self.crew is not None and self.crew.is_over
    return not (is_over or self.reply.done())

  def settle(self, completion: models.Completion) -> None:
    """Hands over the reply, unless somebody has given it up meanwhile."""
    with contextlib.suppress(concurrent.futures.InvalidStateError):
      self.reply.set_result(completion)

  def fail(self, error: Exception) -> None:
    """Hands over why there is no reply, unless there is one."""
    with contextlib.suppress(concurrent.futures.InvalidStateError):
      self.reply.set_exception(error)


class Server:
  """Answers the questions of many threads together.

  Args:
    models: by name.
  """

  def __init__(self, models: Mapping[str, LocalModel]):
    self._models = models
    self._changed = threading.Condition()
    self._waiting: dict[calls.Crew | None, list[_Question]] = {}
    self._is_closed = False
    self._thread = threading.Thread(target=self._work, daemon=True)
    self._thread.start()
    # Before the devices go: a thread that still used them would crash.
    atexit.register(self.close)

  def close(self) -> None:
    """Gives up what is asked, and lets the devices finish their last call."""
    with self._changed:
      self._is_closed = True
      self._changed.notify()
    self._thread.join(_GRACE)
    atexit.unregister(self.close)

  async def post(
      self, model: models.Model, request: Mapping[str, Any]
  ) -> models.Completion:
    """Answers a request; see `client.PostFn`.

    Args:
      model: which one, and its deadline.
      request: the fields.

    Raises:
      Unavailable: there was no reply within the deadline.
      Refused: the prompt is too long.
      UserError: the round of the question is over.
    """
    began = time.monotonic()
    prompt = self._models[model.name].prompt(request)
    patience = began + _PATIENCE * model.deadline
    question = _Question(model.name, prompt, calls.crew(), patience)
    try:
      async with asyncio.timeout(model.deadline):
        self._put(question)
        return await asyncio.wrap_future(question.reply)
    except TimeoutError:
      raise models.Unavailable(
          'timeout', f'no reply within {model.deadline:g} s on our own devices'
      ) from None

  def _put(self, question: _Question) -> None:
    if question.crew:
      question.crew.watch(self._wake)
    with self._changed:
      self._waiting.setdefault(question.crew, []).append(question)
      self._changed.notify()

  def _wake(self) -> None:
    with self._changed:
      self._changed.notify()

  # On the thread that makes all device calls.

  def _work(self) -> None:
    while questions := self._gather():
      try:
        self._answer(questions)
      except Exception as error:  # Handed to whoever waits.
        for question in questions:
          question.fail(error)
      for question in questions:
        question.fail(_not_wanted())

  def _gather(self) -> list[_Question]:
    """Waits until a crew has put all it asks; [] once closed.

    Some of it may not be wanted any more.
    """
    with self._changed:
      while not self._is_closed:
        now = time.monotonic()
        for crew, questions in list(self._waiting.items()):
          wanted = [q for q in questions if q.is_wanted]
          if not wanted or _is_complete(crew, wanted, now):
            del self._waiting[crew]
            return questions
        self._changed.wait(self._patience(now))
    return []

  def _patience(self, now: float) -> float:
    """Returns how long to wait for more questions."""
    ends = [q.patience for group in self._waiting.values() for q in group]
    return max(min(ends, default=now + _IDLE) - now, 0.0)

  def _answer(self, questions: Sequence[_Question]) -> None:
    """Lets each model go on with what it was asked, equal questions once."""
    by_model: dict[str, dict[completions.Prompt, list[_Question]]] = {}
    for question in filter(lambda q: q.is_wanted, questions):
      of_model = by_model.setdefault(question.model, {})
      of_model.setdefault(question.prompt, []).append(question)
    for name, of_model in sorted(by_model.items()):
      prompts = sorted(of_model)
      asked = [of_model[prompt] for prompt in prompts]
      is_wanted = lambda i: self._is_wanted(asked[i])  # noqa: B023
      for i, said in self._models[name].complete(prompts, is_wanted):
        for question in asked[i]:
          question.settle(said)

  def _is_wanted(self, questions: Sequence[_Question]) -> bool:
    return not self._is_closed and any(q.is_wanted for q in questions)


def _is_complete(
    crew: calls.Crew | None, wanted: Sequence[_Question], now: float
) -> bool:
  """Whether no other question of a crew is to be waited for."""
  is_whole = crew is None or len(wanted) >= crew.size
  return is_whole or now >= min(q.patience for q in wanted)


def _not_wanted() -> base.UserError:
  return base.UserError('is not waited for any more')
