r"""Writes the weights of a run as other engines load them.

  python experiments/export.py --run=runs/bao --out=runs/bao_hf

The folder has the layout of published Qwen3 models, tokenizer included:
transformers, vLLM and SGLang load it, and `--config.weights` does.
"""

import pathlib

from absl import flags
import script

from bao_jax.train import exported

_RUN = flags.DEFINE_string('run', None, 'The folder of a run.', required=True)
_OUT = flags.DEFINE_string('out', None, 'A new folder.', required=True)
_DTYPE = flags.DEFINE_enum(
    'dtype', 'bfloat16', ('bfloat16', 'float32'), 'Of the tensors.'
)


def run() -> str:
  """Returns what to tell the user at the end."""
  step = exported.export(
      pathlib.Path(_RUN.value), pathlib.Path(_OUT.value), dtype=_DTYPE.value
  )
  return f'{_OUT.value}: weights of step {step} of {_RUN.value}.'


if __name__ == '__main__':
  script.launch_plain(run)
