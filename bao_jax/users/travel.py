"""The scripted traveler, and the judge of searches, of the Travel gym.

Both answer from a task's `facts`. A wish is told to whoever asks about one
category of one aspect; what names several is too vague.
"""

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import travel_plan as plan
from bao_jax.users import travel_reading

_SMALL_TALK = {True: 'Well, I look forward to the trip.', False: 'i see'}


def require_facts(task: types.Task, *roles: object) -> None:
  """Refuses a task that a scripted user or judge could not play.

  Args:
    task: about to be attempted.
    *roles: of the gym.

  Raises:
    ValueError: the task carries no facts, and one of the roles needs them.
  """
  scripted = (judge_search, classify)
  if any(role in scripted for role in roles) and 'facts' not in task.data:
    raise ValueError(
        f'{task.id}: data has no "facts", which the scripted user and judge'
        ' need; give the gym others, or use the built-in tasks'
    )


def judge_search(state: base.State, message: str) -> plan.SearchVerdict:
  """Judges a search: one aspect, with all its arguments and no others.

  Args:
    state: of a conversation about a built-in task.
    message: the request, in free wording.
  """
  text = travel_reading.read(message, state.task.level)
  if not text.aspects:
    return plan.SearchVerdict(None)
  aspect = min(text.aspects)
  is_single = len(text.aspects) == 1 and aspect in state.task.data['dimensions']
  if not (text.clear and is_single):
    return plan.SearchVerdict(False)
  arguments = state.task.data[aspect]['arguments']
  if not _states(text, arguments):
    return plan.SearchVerdict(False)
  return plan.SearchVerdict(True, aspect)


def classify(state: base.State, message: str) -> plan.MessageVerdict:
  """Tells which wish a message asks for, or what else it is.

  Args:
    state: of a conversation about a built-in task.
    message: what the policy said, in free wording.
  """
  text = travel_reading.read(message, state.task.level)
  if not text.clear:
    return plan.MessageVerdict(plan.VAGUE)
  if not text.asks:
    return plan.MessageVerdict(plan.CHAT)
  asked = {pair for pair in text.categories if pair[0] in text.aspects}
  if len(text.aspects) != 1 or len(asked) > 1:
    return plan.MessageVerdict(plan.VAGUE)
  if not asked:
    # "Do you want a pool on your flight?" is concrete, though there is none.
    kind = plan.OTHER if text.categories else plan.VAGUE
    return plan.MessageVerdict(kind)
  for preference in plan.remaining(state):
    if (preference.aspect, preference.category) in asked:
      return plan.MessageVerdict(plan.ASKS, preference.id)
  return plan.MessageVerdict(plan.OTHER)


def voice(state: base.State, message: str) -> str:
  """Says what hints at the wish that is the topic, or makes small talk.

  Args:
    state: with a 'topic' in its memory; see `envs.travel_plan`.
    message: what is replied to; does not matter here.
  """
  del message
  wish = plan.topic(state)
  if wish is None:
    return _SMALL_TALK[state.task.level == 'full']
  return wish.implicit


def _states(text: travel_reading.Text, arguments) -> bool:
  """Whether a search states the arguments, in their order, and no others."""
  said = {name: value.lower() for name, value in arguments.items()}
  if 'origin' in said:
    route = _route(text)
    fits = route == (said.pop('origin'), said.pop('destination'))
  else:
    fits = {city for _, city in text.cities} == {said.pop('city')}
  dates = [value.replace(' ', '_') for value in said.values()]
  return fits and list(dict.fromkeys(text.dates)) == dates


def _route(text: travel_reading.Text) -> tuple[str, ...]:
  """Returns where a flight starts and ends, as far as a search tells."""
  if len(text.cities) != 2:
    return ()
  (before, first), (between, second) = text.cities
  is_turned = before == 'to' or between == 'from'
  return (second, first) if is_turned else (first, second)
