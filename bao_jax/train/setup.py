"""From a config to the parts that both loops join."""

import collections
from collections.abc import Mapping
import dataclasses
import pathlib
import random

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import optax

from bao_jax import checkpoint
from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.envs import function as function_env
from bao_jax.envs import telepathy as telepathy_env
from bao_jax.envs import turtle as turtle_env
from bao_jax.model import config as config_lib
from bao_jax.model import qwen3
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import faults as faults_lib
from bao_jax.sampling import rollout
from bao_jax.tasks import reader
from bao_jax.tasks import userrl
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
_SOURCES = ('builtin', 'tfds', 'jsonl', 'userrl')
_TEACHERS = {
    'function': function_teacher.make_teacher,
    'telepathy': telepathy_teacher.make_teacher,
    'turtle': turtle_teacher.make_teacher,
}


def load_config(workdir: str | pathlib.Path) -> Config:
  """Returns the config of the run in a folder.

  Raises:
    FileNotFoundError: no run wrote there.
    ValueError: it is the folder of a whole table, not of one of its runs, or
      another version of the package wrote it.
  """
  saved = checkpoint.claimed(workdir)
  for name in ('loop', 'tasks'):
    if name not in saved:
      raise ValueError(
          f'{workdir}/config.json has no {name!r}: another version wrote it.'
      )
  if saved.pop('loop') == 'pipeline':
    runs = ', '.join(f'{workdir}/{n}' for n in ('warm_start', *saved['rows']))
    raise ValueError(f'{workdir} holds several runs; choose one of: {runs}.')
  return Config(_with_tuples(saved))


def _with_tuples(value):
  """Turns JSON's lists back into what configs hold."""
  if isinstance(value, dict):
    return {name: _with_tuples(item) for name, item in value.items()}
  return tuple(value) if isinstance(value, list) else value


def check_names(config: Config) -> None:
  """Refuses unknown gyms and sources of tasks before anything is written.

  Raises:
    ValueError: a name is unknown, a source has no path, or a share is not in
      [0, 1].
    FileNotFoundError: the folder that a source reads is not there.
  """
  named = [('envs.names', name) for name in config.envs.names]
  named += [('teacher.exceptions', name) for name in config.teacher.exceptions]
  for field, name in named:
    if name not in _GYMS:
      known = ', '.join(sorted(_GYMS))
      raise ValueError(f'{field}: no gym {name!r}; there are: {known}.')
  draw_behaviors(config.teacher, random.Random(0))
  source, path = config.tasks.source, config.tasks.path
  if source not in _SOURCES:
    known = ', '.join(_SOURCES)
    raise ValueError(f'tasks.source: no source {source!r}; there are: {known}.')
  if source == 'builtin' and path:
    raise ValueError(
        f"tasks.path={path!r}, but tasks.source='builtin' reads no folder."
    )
  if source != 'builtin' and not path:
    raise ValueError(f'tasks.path: source {source!r} needs a folder; give one.')
  if source in ('jsonl', 'userrl') and not pathlib.Path(path).is_dir():
    raise FileNotFoundError(f'tasks.path: {path}: no such folder.')


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
  """Returns the tasks of a split, one gym after the other.

  Args:
    config: the experiment; `config.tasks` says where they come from.
    split: 'train', 'validation' or 'test'.

  Raises:
    ValueError: a file holds no tasks, or something else; names file and line.
    OSError: a file cannot be read.
  """
  level, path = config.envs.level, config.tasks.path
  read = {
      'builtin': lambda gym: _TASKS[gym](level, split, seed=0),
      'tfds': lambda gym: _load(gym, level, split, path),
      'jsonl': lambda gym: reader.read_folder(path, split, gym),
      'userrl': lambda gym: userrl.read_held_out(
          userrl.path_of(path, gym), gym, split
      ),
  }[config.tasks.source]
  return [task for name in config.envs.names for task in read(name)]


def _load(gym: str, level: str, split: str, path: str) -> list[types.Task]:
  # Here, since TFDS takes a second to import and most runs do without it.
  from bao_jax.tasks import builders

  return builders.load(gym, level, split, data_dir=path)


def few_tasks(
    config: Config, split: str, per_gym: int | None
) -> list[types.Task]:
  """Returns the first tasks of a split of each gym; None takes all."""
  by_gym = collections.defaultdict(list)
  for task in tasks(config, split):
    by_gym[task.gym].append(task)
  return [task for group in by_gym.values() for task in group[:per_gym]]


def best_teachers(config: Config) -> dict[str, teachers_base.TeacherFn]:
  """Builds a teacher per gym that shows every behavior: the reference."""
  behaviors = teachers_base.Behaviors()
  return {
      name: _TEACHERS[name](behaviors, slip=config.teacher.slip)
      for name in config.envs.names
  }


def watched(config: Config) -> list[rollout.Request]:
  """Returns what both loops evaluate on as they train: validation tasks."""
  few = few_tasks(config, 'validation', config.evaluation.num_tasks)
  return [rollout.Request(task) for task in few]


def draw_behaviors(
    teacher: Config, rng: random.Random
) -> teachers_base.Behaviors:
  """Draws which behaviors a teacher shows in one conversation.

  Raises:
    ValueError: a share is not in [0, 1].
  """
  drawn = {}
  for field in dataclasses.fields(teachers_base.Behaviors):
    share = teacher[field.name]
    if not 0 <= share <= 1:
      raise ValueError(f'teacher.{field.name}={share} must be in [0, 1].')
    drawn[field.name] = rng.random() < share
  return teachers_base.Behaviors(**drawn)


def teacher_dialogues(
    config: Config,
    split: str,
    per_gym: int,
    exceptions: Mapping[str, int] | None = None,
) -> list[converse.Dialogue]:
  """Lets teachers play, each conversation with behaviors drawn anew.

  Tasks repeat with new samples where they run out.

  Args:
    config: the experiment.
    split: whose tasks.
    per_gym: conversations per gym.
    exceptions: gyms with another number.

  Returns:
    The dialogues, one gym after the other.
  """
  environments = gyms(config)
  by_gym = collections.defaultdict(list)
  for task in tasks(config, split):
    by_gym[task.gym].append(task)
  dialogues = []
  for name, pool in by_gym.items():
    rng = random.Random(f'{config.seed}/{name}')
    order = rng.sample(pool, len(pool))
    for i in range((exceptions or {}).get(name, per_gym)):
      behaviors = draw_behaviors(config.teacher, rng)
      dialogues.append(
          converse.converse(
              _TEACHERS[name](behaviors, slip=config.teacher.slip),
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
    faults: faults_lib.FaultLog | None = None,
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
      faults=faults or faults_lib.FaultLog(),
  )


def greedy(conversations: rollout.Conversations) -> rollout.Conversations:
  """Returns the same, but decoding greedily, as evaluations do."""
  limits = dataclasses.replace(conversations.limits, temperature=0.0)
  return dataclasses.replace(conversations, limits=limits)
