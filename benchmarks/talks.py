"""Conversations of a fixed shape, spoken by the engine.

A talk is `[M, B, N]` int32 replies: before each of M turns, N given tokens for
each of B rows. Nothing stops early, so that all sides do the same work.
"""

import numpy as np

from bao_jax import types
from bao_jax.model import config as config_lib
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib


def replies(
    config: config_lib.ModelConfig, *, turns: int, rows: int, length: int
) -> np.ndarray:
  """Draws `[M, B, N]` replies."""
  rng = np.random.default_rng(0)
  shape = (turns, rows, length)
  return rng.integers(config.vocab_size, size=shape, dtype=np.int32)


def speak(
    engine: engine_lib.Engine,
    params: types.Params,
    talk: np.ndarray,
    *,
    temperature: float = 1.0,
    is_kept: bool = True,
) -> np.ndarray:
  """Speaks a talk, `engine.decode_tokens` tokens each turn.

  Args:
    engine: has as many rows as the talk.
    params: of `engine.unstack`.
    talk: `[M, B, N]` int32.
    temperature: 0 takes the likeliest tokens.
    is_kept: whether keys and values are kept over turns.

  Returns:
    `[B, T]` int32, replies and sampled tokens.
  """
  rows = np.arange(engine.num_rows, dtype=np.uint32)
  full = lambda value, dtype: np.full(engine.num_rows, value, dtype)
  sampling = choose.Sampling(
      np.asarray(engine.row_keys(0, 0, rows, rows)),
      full(temperature, np.float32),
      full(0, np.int32),
      full(1, np.float32),
  )
  budget, never = full(engine.decode_tokens, np.int32), full(-1, np.int32)
  tokens = np.zeros((engine.num_rows, 0), np.int32)
  cache, held = engine.empty_rows(), 0
  for reply in talk:
    tokens = np.concatenate([tokens, reply], axis=1)
    if not is_kept:
      cache, held = engine.empty_rows(), 0
    cache = engine.append(params, cache, tokens[:, held:-1], longest=held)
    held = tokens.shape[1] - 1 + engine.decode_tokens
    cache, out = engine.decode(
        params,
        cache,
        tokens[:, -1],
        budget,
        sampling,
        never,
        longest=tokens.shape[1],
    )
    tokens = np.concatenate([tokens, np.asarray(out.tokens)], axis=1)
  return tokens
