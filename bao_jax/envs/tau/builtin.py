"""The backends of the built-in tasks: a shop and an airline of our own."""

from bao_jax import types
from bao_jax.envs.tau import airline
from bao_jax.envs.tau import airline_data
from bao_jax.envs.tau import backend
from bao_jax.envs.tau import policies
from bao_jax.envs.tau import retail
from bao_jax.envs.tau import retail_data


def builtin(task: types.Task) -> backend.Backend:
  """Returns the backend of a task by its `data`: `gym.BackendFn`.

  Args:
    task: its `data` holds 'database', an object of domain ('retail' or
      'airline'), size (a level) and seed.

  Raises:
    ValueError: the task has no such database, as those of the benchmark.
  """
  source = task.data.get('database')
  if source is None:
    raise ValueError(
        f'{task.id}: data has no "database", and that of tau-bench is not part'
        ' of this package; give TauGym a `backend` that has it, or use the'
        ' built-in tasks'
    )
  size, seed = source['size'], source['seed']
  if source['domain'] == 'airline':
    policy = policies.AIRLINE if size == 'full' else policies.AIRLINE_SHORT
    return backend.Backend(
        policy, airline.TOOLS, airline_data.database(size, seed)
    )
  database = retail_data.database(size, seed)
  if size == 'easy':
    few = {name: retail.TOOLS[name] for name in retail.FEW_TOOLS}
    return backend.Backend(policies.RETAIL_FEW, few, database, backend.terse)
  policy = policies.RETAIL if size == 'full' else policies.RETAIL_SHORT
  return backend.Backend(policy, retail.TOOLS, database)
