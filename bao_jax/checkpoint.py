"""Runs that can be killed: whole checkpoints, or none.

A checkpoint is the `TrainState`; everything else a step needs follows from the
config and the step's number. Orbax writes into a temporary folder and renames
it, so a kill leaves the checkpoints before it as they were.
"""

from collections.abc import Mapping
import json
import os
import pathlib
import signal
import types as python_types
from typing import Any

import jax
import orbax.checkpoint as ocp

from bao_jax import types

# Parts of field names under `users`: of how models are reached, not of what
# they reply, so that a run stopped for its budget or its server can go on.
_MAY_CHANGE = {
    'concurrency',
    'backoff',
    'retry_share',
    'breaker_failures',
    'max_cost',
    'base_url',
    'key_env',
    'deadline',
    'budget',
    'max_retries',
    'input_price',
    'output_price',
}


class ConfigMismatchError(ValueError):
  """The folder belongs to a run with another config."""


def claim(workdir: str | pathlib.Path, config: Mapping[str, Any]) -> None:
  """Makes a folder that of a run, or checks that it is.

  Args:
    workdir: the run's folder.
    config: nested plain values.

  Raises:
    ConfigMismatchError: a run with another config wrote there; names the fields
      that differ.
  """
  folder = pathlib.Path(workdir)
  path = folder / 'config.json'
  is_begun = folder.is_dir() and _has_results(folder)
  if not is_begun and path.is_file() and not _holds(path, config):
    # The config that is replaced had it trained.
    (folder / 'tokenizer.json').unlink(missing_ok=True)
  claim_file(path, config, is_begun=is_begun, flag='--workdir')


def claim_file(
    path: pathlib.Path, config: Mapping[str, Any], *, is_begun: bool, flag: str
) -> None:
  """Writes a config next to the results that it leads to, or checks it.

  Args:
    path: where the config is, or goes.
    config: nested plain values.
    is_begun: whether there are results.
    flag: which one says where they are.

  Raises:
    ConfigMismatchError: they are another config's; names the fields that
      differ.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  config = json.loads(json.dumps(config))
  if not path.exists() or not is_begun:
    _write(path, config)
    return
  there = _flat(json.loads(path.read_text()))
  here = _flat(config)
  names = sorted(there.keys() | here.keys())
  differ = [
      n for n in names if there.get(n) != here.get(n) and not _may_change(n)
  ]
  if differ:
    shown = '; '.join(
        f'{n}: {there.get(n)} there, {here.get(n)} here' for n in differ[:3]
    )
    raise ConfigMismatchError(
        f'{path.parent} was made by another config ({shown}); choose another '
        f'{flag} or give the same config.'
    )
  if there != here:
    _write(path, config)


def _write(path: pathlib.Path, config: Mapping[str, Any]) -> None:
  temporary = path.with_suffix('.tmp')
  temporary.write_text(json.dumps(config, indent=2, sort_keys=True))
  os.replace(temporary, path)


def _holds(path: pathlib.Path, config: Mapping[str, Any]) -> bool:
  return json.loads(path.read_text()) == json.loads(json.dumps(config))


def _may_change(name: str) -> bool:
  # An evaluation's own file has a policy and a split beside the config.
  section, _, rest = name.removeprefix('config.').partition('.')
  return section == 'users' and rest.rpartition('.')[2] in _MAY_CHANGE


def _has_results(folder: pathlib.Path) -> bool:
  """Returns whether a run has begun in earnest: then its config binds."""
  beginning = {'config.json', 'config.tmp', 'tokenizer.json', 'programs'}
  return any(path.name not in beginning for path in folder.iterdir())


def claimed(workdir: str | pathlib.Path) -> dict[str, Any]:
  """Returns the config that a folder was claimed with.

  Raises:
    FileNotFoundError: it was not.
  """
  path = pathlib.Path(workdir) / 'config.json'
  if not path.is_file():
    raise FileNotFoundError(f'{path}: not found; {workdir} holds no run.')
  return json.loads(path.read_text())


def _flat(tree: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
  flat = {}
  for name, value in tree.items():
    if isinstance(value, Mapping):
      flat.update(_flat(value, f'{prefix}{name}.'))
    else:
      flat[prefix + name] = value
  return flat


class Checkpoints:
  """The checkpoints of one run.

  Args:
    workdir: the run's folder.
    keep: how many of the latest are kept.
  """

  def __init__(self, workdir: str | pathlib.Path, *, keep: int = 2):
    self._folder = pathlib.Path(workdir).absolute() / 'checkpoints'
    self._manager = ocp.CheckpointManager(
        self._folder,
        options=ocp.CheckpointManagerOptions(
            max_to_keep=keep, enable_async_checkpointing=False
        ),
    )

  def latest(self) -> int | None:
    """Returns the step of the latest checkpoint."""
    return self._manager.latest_step()

  def save(self, step: int, state: types.TrainState) -> None:
    """Saves a state unless this step is saved already.

    Raises:
      OSError: it could not be written, for a full disk say; what was saved
        before is untouched.
    """
    if step == self.latest():
      return
    try:
      self._manager.save(step, args=ocp.args.StandardSave(state), force=True)
      self._manager.wait_until_finished()
    except Exception as error:
      # Not OSError alone: storage layers wrap it in types of their own.
      raise OSError(
          f'{self._folder}: could not save step {step}: {error}. Checkpoint '
          f'{self.latest()} is intact: free some space and start again.'
      ) from error

  def restore(self, like: types.TrainState) -> types.TrainState:
    """Returns the latest state, placed and shaped like `like`.

    Raises:
      FileNotFoundError: there is none.
      ValueError: it is of another shape.
    """
    step = self.latest()
    if step is None:
      raise FileNotFoundError(f'{self._folder}: no checkpoint there.')
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    args = ocp.args.StandardRestore(abstract)
    try:
      return self._manager.restore(step, args=args)
    except ValueError as error:
      raise ValueError(
          f'{self._folder}: checkpoint {step} does not fit the config: {error}'
      ) from error

  def close(self) -> None:
    self._manager.close()


class Preemption:
  """Notices SIGTERM, so that a loop can save and stop after its step."""

  def __init__(self):
    self.is_requested = False
    self._previous = None

  def __enter__(self) -> 'Preemption':
    self._previous = signal.signal(signal.SIGTERM, self._request)
    return self

  def __exit__(self, *unused) -> None:
    signal.signal(signal.SIGTERM, self._previous)

  def _request(self, signum: int, frame: python_types.FrameType | None) -> None:
    del signum, frame
    self.is_requested = True
