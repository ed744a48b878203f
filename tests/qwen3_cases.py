"""Small Qwen3 checkpoints of transformers, and what it computes with them.

  python tests/qwen3_cases.py

makes those of `tests/data/qwen3` anew; `make parity REMAKE=1` does the same and
compares. What needs torch is in functions that import it.
"""

from collections.abc import Mapping
import json
import pathlib
import shutil
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import numpy as safetensors_numpy

from bao_jax import types
from bao_jax.model import blockwise
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.rl import losses
from bao_jax.sampling import choose
from bao_jax.sampling import engine as engine_lib
from bao_jax.train import step as step_lib

FOLDER = pathlib.Path(__file__).parent / 'data/qwen3'
VOCAB = 40
LENGTHS = (1, 2, 3, 5, 8, 13, 21, 34)  # Of the prompts.
NUM_GREEDY = 64


class Case(NamedTuple):
  """A shape, and the form its files take.

  Attributes:
    tied: whether logits use the embedding.
    heads: H, K and C.
    theta: the rotary base.
    is_published: whether `config.json` is as published folders have it, and not
      as transformers 5 writes it.
    shard: size of a file at most, as transformers takes it.
  """

  tied: bool
  heads: tuple[int, int, int]
  theta: float
  is_published: bool = False
  shard: str = '1GB'


# The width is 16: C is neither the width over H nor K.
CASES = {
    'tied': Case(True, (4, 2, 6), 1e4, is_published=True),
    'untied': Case(False, (4, 4, 6), 1e6, shard='8KB'),
    'one_key_head': Case(True, (3, 1, 10), 5e6, is_published=True, shard='8KB'),
}


class Expected(NamedTuple):
  """What is compared.

  Attributes:
    logits: `[2, T, V]` of `tokens()`.
    greedy: `[8, 64]` the likeliest tokens after each of `prompts()`.
  """

  logits: np.ndarray
  greedy: np.ndarray


def tokens() -> np.ndarray:
  return np.random.default_rng(1).integers(VOCAB, size=(2, 40), dtype=np.int32)


def prompts() -> list[np.ndarray]:
  rng = np.random.default_rng(2)
  return [rng.integers(VOCAB, size=n, dtype=np.int32) for n in LENGTHS]


def make(folder: pathlib.Path, case: Case, seed: int = 0) -> Expected:
  """Lets transformers save a random checkpoint and compute with it.

  Args:
    folder: where to; `gradients` within has the gradients of the mean negative
      log-probability of `tokens()`, in the files of a checkpoint.
    case: which.
    seed: of the weights.

  Returns:
    What it computed.
  """
  import torch

  torch.set_num_threads(1)  # More of them spin, and wait for each other.
  model = _draw(case, seed)
  model.save_pretrained(folder, max_shard_size=case.shard)
  (folder / 'generation_config.json').unlink()
  if case.is_published:
    _as_published(folder / 'config.json')
  ids = torch.from_numpy(tokens()).long()
  loss = model(ids, labels=ids).loss
  loss.backward()
  gradients = {name: x.grad.numpy() for name, x in model.named_parameters()}
  (folder / 'gradients').mkdir()
  safetensors_numpy.save_file(
      gradients, folder / 'gradients/model.safetensors', {'format': 'pt'}
  )
  return Expected(logits_of(model), _greedy_of(model))


def logits_of(model) -> np.ndarray:
  import torch

  with torch.inference_mode():
    return model(torch.from_numpy(tokens()).long()).logits.numpy()


def load_theirs(folder: pathlib.Path):
  """Loads a folder by transformers."""
  import torch
  import transformers

  return transformers.Qwen3ForCausalLM.from_pretrained(
      folder, dtype=torch.float32
  )


def _draw(case: Case, seed: int):
  """Draws weights at scales that make logits differ clearly."""
  import torch
  import transformers

  num_heads, num_kv_heads, head_dim = case.heads
  model = transformers.Qwen3ForCausalLM(
      transformers.Qwen3Config(
          vocab_size=VOCAB,
          hidden_size=16,
          intermediate_size=24,
          num_hidden_layers=2,
          num_attention_heads=num_heads,
          num_key_value_heads=num_kv_heads,
          head_dim=head_dim,
          tie_word_embeddings=case.tied,
          rope_parameters={'rope_type': 'default', 'rope_theta': case.theta},
      )
  )
  rng = np.random.default_rng(seed)
  for name, x in model.named_parameters():
    if x.ndim == 1:
      values = rng.uniform(0.5, 1.5, tuple(x.shape))
    else:
      values = rng.normal(scale=x.shape[1] ** -0.5, size=tuple(x.shape))
    x.data = torch.from_numpy(values.astype(np.float32))
  model.tie_weights()
  return model


