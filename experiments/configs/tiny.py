r"""The whole method on all three gyms, level `easy`, within 30 minutes.

The Function gym needs longer conversations, more of its teachers and a larger
model than the ten minutes of `quickstart.py` allow: what is to be learned there
is arithmetic.

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
  config.sampling.max_tokens = 384
  config.sft.length = 384
  config.sft.chunk = 384
  config.rl.length_buckets = (384,)
  config.rl.chunk = 384
  if arg:
    return config
  config.model.num_layers = 3
  config.model.width = 96
  config.model.ff_width = 256
  config.model.head_dim = 32
  config.teacher.exceptions.function = 2400
  config.teacher.slip = 0.3  # Students slip too, and have to recover.
  config.sft.num_steps = 4000
  config.sft.rows = 4
  # The large gradients of the first steps are soon forgotten.
  config.sft.optimizer.b2 = 0.98
  config.evaluation.every_sft = 1000
  return config
