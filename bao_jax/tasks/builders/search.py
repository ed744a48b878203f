"""The tasks of the Search gym on disk."""

from bao_jax.tasks.builders import base
from bao_jax.tasks.builtin import search


class SearchTasks(base.TaskBuilder):
  """Tasks of the Search gym, by level, and those of the benchmark."""

  gym = 'search'
  generate = staticmethod(search.generate)
