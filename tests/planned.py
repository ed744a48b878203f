"""A config with the fields that `bao_jax.plan` reads."""

from bao_jax.train import setup


def make_config(**model) -> setup.Config:
  """Returns one of a model that is small, but for its words."""
  config = setup.Config()
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
  config.mesh = dict(data=1, fsdp=1, tensor=1)
  config.lora = dict(rank=0)
  config.sampling = dict(
      temperature=1.0,
      rows=16,
      max_tokens=256,
      prefix_rows=8,
      decode_tokens=8,
      append_buckets=(16, 32),
  )
  config.sft = dict(num_steps=10, rows=8, length=256, chunk=64)
  config.sft.optimizer = dict(learning_rate=1e-5, warmup_steps=1)
  config.rewards = dict(
      variant='paper', lambda_ans=0.05, lambda_think=0.005, user_cost=0.0
  )
  config.rl = dict(
      tasks_per_step=16,
      samples_per_task=8,
      estimator='turn',
      gamma=1.0,
      scale_by_std=True,
      zero_variance_tol=0.02,
      zero_variance_on='shaped',
      turn_credit='equalized',
      trajectory_score='sum',
      clip_low=0.2,
      clip_high=0.2,
      dual_clip=0.0,
      aggregation='token',
      constant_tokens=256,
      kl_estimator='k3',
      kl_coef=0.0,
      num_minibatches=4,
      num_microbatches=4,
      length_buckets=(128, 256),
      chunk=64,
  )
  config.rl.optimizer = dict(learning_rate=1e-6)
  return config
