"""Replies of a model that plays the built-in Telepathy and Turtle perfectly.

For `fake_chat.Server`: roles are told apart by the system message, tasks by the
hidden text that it holds.
"""

from collections.abc import Iterable, Mapping
import json
from typing import Any

from bao_jax import types
from bao_jax.envs import base
from bao_jax.users import scripted


class Players:
  """Answers as the scripted users and judges do.

  Args:
    tasks: those that are played.
  """

  def __init__(self, tasks: Iterable[types.Task]):
    self._tasks = {_hidden(task): task for task in tasks}

  def __call__(self, request: Mapping[str, Any]) -> str:
    system, asked = (m['content'] for m in request['messages'][:2])
    truth = next(
        json.loads(line) for line in system.split('\n') if line.startswith('{"')
    )
    task = self._tasks[truth.get('secret') or truth['story']]
    state = base.State(task)
    (name, text), *_ = json.loads(asked).items()
    if name == 'question':
      said = {'reply': scripted.answer_question(state, text)}
    elif name == 'guess':
      said = {'is_right': scripted.telepathy_judge(state, text)}
    else:
      scores = scripted.turtle_judge(state, text)
      said = {
          'scores': {f'point_{i}': s for i, s in enumerate(scores, start=1)}
      }
    return json.dumps({'reason': 'So it is.', **said})


def _hidden(task: types.Task) -> str:
  return task.data['target_entity' if task.gym == 'telepathy' else 'new_bottom']
