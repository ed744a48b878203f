r"""Trains a policy: warm start, then reinforcement learning.

  python experiments/train_rl.py \
      --config=experiments/configs/quickstart.py --workdir=runs/x
"""

import script

from bao_jax.train import rl

if __name__ == '__main__':
  script.launch(rl.train)
