"""Holds the three floors: imports in bao_jax only go down.

  arrays  rewards rl metrics                                    equations
  parts   text tasks envs users model sampling teachers         no optimizer
  loops   train evaluation report checkpoint sharding logging   join the parts

`types` lies below all; what is not named here is a loop. The imports are read,
not run, those inside of functions included.
"""

import ast
from collections.abc import Iterator
import pathlib

from absl.testing import absltest
from absl.testing import parameterized

ROOT = pathlib.Path(__file__).resolve().parent.parent

BASE = {'types'}
ARRAYS = {'rewards', 'rl', 'metrics'}
PARTS = {'text', 'tasks', 'envs', 'users', 'model', 'sampling', 'teachers'}

# What arrays are made with.
ARRAY_LIBRARIES = {'chex', 'jax', 'numpy', 'collections', 'functools', 'typing'}
NETWORK = {
    'aiohttp',
    'anthropic',
    'ftplib',
    'grpc',
    'http',
    'httpx',
    'huggingface_hub',
    'openai',
    'requests',
    'smtplib',
    'socket',
    'socketserver',
    'ssl',
    'urllib.request',
    'urllib3',
    'websocket',
    'websockets',
    'xmlrpc',
}
NETWORK_CLIENT = 'bao_jax/users/api.py'
FETCHING_WEIGHTS = 'bao_jax/model/hf/hub.py', {'huggingface_hub'}


def imported(source: str, path: str) -> set[str]:
  """Returns the dotted names that a file imports, relative ones resolved."""
  package = list(pathlib.PurePosixPath(path).parent.parts)
  names = set()
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      above = package[: len(package) - node.level + 1] if node.level else []
      module = '.'.join(above + ([node.module] if node.module else []))
      # `from a import b` may import the module a.b.
      names |= {f'{module}.{alias.name}' for alias in node.names}
  return names


def is_under(name: str, modules: set[str]) -> bool:
  parts = name.split('.')
  return any('.'.join(parts[:end]) in modules for end in range(len(parts) + 1))


def room(name: str) -> str:
  """Returns 'rl' for 'bao_jax.rl.losses'."""
  return (name.split('.') + [''])[1]


def allowed_rooms(own: str) -> set[str] | None:
  """Returns the rooms that a room may import from; None for all."""
  if own in BASE:
    return BASE
  if own in ARRAYS:
    return BASE | ARRAYS
  if own in PARTS:
    return BASE | ARRAYS | PARTS
  return None


def violations(source: str, path: str) -> Iterator[str]:
  """Yields what is wrong with the imports of a file under bao_jax."""
  own = room(path.removesuffix('.py').replace('/', '.'))
  rooms = allowed_rooms(own)
  for name in sorted(imported(source, path)):
    if is_under(name, {'bao_jax'}):
      if rooms is not None and room(name) not in rooms:
        yield f'{path}: {own} lies below {name}'
    elif own in ARRAYS and not is_under(name, ARRAY_LIBRARIES):
      yield f'{path}: arrays need no {name}'
    if own in PARTS and is_under(name, {'optax'}):
      yield f'{path}: parts know no optimizer, but import {name}'
    if is_under(name, {'experiments', 'tests', 'benchmarks'}):
      yield f'{path}: the library does not import {name}'
    fetches = path == FETCHING_WEIGHTS[0] and is_under(
        name, FETCHING_WEIGHTS[1]
    )
    if path != NETWORK_CLIENT and is_under(name, NETWORK) and not fetches:
      yield f'{path}: only {NETWORK_CLIENT} may import {name}'


def python_files(*folders: str) -> list[pathlib.Path]:
  return [path for folder in folders for path in (ROOT / folder).rglob('*.py')]


class FloorsTest(absltest.TestCase):

  def test_imports_only_go_down(self):
    files = python_files('bao_jax')
    self.assertNotEmpty(files)
    wrong = [
        message
        for path in files
        for message in violations(
            path.read_text(encoding='utf-8'), path.relative_to(ROOT).as_posix()
        )
    ]
    self.assertEmpty(wrong, '\n'.join(wrong))

  def test_tensorflow_is_never_imported(self):
    folders = ('bao_jax', 'experiments', 'tests', 'benchmarks', 'colab')
    wrong = [
        str(path.relative_to(ROOT))
        for path in python_files(*folders)
        for name in imported(path.read_text(encoding='utf-8'), 'x.py')
        if is_under(name, {'tensorflow'})
    ]
    self.assertEmpty(wrong)


class ViolationsTest(parameterized.TestCase):

  @parameterized.parameters(
      ('rl/a.py', 'from bao_jax import types'),
      ('rl/a.py', 'from bao_jax.rewards import returns'),
      ('rl/a.py', 'from collections.abc import Callable'),
      ('sampling/a.py', 'from bao_jax.rl import logps'),
      ('sampling/a.py', 'from bao_jax.model import qwen3'),
      ('train/a.py', 'import optax\nfrom bao_jax import sharding'),
      ('checkpoint.py', 'from bao_jax.model import qwen3'),
      ('users/api.py', 'import urllib.request'),
      ('model/hf/hub.py', 'import huggingface_hub'),
      ('tasks/a.py', 'import urllib.parse\nimport tensorflow_datasets as tfds'),
      ('types.py', 'import optax'),
  )
  def test_fine(self, path, source):
    self.assertEmpty(list(violations(source, f'bao_jax/{path}')))

  @parameterized.parameters(
      ('rl/a.py', 'from bao_jax.text import chat'),
      ('rl/a.py', 'from bao_jax import text'),
      ('rl/a.py', 'import bao_jax'),
      ('rl/a.py', 'from .. import train'),
      ('metrics/a.py', 'import flax'),
      ('metrics/a.py', 'import json'),
      ('types.py', 'from bao_jax.rl import losses'),
      ('model/a.py', 'def f():\n  import optax'),
      ('model/a.py', 'from optax import adamw'),
      ('model/a.py', 'from bao_jax import sharding'),
      ('envs/a.py', 'from ..train import step'),
      ('train/a.py', 'from experiments import train_rl'),
      ('train/a.py', 'import socket'),
      ('users/llm.py', 'from urllib import request'),
      ('users/llm.py', 'import http.client'),
      ('model/hf/hub.py', 'import requests'),
      ('model/hf/load.py', 'import huggingface_hub'),
      ('tasks/builders/a.py', 'from ...report import table'),
  )
  def test_wrong(self, path, source):
    self.assertLen(list(violations(source, f'bao_jax/{path}')), 1)

  def test_tensorflow_datasets_is_not_tensorflow(self):
    names = imported('import tensorflow_datasets.core as core', 'x.py')
    self.assertFalse(any(is_under(name, {'tensorflow'}) for name in names))
    names = imported('from tensorflow import io', 'x.py')
    self.assertTrue(all(is_under(name, {'tensorflow'}) for name in names))


if __name__ == '__main__':
  absltest.main()
