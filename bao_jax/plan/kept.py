"""What was compiled already, one JSON line each: a stopped table goes on."""

from collections.abc import Callable
import hashlib
import importlib.metadata
import json
import pathlib
from typing import Any

import jax

from bao_jax.plan import compiler
from bao_jax.train import setup

# Sections of a config that decide about a program, beside model and mesh.
_SECTIONS = {
    'append': ('sampling',),
    'decode': ('sampling',),
    'sft': ('sft',),
    'rl': ('rl', 'sampling'),
}


def key(config: setup.Config, topology: str, program: str) -> str:
  """Returns a hash of what a program is compiled from, but for our own code."""
  told = {name: config[name].to_dict() for name in _SECTIONS[program]}
  if program == 'rl':
    told['sampling'] = told['sampling']['temperature']
  told |= {
      'model': config.model.to_dict(),
      'mesh': config.mesh.to_dict(),
      'topology': topology,
      'program': program,
      'versions': versions(),
  }
  text = json.dumps(told, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
  """Returns those of what compiles."""
  return {
      'jax': jax.__version__,
      'libtpu': importlib.metadata.version('libtpu'),
  }


def load(path: pathlib.Path) -> dict[str, compiler.Report]:
  """Returns the reports of a file by key; none if there is no file.

  Raises:
    ValueError: a line is no report; names it.
  """
  found = {}
  if not path.exists():
    return found
  for i, line in enumerate(path.read_text(encoding='utf-8').splitlines()):
    try:
      fields = json.loads(line)
      found[fields['key']] = compiler.Report(**fields['report'])
    except (ValueError, KeyError, TypeError) as error:
      raise ValueError(
          f'{path}:{i + 1}: not a line of compile_tpu.py; delete it.'
      ) from error
  return found


def keeping(
    path: pathlib.Path,
    compute: Callable[[], compiler.Report],
    found: dict[str, compiler.Report],
    key: str,
    **about: Any,
) -> compiler.Report:
  """Returns a kept report, or computes and keeps it.

  Args:
    path: of the file.
    compute: compiles.
    found: of `load`; what is new joins it.
    key: of the program.
    **about: for readers of the file.
  """
  if key not in found:
    found.update(load(path))  # Another process may have been here.
  if key not in found:
    found[key] = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {'key': key, **about, 'report': found[key]._asdict()}
    with path.open('a', encoding='utf-8') as file:
      file.write(json.dumps(fields) + '\n')
  return found[key]
