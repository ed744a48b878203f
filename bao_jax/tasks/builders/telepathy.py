"""The tasks of the Telepathy gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import telepathy


class TelepathyTasks(base.TaskBuilder):
  """Tasks of the Telepathy gym, by level, and those of the benchmark."""

  gym = 'telepathy'
  generate = staticmethod(telepathy.generate)
