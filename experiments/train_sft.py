r"""Trains the warm start: behavior enhancement by imitation.

  python experiments/train_sft.py \
      --config=experiments/configs/quickstart.py --workdir=runs/warm_start
"""

import launch

from bao_jax.train import sft

if __name__ == '__main__':
  launch.launch(sft.train)
