"""A run's weights, as a folder that other engines load."""

import json
import math
import pathlib
import tempfile
from typing import Any

import jax

from bao_jax import checkpoint
from bao_jax import sharding
from bao_jax.model import lora
from bao_jax.model.hf import export as export_lib
from bao_jax.model.hf import hub
from bao_jax.model.hf import shape as shape_lib
from bao_jax.text import template
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import lessons
from bao_jax.train import pretrained
from bao_jax.train import rl
from bao_jax.train import setup


def export(
    run: pathlib.Path, out: pathlib.Path, *, dtype: str = 'bfloat16'
) -> int:
  """Writes what a run ended with.

  Where it began with published weights, the files of their tokenizer and the
  other fields of their `config.json` are kept.

  Args:
    run: its folder, of either loop.
    out: a new folder.
    dtype: of the tensors.

  Returns:
    The step of the checkpoint.

  Raises:
    FileExistsError: `out` is there.
    FileNotFoundError: there is no run, or its weights' folder is gone.
    ValueError: `run` is the folder of a table.
  """
  if out.exists():  # Before anything is read.
    raise FileExistsError(f'{out} is there already; choose another folder.')
  config = setup.load_config(run)
  encoder = lessons.saved_tokenizer(run)
  shape = setup.model_config(config, encoder)
  first, _ = lessons.beginning(run)
  with tempfile.TemporaryDirectory() as made:
    export_lib.export(
        lora.merge(rl.latest_params(config, shape, run, _mesh(shape.width))),
        shape,
        out,
        beside=_beside(first, encoder, pathlib.Path(made)),
        fields=_fields(first, encoder),
        dtype=dtype,
    )
  return checkpoint.Checkpoints(run).latest()


def _mesh(width: int) -> sharding.Mesh:
  """Returns one of the devices here, which may be fewer than the run had."""
  pieces = math.gcd(width, jax.local_device_count())
  return sharding.make_mesh(dict(data=1, fsdp=pieces, tensor=1))


def _fields(
    config: setup.Config, encoder: tokenizer_lib.Tokenizer
) -> dict[str, Any]:
  if config.weights:
    return shape_lib.read_json(hub.folder(config.weights) / 'config.json')
  return {
      'eos_token_id': encoder.id(tokenizer_lib.IM_END),
      'max_position_embeddings': config.sampling.max_tokens,
  }


def _beside(
    config: setup.Config, encoder: tokenizer_lib.Tokenizer, made: pathlib.Path
) -> list[pathlib.Path]:
  """Returns the tokenizer's files; what is not there yet is made."""
  found = {path.name: path for path in pretrained.beside(config)}
  if 'tokenizer.json' not in found:
    tokenizer_lib.save(encoder, made / 'tokenizer.json')
  if 'tokenizer_config.json' not in found:
    fields = {
        'tokenizer_class': 'PreTrainedTokenizerFast',
        'eos_token': tokenizer_lib.IM_END,
        'pad_token': tokenizer_lib.SPECIAL[0],
        'chat_template': template.TEMPLATE,
    }
    (made / 'tokenizer_config.json').write_text(json.dumps(fields, indent=2))
  if 'generation_config.json' not in found:
    fields = {'eos_token_id': encoder.id(tokenizer_lib.IM_END)}
    (made / 'generation_config.json').write_text(json.dumps(fields, indent=2))
  return [*found.values(), *sorted(made.iterdir())]
