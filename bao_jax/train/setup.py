"""From a config to the parts that both loops join."""

import collections
from collections.abc import Callable, Sequence
import dataclasses
import functools
import os
import pathlib

from absl import logging
import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import optax

from bao_jax import catalog
from bao_jax import checkpoint
from bao_jax import processes
from bao_jax import sharding
from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.model import config as config_lib
from bao_jax.model import lora
from bao_jax.sampling import engine as engine_lib
from bao_jax.sampling import faults as faults_lib
from bao_jax.sampling import rollout
from bao_jax.tasks import reader
from bao_jax.tasks import userrl
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import checks
from bao_jax.train import pretrained
from bao_jax.train import users

Config = ml_collections.ConfigDict

_MAX_PROMPTS = 1000  # Per gym.


def claim(workdir: str | pathlib.Path, loop: str, config: Config) -> None:
  """Makes a folder that of a run, or checks that it is.

  The folder of the warm start is kept relative to the run's: neither how a path
  is spelled nor where both folders are moved to makes it another run.

  Args:
    workdir: the run's folder.
    loop: 'warm start', 'rl' or 'pipeline'.
    config: the experiment.

  Raises:
    ConfigMismatchError: it belongs to another config.
  """
  saved = {'loop': loop, **config.to_dict()}
  if config.warm_start:
    saved['warm_start'] = os.path.relpath(
        os.path.realpath(config.warm_start), os.path.realpath(workdir)
    )
  processes.by_first(lambda: checkpoint.claim(workdir, saved))


def load_config(workdir: str | pathlib.Path) -> Config:
  """Returns the config of the run in a folder.

  Raises:
    FileNotFoundError: no run wrote there.
    ValueError: it is the folder of a whole table, not of one of its runs, or
      another version of the package wrote it.
  """
  saved = checkpoint.claimed(workdir)
  # Older runs lack these.
  saved.setdefault('mesh', dict.fromkeys(sharding.AXES, 1))
  saved.setdefault('lora', {'rank': 0})
  saved.setdefault('weights', '')
  for name in ('loop', 'tasks', 'users'):
    if name not in saved:
      raise ValueError(
          f'{workdir}/config.json has no {name!r}: another version wrote it.'
      )
  if saved.pop('loop') == 'pipeline':
    runs = ', '.join(f'{workdir}/{n}' for n in ('warm_start', *saved['rows']))
    raise ValueError(f'{workdir} holds several runs; choose one of: {runs}.')
  if saved['warm_start']:  # As `claim` left it.
    path = os.path.join(os.path.realpath(workdir), saved['warm_start'])
    saved['warm_start'] = os.path.normpath(path)
  return Config(_with_tuples(saved))


def _with_tuples(value):
  """Turns JSON's lists back into what configs hold."""
  if isinstance(value, dict):
    return {name: _with_tuples(item) for name, item in value.items()}
  return tuple(value) if isinstance(value, list) else value


def check_names(config: Config) -> None:
  """Refuses unknown names and senseless numbers before anything is written.

  Raises:
    ValueError: a name is unknown, a source has no path, or a number is out of
      bounds.
    FileNotFoundError: the folder or file that a source reads is not there.
  """
  checks.check(config)
  users.check(config)


def gyms(config: Config) -> dict[str, envs_base.Gym]:
  """Builds the gyms by name, with the users that `config.users` says."""
  built = {name: _gym(config.envs, name) for name in config.envs.names}
  return (
      users.played_by_models(config, built) if users.is_llm(config) else built
  )


def _gym(envs: Config, name: str) -> envs_base.Gym:
  own = envs.options[name].to_dict()
  return catalog.GYMS[name].gym(
      bad_calls_end=envs.bad_calls_end,
      show_rewards=envs.show_rewards,
      answer_limit=envs.answer_limit or None,
      **{
          **own,
          'max_turns': own['max_turns'] or envs.max_turns,
          'user_choices': tuple(own['user_choices'] or envs.user_choices),
      },
  )


def max_turns(config: Config) -> int:
  """Returns the largest turn budget of the gyms, M of a batch."""
  return max(gym.max_turns for gym in gyms(config).values())


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
  bad = [] if config.tasks.bad_rows == 'skip' else None
  read = {
      'builtin': lambda gym: _generate(gym, level, split),
      'tfds': lambda gym: _load(gym, level, split, path),
      'jsonl': lambda gym: reader.read_folder(
          path, split, gym, bad, catalog.GYMS
      ),
      'userrl': lambda gym: userrl.read_held_out(
          path, gym, split, merged=config.tasks.merged, bad=bad
      ),
  }[config.tasks.source]
  found = [task for name in config.envs.names for task in read(name)]
  if bad:
    bad = list(dict.fromkeys(bad))  # A file of several gyms was read for each.
    rows = f'{len(bad)} bad row{"s" * (len(bad) > 1)}'
    logging.warning('%s: left out %s; the first: %s', split, rows, bad[0])
  return found


