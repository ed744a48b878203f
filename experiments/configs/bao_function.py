r"""BAO on the Function gym at level `full`, with the paper's numbers.

  python experiments/train_rl.py --workdir=runs/bao \
      --config=experiments/configs/bao_function.py:size=4b \
      --config.weights=Qwen/Qwen3-4B

Sizes are `tiny`, which shows on a CPU that the parts fit together, and those of
Qwen3: `0.6b`, `1.7b`, `4b`, `8b`, `14b`, `32b`. What "BAO" by Yao et al.
(https://arxiv.org/abs/2602.11351) or its code says of this gym stands here as
it is said there; a comment marks what neither says.
"""

import dataclasses

# Launchers put their own folder on the path.
from configs import quickstart
import ml_collections

from bao_jax.model import config as config_lib

_TINY = 'tiny'


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Returns the config; `arg` is 'size=...', by default 'size=tiny'."""
  size = (arg or f'size={_TINY}').removeprefix('size=')
  if size not in (_TINY, *config_lib.SIZES):
    known = ', '.join((_TINY, *config_lib.SIZES))
    raise ValueError(f'Unknown config arg {arg!r}; use size= one of {known}.')
  config = quickstart.get_config('debug' if size == _TINY else None)
  config.envs.names = ('function',)
  config.envs.level = 'full'
  config.envs.max_turns = 15
  config.text.with_tools = True
  # All behaviors shown; how many conversations is not published.
  config.teacher.scheduling = 1.0
  config.rewards.lambda_ans = 0.005
  config.rewards.lambda_think = 0.05
  config.rl.gamma = 0.8
  config.rl.dual_clip = 3.0
  del config.rows.plain
  if size == _TINY:
    return _tiny(config)
  config.model = dataclasses.asdict(config_lib.SIZES[size])
  config.model.dtype = 'bfloat16'
  _sampling(config.sampling)
  _warm_start(config.sft)
  _learning(config.rl)
  config.evaluation.every_sft = 15
  return config


def _tiny(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """Makes room for the prompts of level `full`, whose text is long."""
  config.text.vocab_size = 1024
  config.model.vocab_size = 1024
  config.sampling.rows = 16
  config.sampling.max_tokens = 1536
  config.sft.length = config.sft.chunk = 1536
  config.rl.length_buckets = (1536,)
  config.rl.chunk = 512
  return config


def _sampling(sampling: ml_collections.ConfigDict) -> None:
  sampling.rows = 64  # As memory allows.
  sampling.max_tokens = 8192  # 1,152 of the prompt, 7,000 of all turns.
  sampling.max_turn_tokens = 2048  # Not published.
  sampling.decode_tokens = 128
  sampling.append_buckets = (64, 256, 1024)


def _warm_start(sft: ml_collections.ConfigDict) -> None:
  """Sets what the UserRL paper says of its own; BAO's is not published."""
  sft.num_steps = 45  # Three epochs of 600 conversations.
  sft.rows = 8  # About 40 conversations, packed; at least 32.
  sft.length = 8192
  sft.chunk = 512
  sft.optimizer = dict(learning_rate=1e-5, warmup_steps=5)


def _learning(rl: ml_collections.ConfigDict) -> None:
  rl.num_steps = 90
  rl.tasks_per_step = 128
  rl.samples_per_task = 8
  rl.num_minibatches = 8  # Of 16 tasks.
  rl.num_microbatches = 16  # Of 8 conversations, as memory allows.
  rl.length_buckets = (2048, 4096, 8192)
  rl.chunk = 512
  rl.optimizer = dict(
      learning_rate=1e-6,
      warmup_steps=0,
      b2=0.999,
      eps=1e-8,
      weight_decay=0.01,
  )
