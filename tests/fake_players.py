"""Replies of a model that plays users and judges as the scripted ones do.

It goes by what it is asked alone: roles are told apart by the system message,
tasks by the hidden text that it holds, and what was said before by the
messages. A gym whose roles leave out what matters cannot be played by it.
"""

from collections.abc import Iterable, Mapping, Sequence
import json
from typing import Any

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs import stances
from bao_jax.envs import travel_plan
from bao_jax.users import chat
from bao_jax.users import intention
from bao_jax.users import persuade
from bao_jax.users import scripted
from bao_jax.users import search
from bao_jax.users import tau
from bao_jax.users import travel

Messages = Sequence[tuple[str, str]]  # (speaker, text)
# Of each gym, the field that tells its tasks apart.
_HIDDEN = {
    'telepathy': 'target_entity',
    'turtle': 'new_bottom',
    'tau': 'instruction',
    'persuade': 'claim',
    'travel': 'initial_description',
    'intention': 'task',
}


class Players:
  """Answers as the scripted users and judges do.

  Args:
    tasks: those that are played.
  """

  def __init__(self, tasks: Iterable[types.Task]):
    self._tasks = [
        (task.data[_HIDDEN[task.gym]], task)
        for task in tasks
        if task.gym in _HIDDEN
    ]
    self._by_hidden = dict(self._tasks)

  def __call__(self, request: Mapping[str, Any]) -> str:
    """A `fake_chat.ReplyFn`."""
    (_, system), *messages = [
        (m['role'], m['content']) for m in request['messages']
    ]
    while messages[-1][1].startswith('This reply cannot be used'):
      messages = messages[:-2]  # Its last one was sent back.
    return json.dumps(self._reply(system, messages))

  def answer(self, ask: chat.Ask) -> Any:
    """A `chat.ChatFn`."""
    return self._reply(ask.system, ask.messages)

  def _reply(self, system: str, messages: Messages) -> dict[str, Any]:
    reply = next(
        reply for begin, reply in _ROLES.items() if system.startswith(begin)
    )
    said = json.loads(messages[-1][1])
    return reply(self, system, messages[:-1], said)

  def _state(self, system: str, **memory: Any) -> base.State:
    """Returns a state of the task that a system message is about."""
    lines = system.split('\n')
    truths = [json.loads(line) for line in lines if line.startswith('{"')]
    if truths:
      truth = truths[0].get('secret') or truths[0].get('story')
      return base.State(self._by_hidden[truth], memory=memory)
    # The longest that is there: a short one may be a part of it.
    fits = [(hidden, task) for hidden, task in self._tasks if hidden in system]
    longest = max(len(hidden) for hidden, _ in fits)
    tasks = [task for hidden, task in fits if len(hidden) == longest]
    return base.State(next(t for t in tasks if _fits(t, system)), memory=memory)

  def _question(self, system, before, said):
    state = self._state(system)
    reply = scripted.answer_question(state, said['question'])
    return {'reason': 'So it is.', 'reply': reply}

  def _guess(self, system, before, said):
    is_right = scripted.telepathy_judge(self._state(system), said['guess'])
    return {'reason': 'So it is.', 'is_right': is_right}

  def _story(self, system, before, said):
    scores = scripted.turtle_judge(self._state(system), said['story'])
    points = {f'point_{i}': s for i, s in enumerate(scores, start=1)}
    return {'reason': 'So it is.', 'scores': points}

  def _grade(self, system, before, said):
    truth = next(x for x in system.split('\n') if x.startswith('{"'))
    correct = search.is_same(said['answer'], json.loads(truth)['reference'])
    return {'reason': 'It is.', 'candidates': 1, 'correct': correct}

  def _customer(self, system, before, said):
    talk = [
        ('agent', json.loads(text)['agent'])
        for speaker, text in before
        if speaker == 'user'
    ]
    talk = talk[1:]  # Of a greeting, which its opening replies to.
    reply = tau.reply(self._state(system, messages=talk), said['agent'])
    return {
        'thought': '',
        'reply': reply.replace(tau.STOP, '').strip(),
        'is_satisfied': tau.STOP in reply,
    }

  def _holder(self, system, before, said):
    exchanges = []
    for (_, asked), (_, told) in zip(before[::2], before[1::2]):
      told = json.loads(told)
      argument = json.loads(asked)['argument']
      exchanges.append([argument, told['reply'], told['stance']])
    stance = exchanges[-1][2] if exchanges else stances.LADDER[0]
    state = self._state(system, exchanges=exchanges, stance=stance)
    verdict = persuade.Holder()(state, said['argument'])
    return {'thought': '', 'reply': verdict.reply, 'stance': verdict.stance}

  def _poster(self, system, before, said):
    state = self._state(system, covered=[])
    return {'reply': intention.reply(state, said['question'])}

  def _checker(self, system, before, said):
    state = self._state(system)
    details = state.task.data['missing_details']
    still_open = [i for i in range(len(details)) if f'{i} [' in system]
    covered = intention.covered(state, said['question'])
    return {
        'analysis': '',
        'is_related': bool(covered),
        'covered': [i for i in covered if i in still_open],
    }

  def _clerk(self, system, before, said):
    listed = next(x for x in system.split('\n') if x.startswith('{"'))
    arguments = json.loads(listed)
    data = {'dimensions': list(arguments)}
    data |= {aspect: {'arguments': arguments[aspect]} for aspect in arguments}
    task = types.Task('x', 'travel', self._tasks[0][1].level, data)
    fits, aspect = travel.judge_search(base.State(task), said['request'])
    word = {True: 'yes', False: 'no', None: 'unrelated'}[fits]
    return {'reason': '', 'fits': word, 'aspect': aspect or 'none'}

  def _listener(self, system, before, said):
    trip = system.partition('The trip: ')[2].partition('\n')[0]
    task = self._by_hidden[json.loads(trip)]
    open_wishes = system.partition('by id:\n')[2].partition('\n')[0]
    known = json.loads(open_wishes)
    told = [p.id for p in travel_plan.preferences(task) if p.id not in known]
    state = base.State(task, memory={'elicited': told})
    kind, wish = travel.classify(state, said['message'])
    return {'reason': '', 'kind': kind, 'wish': wish or 'none'}

  def _voice(self, system, before, said):
    example = system.partition('This is how it could sound: ')[2]
    example = example.partition('\n')[0]
    return {'reply': json.loads(example) if example else 'i see'}


# By how their system messages begin.
_ROLES = {
    'Let us play a guessing game.': Players._question,
    'You are the referee of a guessing game.': Players._guess,
    'You are the host of a mystery game.': Players._question,
    'You are the referee of a mystery game.': Players._story,
    'You grade answers to a quiz.': Players._grade,
    'You play a customer': Players._customer,
    'You play a person who holds a claim.': Players._holder,
    'You play a person who has posted a request.': Players._poster,
    'You check which open details': Players._checker,
    'You check requests to a travel database': Players._clerk,
    'You listen in while an assistant': Players._listener,
    'You are a traveler': Players._voice,
}


def _fits(task: types.Task, system: str) -> bool:
  """Whether all that a judge of Intention reads is of a task."""
  if task.gym != 'intention' or 'The open details' not in system:
    return True
  listed = system.partition('would cover it:\n')[2].partition('\n\n')[0]
  known = [_line(d) for d in task.data['missing_details']]
  return all(any(k in line for k in known) for line in listed.split('\n'))


def _line(detail: Mapping[str, Any]) -> str:
  return f'{detail["description"]}: {detail["inquiry"]}'
