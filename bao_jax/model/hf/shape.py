"""`config.json` of published checkpoints, read and written."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

from bao_jax.model import config as config_lib

MODEL_TYPE, ARCHITECTURE = 'qwen3', 'Qwen3ForCausalLM'

# Our fields and theirs.
_FIELDS = {
    'vocab_size': 'vocab_size',
    'num_layers': 'num_hidden_layers',
    'width': 'hidden_size',
    'ff_width': 'intermediate_size',
    'num_heads': 'num_attention_heads',
    'num_kv_heads': 'num_key_value_heads',
    'head_dim': 'head_dim',
    'norm_eps': 'rms_norm_eps',
    'tie_embeddings': 'tie_word_embeddings',
}
# What a checkpoint says of its model; the other fields of a `ModelConfig` say
# how to compute with it.
FIELDS = (*_FIELDS, 'rope_theta')
# What the architecture here does not have, by the values that mean "without".
_WITHOUT = {
    'attention_bias': (False,),
    'hidden_act': ('silu',),
    'use_sliding_window': (False,),
    'quantization_config': (None,),
}


def is_published(folder: pathlib.Path) -> bool:
  """Returns whether a folder's `config.json` is that of published weights."""
  return 'model_type' in read_json(folder / 'config.json')


def read(folder: str | pathlib.Path) -> config_lib.ModelConfig:
  """Reads the shape of a published Qwen3 model.

  Args:
    folder: holds `config.json`.

  Returns:
    The shape; how to compute with it is left at its defaults.

  Raises:
    FileNotFoundError: there is no `config.json`.
    ValueError: it is of another architecture, lacks a field or asks for what
      is not supported; names the field.
  """
  path = pathlib.Path(folder) / 'config.json'
  fields = read_json(path)
  _check_architecture(path, fields)
  for name, without in _WITHOUT.items():
    if fields.get(name, without[0]) not in without:
      raise ValueError(f'{path}: {name}={fields[name]!r} is not supported.')
  _check_layer_types(path, fields)
  ours = {our: _field(path, fields, name) for our, name in _FIELDS.items()}
  return config_lib.ModelConfig(**ours, rope_theta=_rope_theta(path, fields))


def to_json(
    config: config_lib.ModelConfig, dtype: str, others: Mapping[str, Any] = {}
) -> dict[str, Any]:
  """Returns the fields of `config.json`, as published checkpoints have them.

  Args:
    config: the shape.
    dtype: of the tensors in the files.
    others: more fields, of the checkpoint that training began with, say; those
      that follow from the shape win.
  """
  kept = {k: v for k, v in others.items() if k != 'dtype'}
  defaults = dict(
      attention_dropout=0.0,
      initializer_range=0.02,
      max_position_embeddings=40960,
      max_window_layers=config.num_layers,
      use_cache=True,
  )
  own = {name: getattr(config, our) for our, name in _FIELDS.items()}
  own |= {name: values[0] for name, values in _WITHOUT.items()}
  del own['quantization_config']
  own |= dict(
      architectures=[ARCHITECTURE],
      model_type=MODEL_TYPE,
      rope_scaling=None,
      sliding_window=None,
      rope_theta=config.rope_theta,
      torch_dtype=dtype,
  )
  if 'rope_parameters' in kept:  # A later form of the same.
    kept['rope_parameters'] = {
        'rope_theta': config.rope_theta,
        'rope_type': 'default',
    }
  return dict(sorted((defaults | kept | own).items()))


def read_json(path: pathlib.Path) -> dict[str, Any]:
  """Reads a file that holds a JSON object.

  Raises:
    FileNotFoundError: it is not there.
    ValueError: it holds something else.
  """
  if not path.is_file():
    raise FileNotFoundError(f'{path}: no such file.')
  try:
    fields = json.loads(path.read_text('utf-8'))
  except ValueError as error:
    raise ValueError(f'{path}: not JSON: {error}') from error
  if not isinstance(fields, dict):
    raise ValueError(f'{path}: not a JSON object.')
  return fields


def _check_architecture(path: pathlib.Path, fields: Mapping[str, Any]) -> None:
  found = fields.get('model_type')
  if found != MODEL_TYPE:
    raise ValueError(
        f'{path}: model_type={found!r}; only dense Qwen3 models,'
        f' {MODEL_TYPE!r}, can be loaded.'
    )
  architectures = fields.get('architectures') or [ARCHITECTURE]
  if architectures != [ARCHITECTURE]:
    raise ValueError(
        f'{path}: architectures={architectures}; only {[ARCHITECTURE]} can be'
        ' loaded.'
    )


def _check_layer_types(path: pathlib.Path, fields: Mapping[str, Any]) -> None:
  others = set(fields.get('layer_types') or ()) - {'full_attention'}
  if others:
    raise ValueError(
        f'{path}: layer_types has {", ".join(sorted(others))}; only'
        ' full_attention is supported.'
    )


def _field(path: pathlib.Path, fields: Mapping[str, Any], name: str) -> Any:
  if fields.get(name) is None:
    raise ValueError(f'{path}: there is no {name!r}.')
  return fields[name]


def _rope_theta(path: pathlib.Path, fields: Mapping[str, Any]) -> float:
  """Reads the rotary base in either form; see `read`.

  Published folders have `rope_theta` beside `rope_scaling`, files written by
  transformers 5 one object `rope_parameters`.
  """
  parameters = fields.get('rope_parameters') or {}
  for name, scaling in (
      ('rope_scaling', fields.get('rope_scaling') or {}),
      ('rope_parameters', parameters),
  ):
    _check_scaling(path, name, scaling)
  bases = {
      float(form['rope_theta'])
      for form in (fields, parameters)
      if form.get('rope_theta') is not None
  }
  if not bases:
    raise ValueError(
        f"{path}: there is neither 'rope_theta' nor"
        " 'rope_parameters.rope_theta'."
    )
  if len(bases) > 1:
    raise ValueError(
        f"{path}: 'rope_theta' and 'rope_parameters' differ: {sorted(bases)}."
    )
  return bases.pop()


def _check_scaling(
    path: pathlib.Path, name: str, scaling: Mapping[str, Any]
) -> None:
  kind = scaling.get('rope_type', scaling.get('type', 'default'))
  known = {'rope_type', 'type', 'rope_theta'}
  others = {
      k: v for k, v in scaling.items() if k not in known and v is not None
  }
  if kind != 'default' or others:
    raise ValueError(
        f'{path}: {name}={dict(scaling)} scales rotary positions, which is not'
        ' supported; remove it to keep to the lengths of pretraining.'
    )
