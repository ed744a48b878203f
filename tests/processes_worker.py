"""One of two processes, for processes_test.py: says what it found as JSON.

python processes_worker.py <what> <port> <process id>
"""

import json
import os
import signal
import sys
import time

import jax
import numpy as np

from bao_jax import cluster
from bao_jax import processes
from bao_jax import sharding
from bao_jax.model import config as config_lib
from bao_jax.sampling import completions
from bao_jax.sampling import engine as engine_lib
from bao_jax.train import optimizer
from bao_jax.train import setup

SHAPE = config_lib.ModelConfig(
    vocab_size=64,
    num_layers=1,
    width=8,
    ff_width=16,
    num_heads=2,
    num_kv_heads=2,
    head_dim=4,
    rope_theta=1e4,
)


def caught(call):
  try:
    return call()
  except Exception as error:
    return f'{type(error).__name__}: {error}'


def fail(which):
  if processes.index() == which:
    raise KeyError('mine')


def talk():
  """Returns what processes told one another."""
  large = processes.together(
      lambda: np.full(3 * 2**20 + processes.index(), processes.index(), np.int8)
  )
  return {
      'together': processes.together(processes.index),
      'large': [(len(x), int(x.min()), int(x.max())) for x in large],
      'by_first': processes.by_first(processes.index),
      'any_of': [
          processes.any_of(processes.index() == 1),
          processes.any_of(False),
      ],
      'own': list(processes.own(range(6), size=2)),
      'raised': [caught(lambda: processes.together(lambda: fail(1)))]
      + [caught(lambda: processes.by_first(lambda: fail(0)))],
      'after': processes.together(lambda: 'still in step'),
  }


def arrays():
  """Returns what became of arrays that lie with both processes."""
  mesh = sharding.make_mesh({'data': 1, 'fsdp': 2, 'tensor': 2})
  batch = np.arange(12).reshape(4, 3)
  spread = sharding.place_rows(batch, mesh)
  engine = engine_lib.Engine(
      SHAPE, 4, 8, layout=sharding.decode_layout(SHAPE, mesh)
  )
  tx = optimizer.make_optimizer(learning_rate=0.1)
  config = setup.Config({'seed': 0, 'weights': ''})
  params = setup.train_state(config, SHAPE, tx, mesh).params
  prepared = engine.prepare(params)
  return {
      'mesh': [d.process_index for d in mesh.devices.flat],
      'own_rows': [s.data.tolist() for s in spread.addressable_shards],
      'to_host': processes.to_host(spread).tolist(),
      'is_local': jax.tree.all(
          jax.tree.map(lambda x: x.is_fully_addressable, prepared)
      ),
      'is_equal': bool(
          np.array_equal(
              prepared['layers'][0]['mlp']['up']['kernel'],
              processes.to_host(params)['layers']['mlp']['up']['kernel'][0],
          )
      ),
  }


def completed():
  """Returns what a frozen model says on rows of both devices of a process."""
  mesh = sharding.make_mesh({'data': 4, 'fsdp': 1, 'tensor': 1})
  layout = sharding.decode_layout(SHAPE, mesh)
  engine = engine_lib.Engine(SHAPE, 2, 4, 2, 1, (2,), layout)
  tx = optimizer.make_optimizer(learning_rate=0.1)
  config = setup.Config({'seed': 0, 'weights': ''})
  params = setup.train_state(config, SHAPE, tx, mesh).params
  completer = completions.Completer(engine, engine.prepare(params), stop=-1)
  completer.compile()
  prompts = [completions.Prompt((1,), (2 + i,), 1) for i in range(3)]
  found = sorted(completer.complete(prompts))
  return [ids.tolist() for _, ids in found]


def ends():
  """Waits for the other one, which ends in the way that is asked for."""
  how, which = sys.argv[1].split('_')
  if processes.index() == int(which):
    if how == 'killed':
      os.kill(os.getpid(), signal.SIGKILL)
    raise ValueError('what went wrong')
  time.sleep(60)


WHAT = {'talk': talk, 'arrays': arrays, 'completed': completed}


def main():
  what, port, process_id = sys.argv[1:]
  jax.config.update('jax_platforms', 'cpu')
  jax.config.update('jax_num_cpu_devices', 2)
  if what.startswith('killed'):
    cluster._SILENCE = 3.0
  deadline = 2 if what == 'alone' else 300
  if 'SLURM_JOB_ID' in os.environ:  # It says everything.
    cluster.join(deadline=deadline)
  else:
    cluster.join(f'localhost:{port}', 2, int(process_id), deadline=deadline)
  with cluster.ended_together():
    found = WHAT.get(what, ends)()
    print(json.dumps(found))


if __name__ == '__main__':
  main()
