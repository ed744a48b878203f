"""The tasks of the Turtle gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import turtle


class TurtleTasks(base.TaskBuilder):
  """Tasks of the Turtle gym, by level, and those of the benchmark."""

  gym = 'turtle'
  generate = staticmethod(turtle.generate)
