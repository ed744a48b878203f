"""What a config may hold: checked before anything is written or computed."""

from collections.abc import Iterable
import math
import pathlib

import ml_collections

from bao_jax import catalog
from bao_jax.model import config as config_lib
from bao_jax.text import tools

Config = ml_collections.ConfigDict

_SOURCES = ('builtin', 'tfds', 'jsonl', 'userrl')
_LEVELS = ('easy', 'medium', 'full')
_SPLITS = ('train', 'validation', 'test')

_AT_LEAST_1 = (
    'checkpoint_every',
    'envs.max_turns',
    'text.vocab_size',
    'sampling.rows',
    'sampling.waves',
    'sampling.max_tokens',
    'sampling.max_turn_tokens',
    'sampling.max_attempts',
    'sampling.prefix_rows',
    'sampling.decode_tokens',
    'sft.num_steps',
    'sft.rows',
    'sft.length',
    'sft.chunk',
    'rl.num_steps',
    'rl.tasks_per_step',
    'rl.samples_per_task',
    'rl.constant_tokens',
    'rl.num_minibatches',
    'rl.num_microbatches',
    'rl.num_epochs',
    'rl.max_weight',
    'rl.chunk',
    'evaluation.num_tasks',
    'evaluation.every_sft',
    'evaluation.every_rl',
    'evaluation.num_test_tasks',
)
_AT_LEAST_0 = (
    'seed',
    'envs.answer_limit',
    'teacher.conversations',
    'sft.optimizer.warmup_steps',
    'rl.clip_high',
    'rl.kl_coef',
    'rl.max_lag',
    'rl.optimizer.warmup_steps',
    'sft.optimizer.weight_decay',
    'rl.optimizer.weight_decay',
)
_SHARES = (
    'rl.gamma',
    'rl.clip_low',
    'sampling.max_failed_share',
    'teacher.slip',
    'teacher.memory',
    'teacher.refinement',
    'teacher.scheduling',
    'teacher.querying',
)
# A decay of 1 would divide by 0.
_DECAYS = ('sft.optimizer.b2', 'rl.optimizer.b2')
_FINITE = (
    'rewards.lambda_ans',
    'rewards.lambda_think',
    'rewards.user_cost',
    'sampling.temperature',
)
_POSITIVE = (
    'model.rope_theta',
    'sampling.temperature',
    'sampling.deadline',
    'sampling.conversation_deadline',
    'sampling.step_deadline',
    'sft.optimizer.learning_rate',
    'sft.optimizer.eps',
    'rl.optimizer.learning_rate',
    'rl.optimizer.eps',
)
# Lengths that are padded to, ascending.
_LENGTHS = ('sampling.append_buckets', 'rl.length_buckets')


def check(config: Config) -> None:
  """Refuses what no run could do anything with.

  Args:
    config: the experiment; `users.check` has the section of users.

  Raises:
    ValueError: a name is unknown, a source has no path, or a number is out of
      bounds; names the field.
    FileNotFoundError: the folder or file that a source reads is not there.
  """
  _check_numbers(config)
  _check_gyms(config)
  _check_options(config.envs)
  _check_tasks(config.tasks)
  _one_of('evaluation.split', config.evaluation.split, _SPLITS)
  config_lib.ModelConfig(**config.model.to_dict())
  if config.lora.rank:
    config_lib.LoraConfig(**config.lora.to_dict())
  if config.teacher.path and not pathlib.Path(config.teacher.path).is_file():
    raise FileNotFoundError(f'teacher.path: {config.teacher.path}: no file.')


def _check_numbers(config: Config) -> None:
  for field in _AT_LEAST_1:
    _require(config, field, lambda x: x >= 1, 'must be at least 1')
  for field in _AT_LEAST_0:
    _require(config, field, lambda x: x >= 0, 'must not be negative')
  for field in _SHARES:
    _require(config, field, lambda x: 0 <= x <= 1, 'must be in [0, 1]')
  for field in _DECAYS:
    _require(config, field, lambda x: 0 <= x < 1, 'must be in [0, 1)')
  for field in _FINITE:
    _require(config, field, math.isfinite, 'must be finite')
  for field in _POSITIVE:
    _require(config, field, lambda x: x > 0, 'must be positive')
  for field in _LENGTHS:
    _require(config, field, _are_lengths, 'must be positive and ascending')
  _require(
      config, 'rl.dual_clip', lambda x: x == 0 or x > 1, 'must be 0 or above 1'
  )


def _are_lengths(lengths) -> bool:
  return bool(lengths) and all(
      low < high for low, high in zip((0, *lengths), lengths)
  )


def _require(config, field: str, holds, what: str) -> None:
  value = config
  for name in field.split('.'):
    value = value.get(name)
  # What optimizers leave out has a default.
  if value is not None and not holds(value):
    raise ValueError(f'{field}={value} {what}.')


def _one_of(field: str, name: str, known: Iterable[str]) -> None:
  if name not in known:
    raise ValueError(
        f'{field}: no {name!r}; there are: {", ".join(sorted(known))}.'
    )


def _check_gyms(config: Config) -> None:
  names, weights = config.envs.names, config.envs.weights
  if not names or len(set(names)) < len(names):
    raise ValueError(
        f'envs.names={tuple(names)}: name at least one gym, and each once.'
    )
  named = [('envs.names', name) for name in names]
  named += [('teacher.exceptions', name) for name in config.teacher.exceptions]
  for field, name in named:
    if name not in catalog.GYMS:
      known = ', '.join(sorted(catalog.GYMS))
      raise ValueError(f'{field}: no gym {name!r}; there are: {known}.')
  if weights and (len(weights) != len(names) or min(weights) <= 0):
    raise ValueError(
        f'envs.weights={tuple(weights)}: give a positive number for each of '
        f'envs.names={tuple(names)}, or none.'
    )
  if len(names) > config.sampling.prefix_rows:
    raise ValueError(
        f'sampling.prefix_rows={config.sampling.prefix_rows} must be at least '
        f'the number of gyms, {len(names)}.'
    )
  if config.tasks.source in ('builtin', 'tfds'):
    _one_of('envs.level', config.envs.level, _LEVELS)


def _check_options(envs: Config) -> None:
  """Checks what is said of all gyms, and of each that takes part."""
  for choice in envs.user_choices:  # Not every gym has all of them.
    _one_of('envs.user_choices', choice, tools.CHOICES)
  for name in envs.names:
    options, gym = envs.options[name], catalog.GYMS[name].gym
    for choice in options.user_choices:
      known = *gym.choices, 'finish'
      _one_of(f'envs.options.{name}.user_choices', choice, known)
    if options.max_turns < 0:
      raise ValueError(
          f'envs.options.{name}.max_turns={options.max_turns} must not be'
          ' negative.'
      )


def _check_tasks(tasks: Config) -> None:
  source, path = tasks.source, tasks.path
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
  if tasks.bad_rows not in ('stop', 'skip'):
    raise ValueError(
        f"tasks.bad_rows={tasks.bad_rows!r}: use 'stop' or 'skip'."
    )
  if tasks.bad_rows == 'skip' and source not in ('jsonl', 'userrl'):
    raise ValueError(
        f"tasks.bad_rows='skip', but tasks.source={source!r} reads no rows."
    )
  if tasks.merged and source != 'userrl':
    raise ValueError(
        f'tasks.merged=True, but tasks.source={source!r} has no merged set; it'
        " is one of 'userrl'."
    )