def _as_published(path: pathlib.Path) -> None:
  """Rewrites what transformers 5 writes as published folders have it."""
  fields = json.loads(path.read_text())
  fields['rope_theta'] = fields.pop('rope_parameters')['rope_theta']
  fields['rope_scaling'] = None
  fields['torch_dtype'] = fields.pop('dtype')
  del fields['layer_types']
  path.write_text(json.dumps(fields, indent=2, sort_keys=True) + '\n')


def _greedy_of(model) -> np.ndarray:
  import torch
  import transformers

  settings = transformers.GenerationConfig(
      do_sample=False,
      min_new_tokens=NUM_GREEDY,
      max_new_tokens=NUM_GREEDY,
      pad_token_id=0,
  )
  rows = []
  for prompt in prompts():
    ids = torch.from_numpy(prompt).long()[None]
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), generation_config=settings
    )
    rows.append(out[0, len(prompt) :].numpy().astype(np.int32))
  return np.stack(rows)


def ours(params: types.Params, config: config_lib.ModelConfig) -> Expected:
  """Computes the same."""
  return Expected(
      np.asarray(_logits(params, tokens(), config)), _greedy(params, config)
  )


def _forward(params, ids, config):
  positions = jnp.broadcast_to(jnp.arange(ids.shape[1]), ids.shape)
  attend = blockwise.causal(jnp.zeros_like(ids))
  model = qwen3.Transformer(config, attend)
  hidden, _ = model.apply({'params': params}, ids, positions)
  return qwen3.logits(hidden, params)


_logits = jax.jit(_forward, static_argnums=2)


def gradients(
    params: types.Params, config: config_lib.ModelConfig
) -> types.Params:
  """Returns those of the mean negative log-probability of `tokens()`."""
  ids = tokens()
  mask = np.ones(ids.shape, bool)
  mask[:, 0] = False

  def loss_fn(params):
    model = step_lib.ModelFn(config, chunk=16)
    logps, _ = step_lib.token_logps(params, ids, mask, model=model)
    return -losses.masked_mean(logps, mask)

  return jax.jit(jax.grad(loss_fn))(params)


def _greedy(params, config) -> np.ndarray:
  """Speaks as rollouts do: appended, then decoded with the cache."""
  num_rows = len(LENGTHS)
  engine = engine_lib.Engine(
      config, num_rows, 128, decode_tokens=NUM_GREEDY, append_buckets=(64,)
  )
  full = lambda value, dtype: np.full(num_rows, value, dtype)
  rows = np.arange(num_rows, dtype=np.uint32)
  sampling = choose.Sampling(
      np.asarray(engine.row_keys(0, 0, rows, rows)),
      full(0, np.float32),
      full(0, np.int32),
      full(1, np.float32),
  )
  params = engine.unstack(params)
  cache = engine.append(
      params, engine.empty_rows(), [x[:-1] for x in prompts()], longest=0
  )
  _, out = engine.decode(
      params,
      cache,
      np.array([x[-1] for x in prompts()], np.int32),
      full(NUM_GREEDY, np.int32),
      sampling,
      full(-1, np.int32),
      longest=max(LENGTHS),
  )
  return np.asarray(out.tokens)


def read_expected(folder: pathlib.Path) -> Expected:
  return Expected(
      **safetensors_numpy.load_file(folder / 'expected.safetensors')
  )


def write_expected(folder: pathlib.Path, expected: Expected) -> None:
  safetensors_numpy.save_file(
      expected._asdict(), folder / 'expected.safetensors'
  )


def remake(cases: Mapping[str, Case] = CASES) -> None:
  """Writes the folders of `tests/data/qwen3`."""
  shutil.rmtree(FOLDER, ignore_errors=True)
  for name, case in cases.items():
    folder = FOLDER / name
    folder.mkdir(parents=True)
    write_expected(folder, make(folder, case))


if __name__ == '__main__':
  remake()
