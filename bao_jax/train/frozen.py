"""A frozen model from a folder, for users and judges on our own devices."""

from collections.abc import Mapping
import dataclasses
import pathlib

from bao_jax import sharding
from bao_jax.model.hf import hub
from bao_jax.model.hf import load as load_lib
from bao_jax.model.hf import shape as shape_lib
from bao_jax.sampling import completions
from bao_jax.sampling import engine as engine_lib
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import lessons
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.users import gather
from bao_jax.users import local

# Of the user's engine. A prompt is a system message, which many share, and a
# question: pieces of the longer width make the one, of the shorter the other.
_BUCKETS = (64, 256)


def load(name: str | pathlib.Path, mesh: sharding.Mesh):
  """Loads a model that is not trained any further.

  Args:
    name: the folder of a run, or published weights: folder or repository.
    mesh: the devices.

  Returns:
    Its `ModelConfig`, its parameters, layers stacked, and its tokenizer.

  Raises:
    FileNotFoundError: nothing is there, or a run without a checkpoint.
    ValueError: what is there does not fit together.
  """
  folder = hub.folder(str(name), 'users.user.model')
  if shape_lib.is_published(folder):
    return _published(folder, mesh)
  config = setup.load_config(folder)
  encoder = lessons.saved_tokenizer(folder)
  shape = setup.model_config(config, encoder)
  return shape, rl.latest_params(config, shape, folder, mesh), encoder


def _published(folder: pathlib.Path, mesh: sharding.Mesh):
  """Loads published weights as they are computed with, in bfloat16."""
  shape = dataclasses.replace(shape_lib.read(folder), dtype='bfloat16')
  where = sharding.of_params(
      sharding.abstract_params(shape), mesh, sharding.DECODE
  )
  params = load_lib.load(folder, shape, where, dtype=shape.dtype)
  return shape, params, tokenizer_lib.load(folder)


def chat_model(
    name: str | pathlib.Path,
    mesh: sharding.Mesh,
    *,
    rows: int,
    max_prompt_tokens: int,
    max_tokens: int,
) -> local.ChatModel:
  """Loads a model and compiles what lets it reply.

  Args:
    name: as for `load`.
    mesh: as for `load`.
    rows: questions that it answers at the same time.
    max_prompt_tokens: of a question.
    max_tokens: of a reply.

  Raises:
    FileNotFoundError: as `load`.
    ValueError: as `load`.
  """
  own = sharding.local(mesh)  # Each process has a user of its own.
  shards = sharding.num_row_shards(own)
  sharding.check_rows(own, **{'users.rows': rows})
  shape, params, encoder = load(name, mesh)
  engine = engine_lib.Engine(
      shape,
      num_rows=rows,
      num_slots=max_prompt_tokens + max_tokens,
      prefix_rows=-(-8 // shards) * shards,
      append_buckets=_BUCKETS,
      layout=sharding.decode_layout(shape, mesh),
  )
  completer = completions.Completer(
      engine, engine.prepare(params), encoder.id(tokenizer_lib.IM_END)
  )
  completer.compile()
  return local.ChatModel(completer, encoder, max_prompt_tokens)


def serve(
    replies: Mapping[str, int],
    *,
    rows: int,
    max_prompt_tokens: int,
    mesh: sharding.Mesh,
) -> gather.Server:
  """Loads models and lets them reply.

  Args:
    replies: the longest reply of each in tokens, by its folder.
    rows: as for `chat_model`.
    max_prompt_tokens: as for `chat_model`.
    mesh: as for `chat_model`.

  Raises:
    FileNotFoundError: as `load`.
    ValueError: as `load`.
  """
  return gather.Server(
      {
          folder: chat_model(
              folder,
              mesh,
              rows=rows,
              max_prompt_tokens=max_prompt_tokens,
              max_tokens=max_tokens,
          )
          for folder, max_tokens in replies.items()
      }
  )
