"""The gyms by name: their tasks, their teachers, who else can play their users.

The one table that a new gym is added to.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

from bao_jax import types
from bao_jax.envs import alfworld as alfworld_env
from bao_jax.envs import base
from bao_jax.envs import function as function_env
from bao_jax.envs import search as search_env
from bao_jax.envs import telepathy as telepathy_env
from bao_jax.envs import turtle as turtle_env
from bao_jax.tasks.builtin import function as function_tasks
from bao_jax.tasks.builtin import search as search_tasks
from bao_jax.tasks.builtin import telepathy as telepathy_tasks
from bao_jax.tasks.builtin import turtle as turtle_tasks
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import function as function_teacher
from bao_jax.teachers import search as search_teacher
from bao_jax.teachers import telepathy as telepathy_teacher
from bao_jax.teachers import turtle as turtle_teacher

# (level, split, seed) -> tasks.
GenerateFn = Callable[[str, str, int], list[types.Task]]


@dataclasses.dataclass(frozen=True)
class Entry:
  """What the package has for one gym.

  Attributes:
    gym: the class, with scripted users by default.
    generate: makes the built-in tasks; None if there are none, so that
      `config.tasks` has to name others.
    make_teacher: (behaviors, slip=) -> the scripted teacher; None if there is
      none, so that a warm start has to come from elsewhere.
  """

  gym: type[base.Gym]
  generate: GenerateFn | None = None
  make_teacher: Callable[..., teachers_base.TeacherFn] | None = None


GYMS: Mapping[str, Entry] = {
    # Needs the extra `alfworld`. A task names a game file of that package, in
    # `data`: {'game_file': path}, as JSON lines or by `types.Task`.
    'alfworld': Entry(alfworld_env.AlfworldGym),
    'function': Entry(
        function_env.FunctionGym,
        function_tasks.generate,
        function_teacher.make_teacher,
    ),
    'search': Entry(
        search_env.SearchGym,
        search_tasks.generate,
        search_teacher.make_teacher,
    ),
    'telepathy': Entry(
        telepathy_env.TelepathyGym,
        telepathy_tasks.generate,
        telepathy_teacher.make_teacher,
    ),
    'turtle': Entry(
        turtle_env.TurtleGym,
        turtle_tasks.generate,
        turtle_teacher.make_teacher,
    ),
}

# Of `base.Gym`: one setting of a config for all gyms.
_SHARED = {field.name for field in dataclasses.fields(base.Gym)}


def options() -> dict[str, dict[str, Any]]:
  """Returns what a config may say about each gym alone.

  A gym's own switches have their defaults. `max_turns=0` and `user_choices=()`
  leave the gym at what the config says for all.
  """
  return {
      name: {'max_turns': 0, 'user_choices': (), **_switches(entry.gym)}
      for name, entry in GYMS.items()
  }


def _switches(gym: type[base.Gym]) -> dict[str, Any]:
  """Returns the defaults of a gym's own fields, users and judges left out."""
  return {
      field.name: field.default
      for field in dataclasses.fields(gym)
      if field.name not in _SHARED
      and isinstance(field.default, (bool, int, float, str, tuple))
  }
