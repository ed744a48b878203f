"""The tasks of the Persuade gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import persuade


class PersuadeTasks(base.TaskBuilder):
  """Tasks of the Persuade gym, by level."""

  gym = 'persuade'
  generate = staticmethod(persuade.generate)
  BUILDER_CONFIGS = [
      config
      for config in base.TaskBuilder.BUILDER_CONFIGS
      if config.name != base.USERRL  # Its claims are under another license.
  ]
