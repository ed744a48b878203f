"""The tasks of the Function gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import function


class FunctionTasks(base.TaskBuilder):
  """Tasks of the Function gym, by level, and those of the benchmark."""

  gym = 'function'
  generate = staticmethod(function.generate)
