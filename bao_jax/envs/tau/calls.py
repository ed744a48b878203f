"""How a policy writes the call of a tool.

  {"name": "get_order_details", "arguments": {"order_id": "#W12"}}
  get_order_details: {"order_id": "#W12"}
  get_order_details: #W12                     at level easy alone

The last form has the arguments in their order, between commas.
"""

from collections.abc import Mapping
import json
import re
from typing import Any

from bao_jax.envs.tau import backend

_NAMED = re.compile(r'\s*(\w+)\s*:\s*(\{.*)', re.DOTALL)
_SHORT = re.compile(r'\s*(\w+)\s*:([^{}"]*)')


def parse(
    content: str, tools: Mapping[str, backend.Tool], *, allow_short: bool
) -> tuple[str, Any]:
  """Returns the name of a tool and its arguments.

  Args:
    content: what the policy wrote.
    tools: by name; the short form needs their parameters.
    allow_short: whether the short form is allowed.

  Raises:
    ToolError: the text is no call.
  """
  named = _NAMED.fullmatch(content)
  if named:
    return named[1], _json(named[2])
  short = _SHORT.fullmatch(content)
  if short and allow_short and short[1] in tools:
    return short[1], _in_order(short[2], tools[short[1]])
  call = _json(content)
  if not isinstance(call, dict) or not isinstance(call.get('name'), str):
    raise backend.ToolError(
        'a call is {"name": ..., "arguments": {...}}, or name: {...}'
    )
  return call['name'], call.get('arguments', {})


def _in_order(text: str, tool: backend.Tool) -> Mapping[str, Any]:
  values = [value.strip() for value in text.split(',')]
  if len(values) != len(tool.parameters):
    names = ', '.join(tool.parameters)
    raise backend.ToolError(f'the arguments are: {names}')
  return {
      name: [value] if schema['type'] == 'array' else value
      for (name, schema), value in zip(tool.parameters.items(), values)
  }


def _json(text: str) -> Any:
  try:
    return json.loads(text, parse_constant=_refuse)
  except (ValueError, RecursionError):
    raise backend.ToolError('the call is not valid JSON') from None


def _refuse(constant: str) -> None:
  raise ValueError(f'{constant} is not a JSON number')