def _generate(gym: str, level: str, split: str) -> list[types.Task]:
  generate = catalog.GYMS[gym].generate
  if generate is None:
    raise ValueError(
        f"envs.names: {gym} has no built-in tasks; set tasks.source='jsonl' and"
        ' tasks.path to a folder with tasks.'
    )
  return generate(level, split, seed=0)


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


def watched(config: Config) -> list[rollout.Request]:
  """Returns what both loops evaluate on as they train: validation tasks."""
  few = few_tasks(config, 'validation', config.evaluation.num_tasks)
  return [rollout.Request(task) for task in few]


def check_tokenizer(config: Config) -> None:
  """Refuses a configured tokenizer that is not there or does not fit.

  Raises:
    ValueError: it is none, or has more ids than the model.
  """
  if config.text.tokenizer:
    model_config(config, tokenizer_lib.load(config.text.tokenizer))


def model_config(
    config: Config, encoder: tokenizer_lib.Tokenizer
) -> config_lib.ModelConfig:
  """Returns the model's shape.

  Raises:
    ValueError: the vocabulary is smaller than the tokenizer's.
  """
  shape = config_lib.ModelConfig(
      **config.model.to_dict(), lora=lora_config(config)
  )
  if shape.vocab_size < encoder.vocab_size:
    raise ValueError(
        f'model.vocab_size={shape.vocab_size} is smaller than the '
        f"tokenizer's {encoder.vocab_size} ids; raise it."
    )
  return shape


def lora_config(config: Config) -> config_lib.LoraConfig | None:
  """Returns the adapters that a run trains; None where it trains all."""
  if not config.lora.rank:
    return None
  return config_lib.LoraConfig(**config.lora.to_dict())


def mesh(config: Config) -> sharding.Mesh:
  """Returns the mesh that `config.mesh` says, of the devices of all processes.

  Raises:
    ValueError: there are fewer devices, or the model or the rows of rollouts do
      not divide over them; names the field.
  """
  made = sharding.make_mesh(config.mesh)
  shape = config_lib.ModelConfig(**config.model.to_dict())
  sharding.of_params(sharding.abstract_params(shape), made)
  sharding.check_rows(made, **{'sampling.rows': config.sampling.rows})
  # Every process prefills prompts of its own.
  prefix_rows = {'sampling.prefix_rows': config.sampling.prefix_rows}
  sharding.check_rows(sharding.local(made), **prefix_rows)
  if processes.count() > 1:
    _connect(made)
  return made


@functools.cache
def _connect(mesh: sharding.Mesh) -> None:
  """Lets devices of several processes meet while these are in step."""
  connect = sharding.connector(mesh)
  processes.any_of(False)
  jax.block_until_ready(connect())


def abstract_state(
    shape: config_lib.ModelConfig,
    tx: optax.GradientTransformation,
    mesh: sharding.Mesh,
) -> types.TrainState:
  """Returns the shapes of a state and where its arrays are to lie."""
  boxed = sharding.abstract_trained(shape)
  params = nn.meta.unbox(boxed)
  step = jax.ShapeDtypeStruct((), jnp.int32)
  shapes = types.TrainState(step, params, jax.eval_shape(tx.init, params))
  return sharding.abstract(shapes, sharding.of_state(boxed, tx, mesh))


def abstract_trained(
    shape: config_lib.ModelConfig, mesh: sharding.Mesh
) -> types.Params:
  """Returns the same of what is trained: adapters, or all parameters."""
  boxed = sharding.abstract_trained(shape)
  where = sharding.of_params(boxed, mesh)
  return sharding.abstract(nn.meta.unbox(boxed), where)


def abstract_params(
    shape: config_lib.ModelConfig, mesh: sharding.Mesh
) -> types.Params:
  """Returns the same of all parameters but adapters."""
  boxed = sharding.abstract_params(shape)
  dtype = shape.lora.base_dtype if shape.lora else jnp.float32
  typed = lambda x: jax.ShapeDtypeStruct(x.shape, dtype)
  shapes = jax.tree.map(typed, nn.meta.unbox(boxed))
  return sharding.abstract(shapes, sharding.of_params(boxed, mesh))


def abstract_base(
    shape: config_lib.ModelConfig, mesh: sharding.Mesh
) -> types.Params | None:
  """Returns the same of what lies frozen beside adapters; None for nothing."""
  return abstract_params(shape, mesh) if shape.lora else None


def train_state(
    config: Config,
    shape: config_lib.ModelConfig,
    tx: optax.GradientTransformation,
    mesh: sharding.Mesh,
) -> types.TrainState:
  """Returns a fresh state, of published weights or drawn from the seed."""
  begin = initial_adapters if shape.lora else initial_params
  params = begin(config, shape, mesh)
  return first_state(params, tx, abstract_state(shape, tx, mesh))


