"""The tasks of the Tau gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import tau


class TauTasks(base.TaskBuilder):
  """Tasks of the Tau gym, by level, and those of the benchmark."""

  gym = 'tau'
  generate = staticmethod(tau.generate)
