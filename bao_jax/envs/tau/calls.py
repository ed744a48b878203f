"""How a policy writes the call of a tool.

  {"name": "get_order_details", "arguments": {"order_id": "#W12"}}
  get_order_details: {"order_id": "#W12"}
"""

import json
import re
from typing import Any

from bao_jax.envs.tau import backend

_NAMED = re.compile(r'\s*(\w+)\s*:\s*(\{.*)', re.DOTALL)


def parse(content: str) -> tuple[str, Any]:
  """Returns the name of a tool and its arguments.

  Raises:
    ToolError: the text is no call.
  """
  named = _NAMED.fullmatch(content)
  if named:
    return named[1], _json(named[2])
  call = _json(content)
  if not isinstance(call, dict) or not isinstance(call.get('name'), str):
    raise backend.ToolError(
        'a call is {"name": ..., "arguments": {...}}, or name: {...}'
    )
  return call['name'], call.get('arguments', {})


def _json(text: str) -> Any:
  try:
    return json.loads(text, parse_constant=_refuse)
  except (ValueError, RecursionError):
    raise backend.ToolError('the call is not valid JSON') from None


def _refuse(constant: str) -> None:
  raise ValueError(f'{constant} is not a JSON number')
