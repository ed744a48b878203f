"""The tasks of the Intention gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import intention


class IntentionTasks(base.TaskBuilder):
  """Tasks of the Intention gym, by level."""

  gym = 'intention'
  generate = staticmethod(intention.generate)
  BUILDER_CONFIGS = [
      config
      for config in base.TaskBuilder.BUILDER_CONFIGS
      if config.name != base.USERRL  # Its split follows no rule.
  ]
