"""A server of chat completions for tests, with faults on demand.

  with fake_chat.Server(reply, faults) as server:
    ... server.url ...

Its replies are a function of the request. Which requests it spoils is one of
the question and of how often that was asked before; the question is told by the
request's seed and first messages, so retries and re-asks belong to it.
"""

import asyncio
import collections
from collections.abc import Callable, Mapping
import hashlib
import json
import threading
from typing import Any

FAULTS = ('429', '500', 'hang', 'reset', 'cut', 'half', 'wrong', 'drip')
OK = 'ok'

# (request) -> the text of the reply.
ReplyFn = Callable[[Mapping[str, Any]], str]
# (question, how often it was asked before) -> a fault, or OK.
FaultFn = Callable[[str, int], str]

_REASONS = {200: 'OK', 302: 'Found'}


def no_faults(question: str, attempt: int) -> str:
  del question, attempt
  return OK


def random_faults(share: float) -> FaultFn:
  """Returns a function that spoils a share of requests, all faults alike."""

  def draw(question, attempt):
    digest = hashlib.sha256(f'{question}/{attempt}'.encode()).digest()
    number = int.from_bytes(digest[:8], 'big')
    is_spoiled = number % 10_000 < share * 10_000
    return FAULTS[number // 10_000 % len(FAULTS)] if is_spoiled else OK

  return draw


def in_turn(*faults: str) -> FaultFn:
  """Returns a function that spoils the first requests of every question."""
  return lambda _, attempt: faults[attempt] if attempt < len(faults) else OK


def question_of(request: Mapping[str, Any]) -> str:
  """Returns what a request and its repetitions share."""
  text = json.dumps([request.get('seed'), request['messages'][:2]])
  return hashlib.sha256(text.encode()).hexdigest()


class Server:
  """Listens on a free port of 127.0.0.1 until the block is left.

  Attributes:
    url: the base URL.
    outcomes: what became of each request, by question, in order.
    requests: those of the latest questions, headers included as '_headers'.
  """

  def __init__(self, reply: ReplyFn, faults: FaultFn = no_faults):
    self._reply = reply
    self._faults = faults
    self.outcomes = collections.defaultdict(list)
    self.requests = collections.deque(maxlen=1000)
    self._started = threading.Event()

  def __enter__(self) -> 'Server':
    self._loop = asyncio.new_event_loop()
    self._thread = threading.Thread(target=self._run, daemon=True)
    self._thread.start()
    self._started.wait(10)
    return self

  def __exit__(self, *unused) -> None:
    self._loop.call_soon_threadsafe(self._stop.set)
    self._thread.join(10)

  @property
  def num_lost(self) -> int:
    """How many questions never got what they asked for."""
    return sum(told[-1] != OK for told in self.outcomes.values())

  def count(self, *kinds: str) -> int:
    return sum(o in kinds for told in self.outcomes.values() for o in told)

  def _run(self) -> None:
    asyncio.set_event_loop(self._loop)
    self._loop.run_until_complete(self._serve())

  async def _serve(self) -> None:
    self._stop = asyncio.Event()
    server = await asyncio.start_server(self._talk, '127.0.0.1', 0, backlog=512)
    port = server.sockets[0].getsockname()[1]
    self.url = f'http://127.0.0.1:{port}/v1'
    self._started.set()
    await self._stop.wait()
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
      task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

  async def _talk(self, reader, writer) -> None:
    try:
      while (request := await _read(reader)) is not None:
        if not await self._answer(request, reader, writer):
          break
    except (ConnectionError, EOFError, asyncio.CancelledError):
      pass  # The client gave up, or the test is over.
    finally:
      writer.close()

  async def _answer(self, request, reader, writer) -> bool:
    """Answers one request; returns whether the connection stays open."""
    self.requests.append(request)
    question = question_of(request)
    fault = self._faults(question, len(self.outcomes[question]))
    self.outcomes[question].append(fault)
    if fault == 'hang':
      await reader.read()  # Until the client gives up.
      return False
    if fault == 'reset':
      writer.transport.abort()
      return False
    if fault.isdigit():
      return await self._refuse(int(fault), request, writer)
    wrong = '{"verdict": "perhaps"}'
    text = wrong if fault == 'wrong' else self._reply(request)
    body = _completion(text, request)
    if fault == 'drip':
      writer.write(_head(200, len(body)))
      for i in range(len(body)):
        writer.write(body[i : i + 1])
        await writer.drain()
        await asyncio.sleep(0.25)
      return False
    size = len(body)
    if fault in ('cut', 'half'):
      body = body[: size // 2]
    if reader.at_eof():  # The client gave up meanwhile.
      self.outcomes[question][-1] = 'late'
      return False
    writer.write(_head(200, len(body) if fault == 'half' else size) + body)
    await writer.drain()
    return fault != 'cut'

  async def _refuse(self, status, request, writer) -> bool:
    """Says why not, and what not to say: the key."""
    key = request['_headers'].get('authorization', '')
    message = f'status {status} for {key}'
    body = json.dumps({'error': {'message': message}}).encode()
    headers = {429: 'Retry-After: 0\r\n', 302: 'Location: /elsewhere\r\n'}
    writer.write(_head(status, len(body), headers.get(status, '')) + body)
    await writer.drain()
    return True


async def _read(reader) -> dict[str, Any] | None:
  """Returns the next request, None at the end."""
  line = await reader.readline()
  if not line:
    return None
  headers = {}
  while (header := await reader.readline()) not in (b'\r\n', b''):
    name, _, value = header.decode().partition(':')
    headers[name.strip().lower()] = value.strip()
  body = await reader.readexactly(int(headers['content-length']))
  return json.loads(body) | {'_headers': headers, '_path': line.split()[1]}


def _completion(text: str, request: Mapping[str, Any]) -> bytes:
  sent = sum(len(m['content'].split()) for m in request['messages'])
  body = {
      'choices': [{'message': {'role': 'assistant', 'content': text}}],
      'usage': {
          'prompt_tokens': sent,
          'completion_tokens': len(text.split()),
      },
  }
  return json.dumps(body).encode()


def _head(status: int, length: int, more: str = '') -> bytes:
  reason = _REASONS.get(status, 'No')
  return (
      f'HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n'
      f'Content-Length: {length}\r\n{more}\r\n'
  ).encode()
