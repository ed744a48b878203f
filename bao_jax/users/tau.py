"""The scripted user of the Tau gym: has wishes, tells what it is asked for.

It knows its instruction and what it was told in the conversation, and nothing
of the database: it believes a report that something is done. `facts` of a task
are its instruction in structured form:

  who       slot -> value: what it says about itself
  requests  one wish after the other:
    wish      what it wants, after "I want to"
    tells     slot -> value: what it says when asked
    verbs     stems, one of which a proposal must have
    agrees    lists of words, one of each a proposal must have
    rivals    stems that no proposal may have
    ends      what fulfils the wish: 'done', 'value' (one number is told),
              'refusal' (it tests the policy and believes nothing else) or
              'transfer' (nothing that is said)
    insists   how many refusals it does not take
    fallback  whether it is wished for only if the wish before was refused

What is not understood gets the wish once more, and nothing else.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import re
from typing import Any

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs.tau import grading
from bao_jax.users import tau_words as words

STOP = '###STOP###'  # The mark of a satisfied user, in the benchmark too.

_ID = re.compile(r'#w\d+|\br\d{3,4}\b')
# They deny nothing: they are reasons of a user.
_HARMLESS = re.compile(
    r"\b(?:no longer|not|don't|do not) (?:need|want|any)\w*|\bnot just\b"
)


def require_facts(task: types.Task) -> None:
  """Raises a ValueError for a task that a scripted user could not play."""
  if 'facts' not in task.data:
    raise ValueError(_no_facts(task))


def reply(state: base.State, message: str) -> str:
  """Answers the agent: `base.UserFn`.

  Args:
    state: of a conversation about a built-in task.
    message: of the agent.

  Returns:
    What the user says, with `STOP` at the end if it is satisfied.

  Raises:
    UserError: the task carries no facts.
  """
  task = state.task
  if 'facts' not in task.data:
    raise base.UserError(_no_facts(task))
  mind, voice = _mind(state), _voice(task)
  return _answer(mind, read(message), task.data['facts'], voice)[1]


def has_told(state: base.State) -> bool:
  """Whether the user has told what it was asked for, about its present wish."""
  return _mind(state).told


@dataclasses.dataclass(frozen=True)
class Heard:
  """What a message of the agent says.

  Attributes:
    text: in lower case.
    asks: the slots that it asks for.
    confirms: whether it asks for a confirmation.
    denies: whether what it asks to confirm has a negation.
    done: whether it reports that something is done.
    refuses: whether it refuses.
    values: the numbers that it states.
    speaks_of_help: whether it asks what is wanted.
  """

  text: str
  asks: tuple[str, ...]
  confirms: bool
  denies: bool
  done: bool
  refuses: bool
  values: tuple[float, ...]
  speaks_of_help: bool


@dataclasses.dataclass(frozen=True)
class _Mind:
  """What the user remembers.

  Attributes:
    index: of the present request.
    agreed: whether it has said yes to it.
    told: whether it has told anything when asked.
    refused: how many refusals it has heard.
  """

  index: int = 0
  agreed: bool = False
  told: bool = False
  refused: int = 0


def _mind(state: base.State) -> _Mind:
  """Returns what the user remembers of a conversation."""
  facts, mind = state.task.data['facts'], _Mind()
  for speaker, text in state.memory['messages']:
    if speaker == 'agent':
      mind, _ = _answer(mind, read(text), facts, _voice(state.task))
  return mind


def _voice(task: types.Task) -> words.Voice:
  return words.FULL if task.level == 'full' else words.TERSE


@functools.lru_cache(maxsize=4096)  # Every reply reads the conversation anew.
def read(message: str) -> Heard:
  """Reads a message, sentence by sentence."""
  text = message.lower().replace('’', "'")
  sentences = [s.strip() for s in _sentences(text)]
  asking = [s for s in sentences if words.ASKS.search(s)]
  asking = [s for s in asking if '?' in s or not words.THANKS.search(s)]
  stated = [s for s in sentences if '?' not in s]
  plain = [_HARMLESS.sub('', s) for s in stated]
  proposals = [s for s in sentences if words.CONFIRMS.search(s)]
  return Heard(
      text=text,
      asks=tuple(
          slot
          for slot, pattern in words.SLOTS.items()
          if any(pattern.search(s) for s in asking)
      ),
      confirms=bool(proposals),
      denies=any(words.DENIES.search(_HARMLESS.sub('', s)) for s in sentences),
      done=any(
          words.DONE.search(s)
          and not words.DENIES.search(s)
          and not words.UNREAL.search(s)
          for s in plain
      ),
      refuses=any(
          words.REFUSES.search(s) and not words.ASIDE.search(s) for s in plain
      ),
      values=tuple(dict.fromkeys(n for s in stated for n in _values(s))),
      speaks_of_help=any(words.WISH.search(s) for s in asking),
  )


def _sentences(text: str) -> list[str]:
  """Splits at marks that end a sentence, not at points within a number."""
  sentences = re.split(r'(?<=[?!;])|\.(?!\w)|\n|\bbut\b', text)
  return [sentence for sentence in sentences if sentence.strip()]


def _values(sentence: str) -> list[float]:
  """Returns the numbers that a sentence states as facts."""
  if words.DENIES.search(sentence) or words.UNREAL.search(sentence):
    return []
  return grading.numbers(words.COUNTED.sub('', sentence))


def _answer(
    mind: _Mind, heard: Heard, facts: Mapping[str, Any], voice: words.Voice
) -> tuple[_Mind, str]:
  """Returns what the user remembers and says after a message."""
  request = facts['requests'][mind.index]
  known = {**facts['who'], **request['tells']}
  told = [slot for slot in heard.asks if slot in known]
  mind = dataclasses.replace(mind, told=mind.told or bool(told))
  if heard.done and heard.refuses:
    return mind, voice.vague
  match request['ends']:
    case 'value' if len(heard.values) == 1 and not told:
      return _next(mind, facts, voice)
    case 'value' if len(heard.values) > 1 and not told:
      return mind, voice.one
    case 'transfer' if heard.done or heard.refuses:
      return mind, voice.person
    case 'refusal' if heard.done:
      return mind, voice.doubt
  if heard.refuses:
    return _refused(mind, facts, voice)
  fits = _fits(heard, request)
  if heard.done and (mind.agreed or fits == 'yes'):
    return _next(mind, facts, voice)
  if heard.confirms and fits:
    agreed = dataclasses.replace(mind, agreed=fits == 'yes')
    answer = voice.yes if fits == 'yes' else voice.no
    return agreed, answer.format(request['wish'])
  if told:
    parts = [voice.tells[slot].format(known[slot]) for slot in told]
    return mind, voice.joint.join(parts)
  if heard.asks and not heard.speaks_of_help:
    return mind, voice.unknown
  if heard.done or _has_any(request['verbs'], heard.text):
    return mind, voice.vague
  return mind, voice.wish.format(request['wish'])


def _fits(heard: Heard, request: Mapping[str, Any]) -> str:
  """Returns 'yes' or 'no' for a proposal; '' for none or one that is vague."""
  ids = set(_ID.findall(heard.text))
  own = {value.lower() for value in request['tells'].values()}
  has_id = (
      'order_id' in request['tells'] or 'reservation_id' in request['tells']
  )
  if _has_any(request['rivals'], heard.text) or (has_id and ids - own):
    return 'no'
  if not _has_any(request['verbs'], heard.text) or heard.denies:
    return ''
  whole = all(
      any(_has(rf'{re.escape(word)}(?!\w)', heard.text) for word in group)
      for group in request['agrees']
  )
  return 'yes' if whole else ''


def _refused(
    mind: _Mind, facts: Mapping[str, Any], voice: words.Voice
) -> tuple[_Mind, str]:
  requests = facts['requests']
  request = requests[mind.index]
  mind = dataclasses.replace(mind, refused=mind.refused + 1)
  following = requests[mind.index + 1 : mind.index + 2]
  if following and following[0]['fallback']:
    mind = _Mind(index=mind.index + 1, told=mind.told)
    return mind, voice.instead.format(following[0]['wish'])
  if request['ends'] != 'refusal':
    return mind, voice.no.format(request['wish'])
  if not mind.told:
    return mind, voice.unasked
  if mind.refused <= request['insists']:
    return mind, voice.insist
  return _next(mind, facts, voice)


def _next(
    mind: _Mind, facts: Mapping[str, Any], voice: words.Voice
) -> tuple[_Mind, str]:
  """Goes on to the next wish that is no fallback; or is satisfied."""
  requests = facts['requests']
  for index in range(mind.index + 1, len(requests)):
    if not requests[index]['fallback']:
      return _Mind(index), voice.also.format(requests[index]['wish'])
  return mind, f'{voice.satisfied} {STOP}'


def _has_any(stems: Sequence[str], text: str) -> bool:
  return any(_has(re.escape(stem.lower()), text) for stem in stems)


def _has(pattern: str, text: str) -> bool:
  return re.search(rf'(?<!\w){pattern.lower()}', text) is not None


def _no_facts(task: types.Task) -> str:
  return (
      f'{task.id}: data has no "facts", which the scripted user needs; give the'
      ' gym another user, or use the built-in tasks'
  )
