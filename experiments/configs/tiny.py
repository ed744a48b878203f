r"""The whole method on all three gyms, level `easy`, within 30 minutes.

The Function gym needs more teacher conversations and a wider model than the
ten minutes of `quickstart.py` allow.

  python experiments/quickstart.py \
      --config=experiments/configs/tiny.py --workdir=runs/tiny
"""

# Launchers put their own folder on the path.
from configs import quickstart
import ml_collections


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Returns the config; `arg` as in `quickstart`."""
  config = quickstart.get_config(arg)
  config.envs.names = ('function', 'telepathy', 'turtle')
  if arg:
    return config
  config.model.num_layers = 3
  config.model.width = 96
  config.model.ff_width = 256
  config.model.head_dim = 32
  config.teacher.exceptions.function = 2400
  config.sampling.max_tokens = 384
  config.sft.num_steps = 3000
  config.sft.rows = 4
  config.sft.length = 384
  config.evaluation.every_sft = 500
  config.sft.chunk = 384
  config.sft.optimizer.b2 = 0.98
  config.rl.num_steps = 50
  config.rl.length_buckets = (384,)
  config.rl.chunk = 384
  return config
