"""A frozen model from a folder, for users and judges on our own devices."""

from collections.abc import Mapping
import pathlib

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


def load(folder: str | pathlib.Path):
  """Loads a model that is not trained any further.

  Args:
    folder: of a run.

  Returns:
    Its `ModelConfig`, its parameters, layers stacked, and its tokenizer.

  Raises:
    FileNotFoundError: no run is there, or it has no checkpoint.
    ValueError: what is there does not fit together.
  """
  folder = pathlib.Path(folder)
  config = setup.load_config(folder)
  encoder = lessons.saved_tokenizer(config, folder)
  shape = setup.model_config(config, encoder)
  return shape, rl.latest_params(config, shape, folder), encoder


def chat_model(
    folder: str | pathlib.Path,
    *,
    rows: int,
    max_prompt_tokens: int,
    max_tokens: int,
) -> local.ChatModel:
  """Loads a model and compiles what lets it reply.

  Args:
    folder: as for `load`.
    rows: questions that it answers at the same time.
    max_prompt_tokens: of a question.
    max_tokens: of a reply.

  Raises:
    FileNotFoundError: as `load`.
    ValueError: as `load`.
  """
  shape, params, encoder = load(folder)
  engine = engine_lib.Engine(
      shape,
      num_rows=rows,
      num_slots=max_prompt_tokens + max_tokens,
      append_buckets=_BUCKETS,
  )
  completer = completions.Completer(
      engine, engine.unstack(params), encoder.id(tokenizer_lib.IM_END)
  )
  completer.compile()
  return local.ChatModel(completer, encoder, max_prompt_tokens)


def serve(
    replies: Mapping[str, int], *, rows: int, max_prompt_tokens: int
) -> gather.Server:
  """Loads models and lets them reply.

  Args:
    replies: the longest reply of each in tokens, by its folder.
    rows: as for `chat_model`.
    max_prompt_tokens: as for `chat_model`.

  Raises:
    FileNotFoundError: as `load`.
    ValueError: as `load`.
  """
  return gather.Server(
      {
          folder: chat_model(
              folder,
              rows=rows,
              max_prompt_tokens=max_prompt_tokens,
              max_tokens=max_tokens,
          )
          for folder, max_tokens in replies.items()
      }
  )
