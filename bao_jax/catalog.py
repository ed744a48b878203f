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
from bao_jax.envs import intention as intention_env
from bao_jax.envs import persuade as persuade_env
from bao_jax.envs import search as search_env
from bao_jax.envs import telepathy as telepathy_env
from bao_jax.envs import travel as travel_env
from bao_jax.envs import turtle as turtle_env
from bao_jax.envs.tau import gym as tau_env
from bao_jax.tasks.builtin import function as function_tasks
from bao_jax.tasks.builtin import intention as intention_tasks
from bao_jax.tasks.builtin import persuade as persuade_tasks
from bao_jax.tasks.builtin import search as search_tasks
from bao_jax.tasks.builtin import tau as tau_tasks
from bao_jax.tasks.builtin import telepathy as telepathy_tasks
from bao_jax.tasks.builtin import travel as travel_tasks
from bao_jax.tasks.builtin import turtle as turtle_tasks
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import function as function_teacher
from bao_jax.teachers import intention as intention_teacher
from bao_jax.teachers import persuade as persuade_teacher
from bao_jax.teachers import search as search_teacher
from bao_jax.teachers import tau as tau_teacher
from bao_jax.teachers import telepathy as telepathy_teacher
from bao_jax.teachers import travel as travel_teacher
from bao_jax.teachers import turtle as turtle_teacher
from bao_jax.users import chat
from bao_jax.users.llm import intention as intention_llm
from bao_jax.users.llm import persuade as persuade_llm
from bao_jax.users.llm import search as search_llm
from bao_jax.users.llm import tau as tau_llm
from bao_jax.users.llm import telepathy as telepathy_llm
from bao_jax.users.llm import travel as travel_llm
from bao_jax.users.llm import turtle as turtle_llm

# (level, split, seed) -> tasks.
GenerateFn = Callable[[str, str, int], list[types.Task]]
# (chat) -> the gym's users and judges, by field, played by language models.
RolesFn = Callable[[chat.ChatFn], dict[str, Callable[..., Any]]]


@dataclasses.dataclass(frozen=True)
class Entry:
  """What the package has for one gym.

  Attributes:
    gym: the class, with scripted users by default.
    generate: makes the built-in tasks; None if there are none, so that
      `config.tasks` has to name others.
    make_teacher: (behaviors, slip=) -> the scripted teacher; None if there is
      none, so that a warm start has to come from elsewhere.
    roles: lets language models play its users; None if it has none to play.
  """

  gym: type[base.Gym]
  generate: GenerateFn | None = None
  make_teacher: Callable[..., teachers_base.TeacherFn] | None = None
  roles: RolesFn | None = None


GYMS: Mapping[str, Entry] = {
    # Needs the extra `alfworld`. A task names a game file of that package, in
    # `data`: {'game_file': path}, as JSON lines or by `types.Task`.
    'alfworld': Entry(alfworld_env.AlfworldGym),
    'function': Entry(
        function_env.FunctionGym,
        function_tasks.generate,
        function_teacher.make_teacher,
    ),
    'intention': Entry(
        intention_env.IntentionGym,
        intention_tasks.generate,
        intention_teacher.make_teacher,
        intention_llm.roles,
    ),
    'persuade': Entry(
        persuade_env.PersuadeGym,
        persuade_tasks.generate,
        persuade_teacher.make_teacher,
        persuade_llm.roles,
    ),
    'tau': Entry(
        tau_env.TauGym,
        tau_tasks.generate,
        tau_teacher.make_teacher,
        tau_llm.roles,
    ),
    'search': Entry(
        search_env.SearchGym,
        search_tasks.generate,
        search_teacher.make_teacher,
        search_llm.roles,
    ),
    'telepathy': Entry(
        telepathy_env.TelepathyGym,
        telepathy_tasks.generate,
        telepathy_teacher.make_teacher,
        telepathy_llm.roles,
    ),
    'travel': Entry(
        travel_env.TravelGym,
        travel_tasks.generate,
        travel_teacher.make_teacher,
        travel_llm.roles,
    ),
    'turtle': Entry(
        turtle_env.TurtleGym,
        turtle_tasks.generate,
        turtle_teacher.make_teacher,
        turtle_llm.roles,
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