def initial_params(
    config: Config, shape: config_lib.ModelConfig, mesh: sharding.Mesh
) -> types.Params:
  """Returns the first parameters of a run, all but adapters."""
  return pretrained.initial_params(config, shape, abstract_params(shape, mesh))


def initial_adapters(
    config: Config, shape: config_lib.ModelConfig, mesh: sharding.Mesh
) -> types.Params:
  """Draws adapters from the run's seed; they change nothing yet."""
  draw = functools.partial(lora.init, shape)
  return jax.jit(
      lambda rng: nn.meta.unbox(draw(rng)),
      out_shardings=sharding.of_params(sharding.abstract_trained(shape), mesh),
  )(jax.random.fold_in(jax.random.key(config.seed), 1))


def first_state(
    params: types.Params,
    tx: optax.GradientTransformation,
    abstract: types.TrainState,
) -> types.TrainState:
  """Returns the state of an optimizer that has not stepped yet.

  Args:
    params: what it begins with; they become the state's.
    tx: the optimizer.
    abstract: of `abstract_state`.
  """
  begin = jax.jit(
      lambda params: (jnp.zeros((), jnp.int32), tx.init(params)),
      out_shardings=sharding.of((abstract.step, abstract.opt_state)),
  )
  step, opt_state = begin(params)
  return types.TrainState(step, params, opt_state)


def moved_bytes(shape: config_lib.ModelConfig, mesh: sharding.Mesh) -> int:
  """Returns the bytes that a rollout brings from where training has them."""
  boxed = sharding.abstract_params(shape)
  return sharding.moved_bytes(
      abstract_params(shape, mesh),
      sharding.of_params(boxed, mesh),
      sharding.of_params(boxed, mesh, sharding.DECODE),
  )


def engine(
    config: Config, shape: config_lib.ModelConfig, mesh: sharding.Mesh
) -> engine_lib.Engine:
  """Returns what speaks, its parameters and rows spread over the mesh.

  Each process has an engine for its part of the rows.
  """
  return engine_lib.Engine(
      shape,
      num_rows=config.sampling.rows // sharding.num_processes(mesh),
      num_slots=config.sampling.max_tokens,
      prefix_rows=config.sampling.prefix_rows,
      decode_tokens=config.sampling.decode_tokens,
      append_buckets=tuple(config.sampling.append_buckets),
      layout=sharding.decode_layout(shape, mesh),
  )


def conversations(
    config: Config,
    shape: config_lib.ModelConfig,
    encoder: tokenizer_lib.Tokenizer,
    mesh: sharding.Mesh,
    *,
    temperature: float,
    faults: faults_lib.FaultLog | None = None,
) -> rollout.Conversations:
  """Builds what holds conversations."""
  return rollout.Conversations(
      engine=engine(config, shape, mesh),
      tokenizer=encoder,
      gyms=gyms(config),
      limits=rollout.Limits(
          max_tokens=config.sampling.max_tokens,
          max_turn_tokens=config.sampling.max_turn_tokens,
          deadline=config.sampling.deadline,
          conversation_deadline=config.sampling.conversation_deadline,
          step_deadline=config.sampling.step_deadline,
          max_attempts=config.sampling.max_attempts,
          temperature=temperature,
      ),
      seed=config.seed,
      with_tools=config.text.with_tools,
      num_waves=config.sampling.waves,
      num_threads=users.num_threads(config),
      faults=faults or faults_lib.FaultLog(),
  )


def hold(
    speaker: rollout.Conversations,
    params: types.Params,
    requests: Sequence[rollout.Request],
    step: int,
    *,
    waited: Callable[[float, float], None] | None = None,
) -> list[types.Trajectory]:
  """Holds conversations, each process some of them; all get all of them.

  Args:
    speaker: of this process.
    params: the policy's.
    requests: the same on all processes, as many for each task.
    step: the training step.
    waited: as for `rollout.Conversations.hold`.

  Returns:
    Trajectories in the order of the requests.
  """
  # Samples of a task share its prompt.
  size = sum(r.task.id == requests[0].task.id for r in requests)
  own = processes.own(requests, size)
  parts = processes.together(
      lambda: speaker.hold(params, own, step=step, waited=waited),
      # They wait for their gyms no longer than that.
      deadline=speaker.limits.step_deadline + processes.DEADLINE,
  )
  return [trajectory for part in parts for trajectory in part]


def check_prompts(config: Config, speaker: rollout.Conversations) -> None:
  """Refuses tasks whose prompts leave no room to speak, before any training.

  Raises:
    ValueError: names the first of them.
  """
  # Up to a number, since a gym may open a game to make a prompt.
  trained_on = few_tasks(config, 'train', _MAX_PROMPTS)
  for request in (*map(rollout.Request, trained_on), *watched(config)):
    speaker.open(request)


def greedy(conversations: rollout.Conversations) -> rollout.Conversations:
  """Returns the same, but decoding greedily, as evaluations do."""
  limits = dataclasses.replace(conversations.limits, temperature=0.0)
  return dataclasses.replace(conversations, limits=limits)
