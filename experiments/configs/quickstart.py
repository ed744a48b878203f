r"""The whole method on two small gyms, level `easy`.

  python experiments/train_rl.py \
      --config=experiments/configs/quickstart.py --workdir=runs/x
"""

import ml_collections

_DEBUG = 'debug'


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Returns the config; `arg` may be 'debug', which takes about a minute."""
  if arg not in (None, '', _DEBUG):
    raise ValueError(f'Unknown config arg {arg!r}; known: {_DEBUG!r}')
  debug = arg == _DEBUG
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.warm_start = ''  # A folder; by default the run makes its own.
  config.checkpoint_every = 20

  config.envs = dict(
      names=('telepathy', 'turtle'),  # `tiny.py` has all three.
      level='easy',
      max_turns=8,  # M, the paper's T.
      user_choices=('answer',),
      bad_calls_end=True,  # As in UserRL's training.
  )
  config.tasks = dict(
      source='builtin',  # Or 'tfds', 'jsonl', 'userrl'; see docs/config.md.
      path='',  # Where the tasks of another source are.
  )
  config.text = dict(
      tokenizer='',  # A tokenizer.json; by default one is trained.
      vocab_size=768,
      with_tools=False,  # The prompts of level easy explain the tool.
  )
  config.model = dict(
      vocab_size=768,
      num_layers=2,
      width=64,
      ff_width=192,
      num_heads=4,
      num_kv_heads=2,
      head_dim=16,
      rope_theta=1e4,
      tie_embeddings=True,
      dtype='float32',
      remat=False,
  )
  config.sampling = dict(
      temperature=1.0,
      rows=128,  # Conversations in flight.
      max_tokens=320,
      max_turn_tokens=48,
      deadline=60.0,  # Seconds a gym may take for a turn.
      prefix_rows=8,
      decode_tokens=32,
      append_buckets=(4, 16, 64),
  )
  config.teacher = dict(
      conversations=4 if debug else 600,  # Per gym,
      exceptions=dict(),  # but for these, by name.
      slip=0.15,
      # Shares of the conversations that show a behavior. Most teachers are in a
      # hurry: that asking first pays is left to be learned from rewards.
      memory=1.0,
      refinement=1.0,
      scheduling=0.15,
      querying=1.0,
  )
  config.sft = dict(
      num_steps=4 if debug else 600,
      rows=8,
      length=320,
      chunk=320,
  )
  config.sft.optimizer = dict(learning_rate=3e-3, warmup_steps=20)
  config.rewards = dict(
      variant='paper',  # Or 'released', or 'none'.
      lambda_ans=0.05,
      lambda_think=0.005,
      user_cost=0.0,  # w of eq. 1.
  )
  config.rl = dict(
      num_steps=2 if debug else 40,
      tasks_per_step=2 if debug else 16,
      samples_per_task=8,  # G.
      estimator='turn',  # Eq. 5b; or 'userrl', 'rloo', 'grpo'.
      gamma=1.0,
      scale_by_std=True,
      # Groups whose scores differ by less are left out.
      zero_variance_tol=0.02,
      turn_credit='equalized',  # Of 'userrl'.
      trajectory_score='sum',  # Of 'userrl', 'rloo' and 'grpo'.
      clip_low=0.2,
      clip_high=0.2,
      dual_clip=0.0,  # 0 for none.
      aggregation='token',
      constant_tokens=256,
      kl_estimator='k3',
      kl_coef=0.0,
      num_minibatches=2,
      num_microbatches=2 if debug else 8,
      num_epochs=1,
      length_buckets=(320,),
      chunk=320,
  )
  config.rl.optimizer = dict(
      learning_rate=3e-4,
      warmup_steps=4,
      b2=0.95,
      eps=1e-5,
      weight_decay=0.0,
  )
  config.evaluation = dict(
      num_tasks=8 if debug else 32,  # Of the validation split, per gym.
      every_sft=100,
      every_rl=10,
      split='test',
      num_test_tasks=8 if debug else 96,  # Per gym.
  )
  # Rows of the table that are trained by reinforcement learning.
  config.rows = dict(
      userrl=dict(
          label='UserRL',
          description="UserRL's normalizer, Equalized / R2G, no regularization",
          rewards=dict(variant='none'),
          rl=dict(
              estimator='userrl',
              turn_credit='equalized',
              trajectory_score='r2g',
              gamma=0.8,
          ),
      ),
      bao=dict(
          label='BAO',
          description='eq. 5b with both regularizers',
      ),
      plain=dict(
          label='Eq. 5b',
          description='eq. 5b without regularization',
          rewards=dict(variant='none'),
      ),
  )
  return config
