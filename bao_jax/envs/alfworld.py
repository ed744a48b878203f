r"""The Alfworld gym: household tasks in a text game of the `alfworld` package.

  action  go to desk 1           ->  You arrive at desk 1. ...
  action  take mug 1 from desk 1 ->  You pick up the mug 1 ...

A task's `data` holds `game_file`, the path of a `game.tw-pddl`; the package has
no tasks of its own, so they are read from JSON lines (`config.tasks`):

  {"id": "alfworld/1", "gym": "alfworld", "level": "full",
   "data": {"game_file": "/data/alfworld/json_2.1.1/train/.../game.tw-pddl"}}

The state of a conversation lies in an external program, which cannot be copied.
What a `State` keeps is therefore the list of commands so far; a step opens the
game anew, repeats them and adds one. That makes a step a pure function of the
state, since these games know no chance, for the price of a replay: about a
second per turn. A replay whose text differs from what the policy was told is a
failure of the conversation.
"""

from collections.abc import Callable, Sequence
import dataclasses
import re
from typing import ClassVar, Protocol

from bao_jax import types
from bao_jax.envs import base

MAX_COMMAND = 100  # Characters.

_RULES = """\
You talk to an environment by calling a tool, and you want to solve its task.

# Environment
You are in a household that is told in words. You read where you are and what \
your task is; each command changes something or shows something.

# Choices
Call `interact_with_env` with one choice:
- action: `content` is one command, of these forms: look, inventory, help, go \
to X, open X, close X, take X from Y, move X to Y, examine X, use X, heat X \
with Y, clean X with Y, cool X with Y, slice X with Y. Things are called by \
name and number, like desk 1.

# Notes
- Before every call, think inside <think></think>.
- You have {max_turns} turns in all.
- Think about where such a thing usually is, look there first, keep in mind \
where you have been, and do one thing after the other."""

_THING = '[a-z]+(?: [a-z]+)*(?: [0-9]+)?'
_COMMAND = re.compile(
    rf'look|inventory|help|(?:go to|open|close|examine|use) {_THING}'
    rf'|take {_THING} from {_THING}|move {_THING} to {_THING}'
    rf'|(?:heat|clean|cool|slice) {_THING} with {_THING}'
)


@dataclasses.dataclass(frozen=True)
class Scene:
  """What a game shows after a command.

  Attributes:
    text: what happened.
    commands: the ones that do something now.
    score: above 0 if the task is done.
    done: whether the game is over.
  """

  text: str
  commands: Sequence[str]
  score: float = 0.0
  done: bool = False


class Game(Protocol):
  """A game without chance; the adapter to a real one is `open_game`."""

  def reset(self) -> Scene:
    """Begins anew."""

  def step(self, command: str) -> Scene:
    """Does what a command says."""

  def close(self) -> None:
    """Gives everything back."""


def open_game(path: str) -> Game:
  """Opens a game file with the `alfworld` package.

  Raises:
    ValueError: the package is not installed.
    OSError: there is no such file.
  """
  try:
    # Here, since almost nobody has the package.
    from bao_jax.envs import alfworld_game
  except ModuleNotFoundError as error:
    raise ValueError(
        f'envs.names: the gym alfworld needs {error.name!r}, which is not'
        " installed; install the extra: pip install -e '.[alfworld]'"
    ) from error
  return alfworld_game.TextWorldGame(path)


@dataclasses.dataclass(frozen=True)
class AlfworldGym(base.Gym):
  """A household task, as in AlfworldGym of the UserRL benchmark.

  A score above 0 earns `success_reward` and ends the conversation; nothing else
  earns anything. No turn involves a user.

  Attributes:
    max_turns: as in `base.Gym`; the original's 20.
    open_game: (path of a game file) -> the game.
    success_reward: for the task done.
  """

  max_turns: int = 20
  open_game: Callable[[str], Game] = open_game
  success_reward: float = 1.0

  name: ClassVar[str] = 'alfworld'
  choices: ClassVar[tuple[str, ...]] = ('action',)

  def prompt(self, task: types.Task) -> base.Observation:
    """Returns the rules, and what the game begins with."""
    game = self.open_game(task.data['game_file'])
    try:
      scene = game.reset()
    finally:
      game.close()
    return base.Observation(
        _RULES.format(max_turns=self.max_turns), _told(scene)
    )

  def respond(self, state: base.State, action: types.Action) -> base.Response:
    """Gives the game one more command."""
    command = ' '.join(action.content.lower().split())
    if len(command) > MAX_COMMAND or not _COMMAND.fullmatch(command):
      return base.Response(
          'That is no command. Use one of these forms: look, inventory, help,'
          ' go to, open, close, take from, move to, examine, use, heat with,'
          ' clean with, cool with, slice with.'
      )
    commands = [*state.memory.get('commands', ()), command]
    scene = self._replayed(state, commands)
    won = scene.score > 0
    return base.Response(
        _told(scene),
        reward=self.success_reward * won,
        solved=won,
        terminated=won or scene.done,
        best=max(state.best, self.success_reward * won),
        memory={'commands': commands, 'text': scene.text},
    )

  def _replayed(self, state: base.State, commands: Sequence[str]) -> Scene:
    """Plays all commands from the start; checks what the policy has seen."""
    try:
      game = self.open_game(state.task.data['game_file'])
      try:
        scene = game.reset()
        for command in commands[:-1]:
          scene = game.step(command)
        if scene.text != state.memory.get('text', scene.text):
          raise base.UserError(
              f'{state.task.id}: the game told something else when its'
              ' commands were repeated; only games without chance can be played'
          )
        return game.step(commands[-1])
      finally:
        game.close()
    except base.UserError:
      raise
    except Exception as error:  # A foreign program may raise anything.
      raise base.UserError(
          f'{state.task.id}: the game failed ({type(error).__name__}: {error})'
      ) from error


def _told(scene: Scene) -> str:
  """Returns a scene in words: its text, and some of what can be done."""
  goes = [c for c in scene.commands if c.startswith('go to ')]
  shown = goes[:2] + ['etc.'] * (len(goes) > 2)
  shown += [c for c in scene.commands if not c.startswith('go to ')]
  text = scene.text.strip()
  return f'{text}\nPossible commands: {", ".join(shown)}' if shown else text
