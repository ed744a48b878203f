"""The games of the `alfworld` package, one at a time.

The engine under it, TextWorld, shares a parser between all games of a process,
so that no two may run at once: conversations wait for one another.
"""

import threading

from alfworld.agents.environment import alfred_tw_env
import textworld

from bao_jax.envs import alfworld

_LOCK = threading.RLock()


class TextWorldGame:
  """One game file; it holds the engine from its making until `close`."""

  def __init__(self, path: str):
    _LOCK.acquire()
    try:
      self._env = textworld.start(
          path,
          textworld.EnvInfos(won=True, admissible_commands=True),
          wrappers=[alfred_tw_env.AlfredDemangler()],
      )
    except BaseException:
      _LOCK.release()
      raise

  def reset(self) -> alfworld.Scene:
    """See `alfworld.Game`."""
    return _scene(self._env.reset(), False)

  def step(self, command: str) -> alfworld.Scene:
    """See `alfworld.Game`."""
    state, _, done = self._env.step(command)
    return _scene(state, done)

  def close(self) -> None:
    """See `alfworld.Game`."""
    try:
      self._env.close()
    finally:
      _LOCK.release()


def _scene(state, done: bool) -> alfworld.Scene:
  return alfworld.Scene(
      text=state['feedback'],
      commands=tuple(state['admissible_commands']),
      score=float(state['won']),
      done=done,
  )
