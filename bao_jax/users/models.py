"""Which model plays a role, what it is sent, and what may come of it.

Requests are those of OpenAI's chat completions, which vLLM, SGLang, Ollama and
others speak too. Nothing here knows how they are carried.
"""

from collections.abc import Mapping
import dataclasses
import json
import re
from typing import Any
import zlib

from bao_jax.users import chat
from bao_jax.users import structured

STRUCTURED = ('auto', 'on', 'off')

_MAX_ECHO = 2000  # Characters of a wrong reply that its author is shown.
_SCHEMA = '\n\nReply with one JSON object and nothing else. Its JSON schema:\n'
_URL = re.compile(r'https?://[^\s/?#@]+(/[^\s?#@]*)?')


@dataclasses.dataclass(frozen=True)
class Model:
  """The settings of one role.

  Attributes:
    name: of the model, as its server calls it.
    base_url: of the server, the part before '/chat/completions'; '' for a model
      on our own devices.
    key_env: the environment variable with the key; where it is not set, no key
      is sent.
    temperature: of sampling.
    top_p: of sampling.
    max_tokens: of one reply.
    deadline: seconds that one request may take.
    budget: seconds that a question may take: requests, waits and re-asks.
    max_retries: requests that repeat one to a server out of reach.
    max_reasks: replies sent back because they are not what was asked for.
    structured: whether the server is asked to enforce the schema: 'on', 'off',
      or 'auto' for as long as it does not refuse to.
    extra: a JSON object of more fields of the request; null leaves one out.
    input_price: of a million tokens sent.
    output_price: of a million tokens received.
  """

  name: str
  base_url: str
  key_env: str = 'OPENAI_API_KEY'
  temperature: float = 0.0
  top_p: float = 1.0
  max_tokens: int = 512
  deadline: float = 20.0
  budget: float = 50.0
  max_retries: int = 4
  max_reasks: int = 2
  structured: str = 'auto'
  extra: str = ''
  input_price: float = 0.0
  output_price: float = 0.0

  def request(self, ask: chat.Ask) -> dict[str, Any]:
    """Returns the fields of the request for a question.

    The seed differs between any two questions of a step, so that samples of one
    task do not get the same replies at a temperature above 0. A task that comes
    again in a later epoch has the seeds of the first time: what differs then is
    what the policy says.
    """
    system = ask.system
    if ask.schema is not None:
      system += _SCHEMA + json.dumps(ask.schema)
    messages = [('system', system), *ask.messages]
    fields = {
        'model': self.name,
        'messages': [{'role': r, 'content': text} for r, text in messages],
        'temperature': self.temperature,
        'top_p': self.top_p,
        'max_tokens': self.max_tokens,
        'seed': zlib.crc32(f'{ask.seed}/{ask.key}'.encode()) >> 1,
        **json.loads(self.extra or '{}'),
    }
    return {name: value for name, value in fields.items() if value is not None}


def check(model: Model, where: str) -> None:
  """Refuses settings that no server could do anything with.

  Args:
    model: the settings.
    where: the section of the config, for the error.

  Raises:
    ValueError: names the field. Never repeats what might be a key.
  """
  if not model.name:
    raise ValueError(f'{where}.model: name a model, as its server calls it.')
  if model.base_url and not _URL.fullmatch(model.base_url):
    raise ValueError(
        f'{where}.base_url: must be like https://host/v1, without credentials,'
        ' query or fragment.'
    )
  if not re.fullmatch(r'[A-Za-z_][A-Za-z0-9_]*', model.key_env):
    raise ValueError(
        f'{where}.key_env: must name an environment variable, never hold a key.'
    )
  if model.structured not in STRUCTURED:
    known = ', '.join(STRUCTURED)
    raise ValueError(
        f'{where}.structured={model.structured!r} must be one of: {known}.'
    )
  _check_extra(model.extra, where)
  for name in ('max_tokens', 'deadline', 'budget'):
    if not 0 < getattr(model, name) < float('inf'):
      raise ValueError(f'{where}.{name} must be positive and finite.')
  for name in ('max_retries', 'max_reasks', 'input_price', 'output_price'):
    if getattr(model, name) < 0:
      raise ValueError(f'{where}.{name} must not be negative.')


def _check_extra(extra: str, where: str) -> None:
  try:
    is_object = isinstance(json.loads(extra or '{}'), dict)
  except ValueError:
    is_object = False
  if not is_object:
    raise ValueError(
        f'{where}.extra: must be a JSON object, as text, or empty.'
    )


def with_format(
    request: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns a request whose server is to enforce the schema of the reply."""
  form = {'name': 'reply', 'strict': True, 'schema': schema}
  return {
      **request,
      'response_format': {'type': 'json_schema', 'json_schema': form},
  }


def asking_again(
    request: Mapping[str, Any], reply: str, complaint: str
) -> dict[str, Any]:
  """Returns a request that goes on with the reply and what is wrong with it."""
  said = structured.without_thought(reply)[:_MAX_ECHO] or '(nothing)'
  wish = f'This reply cannot be used: {complaint}. Reply once more, correctly.'
  return {
      **request,
      'messages': [
          *request['messages'],
          {'role': 'assistant', 'content': said},
          {'role': 'user', 'content': wish},
      ],
  }


@dataclasses.dataclass(frozen=True)
class Completion:
  """What a server replied.

  Attributes:
    text: of the message.
    tokens_in: tokens it was sent, by its own count; 0 if it says none.
    tokens_out: tokens it sampled.
  """

  text: str
  tokens_in: int = 0
  tokens_out: int = 0


class Unavailable(Exception):
  """A server out of reach or too busy: the same request may work later.

  Attributes:
    kind: 'timeout', 'connection', 'busy', 'server' or 'body'.
    retry_after: seconds that the server asks to wait.
  """

  def __init__(self, kind: str, message: str, retry_after: float = 0.0):
    super().__init__(message)
    self.kind = kind
    self.retry_after = retry_after


class Refused(Exception):
  """A request that the server will never accept.

  Attributes:
    status: of HTTP.
  """

  def __init__(self, status: int, message: str):
    super().__init__(message)
    self.status = status
