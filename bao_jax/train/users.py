"""From `config.users` to what asks models: one client per process."""

import collections
import dataclasses
import functools
import json
import os
import pathlib
from typing import NamedTuple

import ml_collections

from bao_jax import catalog
from bao_jax import processes
from bao_jax import sharding
from bao_jax.model.hf import hub
from bao_jax.users import cache as cache_lib
from bao_jax.users import chat
from bao_jax.users import ledger as ledger_lib

Config = ml_collections.ConfigDict
Ledger = ledger_lib.Ledger

_KINDS = ('scripted', 'llm', 'jax')
_SCRIPTED_THREADS = 8
_NO_LIMIT = 1 << 20
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


class Size(NamedTuple):
  """Of the engine of a model on our own devices.

  Attributes:
    rows: questions that it answers at the same time.
    max_prompt_tokens: of a question.
    mesh: its devices, those of the policy.
  """

  rows: int
  max_prompt_tokens: int
  mesh: sharding.Mesh


def is_llm(config: Config) -> bool:
  """Returns whether users and judges are language models, wherever."""
  return config.users.kind != 'scripted'


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
  whole = 'concurrency', 'breaker_failures'
  of_devices = ('rows', 'max_prompt_tokens') * (users.kind == 'jax')
  for name in whole + of_devices:
    if users[name] < 1:
      raise ValueError(f'users.{name}={users[name]} must be at least 1.')
  for name in ('backoff', 'retry_share', 'max_cost'):
    if users[name] < 0:
      raise ValueError(f'users.{name}={users[name]} must not be negative.')
  _check_deadline(config)
  for role, model in _models(config):
    if not model.base_url:
      _check_local(model, f'users.{role}')


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


def _check_local(model, where: str) -> None:
  """Refuses what a model on our own devices cannot be or do."""
  if not (hub.folder(model.name, f'{where}.model') / 'config.json').is_file():
    raise FileNotFoundError(
        f'{where}.model: {model.name}: no folder of a run or of weights; a'
        f' model on a server needs {where}.base_url.'
    )
  if model.structured == 'on':
    raise ValueError(
        f"{where}.structured='on': nothing enforces schemas on our own devices;"
        " use 'auto'."
    )
  _local_parts().check_extra(json.loads(model.extra or '{}'), where)


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
  users = config.users
  roles, limits, size = _models(config), _limits(config), None
  if users.kind == 'jax':
    mesh = sharding.make_mesh(config.mesh)
    size = Size(users.rows, users.max_prompt_tokens, mesh)
  return _client(roles, limits, users.cache, users.cache_path, size)


def _parts():
  """Imports what only models need: the packages are those of an extra."""
  try:
    from bao_jax.users import api
    from bao_jax.users import client as client_lib
    from bao_jax.users import models
  except ModuleNotFoundError as error:
    raise ValueError(
        f'users.kind: models need the package {error.name}; install the extra:'
        " pip install -c constraints.txt -e '.[llm]'"
    ) from None
  return api, client_lib, models


def _local_parts():
  # Here, since it imports `models` too.
  from bao_jax.users import local

  return local


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
  for role in _asked(config.users):
    model = models.Model(**_settings(config.users, role))
    models.check(model, f'users.{role}')
    found.append((role, model))
  return tuple(found)


def _asked(users: Config) -> list[str]:
  """Returns the roles that may be asked.

  The slots of a model on our own devices hold the longest reply of its roles:
  those of policies and teachers count where one is named.
  """
  is_asked = lambda role: role in ('user', 'judge') or users[role].model
  return [r for r in chat.ROLES if users.kind != 'jax' or is_asked(r)]


def _settings(users: Config, role: str) -> dict:
  """Returns the fields of `models.Model`."""
  own = users[role].to_dict()
  inherits = users.kind != 'jax'  # There, whom no server is named has none.
  if not own['model']:
    own |= {name: users.user[name] for name in _OF_SERVER}
  elif inherits and not own['base_url']:
    own['base_url'] = users.user.base_url
    if own['key_env'] == _KEY:  # That of the server goes with it.
      own['key_env'] = users.user.key_env
  if inherits:
    own['base_url'] = (
        own['base_url'] or os.environ.get('OPENAI_BASE_URL') or _OFFICIAL
    )
  if not own['base_url'] and own['structured'] == 'auto':
    own['structured'] = 'off'
  return {'name': own.pop('model'), **own}


@functools.cache
def _client(roles, limits, cache, cache_path, size):
  _, client_lib, _ = _parts()
  post = _post(roles, limits, size, is_silent=cache == 'replay')
  if not all(model.base_url for _, model in roles):
    # Questions to our own devices are gathered before any is answered: none may
    # be held back until others are over.
    limits = dataclasses.replace(limits, concurrency=_NO_LIMIT)
  return client_lib.Client(
      post,
      dict(roles),
      limits,
      cache_lib.Cache(cache, cache_path),
      ledger_lib.Ledger(),
  )


def _post(roles, limits, size, *, is_silent):
  """Returns what carries requests: to servers, and to our own devices."""
  api, _, _ = _parts()
  to_server = api.Connection(max_connections=limits.concurrency).post
  replies = {}  # By model, the longest.
  for _, model in roles:
    if not model.base_url:
      replies[model.name] = max(replies.get(model.name, 0), model.max_tokens)
  if not replies or is_silent:  # A replay needs no model.
    return to_server
  # Here, since it imports what imports this module.
  from bao_jax.train import frozen

  to_devices = frozen.serve(replies, **size._asdict()).post
  return lambda model, request: (to_server if model.base_url else to_devices)(
      model, request
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
