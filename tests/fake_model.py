"""A model that knows nothing and answers everything: any schema, validly.

The same question always has the same reply, so that runs can be compared.
"""

from collections.abc import Mapping
import json
import random
from typing import Any

from bao_jax.users import chat
from bao_jax.users import models
from bao_jax.users import structured

_WORDS = 'yes no maybe fine well I see what you mean ###STOP### {x} "'.split()


def answer(ask: chat.Ask) -> Any:
  """A `chat.ChatFn`: returns a valid object, or text without a schema."""
  rng = random.Random(repr(ask))
  if ask.schema is None:
    return _text(rng)
  return structured.read(json.dumps(_value(ask.schema, rng)), ask.schema)


async def post(
    model: models.Model, request: Mapping[str, Any]
) -> models.Completion:
  """A `client.PostFn` that replies like that."""
  del model
  rng = random.Random(json.dumps(request, sort_keys=True))
  form = request['response_format']['json_schema']
  return models.Completion(json.dumps(_value(form['schema'], rng)))


async def silent(model: models.Model, request: Mapping[str, Any]):
  """A `client.PostFn` of which nothing may be asked."""
  raise AssertionError(f'{model.name} was asked: {request}')


def _value(schema: Mapping[str, Any], rng: random.Random) -> Any:
  """Returns an object that is valid under a schema."""
  if 'enum' in schema:
    # Verdicts name something, or mean nothing where they must.
    named = [value for value in schema['enum'] if value != 'none']
    return rng.choice(named or schema['enum'])
  match schema['type']:
    case 'object':
      return {
          name: _value(inner, rng)
          for name, inner in schema['properties'].items()
      }
    case 'array':
      count = rng.randrange(3) if schema['items'].get('enum', True) else 0
      return [_value(schema['items'], rng) for _ in range(count)]
    case 'boolean':
      return rng.random() < 0.3
    case 'integer':
      return schema.get('minimum', 0) + rng.randrange(3)
    case 'number':
      return rng.random()
    case 'string':
      return _text(rng)
  raise ValueError(f'no value for {schema}')


def _text(rng: random.Random) -> str:
  return ' '.join(['ok', *rng.choices(_WORDS, k=rng.randrange(12))])
