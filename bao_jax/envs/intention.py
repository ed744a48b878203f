"""The Intention gym: find out what a vague request leaves open.

  action  what size?   ->  size small

Each task's keys are those of `tasks.builtin.intention`. There is nothing to
answer: 'action' is the only choice, and with the default `user_choices` no turn
counts as involving the user, so that the involvement rate and Pass@U-k of this
gym are 0; `user_choices=('action',)` counts every question.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any, ClassVar

from bao_jax import types
from bao_jax.envs import base
from bao_jax.users import intention as scripted

REWARDS = {'1': 0.4, '2': 0.7, '3': 1.0}  # By the importance of a detail.

_SHORT = """\
Find out what a request leaves open. Think first, then call the tool:
action: ask one short question.
You have {max_turns} turns. Ask only for what was not said, one thing at a \
time, what matters most first."""

_FULL = """\
You talk to an environment by calling a tool, and you want to solve its task.

# Environment
A user has posted a request that is too vague to be carried out: details that \
matter are missing. Find out what they are by asking. The user answers what is \
asked and volunteers nothing. Do not carry the request out.

# Choices
Call `interact_with_env` with this choice:
- action: `content` is one question to the user about a detail of the request.

# Notes
- Before every call, think inside <think></think>.
- You have {max_turns} turns in all. The conversation ends by itself once \
every missing detail was asked about.
- Some details matter more than others. One clear question about one detail \
is worth most; a question about several is worth less. Keep in mind what was \
said, and never ask it again."""


@dataclasses.dataclass(frozen=True)
class IntentionGym(base.Gym):
  """Clarify a request, as in IntentionGym of the UserRL benchmark.

  A question earns what the most important of the details is worth that it
  covers for the first time, less a penalty for each further one. The rewards
  of a conversation can add up to more than 1. It ends when nothing is missing.

  Attributes:
    user: answers a question about the request.
    judge: which details a question covers, as places in `missing_details`.
      Nothing but these places counts: no reward is read from a text.
    multi_detail_penalty: subtracted for each detail after the first.
    show_details: whether the user is told which details are missing. The
      original tells it by oversight; its user should know the request alone.
    count_duplicates: whether a place that the judge names twice counts twice,
      as in the original.
  """

  user: base.UserFn = scripted.reply
  judge: base.JudgeFn = scripted.covered
  multi_detail_penalty: float = 0.2
  show_details: bool = False
  count_duplicates: bool = False

  name: ClassVar[str] = 'intention'
  choices: ClassVar[tuple[str, ...]] = ('action',)

  def reset(
      self, task: types.Task, seed: int, sample: int = 0
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; a ValueError if its user cannot play the task."""
    scripted.require_facts(task, self.user, self.judge)
    for i, detail in enumerate(task.data['missing_details']):
      if detail['importance'] not in REWARDS:
        raise ValueError(
            f'{task.id}: importance of missing detail {i} is'
            f" {detail['importance']!r}; use '1', '2' or '3'"
        )
    state, observation = super().reset(task, seed, sample)
    memory = {'covered': [], 'exchanges': []}
    return dataclasses.replace(state, memory=memory), observation

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the rules, and the request."""
    category, text = task.data['category'], task.data['task']
    if task.level == 'full':
      system = _FULL.format(max_turns=self.max_turns)
      return base.Observation(system, f'Category: {category}\nRequest: {text}')
    system = _SHORT.format(max_turns=self.max_turns)
    return base.Observation(system, f'{category}: {text}')

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Passes on a question, and rewards what it covers."""
    question = action.content.strip()
    if not question:
      return base.Response('Ask a question.')
    reply = self.user(self._shown(state), question)
    found = self._newly_covered(state, question)
    covered = [*state.memory['covered'], *dict.fromkeys(found)]
    done = len(covered) == len(state.task.data['missing_details'])
    return base.Response(
        reply,
        reward=self._worth(state.task, found),
        solved=done,
        terminated=done,
        memory={
            'covered': covered,
            'exchanges': [*state.memory['exchanges'], [question, reply]],
        },
    )

  def _shown(self, state: base.State) -> base.State:
    """Returns the state as the user may see it."""
    if self.show_details:
      return state
    data = {
        key: value
        for key, value in state.task.data.items()
        if key != 'missing_details'
    }
    task = dataclasses.replace(state.task, data=data)
    return dataclasses.replace(state, task=task)

  def _newly_covered(self, state: base.State, question: str) -> Sequence[int]:
    """Asks the judge; a verdict that is none is an outage, not a zero."""
    verdict = self.judge(state, question)
    count = len(state.task.data['missing_details'])
    if not _are_places(verdict, count):
      raise base.UserError(
          f'{state.task.id}: the judge must list whole numbers from 0 to'
          f' {count - 1}, got {verdict!r:.80}'
      )
    new = [place for place in verdict if place not in state.memory['covered']]
    return new if self.count_duplicates else list(dict.fromkeys(new))

  def _worth(self, task: types.Task, covered: Sequence[int]) -> float:
    if not covered:
      return 0.0
    details = task.data['missing_details']
    most = max(REWARDS[details[place]['importance']] for place in covered)
    return max(0.0, most - self.multi_detail_penalty * (len(covered) - 1))


def _are_places(verdict: Any, count: int) -> bool:
  """Whether a verdict is a list of places; True and '1' are none."""
  return isinstance(verdict, (list, tuple)) and all(
      type(place) is int and 0 <= place < count for place in verdict
  )
