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
  config.model.width = 96
  config.model.ff_width = 256
  config.model.head_dim = 24
  config.teacher.conversations = 160
  config.sft.num_steps = 1000
  config.rl.num_steps = 100
  return config
