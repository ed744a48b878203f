"""Whoever posted a vague request, and the judge of what was asked about it.

Both listen for the kinds of details that a question names. They go by the
task's `facts` alone (`tasks.builtin.intention` has its keys).
"""

from bao_jax import types
from bao_jax.envs import base
from bao_jax.tasks.builtin import intention_words
from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import points

MAX_KINDS = 3  # Of a question; whoever names more asks nothing.

_KINDS = intention_words.KINDS


def require_facts(task: types.Task, user: object, judge: object) -> None:
  """Refuses a task that a scripted user or judge could not play.

  Args:
    task: about to be attempted.
    user: of the gym.
    judge: of the gym.

  Raises:
    ValueError: the task carries no facts, and one of the two needs them.
  """
  if (user is reply or judge is covered) and 'facts' not in task.data:
    raise ValueError(
        f'{task.id}: data has no "facts", which the scripted user and judge'
        ' need; give the gym another user and judge, or use the built-in tasks'
    )


def asked(message: str, lexicon: lexicon_lib.Lexicon) -> list[str]:
  """Returns the kinds of details that a message asks about.

  A sentence asks if it has a question mark or a word like 'which', if all of it
  is understood and nothing in it is denied, and if what it names is joined by
  'and', 'or' or a comma. Of a heap of unconnected keywords nothing is left.

  Args:
    message: in free wording.
    lexicon: of a built-in request.
  """
  kinds = {}
  for sentence in points.read(message, lexicon):
    denies = sentence.has('not', 'nor', 'flip')
    if sentence.is_known and sentence.is_joined and not denies:
      if sentence.is_question or _has_question_word(sentence):
        kinds |= dict.fromkeys(token.slot for token in sentence.mentions)
  return list(kinds)


def _has_question_word(sentence: points.Sentence) -> bool:
  """Whether a sentence asks without a question mark: "tell me the size"."""
  return any(
      token.text in intention_words.ASKING
      or (token.kind == 'slot' and token.text.split()[0] in _OPENERS)
      for token in sentence.tokens
  )


_OPENERS = ('what', 'which', 'when', 'where', 'who', 'how', 'by', 'why')


def covered(state: base.State, message: str) -> list[int]:
  """Returns which of the missing details a message asks about.

  Args:
    state: of a conversation about a built-in task.
    message: of the policy.

  Returns:
    Their places in `missing_details`, whether covered before or not.
  """
  kinds = _asked(state.task, message)
  missing = state.task.data['facts']['missing']
  if len(kinds) > MAX_KINDS:
    return []
  return [missing.index(kind) for kind in kinds if kind in missing]


def reply(state: base.State, message: str) -> str:
  """Answers for each detail that a message asks about, and volunteers none.

  Args:
    state: of a conversation about a built-in task.
    message: of the policy.
  """
  kinds = _asked(state.task, message)
  is_full = state.task.level == 'full'
  if not kinds:
    return _PUZZLED[is_full]
  if len(kinds) > MAX_KINDS:
    return _TOO_MUCH[is_full]
  told = [_told(state, kind) for kind in kinds]
  return ' '.join(told) if is_full else ', '.join(told)


_PUZZLED = {
    False: 'what?',
    True: (
        'I do not know what to say to that. What about my request would you'
        ' like to know?'
    ),
}
_TOO_MUCH = {
    False: 'one at a time',
    True: 'That is a lot at once. Please ask about one thing at a time.',
}


def _told(state: base.State, kind: str) -> str:
  """Says what a detail is, that it was said, or that it does not matter."""
  facts = state.task.data['facts']
  description = _KINDS[kind].description
  value = facts['values'].get(kind)
  was_told = kind not in facts['missing'] or (
      facts['missing'].index(kind) in state.memory['covered']
  )
  if state.task.level != 'full':
    if value is None:
      return f'any {kind}'
    return f'still {value}' if was_told else f'{kind} {value}'
  if value is None:
    return f'I have no preference about {description}.'
  if was_told:
    return f'As I said, {description}: {value}.'
  return f'As for {description}: {value}.'


def _asked(task: types.Task, message: str) -> list[str]:
  lexicon = intention_words.lexicon(task.level, task.data['category'])
  return asked(message, lexicon)
