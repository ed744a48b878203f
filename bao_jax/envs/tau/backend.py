"""What stands behind a Tau conversation: a database, tools and a policy.

A database is a tree of JSON values. Nothing changes one: a tool returns a new
tree that shares all it left alone with the old one.

  db, text = call(tools, db, 'cancel_pending_order', {'order_id': ..., ...})
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import hashlib
import json
from typing import Any

Database = Mapping[str, Any]
Schema = Mapping[str, Any]

STRING: Schema = {'type': 'string'}
INTEGER: Schema = {'type': 'integer'}
STRINGS: Schema = {'type': 'array', 'items': STRING}


class ToolError(Exception):
  """The tool cannot do this; the text says why, in words for the policy."""


@dataclasses.dataclass(frozen=True)
class Tool:
  """One tool.

  Attributes:
    run: (db, one argument after the other in the order of `parameters`) -> the
      next database and the result; raises `ToolError`.
    description: what it does, for the policy.
    parameters: name -> JSON schema of each argument; all are required.
  """

  run: Callable[..., tuple[Database, Any]]
  description: str
  parameters: Mapping[str, Schema]


@dataclasses.dataclass(frozen=True)
class Backend:
  """What a gym needs to play a task.

  Attributes:
    policy: the rules that the agent must keep, in words.
    tools: by name.
    database: before the first turn.
    show: writes the result of a tool.
  """

  policy: str
  tools: Mapping[str, Tool]
  database: Database
  show: Callable[[Any], str] = json.dumps


def call(
    tools: Mapping[str, Tool],
    db: Database,
    name: str,
    arguments: Any,
    show: Callable[[Any], str] = json.dumps,
) -> tuple[Database, str]:
  """Calls a tool.

  Args:
    tools: those there are.
    db: the database.
    name: of the tool.
    arguments: name -> value; anything else is an error too.
    show: writes a result that is no text yet.

  Returns:
    The next database and the result as text, or 'Error: ' and what was wrong,
    in which case the database is the old one.
  """
  try:
    if name not in tools:
      raise ToolError(f'there is no tool {name[:40]!r}; see search tools')
    tool = tools[name]
    schema = objects(tool.parameters)['items']
    check(arguments, schema, 'arguments')
    db, result = tool.run(db, *(arguments[key] for key in tool.parameters))
  except ToolError as error:
    return db, f'Error: {error}.'
  return db, result if isinstance(result, str) else show(result)


def objects(properties: Mapping[str, Schema]) -> Schema:
  """Returns the schema of a list of objects that have all `properties`."""
  item = {
      'type': 'object',
      'properties': dict(properties),
      'required': list(properties),
      'additionalProperties': False,
  }
  return {'type': 'array', 'items': item}


def check(value: Any, schema: Schema, where: str) -> None:
  """Raises `ToolError` unless a value fits the parts of JSON schema used here.

  Those are type, items, properties (all required, no others) and enum.
  """
  kind = schema['type']
  if not _TYPES[kind](value):
    raise ToolError(f'{where} must be of type {kind}')
  if value not in schema.get('enum', [value]):
    raise ToolError(f'{where} must be one of: {", ".join(schema["enum"])}')
  if kind == 'array':
    for i, item in enumerate(value):
      check(item, schema['items'], f'{where}[{i}]')
  if kind == 'object':
    properties = schema['properties']
    for name in properties:
      if name not in value:
        raise ToolError(f'{where} lack {name}')
      check(value[name], properties[name], name)
    for name in value:
      if name not in properties:
        raise ToolError(f'{where} have no {name[:40]!r}')


def put(tree: Any, value: Any, *path: str | int) -> Any:
  """Returns a tree in which `value` stands at `path`, the rest shared."""
  if not path:
    return value
  head, *rest = path
  copy = list(tree) if isinstance(tree, list) else dict(tree)
  copy[head] = put(copy[head], value, *rest) if rest else value
  return copy


def find(table: Mapping[str, Any], key: str, what: str) -> Any:
  """Returns a row of a table; a `ToolError` if it is not there."""
  if key not in table:
    raise ToolError(f'no {what} {key[:40]!r}')
  return table[key]


def terse(result: Any) -> str:
  """Writes a result in few words: 'status pending, item 12, price 30'."""
  match result:
    case dict():
      pairs = ((key.split('_')[0], terse(v)) for key, v in result.items())
      return ', '.join(f'{key} {text}' for key, text in pairs)
    case list():
      return '; '.join(map(terse, result))
    case _:
      return str(result)


def digest(db: Database) -> str:
  """Returns a hash that equal databases share, whatever the order of keys."""
  text = json.dumps(db, sort_keys=True)
  return hashlib.sha256(text.encode('utf-8')).hexdigest()


def replay(
    tools: Mapping[str, Tool],
    db: Database,
    actions: Sequence[Mapping[str, Any]],
) -> Database:
  """Returns the database after the calls of `actions`, {name, kwargs} each."""
  for action in actions:
    db, _ = call(tools, db, action['name'], action['kwargs'])
  return db


def describe(tools: Mapping[str, Tool]) -> str:
  """Returns one line per tool: its call, and what it does."""
  lines = []
  for name, tool in tools.items():
    call_ = ', '.join(f'{k}: {_spelled(s)}' for k, s in tool.parameters.items())
    lines.append(f'- {name}({call_}): {tool.description}')
  return '\n'.join(lines)


def _spelled(schema: Schema) -> str:
  match schema['type']:
    case 'array':
      return f'[{_spelled(schema["items"])}]'
    case 'object':
      parts = (f'{k}: {_spelled(s)}' for k, s in schema['properties'].items())
      return f'{{{", ".join(parts)}}}'
    case _ if 'enum' in schema:
      return ' | '.join(json.dumps(value) for value in schema['enum'])
    case kind:
      return kind


_MAX_NUMBER = 10**9  # Infinity, NaN and what is larger are no amounts.

_TYPES = {
    'string': lambda value: isinstance(value, str),
    'integer': lambda v: type(v) is int and abs(v) <= _MAX_NUMBER,
    'number': lambda v: type(v) in (int, float) and abs(v) <= _MAX_NUMBER,
    'array': lambda value: isinstance(value, list),
    'object': lambda value: isinstance(value, dict),
}
