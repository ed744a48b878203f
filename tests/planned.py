"""A config whose programs take little time to compile."""

import runpy

import train_resume_test as runs

from bao_jax.train import setup


def make_config(**model) -> setup.Config:
  """Returns one of a model that is small, but for its words."""
  config = runpy.run_path(str(runs.CONFIG))['get_config']()
  config.model = dict(
      vocab_size=4096,
      num_layers=2,
      width=256,
      ff_width=768,
      num_heads=8,
      num_kv_heads=4,
      head_dim=32,
      rope_theta=1e4,
      norm_eps=1e-6,
      tie_embeddings=True,
      dtype='bfloat16',
      remat='full',
      attention='auto',
  )
  config.model.update(model)
  config.sampling.update(
      rows=16,
      max_tokens=256,
      prefix_rows=8,
      decode_tokens=8,
      append_buckets=(16, 32),
  )
  config.sft.update(num_steps=10, rows=8, length=256, chunk=64)
  config.sft.optimizer = dict(learning_rate=1e-5, warmup_steps=1)
  config.rl.update(
      tasks_per_step=16,
      samples_per_task=8,
      num_minibatches=4,
      num_microbatches=4,
      length_buckets=(128, 256),
      chunk=64,
  )
  config.rl.optimizer = dict(learning_rate=1e-6)
  return config
