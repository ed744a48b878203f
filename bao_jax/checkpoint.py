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
from bao_jax.envs import base
from bao_jax.users import chat

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


# Users cannot be reached: the run ends, and can go on once they can.
OUTAGES = (base.UserError, chat.StopError)


class ConfigMismatchError(ValueError):
  """The folder belongs to a run with another config."""


def claim(workdir: str | pathlib.Path, config: Mapping[str, Any]) -> None:
  """Makes a folder that of a run, or checks that it is.

  It belongs to a config from the first result on. A start that failed before
  leaves it free.

  Args:
    workdir: the run's folder.
    config: nested plain values.

  Raises:
    ConfigMismatchError: a run with another config wrote there; names the fields
      that differ.
  """
  folder = pathlib.Path(workdir)
  path = folder / 'config.json'
  is_begun = path.exists() and _has_results(folder)
  if path.exists() and not is_begun and _differing(path, config):
    # Made as that config said.
    for name in ('tokenizer.json', 'lessons.jsonl'):
      (folder / name).unlink(missing_ok=True)
  claim_file(path, config, made=folder, is_begun=is_begun, flag='--workdir')


def claim_file(
    path: pathlib.Path,
    config: Mapping[str, Any],
    *,
    made: pathlib.Path,
    is_begun: bool,
    flag: str,
) -> None:
  """Writes a config next to the results that it leads to, or checks it.

  Args:
    path: where the config is, or goes.
    config: nested plain values.
    made: where the results are, or go.
    is_begun: whether there are any.
    flag: which one says where they are.

  Raises:
    ConfigMismatchError: they are another config's; names the fields that
      differ.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  if not path.exists() or not is_begun:
    _write(path, config)
    return
  differ = _differing(path, config)
  binding = [name for name in differ if not _may_change(name)]
  if binding:
    shown = '; '.join(
        f'{name}: {there} there, {here} here'
        for name, (there, here) in differ.items()
        if name in binding[:3]
    )
    raise ConfigMismatchError(
        f'{made} was made by another config ({shown}); choose another '
        f'{flag} or give the same config.'
    )
  if differ:
    _write(path, config)


def _differing(
    path: pathlib.Path, config: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
  """Returns what a file and a config say of the fields that differ."""
  there = _flat(json.loads(path.read_text()))
  here = _flat(json.loads(json.dumps(config)))
  return {
      name: (there.get(name), here.get(name))
      for name in sorted(there.keys() | here.keys())
      if there.get(name) != here.get(name)
  }


def _write(path: pathlib.Path, config: Mapping[str, Any]) -> None:
  temporary = path.with_suffix('.tmp')
  temporary.write_text(json.dumps(config, indent=2, sort_keys=True))
  os.replace(temporary, path)


def _may_change(name: str) -> bool:
  # An evaluation's own file has a policy and a split beside the config.
  section, _, rest = name.removeprefix('config.').partition('.')
  if section == 'mesh':  # Where arrays lie, not what they are.
    return True
  return section == 'users' and rest.rpartition('.')[2] in _MAY_CHANGE


def _has_results(folder: pathlib.Path) -> bool:
  """Returns whether a run, or one within, saved what is worth keeping.

  That is a checkpoint, metrics or records. A start that failed leaves a config,
  a tokenizer, compiled programs and empty files and folders.
  """
  lines = (path.stat().st_size > 0 for path in folder.rglob('*.jsonl'))
  steps = (p.name.isdecimal() for p in folder.rglob('checkpoints/*'))
  return any(lines) or any(steps)


def latest_step(workdir: str | pathlib.Path) -> int | None:
  """Returns the step of a run's latest checkpoint; makes no folder for it."""
  found = pathlib.Path(workdir).glob('checkpoints/*')
  return max((int(p.name) for p in found if p.name.isdecimal()), default=None)


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

    Args:
      like: arrays, or their shapes with shardings; those of another mesh than
        the one that saved will do.

    Raises:
      FileNotFoundError: there is none.
      ValueError: it is of another shape.
    """
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    args = ocp.args.StandardRestore(abstract)
    return self._restore(self._manager, self._latest(), args)

  def restore_params(self, like: types.Params) -> types.Params:
    """Returns the latest parameters alone; moments are not read.

    Args:
      like: as for `restore`.

    Raises:
      FileNotFoundError: there is none.
      ValueError: they are of another shape.
    """
    step = self._latest()
    with ocp.CheckpointManager(
        self._folder, item_handlers=ocp.PyTreeCheckpointHandler()
    ) as manager:
      # Of the tree on disk, so that no other parameters pass for these.
      tree = manager.item_metadata(step).tree
      wanted = jax.tree.map(lambda _: ocp.PLACEHOLDER, tree)
      wanted['params'] = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
      args = ocp.args.PyTreeRestore(
          wanted, ocp.checkpoint_utils.construct_restore_args(wanted)
      )
      return self._restore(manager, step, args)['params']

  def _latest(self) -> int:
    step = self.latest()
    if step is None:
      raise FileNotFoundError(f'{self._folder}: no checkpoint there.')
    return step

  def _restore(self, manager, step: int, args: ocp.args.CheckpointArgs):
    try:
      return manager.restore(step, args=args)
    except ValueError as error:
      raise ValueError(
          f'{self._folder}: checkpoint {step} does not fit the config: {error}'
      ) from error

  def close(self) -> None:
    self._manager.close()


class Preemption:
  """Notices SIGTERM and Ctrl-C, so that a loop saves and stops after its step.

  A second Ctrl-C stops at once.
  """

  def __init__(self):
    self.is_requested = False
    self._previous = {}

  def __enter__(self) -> 'Preemption':
    for number in (signal.SIGTERM, signal.SIGINT):
      self._previous[number] = signal.signal(number, self._request)
    return self

  def __exit__(self, *unused) -> None:
    for number, handler in self._previous.items():
      signal.signal(number, handler)

  def _request(self, signum: int, frame: python_types.FrameType | None) -> None:
    del frame
    if signum == signal.SIGINT:
      if self.is_requested:
        raise KeyboardInterrupt
      # Not `print`: the loop may be printing.
      os.write(2, b'\nStopping after this step; Ctrl-C again: at once.\n')
    self.is_requested = True
