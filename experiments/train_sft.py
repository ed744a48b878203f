r"""Trains the warm start: behavior enhancement by imitation.

  python experiments/train_sft.py \
      --config=experiments/configs/quickstart.py --workdir=runs/warm_start
"""

import script

from bao_jax.train import sft

if __name__ == '__main__':
  script.launch(sft.train)
