"""The tasks of the Persuade gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import persuade


class PersuadeTasks(base.TaskBuilder):
  """Tasks of the Persuade gym, by level, and those of the benchmark."""

  gym = 'persuade'
  generate = staticmethod(persuade.generate)
