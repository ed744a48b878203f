"""The scripted judge of the Search gym: the same words, politeness apart.

An answer is right if it is the gold answer, or that within a frame made of the
closed lists below: "it was built by ... ", "... is the answer". A second
candidate, a doubt, a denial or an instruction is in no list, so it makes an
answer wrong. So does what names another thing: "the mayor of ..." is not what
"..." is.
"""

from collections.abc import Sequence
import re
import unicodedata

from bao_jax.envs import base

_ARTICLES = frozenset('a an the'.split())
_VERBS = frozenset("""
    is was are were born built opened founded published written wrote set
    located lies lie lay stands stood began held made designed dedicated led
    worked taught teaches lives lived named called known
    """.split())
_NOUNS = frozenset("""
    answer solution name year date town city river region place person job home
    friend owner builder mayor crop material emblem profession rival school
    founder seat leader author architect dedicatee setting birthplace birth
    publication opening founding
    """.split())
_OTHERS = frozenset("""
    it its that this he she they his her their i am my final correct right one
    am sure certain definitely surely clearly therefore so thus hence ok okay
    found know
    """.split())
_FRAME = _VERBS | _NOUNS | _OTHERS
_PREPOSITIONS = frozenset('in by at on to as from for'.split())
_HAVE_OF = frozenset('name year town city river region made built'.split())
_AFTERWARDS = frozenset('is was built founded wrote designed led'.split())
_ADVERBS = frozenset('definitely surely clearly certain'.split())


def exact_match(state: base.State, answer: str) -> bool:
  """Judges an answer: `base.JudgeFn`.

  Args:
    state: of a conversation about a Search task.
    answer: in free wording.

  Returns:
    Whether it is the task's answer, and that alone.
  """
  return is_same(answer, state.task.data['answer'])


def is_same(answer: str, gold: str) -> bool:
  """Returns whether an answer says the gold answer and nothing else.

  Case, punctuation and articles do not count.

  Args:
    answer: in free wording.
    gold: the correct answer.
  """
  if '?' in answer and '?' not in gold:
    return False  # A question commits to nothing.
  said, expected = _words(answer), _words(gold)
  return bool(expected) and any(
      said[start : start + len(expected)] == expected
      and _may_follow(said[start + len(expected) :])
      for start in range(_frame_length(said) + 1)
  )


def is_exact(answer: str, gold: str) -> bool:
  """Returns whether two texts have the same words, articles apart."""
  return bool(_words(gold)) and _words(answer) == _words(gold)


def _words(text: str) -> list[str]:
  """Returns the words in lower case; articles go unless they are all."""
  text = unicodedata.normalize('NFKC', text).casefold()
  text = re.sub(r"['\u2019]", '', text)  # "it's" is not "it" and "s".
  found = re.findall(r'[^\W_]+', text)
  return [word for word in found if word not in _ARTICLES] or found


def _frame_length(said: Sequence[str]) -> int:
  """Returns how many words may come before an answer."""
  before = ''
  for i, word in enumerate(said):
    if word in _PREPOSITIONS:
      is_fine = i == 0 or before in _VERBS
    elif word == 'of':
      is_fine = before in _HAVE_OF
    else:
      is_fine = word in _FRAME
    if not is_fine:
      return i
    before = word
  return len(said)


def _may_follow(rest: Sequence[str]) -> bool:
  """Returns whether words may come after an answer: "... was the author"."""
  if not rest or rest[0] not in _AFTERWARDS:
    return all(word in _ADVERBS for word in rest)
  return all(word in _FRAME for word in rest[1:])
