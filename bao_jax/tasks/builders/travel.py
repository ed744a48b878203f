"""The tasks of the Travel gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import travel


class TravelTasks(base.TaskBuilder):
  """Tasks of the Travel gym, by level."""

  gym = 'travel'
  generate = staticmethod(travel.generate)
  BUILDER_CONFIGS = [
      config
      for config in base.TaskBuilder.BUILDER_CONFIGS
      if config.name != base.USERRL  # Its files are not read.
  ]
