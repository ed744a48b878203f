"""The Travel gym: book a trip for somebody whose wishes are to be found out.

  search  flight to rome on monday  ->  F1 morning aisle 40 …
  action  flight time?              ->  i rise early
  answer  F1                        ->  best

Each task's keys are those of `tasks.builtin.travel`.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import random
import re
from typing import Any, ClassVar

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import travel_plan as plan
from bao_jax.envs import travel_says
from bao_jax.tasks.builtin import travel_words
from bao_jax.users import travel as scripted

MAX_LENGTH = 2000  # Characters of what a policy may say in a turn.

_NEW: Mapping[str, Any] = {
    'searches': 0,
    'searched': [],
    'elicited': [],
    'off_topic': 0,
    'chosen': {},
    'history': [],
}
_WRONG, _CORRECT, _BEST = 'wrong', 'correct', 'best'


@dataclasses.dataclass(frozen=True)
class TravelGym(base.Gym):
  """Search, ask and recommend, as in TravelGym of the UserRL benchmark.

  The rewards are those of the paper. The benchmark's training overrides two of
  them, `search_correct_reward=0, preference_correct_reward=0.8`, and its
  evaluation one, `preference_correct_reward=0.6`.

  Attributes:
    judge: whether a search states what it must: a `SearchVerdict`.
    classifier: which wish a message asks for: a `MessageVerdict`.
    voice: replies to a message. The memory of its state holds a topic: the wish
      to hint at, if any.
    search_correct_reward: of the first right search for an aspect.
    preference_correct_reward: of a question that a wish is told in reply to.
    choice_best_reward: of recommending the best option.
    choice_correct_reward: of another one that meets all wishes.
    wrong_choice_penalty: subtracted for any other; without effect while
      `clip_rewards` is set, as in the original.
    search_failure_interval: each so-many-th search fails; 0 for none.
    elicitation_interval: after so many messages that no wish was told for, the
      next one makes the traveler tell a wish unasked, which earns nothing.
    passive_elicitation: whether that happens. If False, such a message is
      answered by an apology instead, as it was in the original by a fault.
    one_choice_per_aspect: whether a recommendation is final. If not, further
      ones for an aspect earn what they improve on its best so far.
    wrong_choice_number: the most wrong options that are shown per aspect.
    noise_choice_number: the most noise options that are shown per aspect.
    end_when_answered: whether the conversation ends once every aspect has its
      only choice. If False, it ends only if all of them were the best, as in
      the original.
    one_id_per_answer: whether lists of ids are refused. The original takes
      them, and pays several choices in one turn (clipped to 1 with
      `clip_rewards`).
  """

  judge: Callable[[base.State, str], plan.SearchVerdict] = scripted.judge_search
  classifier: Callable[[base.State, str], plan.MessageVerdict] = (
      scripted.classify
  )
  voice: base.UserFn = scripted.voice
  search_correct_reward: float = 0.2
  preference_correct_reward: float = 0.2
  choice_best_reward: float = 1.0
  choice_correct_reward: float = 0.8
  wrong_choice_penalty: float = 0.0
  search_failure_interval: int = 5
  elicitation_interval: int = 3
  passive_elicitation: bool = True
  one_choice_per_aspect: bool = True
  wrong_choice_number: int = 10
  noise_choice_number: int = 5
  end_when_answered: bool = True
  one_id_per_answer: bool = True

  name: ClassVar[str] = 'travel'
  choices: ClassVar[tuple[str, ...]] = ('search', 'action', 'answer')

  def reset(
      self, task: types.Task, seed: int, sample: int = 0
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; a ValueError if the task cannot be played."""
    plan.check(task)
    scripted.require_facts(task, self.judge, self.classifier)
    state, observation = super().reset(task, seed, sample)
    return dataclasses.replace(state, memory=_NEW), observation

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the rules, and what the traveler says first."""
    system, user = travel_says.PROMPTS[task.level == 'full']
    return base.Observation(
        system.format(max_turns=self.max_turns),
        task.data['initial_description'] + user,
    )

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Searches, passes on a message, or takes a recommendation."""
    content = action.content.strip()
    if not content:
      return base.Response(_says(state).empty)
    if len(content) > MAX_LENGTH:
      return base.Response(_says(state).too_long.format(MAX_LENGTH))
    act = {'search': self._search, 'action': self._hear, 'answer': self._choose}
    return act[action.choice](state, content)

  def _search(self, state: base.State, request: str) -> base.Response:
    says = _says(state)
    count = state.memory['searches'] + 1
    memory = {**state.memory, 'searches': count}
    interval = self.search_failure_interval
    if interval and count % interval == 0:
      return base.Response(says.outage, memory=memory)
    fits, aspect = self._search_verdict(state, request)
    if not fits:
      reply = says.unrelated if fits is None else says.incomplete
      return base.Response(reply, memory=memory)
    name = travel_words.spoken(state.task.level, aspect)
    if aspect in memory['searched']:
      return base.Response(says.searched.format(name), memory=memory)
    options = plan.shown(
        state,
        aspect,
        max_wrong=self.wrong_choice_number,
        max_noise=self.noise_choice_number,
    )
    listed = _listed(options, is_full=state.task.level == 'full')
    return base.Response(
        f'{says.found.format(name)}\n{listed}',
        reward=self.search_correct_reward,
        memory={**memory, 'searched': [*memory['searched'], aspect]},
    )

  def _search_verdict(
      self, state: base.State, request: str
  ) -> plan.SearchVerdict:
    verdict = self.judge(state, request)
    known = state.task.data['dimensions']
    match verdict:
      case plan.SearchVerdict(True, aspect) if aspect in known:
        return verdict
      case plan.SearchVerdict(None | False, _):
        return verdict
    raise base.UserError(
        f'{state.task.id}: the judge must give a SearchVerdict about one of'
        f' {", ".join(known)}, got {verdict!r}'
    )

  def _hear(self, state: base.State, message: str) -> base.Response:
    kind, asked = self._message_verdict(state, message)
    if kind == plan.ASKS:
      return self._tell(state, message, asked, is_asked=True)
    left = plan.remaining(state)
    if left and state.memory['off_topic'] >= self.elicitation_interval:
      if not self.passive_elicitation:
        return self._heard(state, message, _says(state).apology)
      draw = f'{state.seed}/{state.task.id}/{state.sample}/{state.turn}'
      told = random.Random(draw).choice(left)
      return self._tell(state, message, told.id, is_asked=False)
    if kind == plan.CHAT:
      return self._heard(state, message, self._voiced(state, message))
    says = _says(state)
    reply = says.other if kind == plan.OTHER else says.vague
    return self._heard(state, message, reply)

  def _message_verdict(
      self, state: base.State, message: str
  ) -> plan.MessageVerdict:
    verdict = self.classifier(state, message)
    left = [preference.id for preference in plan.remaining(state)]
    match verdict:
      case plan.MessageVerdict(plan.ASKS, asked) if asked in left:
        return verdict
      case plan.MessageVerdict(plan.CHAT | plan.OTHER | plan.VAGUE, _):
        return verdict
    raise base.UserError(
        f'{state.task.id}: the classifier must give a MessageVerdict about one'
        f' of {", ".join(left)}, got {verdict!r}'
    )

  def _tell(
      self, state: base.State, message: str, wish: str, *, is_asked: bool
  ) -> base.Response:
    """Lets the traveler tell a wish."""
    reply = self._voiced(state, message, wish, is_asked=is_asked)
    reward = self.preference_correct_reward if is_asked else 0.0
    elicited = [*state.memory['elicited'], wish]
    return self._heard(
        state, message, reply, reward, elicited=elicited, off_topic=0
    )

  def _voiced(
      self,
      state: base.State,
      message: str,
      wish: str = '',
      *,
      is_asked: bool = False,
  ) -> str:
    topic = {'id': wish, 'asked': is_asked}
    memory = {**state.memory, 'topic': topic}
    reply = self.voice(dataclasses.replace(state, memory=memory), message)
    if not isinstance(reply, str) or not reply.strip():
      raise base.UserError(
          f'{state.task.id}: the voice must say something, got {reply!r}'
      )
    return reply

  def _heard(
      self,
      state: base.State,
      message: str,
      reply: str,
      reward: float = 0.0,
      *,
      elicited: Sequence[str] | None = None,
      off_topic: int | None = None,
  ) -> base.Response:
    """Notes what was said; by default it was off topic."""
    memory = state.memory
    if off_topic is None:
      off_topic = memory['off_topic'] + 1
    return base.Response(
        reply,
        reward=reward,
        memory={
            **memory,
            'history': [*memory['history'], [message, reply]],
            'elicited': memory['elicited'] if elicited is None else elicited,
            'off_topic': off_topic,
        },
    )

  def _choose(self, state: base.State, answer: str) -> base.Response:
    ids = [answer] if self.one_id_per_answer else re.split(r'\s*,\s*', answer)
    refusal = self._refusal(state, ids)
    if refusal:
      return base.Response(refusal)
    chosen = dict(state.memory['chosen'])
    replies, reward = [], 0.0
    for name in ids:
      aspect = _aspect(state, name)
      kind = _kind(state.task, aspect, name)
      before = chosen.get(aspect, _WRONG)
      reward += self._earned(kind, before)
      chosen[aspect] = max(kind, before, key=self._worth)
      replies.append(getattr(_says(state), kind).format(name))
    aspects = state.task.data['dimensions']
    solved = all(chosen.get(aspect) == _BEST for aspect in aspects)
    is_final = self.end_when_answered and self.one_choice_per_aspect
    return base.Response(
        '\n'.join(replies),
        reward=reward,
        solved=solved,
        terminated=solved or (is_final and len(chosen) == len(aspects)),
        memory={**state.memory, 'chosen': chosen},
    )

  def _refusal(self, state: base.State, ids: Sequence[str]) -> str:
    """Returns why an answer is not taken; '' if it is."""
    says = _says(state)
    if not all(re.fullmatch('[ACFHR][0-9]+', name) for name in ids):
      return says.not_an_id
    aspects = [_aspect(state, name) for name in ids]
    if not all(aspects):
      return says.not_planned
    taken = [*aspects]
    if self.one_choice_per_aspect:
      taken += state.memory['chosen']
    return says.chosen if len(set(taken)) < len(taken) else ''

  def _earned(self, kind: str, before: str) -> float:
    if kind == _WRONG:
      return -self.wrong_choice_penalty
    return max(0.0, self._worth(kind) - self._worth(before))

  def _worth(self, kind: str) -> float:
    return {
        _WRONG: 0.0,
        _CORRECT: self.choice_correct_reward,
        _BEST: self.choice_best_reward,
    }[kind]


def _says(state: base.State) -> travel_says.Wording:
  return travel_says.FULL if state.task.level == 'full' else travel_says.TERSE


def _aspect(state: base.State, name: str) -> str:
  """Returns the aspect of the trip that an id is about; '' if there is none."""
  aspects = state.task.data['dimensions']
  return next((a for a in aspects if plan.LETTERS[a] == name[0]), '')


def _kind(task: types.Task, aspect: str, name: str) -> str:
  if name == task.data[aspect]['best_id']:
    return _BEST
  return _CORRECT if name in task.data[aspect]['correct_ids'] else _WRONG


def _listed(options: Sequence[Mapping[str, Any]], *, is_full: bool) -> str:
  """Returns options as text: one JSON object per line, or a table."""
  if is_full:
    lines = [json.dumps(dict(o), ensure_ascii=False) for o in options]
    return '\n'.join(lines)
  columns = max(options, key=len)  # One that leaves nothing out.
  rows = [' '.join(str(o.get(c, '-')) for c in columns) for o in options]
  return '\n'.join([' '.join(columns), *rows])
