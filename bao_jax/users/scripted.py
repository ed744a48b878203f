"""Users and judges that answer from structured truth: no model, no chance.

A built-in task carries `facts`, the true value of every slot. Text is data
here: it is understood by a closed lexicon or not at all, and what is not
understood gets "Maybe" and earns nothing.
"""

from collections.abc import Iterator, Mapping
import itertools

from bao_jax import types
from bao_jax.envs import base
from bao_jax.tasks.builtin import telepathy_words
from bao_jax.tasks.builtin import turtle_words
from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import logic
from bao_jax.users import wording

YES = 'Yes'
NO = 'No'
MAYBE = 'Maybe'

_MAX_ITEMS = 40  # Of a question; reading takes their number cubed.

_WORDS = {'telepathy': telepathy_words, 'turtle': turtle_words}


def require_facts(task: types.Task, user: object, judge: object) -> None:
  """Refuses a task that a scripted user or judge could not play.

  Args:
    task: about to be attempted.
    user: of the gym.
    judge: of the gym.

  Raises:
    ValueError: the task carries no facts, and one of the two needs them.
  """
  needs = user is answer_question or judge in (telepathy_judge, turtle_judge)
  if needs and 'facts' not in task.data:
    raise ValueError(_no_facts(task))


def lexicon_of(task: types.Task) -> lexicon_lib.Lexicon:
  """Returns the lexicon of a built-in task's gym and level."""
  return _WORDS[task.gym].lexicon(task.level)


def answer_question(state: base.State, message: str) -> str:
  """Answers a yes-or-no question: `base.UserFn`.

  Args:
    state: of a conversation about a built-in Telepathy or Turtle task.
    message: the question, in free wording.

  Returns:
    'Yes', 'No' or 'Maybe'.

  Raises:
    UserError: the task carries no facts.
  """
  facts = _facts(state.task)
  sentences = wording.read(message, lexicon_of(state.task))
  if not all(sentence.clear for sentence in sentences):
    return MAYBE
  telling = [sentence for sentence in sentences if sentence.mentions]
  asked = [s for s in telling if s.is_question] or telling
  found = [_truths(sentence, facts) for sentence in asked]
  if not found or any(len(truths) != 1 for truths in found):
    return MAYBE
  truths = set().union(*found)
  return MAYBE if len(truths) > 1 else YES if truths.pop() else NO


def telepathy_judge(state: base.State, answer: str) -> bool:
  """Judges a guess: right if it names every required value and no other.

  Args:
    state: of a conversation about a built-in Telepathy task.
    answer: the guess, in free wording.

  Returns:
    Whether the guess is right.

  Raises:
    UserError: the task carries no facts.
  """
  facts = _facts(state.task)
  stated = _stated(answer, lexicon_of(state.task))
  # What is not known of the thing contradicts nothing.
  agrees = all(facts.get(slot, said) == said for slot, said in stated.items())
  return agrees and all(slot in stated for slot in state.task.data['required'])


def turtle_judge(state: base.State, answer: str) -> list[float]:
  """Scores a story: per criterion 1 if all its slots are told, 0.5 if some.

  Args:
    state: of a conversation about a built-in Turtle task.
    answer: the story, in free wording.

  Returns:
    One of 0, 0.5 and 1 for each criterion of `evaluation`, in its order.

  Raises:
    UserError: the task carries no facts.
  """
  facts = _facts(state.task)
  stated = _stated(answer, lexicon_of(state.task))
  scores = []
  for criterion in state.task.data['evaluation']:
    told = [stated.get(slot) == facts[slot] for slot in criterion['slots']]
    scores.append(1.0 if all(told) else 0.5 if any(told) else 0.0)
  return scores


def _facts(task: types.Task) -> Mapping[str, str]:
  if 'facts' not in task.data:
    raise base.UserError(_no_facts(task))
  return task.data['facts']


def _no_facts(task: types.Task) -> str:
  return (
      f'{task.id}: data has no "facts", which the scripted user and judge need;'
      ' give the gym another user and judge, or use the built-in tasks'
  )


def _truths(sentence: wording.Sentence, facts: Mapping[str, str]) -> set[bool]:
  """Returns the truth values of a sentence, one per reading of it."""
  if len(sentence.items) > _MAX_ITEMS:
    return set()
  items: list[logic.Item] = []
  slot = ''  # Of the fact last added.
  for item in sentence.items:
    if isinstance(item, str):
      items.append(item)
      continue
    if item.slot not in facts:
      return set()  # Nobody knows.
    holds = facts[item.slot] == item.value
    if items[-1:] == ['or'] and slot == item.slot:
      # "not red or blue" denies both, so values of one slot are one fact.
      items[-2:] = [bool(items[-2]) or holds]
    else:
      items.append(holds)
    slot = item.slot
  return {truth != sentence.flipped for truth in logic.truths(items)}


def _stated(answer: str, lexicon: lexicon_lib.Lexicon) -> Mapping[str, str]:
  """Returns the value an answer commits to, per slot that it speaks of.

  Of a slot for which it names several, or none for sure, the value is ''.
  Slots of which it only denies values are absent.
  """
  sentences = wording.read(answer, lexicon)
  if any(sentence.takes_back for sentence in sentences):
    return {}
  claims: dict[str, dict[str, set[str]]] = {}
  for sentence in sentences:
    for mention, status in _claims(sentence):
      said = claims.setdefault(mention.slot, {})
      said.setdefault(mention.value, set()).add(status)
  return {
      slot: _committed(said)
      for slot, said in claims.items()
      if any(how != {'denied'} for how in said.values())
  }


def _committed(said: Mapping[str, set[str]]) -> str:
  """Returns the one value that is claimed while all others are denied."""
  open_values = [value for value, how in said.items() if how != {'denied'}]
  if len(open_values) != 1:
    return ''
  how = said[open_values[0]]
  return open_values[0] if 'claimed' in how and 'denied' not in how else ''


def _claims(
    sentence: wording.Sentence,
) -> Iterator[tuple[wording.Token, str]]:
  """Yields each mention and whether it is claimed, denied or unsure."""
  groups = itertools.groupby(sentence.items, lambda item: item == 'but')
  for clause in (list(group) for is_but, group in groups if not is_but):
    mentions = [item for item in clause if isinstance(item, wording.Token)]
    one_slot = len({mention.slot for mention in mentions}) == 1
    if not sentence.clear or ('or' in clause and clause[0] != 'not'):
      statuses = ['unsure'] * len(mentions)
    elif clause[0] == 'not' and clause.count('not') == 1 and one_slot:
      statuses = ['denied'] * len(mentions)
    else:
      statuses = list(_one_by_one(clause))
    yield from zip(mentions, statuses, strict=True)


def _one_by_one(clause: list[wording.Token | str]) -> Iterator[str]:
  """Yields the status of each mention; how far a 'not' reaches is unsure."""
  status = 'unsure' if 'or' in clause else 'claimed'
  for item in clause:
    if item == 'not':
      status = 'denied'
    elif isinstance(item, wording.Token):
      yield status
      status = 'unsure' if status == 'denied' else status
