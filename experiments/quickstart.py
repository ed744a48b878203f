"""Trains every row of a table and writes the report.

python experiments/quickstart.py --workdir=runs/quickstart
"""

import script

from bao_jax.train import pipeline


def run(config, workdir: str) -> str:
  """Returns what to tell the user at the end."""
  return f'Report: {pipeline.run(config, workdir)}'


if __name__ == '__main__':
  script.launch(run, default_config='experiments/configs/quickstart.py')
