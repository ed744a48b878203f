"""What a run that starts from published weights takes from their folder."""

import pathlib

import flax.linen as nn
import jax
import ml_collections

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.model.hf import files
from bao_jax.model.hf import hub
from bao_jax.model.hf import load
from bao_jax.model.hf import shape as shape_lib

Config = ml_collections.ConfigDict

# What describes a tokenizer and how text is made with it.
_BESIDE = (
    'tokenizer.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'added_tokens.json',
    'vocab.json',
    'merges.txt',
    'chat_template.jinja',
    'generation_config.json',
)


def check(config: Config) -> None:
  """Refuses weights that a run could not start from; reads no tensor.

  Raises:
    ValueError: they are of another model than the config's, or the files do not
      hold them; names fields, or tensor and file.
    OSError: the folder or a file is missing, or cannot be fetched.
  """
  if not config.weights:
    return
  folder = hub.folder(config.weights)
  found = shape_lib.read(folder)
  ours = config_lib.ModelConfig(**config.model.to_dict())
  differ = [
      f'--config.model.{name}={getattr(found, name)}'
      for name in shape_lib.FIELDS
      if getattr(found, name) != getattr(ours, name)
  ]
  if differ:
    raise ValueError(
        f'weights: {config.weights} is another model than config.model; set'
        f' {" ".join(differ)}.'
    )
  files.find(folder, found)
  if not config.text.tokenizer and not (folder / 'tokenizer.json').exists():
    raise FileNotFoundError(
        f'{folder / "tokenizer.json"}: no such file; set text.tokenizer.'
    )


def initial_params(
    config: Config, shape: config_lib.ModelConfig, abstract: types.Params
) -> types.Params:
  """Loads the parameters of a new run, or draws them from its seed.

  Args:
    config: `config.weights` says which.
    shape: the model's.
    abstract: shapes and types of the parameters, and where each is to lie.

  Raises:
    ValueError: the weights are damaged.
    OSError: they are not there.
  """
  shardings = jax.tree.map(lambda x: x.sharding, abstract)
  if config.weights:
    dtype = jax.tree.leaves(abstract)[0].dtype
    return load.load(hub.folder(config.weights), shape, shardings, dtype)

  def draw(rng):
    drawn = nn.meta.unbox(qwen3.init(shape, rng))
    return jax.tree.map(lambda x, y: x.astype(y.dtype), drawn, abstract)

  draw = jax.jit(draw, out_shardings=shardings)
  return draw(jax.random.key(config.seed))


def beside(config: Config) -> list[pathlib.Path]:
  """Returns the files that belong to a model's tokenizer, if any are known.

  Args:
    config: of the run in which training began.

  Raises:
    OSError: the weights' folder is gone.
  """
  if config.text.tokenizer:
    path = pathlib.Path(config.text.tokenizer)
    folder = path if path.is_dir() else path.parent
  elif config.weights:
    folder = hub.folder(config.weights)
  else:
    return []
  return [folder / name for name in _BESIDE if (folder / name).is_file()]
