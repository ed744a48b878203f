"""What the policy reads first in the Tau gym.

The rules are the same for all tasks of a level; what belongs to a domain, its
policy, stands with the user's request.
"""

from bao_jax import types
from bao_jax.envs import base

_EASY = """\
Serve a user of a shop. Think, then call the tool:
action: a message to the user.
answer: get_order_details: order
cancel_pending_order: order, reason
return_delivered_order_items: order, item, payment
You have {max_turns} turns. Ask, propose, do it after a yes, say it is done."""

_MEDIUM = """\
Serve a user by messages and by tools. Think first, then call the tool:
search: tools, the reply lists them.
action: a message to the user.
answer: a tool with its arguments, name: {{"key": value, ..}}
You have {max_turns} turns. Keep to the policy. Ask what you need to know, \
say what you will do, do it after a yes, then say it is done."""

_FULL = """\
You serve users of a company by acting in an environment through a tool.

# Environment
A user wants something of the company. You talk to the user, look things up \
and change them with the company's own tools, and keep to its policy. Your \
work is done when the user is satisfied, or handed over to a person; it counts \
if everything the user is entitled to has been done and told, and nothing else.

# Choices
Call `interact_with_env` with one of three choices:
- search: `content` is the word tools, for a list of the company's tools and \
their arguments, or the word help.
- action: `content` is a message to the user, who replies.
- answer: `content` is a call of one of the company's tools in JSON, \
{{"name": ..., "arguments": {{...}}}}; the reply is its result.

# Notes
- Before every call, think inside <think></think>.
- You have {max_turns} turns in all, so ask for several things at once.
- The user knows things that the database does not, and the other way round: \
find out which tool you need, what its arguments are, and where to get them.
- Say exactly what you are going to change before you change it, and wait for \
a yes."""

_SYSTEMS = {'easy': _EASY, 'medium': _MEDIUM, 'full': _FULL}

HELP = """\
action: a message to the user.
answer: {"name": tool, "arguments": {name: value, ...}}, or tool: {...}
search: tools, for the list of tools.
finish: ends the conversation."""


def prompt(task: types.Task, policy: str, max_turns: int) -> base.Observation:
  """Returns the rules, and the policy before the user's first line.

  Args:
    task: its `data` holds 'obs', the user's first line.
    policy: of the domain; '' to show none.
    max_turns: the turn budget.
  """
  system = _SYSTEMS[task.level].format(max_turns=max_turns)
  says = 'The user says:' if task.level == 'full' else 'user:'
  gap = '\n' if task.level == 'easy' else '\n\n'
  text = f'{policy}{gap}' if policy else ''
  return base.Observation(system, f'{text}{says} {task.data["obs"]}')
