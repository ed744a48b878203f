"""The tasks of the Travel gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import travel


class TravelTasks(base.TaskBuilder):
  """Tasks of the Travel gym, by level, and those of the benchmark."""

  gym = 'travel'
  generate = staticmethod(travel.generate)
