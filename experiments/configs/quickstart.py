r"""The whole method on two small gyms, level `easy`.

  python experiments/train_rl.py \
      --config=experiments/configs/quickstart.py --workdir=runs/x
"""

import ml_collections

from bao_jax import catalog

_DEBUG = 'debug'


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
  """Returns the config; `arg` may be 'debug', which takes about a minute."""
  if arg not in (None, '', _DEBUG):
    raise ValueError(f'Unknown config arg {arg!r}; known: {_DEBUG!r}')
  debug = arg == _DEBUG
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.warm_start = ''  # A folder; by default the run makes its own.
  config.weights = ''  # Published ones to start from; see docs/config.md.
  config.checkpoint_every = 20

  config.envs = dict(
      names=('telepathy', 'turtle'),  # `tiny.py` has all three.
      weights=(),  # Of the gyms in a step; empty: as many tasks as each has.
      level='easy',
      max_turns=8,  # M, the paper's T.
      user_choices=('answer',),
      answer_limit=0,  # User-involving turns; 0 for no limit.
      bad_calls_end=True,  # As in UserRL's training.
      show_rewards=False,  # Whether replies end with the reward.
  )
  # Switches of each gym alone: config.envs.options.turtle.clamp_scores, ….
  config.envs.options = catalog.options()
  config.tasks = dict(
      source='builtin',  # Or 'tfds', 'jsonl', 'userrl'; see docs/config.md.
      path='',  # Where the tasks of another source are.
      bad_rows='stop',  # Or 'skip': they are left out and counted.
      merged=False,  # Of 'userrl': the tasks of its merged sets alone.
  )
  config.users = dict(
      kind='scripted',  # Or 'llm', 'jax'; see docs/config.md.
      concurrency=128,  # Requests at the same time.
      backoff=1.0,  # Seconds before the first retry.
      retry_share=1.0,  # Retries of a run per question, beyond the first 100.
      breaker_failures=32,  # Questions in a row without any reply.
      max_cost=0.0,  # 0 for no limit.
      cache='off',  # Or 'record', 'replay'.
      cache_path='',
      # Of 'jax': questions that are answered at the same time, and their size.
      rows=32,
      max_prompt_tokens=2048,
  )
  model = dict(
      # Of the user, at least; other roles then have the same. A folder for
      # 'jax', a name for 'llm'.
      model='',
      base_url='',  # By default $OPENAI_BASE_URL, or OpenAI's; of 'jax' none.
      key_env='OPENAI_API_KEY',  # Where the key is; never the key.
      temperature=0.0,
      top_p=1.0,
      max_tokens=512,
      deadline=30.0,  # Seconds of a request.
      budget=60.0,  # Seconds of a question: requests, waits and re-asks.
      max_retries=4,
      max_reasks=2,
      structured='auto',  # Whether servers enforce schemas; or 'on', 'off'.
      extra='',  # More fields of the request, as a JSON object.
      input_price=0.0,  # Of a million tokens.
      output_price=0.0,
  )
  config.users.user = dict(model)
  config.users.judge = dict(model)
  config.users.teacher = dict(model, max_tokens=2048, temperature=1.0)
  config.users.policy = dict(model, max_tokens=2048)
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
      remat='none',
      attention='auto',
  )
  config.lora = dict(
      rank=0,  # Of adapters that alone are trained; 0: all is trained.
      alpha=16.0,  # What they add is scaled by alpha / rank.
      targets=('q', 'k', 'v', 'o', 'gate', 'up', 'down'),
      base_dtype='float32',  # Or 'bfloat16': of what is not trained.
  )
  # Devices along each axis; -1 for one of them: as many as there are.
  config.mesh = dict(
      data=1,  # Rows; every device has all parameters,
      fsdp=1,  # rows, and parameters are cut along the model's width,
      tensor=1,  # or heads, feed-forward and vocabulary are cut.
  )
  config.sampling = dict(
      temperature=1.0,
      rows=128,  # Conversations in flight, per wave.
      waves=1,  # With 2, devices work on one while users answer the other.
      max_tokens=320,
      max_turn_tokens=48,
      # Seconds a gym may take for a turn, for all turns of a conversation, and
      # all gyms for all of a step.
      deadline=150.0,
      conversation_deadline=600.0,
      step_deadline=3600.0,
      max_attempts=2,  # A conversation that fails is held once more.
      max_failed_share=0.2,  # Of a step's conversations; more stop the run.
      prefix_rows=8,
      decode_tokens=32,
      append_buckets=(4, 16, 64),
  )
  config.teacher = dict(
      path='',  # Of conversations to imitate; by default teachers play.
      skip_bad_rows=False,  # Of that file; by default they stop the run.
      conversations=16 if debug else 600,  # Per gym,
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
      zero_variance_on='shaped',  # Or 'raw'.
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
      max_lag=0,  # Steps that the weights of a rollout may be old.
      max_weight=2.0,  # Of a token that older weights sampled.
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
