"""Chat completions over HTTP: the only file that touches a network.

A connection knows how to carry one request within a deadline, and what each way
of failing means. Keys are read from the environment when they are sent; what a
server says is stripped of them before anything else sees it.
"""

import asyncio
from collections.abc import Mapping
import datetime
import email.utils
import json
import os
from typing import Any
import urllib.parse

import httpx2

from bao_jax.users import models

_MAX_BYTES = 4 * 1024 * 1024  # Of a reply.
_MAX_COMPLAINT = 200
_MIN_SECRET = 8  # A local server's 'EMPTY' is a key, but no secret.
_REDACTED = '[key]'
_BUSY = 429
_TIMEOUT = 408
# What a server says with status 429 that waiting does not mend.
_PERMANENT = ('insufficient_quota', 'billing_hard_limit_reached')


class Connection:
  """Connections to any number of servers, kept open; used by one event loop.

  Args:
    max_connections: open at the same time.
  """

  def __init__(self, *, max_connections: int):
    direct = {'all://127.0.0.1': None, 'all://localhost': None}
    self._client = httpx2.AsyncClient(
        # Of each read; a slow drip passes it. `post` has the deadline.
        timeout=None,
        follow_redirects=False,  # The key is for the configured host alone.
        mounts=direct,  # No proxy.
        limits=httpx2.Limits(
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
        ),
    )

  async def post(
      self, model: models.Model, request: Mapping[str, Any]
  ) -> models.Completion:
    """Sends a request and returns the reply.

    Args:
      model: whose server, key and deadline to use.
      request: the fields.

    Raises:
      Unavailable: the server is out of reach or too busy.
      Refused: it will not accept the request.
      ValueError: the key cannot be sent.
    """
    key = _key(model.key_env)
    host = urllib.parse.urlsplit(model.base_url).netloc
    try:
      async with asyncio.timeout(model.deadline):
        status, headers, body = await self._exchange(model, request, key)
    except TimeoutError:
      raise models.Unavailable(
          'timeout', f'no reply within {model.deadline:g} s from {host}'
      ) from None
    except (httpx2.RequestError, OSError) as error:
      # Not chained: its request holds the key.
      what = f'{host}: {type(error).__name__}: {error}'
      raise models.Unavailable('connection', _line(what, key)) from None
    text = _redacted(body.decode('utf-8', errors='replace'), key)
    if 200 <= status < 300:
      return _completion(text)
    raise _failure(status, headers, text, model)

  async def _exchange(
      self, model: models.Model, request: Mapping[str, Any], key: str
  ) -> tuple[int, Mapping[str, str], bytes]:
    """Returns status, headers and body."""
    headers = {
        'Content-Type': 'application/json',
        'Accept-Encoding': 'identity',
    }
    if key:
      headers['Authorization'] = f'Bearer {key}'
    url = f'{model.base_url.rstrip("/")}/chat/completions'
    async with self._client.stream(
        'POST', url, headers=headers, content=json.dumps(request).encode()
    ) as response:
      parts, size = [], 0
      async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > _MAX_BYTES:
          raise models.Unavailable('body', f'more than {_MAX_BYTES} bytes')
      return response.status_code, response.headers, b''.join(parts)


def _key(name: str) -> str:
  """Returns the key that the environment holds, '' if none."""
  key = os.environ.get(name, '').strip()
  if not all('!' <= c <= '~' for c in key):
    raise ValueError(f'${name} holds no key: it has spaces or special letters.')
  return key


def _redacted(text: str, key: str) -> str:
  if len(key) < _MIN_SECRET:
    return text
  escaped = json.dumps(key)[1:-1]
  return text.replace(key, _REDACTED).replace(escaped, _REDACTED)


def _line(text: str, key: str = '') -> str:
  """Returns the beginning of a text, on one line and without the key."""
  return ' '.join(_redacted(text, key).split())[:_MAX_COMPLAINT]


def _completion(text: str) -> models.Completion:
  try:
    body = json.loads(text)
  except (ValueError, RecursionError):
    # Not quoted: it may end within the key.
    raise models.Unavailable('body', 'a reply that is no JSON') from None
  try:
    said = body['choices'][0]['message']['content'] or ''
    usage = body.get('usage') or {}
    tokens = [
        int(usage.get(name) or 0)
        for name in ('prompt_tokens', 'completion_tokens')
    ]
  except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
    said = None
  if not isinstance(said, str):
    raise models.Unavailable('body', f'no completion, but {_line(text)!r}')
  return models.Completion(said, *tokens)


def _failure(
    status: int, headers: Mapping[str, str], text: str, model: models.Model
) -> Exception:
  """Returns what a status other than success means."""
  message = f'status {status}: {_line(text)}'
  if status == _BUSY and not any(code in text for code in _PERMANENT):
    return models.Unavailable('busy', message, _retry_after(headers))
  if status >= 500 or status == _TIMEOUT:
    return models.Unavailable('server', message, _retry_after(headers))
  if 300 <= status < 400:
    message = f'status {status}: it redirects; give the address itself'
  if status in (401, 403) and not _key(model.key_env):
    message += f' (${model.key_env} is not set)'
  return models.Refused(status, message)


def _retry_after(headers: Mapping[str, str]) -> float:
  """Returns the seconds of a Retry-After header, 0 if there is none."""
  value = headers.get('retry-after', '').strip()
  if value.isascii() and value.isdigit():
    return float(value[:9])
  try:
    then = email.utils.parsedate_to_datetime(value)
    return max((then - datetime.datetime.now(then.tzinfo)).total_seconds(), 0.0)
  except (ValueError, TypeError):
    return 0.0
