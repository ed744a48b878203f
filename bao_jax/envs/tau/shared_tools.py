"""The tools that retail and airline have in common."""

import re

from bao_jax.envs import arithmetic
from bao_jax.envs.tau import backend

TRANSFER = 'transfer_to_human_agents'
TRANSFERRED = 'Transfer successful'

_ARITHMETIC = re.compile(r'[0-9.+\-*/() ]+')


def calculate(db: backend.Database, expression: str):
  """Computes + - * / over numbers, without `eval`."""
  if not _ARITHMETIC.fullmatch(expression):
    raise backend.ToolError('use digits, + - * / and parentheses alone')
  try:
    value = arithmetic.evaluate(expression, (0,) * len(arithmetic.VARIABLES))
  except (arithmetic.RuleError, arithmetic.NoValueError):
    raise backend.ToolError('this expression has no value') from None
  return db, f'{round(value, 2):.15g}'


def think(db: backend.Database, thought: str):
  """Notes nothing down: the thought is in the conversation already."""
  del thought
  return db, 'ok'


def transfer(db: backend.Database, summary: str):
  """Hands the user over; the gym ends the conversation."""
  del summary
  return db, TRANSFERRED


TOOLS = {
    'calculate': backend.Tool(
        calculate,
        'works out an expression of numbers, + - * / and parentheses',
        {'expression': backend.STRING},
    ),
    'think': backend.Tool(
        think, 'notes a thought; changes nothing', {'thought': backend.STRING}
    ),
    TRANSFER: backend.Tool(
        transfer,
        'hands the user over to a person and ends the conversation',
        {'summary': backend.STRING},
    ),
}
