"""The Tau gym: serve a user by talking to it and by calling tools.

  action  What is your zip code?               ->  It is 12345.
  answer  get_order_details: {"order_id": ..}  ->  {"order_id": .., ..}
  search  tools                                ->  - get_order_details(..): ..

After the game of UserRL by Qian et al. (https://arxiv.org/abs/2509.19736),
which wraps tau-bench by Yao et al. (https://arxiv.org/abs/2406.12045).
"""

from collections.abc import Callable
import dataclasses
from typing import ClassVar

from bao_jax import types
from bao_jax.envs import base
from bao_jax.envs.tau import backend as backend_lib
from bao_jax.envs.tau import builtin
from bao_jax.envs.tau import calls
from bao_jax.envs.tau import grading
from bao_jax.envs.tau import prompts
from bao_jax.envs.tau import shared_tools
from bao_jax.users import tau as users

MAX_MESSAGE = 4000  # Characters of a message to the user.

# (task) -> what stands behind the conversation. A ValueError if there is none.
BackendFn = Callable[[types.Task], backend_lib.Backend]


@dataclasses.dataclass(frozen=True)
class TauGym(base.Gym):
  """Serve a user by tools, within a policy, as in TauGym of UserRL.

  The conversation ends when the user is satisfied, is handed over to a person,
  or at 'finish'. It then earns 1 if the database is as after the task's own
  actions and all its outputs were told to the user, else 0.

  Here it is `action` that talks to the user, while `answer` calls a tool.
  `user_choices` has the paper's rule all the same, by which `answer` involves
  the user; set it to ('action',) to price messages instead of calls.

  What a task's `data` holds: `obs`, the user's first line; `actions`, {name,
  kwargs} of each call of a right solution; `outputs`, texts to tell the user;
  `instruction`, the user's part in words; for the built-in backend `database`;
  for the scripted user `facts`, see `users.tau`.

  Attributes:
    user: (state, message) -> reply. A reply that holds `users.STOP` ends the
      conversation; the mark is not shown. What was said before is in
      `state.memory['messages']`, [speaker, text] each.
    backend: finds database, tools and policy of a task.
    policy_shown: whether the prompt holds the policy; not so in the original.
    opening_shared: whether the user remembers the line by which the prompt has
      it begin; in the original it began with another one, never shown.
    finish_graded: whether 'finish' is graded; the original pays 0.
    idle_pays: whether a task in which nothing is to be changed, told or handed
      over pays without the user's being satisfied, and a transfer pays that
      the task does not ask for, or that comes before the user has told anything
      it was asked for, as in the original. Of a user that is a model any reply
      counts as telling.
    max_values: a message that states more different numbers than this times
      the number of outputs tells none of them, so that no list of guesses
      pays; 0: no limit, and parts of words count, as in the original.
  """

  max_turns: int = 30
  user: base.UserFn = users.reply
  backend: BackendFn = builtin.builtin
  policy_shown: bool = True
  opening_shared: bool = True
  finish_graded: bool = True
  idle_pays: bool = False
  max_values: int = 1

  name: ClassVar[str] = 'tau'
  choices: ClassVar[tuple[str, ...]] = ('search', 'action', 'answer')

  def reset(
      self, task: types.Task, seed: int, sample: int = 0
  ) -> tuple[base.State, base.Observation]:
    """Starts a conversation; a ValueError if the task cannot be played."""
    state, observation = super().reset(task, seed, sample)
    if self.user is users.reply:
      users.require_facts(task)
    opening = ['user', task.data['obs']]
    memory = {
        'database': self.backend(task).database,
        'messages': [opening] if self.opening_shared else [],
    }
    return dataclasses.replace(state, memory=memory), observation

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the rules; the policy of the domain and the user's request."""
    backend = self.backend(task)
    policy = backend.policy if self.policy_shown else ''
    return prompts.prompt(task, policy, self.max_turns)

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Talks to the user, calls a tool or shows the tools."""
    match action.choice:
      case 'search':
        return base.Response(self._search(state.task, action.content))
      case 'action':
        return self._talk(state, action.content)
      case _:
        return self._call(state, action.content)

  def finish(self, state: base.State) -> base.Response:
    """Grades what has been done by now."""
    return self._end(state, self.farewell(state), by='finish')

  def _search(self, task: types.Task, content: str) -> str:
    match content.strip().lower():
      case 'tools':
        return backend_lib.describe(self.backend(task).tools)
      case 'help':
        return prompts.HELP
      case _:
        return 'Search knows two words: tools and help.'

  def _talk(self, state: base.State, message: str) -> base.Response:
    if not message.strip() or len(message) > MAX_MESSAGE:
      return base.Response(
          f'A message to the user has 1 to {MAX_MESSAGE} characters.'
      )
    reply = self.user(state, message)
    is_over = users.STOP in reply
    reply = reply.replace(users.STOP, '').strip()
    said = [['agent', message], ['user', reply]]
    memory = {**state.memory, 'messages': [*state.memory['messages'], *said]}
    if is_over:
      state = dataclasses.replace(state, memory=memory)
      return self._end(state, reply, by='user')
    return base.Response(reply, memory=memory)

  def _call(self, state: base.State, content: str) -> base.Response:
    backend = self.backend(state.task)
    try:
      name, arguments = calls.parse(
          content, backend.tools, allow_short=state.task.level == 'easy'
      )
    except backend_lib.ToolError as error:
      return base.Response(f'Error: {error}.')
    database, text = backend_lib.call(
        backend.tools, state.memory['database'], name, arguments, backend.show
    )
    memory = {**state.memory, 'database': database}
    if name == shared_tools.TRANSFER and text == shared_tools.TRANSFERRED:
      state = dataclasses.replace(state, memory=memory)
      return self._end(state, text, by='transfer')
    return base.Response(text, memory=memory)

  def _end(self, state: base.State, reply: str, *, by: str) -> base.Response:
    """Ends the conversation, which is what pays."""
    earned = float(self._counts(state, by) and self._is_right(state))
    return base.Response(
        reply,
        reward=earned,
        solved=earned == 1,
        terminated=True,
        best=earned,
        memory=state.memory,
    )

  def _counts(self, state: base.State, by: str) -> bool:
    """Whether an end by 'user', 'transfer' or 'finish' is graded at all."""
    task = state.task
    names = [action['name'] for action in task.data['actions']]
    wants_transfer = shared_tools.TRANSFER in names
    match by:
      case 'user':
        return True
      case 'transfer':
        return (wants_transfer and self._has_told(state)) or self.idle_pays
      case _ if not self.finish_graded:
        return False
      case _ if self.idle_pays:
        return True
    return not wants_transfer and not grading.is_idle(
        self.backend(task), task.data
    )

  def _has_told(self, state: base.State) -> bool:
    """Whether the agent has heard more than the opening."""
    if self.user is users.reply:
      return users.has_told(state)
    return any(speaker == 'agent' for speaker, _ in state.memory['messages'])

  def _is_right(self, state: base.State) -> bool:
    data, memory = state.task.data, state.memory
    said = [text for speaker, text in memory['messages'] if speaker == 'agent']
    return grading.is_as_asked(
        self.backend(state.task), data, memory['database']
    ) and grading.says_all(said, data['outputs'], self.max_values)
