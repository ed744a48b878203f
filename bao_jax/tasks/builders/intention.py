"""The tasks of the Intention gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import intention


class IntentionTasks(base.TaskBuilder):
  """Tasks of the Intention gym, by level, and those of the benchmark."""

  gym = 'intention'
  generate = staticmethod(intention.generate)
