"""From `config.users` to what asks models: one client per process."""

import collections
import dataclasses
import functools
import json
import os
import pathlib

import ml_collections

from bao_jax import catalog
from bao_jax import processes
from bao_jax.users import cache as cache_lib
from bao_jax.users import chat
from bao_jax.users import ledger as ledger_lib

Config = ml_collections.ConfigDict
Ledger = ledger_lib.Ledger

_KINDS = ('scripted', 'llm')
_SCRIPTED_THREADS = 8
_OFFICIAL = 'https://api.openai.com/v1'
_KEY = 'OPENAI_API_KEY'  # The default of `key_env`.
# What a role without a model of its own has from the user.
_OF_SERVER = (
    'model',
    'base_url',
    'key_env',
    'structured',
    'extra',
    'input_price',
    'output_price',
)


def is_llm(config: Config) -> bool:
  """Returns whether users and judges are language models."""
  return config.users.kind == 'llm'


def num_threads(config: Config) -> int:
  """Returns how many gyms are stepped at a time: models take their time."""
  return config.users.concurrency if is_llm(config) else _SCRIPTED_THREADS


def num_talks(config: Config) -> int:
  """Returns how many conversations teachers hold at a time."""
  return config.users.concurrency if is_llm(config) else 1


def check(config: Config) -> None:
  """Refuses settings of users that cannot work, before anything is written.

  Raises:
    ValueError: names the field.
    FileNotFoundError: a cache is to be replayed that is not there.
  """
  users = config.users
  if users.kind not in _KINDS:
    known = ', '.join(_KINDS)
    raise ValueError(f'users.kind={users.kind!r} must be one of: {known}.')
  if not is_llm(config):
    return
  _check_cache(users)
  for name in ('concurrency', 'breaker_failures'):
    if users[name] < 1:
      raise ValueError(f'users.{name}={users[name]} must be at least 1.')
  for name in ('backoff', 'retry_share', 'max_cost'):
    if users[name] < 0:
      raise ValueError(f'users.{name}={users[name]} must not be negative.')
  _check_deadline(config)
  _models(config)


def _check_cache(users: Config) -> None:
  if users.cache not in cache_lib.MODES:
    known = ', '.join(cache_lib.MODES)
    raise ValueError(f'users.cache={users.cache!r} must be one of: {known}.')
  if (users.cache == 'off') == bool(users.cache_path):
    raise ValueError(
        f'users.cache={users.cache!r} with users.cache_path='
        f"{users.cache_path!r}: 'off' takes none, the others need one."
    )
  if users.cache == 'replay' and not pathlib.Path(users.cache_path).is_file():
    raise FileNotFoundError(f'users.cache_path: {users.cache_path}: no file.')


def _check_deadline(config: Config) -> None:
  """A turn must not end before the questions that it is made of."""
  needed = config.users.user.budget + config.users.judge.budget
  if needed >= config.sampling.deadline:
    raise ValueError(
        f'sampling.deadline={config.sampling.deadline:g} must be more than'
        f' users.user.budget + users.judge.budget = {needed:g}: a turn may ask'
        ' both.'
    )


def client(config: Config):
  """Returns the client, a `chat.ChatFn`; the same for equal settings.

  Raises:
    ValueError: a setting is wrong, or the packages that it needs are missing.
    OSError: the cache cannot be opened.
  """
  roles, limits = _models(config), _limits(config)
  return _client(roles, limits, config.users.cache, config.users.cache_path)


def _parts():
  """Imports what only models need: the packages are those of an extra."""
  try:
    from bao_jax.users import api
    from bao_jax.users import client as client_lib
    from bao_jax.users import models
  except ModuleNotFoundError as error:
    raise ValueError(
        f"users.kind='llm' needs the package {error.name}; install the extra:"
        " pip install -c constraints.txt -e '.[llm]'"
    ) from None
  return api, client_lib, models


def _limits(config: Config):
  _, client_lib, _ = _parts()
  names = [f.name for f in dataclasses.fields(client_lib.Limits)]
  limits = {name: config.users[name] for name in names}
  limits['max_cost'] /= processes.count()  # Each has a part of the whole.
  return client_lib.Limits(**limits)


def _models(config: Config) -> tuple:
  """Returns pairs of a role and its model."""
  _, _, models = _parts()
  found = []
  for role in chat.ROLES:
    model = models.Model(**_settings(config.users, role))
    models.check(model, f'users.{role}')
    found.append((role, model))
  return tuple(found)


def _settings(users: Config, role: str) -> dict:
  """Returns the fields of `models.Model`."""
  own = users[role].to_dict()
  if not own['model']:
    own |= {name: users.user[name] for name in _OF_SERVER}
  elif not own['base_url']:
    own['base_url'] = users.user.base_url
    if own['key_env'] == _KEY:  # That of the server goes with it.
      own['key_env'] = users.user.key_env
  own['base_url'] = (
      own['base_url'] or os.environ.get('OPENAI_BASE_URL') or _OFFICIAL
  )
  return {'name': own.pop('model'), **own}


@functools.cache
def _client(roles, limits, cache, cache_path):
  api, client_lib, _ = _parts()
  return client_lib.Client(
      api.Connection(max_connections=limits.concurrency).post,
      dict(roles),
      limits,
      cache_lib.Cache(cache, cache_path),
      ledger_lib.Ledger(),
  )


def ledger(config: Config, workdir: str | pathlib.Path) -> Ledger:
  """Returns what counts the calls of a run from here on.

  Args:
    config: the experiment.
    workdir: the run's folder; its users.json is counted on.
  """
  if not is_llm(config):
    return Ledger()
  path = pathlib.Path(workdir) / 'users.json'
  return opened_ledger(config, processes.own_path(path))


def metrics(config: Config, ledger: Ledger) -> dict[str, float]:
  """Returns what a ledger counts as metrics, over all processes.

  Percentiles are the largest of them.
  """
  if not is_llm(config):
    return {}
  joined = collections.defaultdict(list)
  for part in processes.together(ledger.metrics):
    for name, value in part.items():
      joined[name].append(value)
  return {
      name: max(values) if '_seconds_p' in name else sum(values)
      for name, values in joined.items()
  }


def opened_ledger(config: Config, path: pathlib.Path) -> Ledger:
  """Returns the same with its file, whoever is asked: users or the policy."""
  found = client(config).ledger
  found.open(path)
  return found


def spent(*paths: pathlib.Path) -> str:
  """Says for each ledger that is there what was asked and what it cost."""
  return '\n'.join(
      f'{ledger_lib.sentence(json.loads(path.read_text()))} ({path})'
      for path in paths
      if path.is_file()
  )


def played_by_models(config: Config, gyms: dict) -> dict:
  """Returns the gyms with models for users and judges, where they have any."""
  ask = client(config)
  return {
      name: dataclasses.replace(gym, **catalog.GYMS[name].roles(ask))
      if catalog.GYMS[name].roles
      else gym
      for name, gym in gyms.items()
  }
