"""From a config to the parts that both loops join."""

import collections
import dataclasses
import pathlib
import random

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import optax

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.envs import function as function_env
from bao_jax.envs import telepathy as telepathy_env
from bao_jax.envs import turtle as turtle_env
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import rollout
from bao_jax.tasks.builtin import function as function_tasks
from bao_jax.tasks.builtin import telepathy as telepathy_tasks
from bao_jax.tasks.builtin import turtle as turtle_tasks
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import converse
from bao_jax.teachers import function as function_teacher
from bao_jax.teachers import telepathy as telepathy_teacher
from bao_jax.teachers import turtle as turtle_teacher
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib

Config = ml_collections.ConfigDict

_GYMS = {
    'function': function_env.FunctionGym,
    'telepathy': telepathy_env.TelepathyGym,
    'turtle': turtle_env.TurtleGym,
}
_TASKS = {
    'function': function_tasks.generate,
    'telepathy': telepathy_tasks.generate,
    'turtle': turtle_tasks.generate,
}
_TEACHERS = {
    'function': function_teacher.make_teacher,
    'telepathy': telepathy_teacher.make_teacher,
    'turtle': turtle_teacher.make_teacher,
}


def check_names(config: Config) -> None:
  """Refuses unknown gyms before anything is written.

  Raises:
    ValueError: a name is unknown.
  """
  for name in config.envs.names:
    if name not in _GYMS:
      known = ', '.join(sorted(_GYMS))
      raise ValueError(f'envs.names: no gym {name!r}; there are: {known}.')


def gyms(config: Config) -> dict[str, envs_base.Gym]:
  """Builds the gyms by name."""
  return {
      name: _GYMS[name](
          max_turns=config.envs.max_turns,
          user_choices=tuple(config.envs.user_choices),
          bad_calls_end=config.envs.bad_calls_end,
      )
      for name in config.envs.names
  }


def tasks(config: Config, split: str) -> list[types.Task]:
  """Returns the tasks of a split, one gym after the other."""
  return [
      task
      for name in config.envs.names
      for task in _TASKS[name](config.envs.level, split, seed=0)
  ]


def few_tasks(config: Config, split: str, per_gym: int) -> list[types.Task]:
  """Returns the first tasks of a split of each gym."""
  by_gym = collections.defaultdict(list)
  for task in tasks(config, split):
    by_gym[task.gym].append(task)
  return [task for group in by_gym.values() for task in group[:per_gym]]


def teachers(config: Config) -> dict[str, teachers_base.TeacherFn]:
  """Builds a teacher per gym with the configured behaviors."""
  behaviors = teachers_base.Behaviors(
      memory=config.teacher.memory,
      refinement=config.teacher.refinement,
      scheduling=config.teacher.scheduling,
      querying=config.teacher.querying,
  )
  return {
      name: _TEACHERS[name](behaviors, slip=config.teacher.slip)
      for name in config.envs.names
  }


def teacher_dialogues(
    config: Config, split: str, per_gym: int
) -> list[converse.Dialogue]:
  """Lets the teachers play; tasks repeat with new samples where they run out.

  Args:
    config: the experiment.
    split: whose tasks.
    per_gym: conversations per gym.

  Returns:
    The dialogues, one gym after the other.
  """
  players, environments = teachers(config), gyms(config)
  by_gym = collections.defaultdict(list)
  for task in tasks(config, split):
    by_gym[task.gym].append(task)
  dialogues = []
  for name, pool in by_gym.items():
    order = random.Random(f'{config.seed}/{name}').sample(pool, len(pool))
    for i in range(per_gym):
      dialogues.append(
          converse.converse(
              players[name],
              environments[name],
              order[i % len(order)],
              seed=config.seed,
              sample=i // len(order),
          )
      )
  return dialogues


def tokenizer(config: Config, workdir: pathlib.Path) -> tokenizer_lib.Tokenizer:
  """Loads the configured tokenizer, or trains one on the built-in corpus.

  The trained one is kept in the run's folder, where a resumed run finds it.
  """
  if config.text.tokenizer:
    return tokenizer_lib.load(config.text.tokenizer)
  path = workdir / 'tokenizer.json'
  if not path.exists():
    corpus = [
        text
        for dialogue in teacher_dialogues(config, 'train', 200)
        for text in converse.texts(dialogue)
    ]
    trained = tokenizer_lib.train(
        corpus, vocab_size=config.text.vocab_size, phrases=chat.PHRASES
    )
    tokenizer_lib.save(trained, path)
  return tokenizer_lib.load(path)


def model_config(
    config: Config, encoder: tokenizer_lib.Tokenizer
) -> config_lib.ModelConfig:
  """Returns the model's shape.

  Raises:
    ValueError: the vocabulary is smaller than the tokenizer's.
  """
  shape = config_lib.ModelConfig(**config.model.to_dict())
  if shape.vocab_size < encoder.vocab_size:
    raise ValueError(
        f'model.vocab_size={shape.vocab_size} is smaller than the '
        f"tokenizer's {encoder.vocab_size} ids; raise it."
    )
  return shape


def train_state(
    config: Config,
    shape: config_lib.ModelConfig,
    tx: optax.GradientTransformation,
) -> types.TrainState:
  """Draws a fresh state from the run's seed."""
  params = nn.meta.unbox(
      jax.jit(qwen3.init, static_argnums=0)(shape, jax.random.key(config.seed))
  )
  return types.TrainState(jnp.zeros((), jnp.int32), params, tx.init(params))


def conversations(
    config: Config,
    shape: config_lib.ModelConfig,
    encoder: tokenizer_lib.Tokenizer,
    engine: engine_lib.Engine | None = None,
    *,
    temperature: float,
    faults: rollout.FaultLog | None = None,
) -> rollout.Conversations:
  """Builds what holds conversations; give an engine to share its programs."""
  engine = engine or engine_lib.Engine(
      shape,
      num_rows=config.sampling.rows,
      num_slots=config.sampling.max_tokens,
      prefix_rows=config.sampling.prefix_rows,
      decode_tokens=config.sampling.decode_tokens,
      append_buckets=tuple(config.sampling.append_buckets),
  )
  return rollout.Conversations(
      engine=engine,
      tokenizer=encoder,
      gyms=gyms(config),
      limits=rollout.Limits(
          max_tokens=config.sampling.max_tokens,
          max_turn_tokens=config.sampling.max_turn_tokens,
          deadline=config.sampling.deadline,
          temperature=temperature,
      ),
      seed=config.seed,
      with_tools=config.text.with_tools,
      faults=faults or rollout.FaultLog(),
  )


def greedy(conversations: rollout.Conversations) -> rollout.Conversations:
  """Returns the same, but decoding greedily, as evaluations do."""
  limits = dataclasses.replace(conversations.limits, temperature=0.0)
  return dataclasses.replace(conversations, limits=limits)
