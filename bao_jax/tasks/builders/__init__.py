"""Tasks on disk: built on first use through TFDS, read ever after."""

from collections.abc import Callable
import contextlib
import functools
import io
import os
import pathlib
import tempfile

import tensorflow_datasets as tfds

from bao_jax import types
from bao_jax.tasks.builders import base
from bao_jax.tasks.builders import function
from bao_jax.tasks.builders import intention
from bao_jax.tasks.builders import jsonl
from bao_jax.tasks.builders import persuade
from bao_jax.tasks.builders import search
from bao_jax.tasks.builders import tau
from bao_jax.tasks.builders import telepathy
from bao_jax.tasks.builders import travel
from bao_jax.tasks.builders import turtle

BUILDERS = {
    'function': function.FunctionTasks,
    'intention': intention.IntentionTasks,
    'persuade': persuade.PersuadeTasks,
    'search': search.SearchTasks,
    'telepathy': telepathy.TelepathyTasks,
    'travel': travel.TravelTasks,
    'tau': tau.TauTasks,
    'turtle': turtle.TurtleTasks,
}


def load(
    gym: str,
    level: str,
    split: str,
    *,
    data_dir: str | pathlib.Path,
    manual_dir: str | pathlib.Path | None = None,
) -> list[types.Task]:
  """Returns the tasks of a split, in the order they were generated in.

  Args:
    gym: a key of `BUILDERS`.
    level: 'easy', 'medium', 'full' (our own tasks) or 'userrl' (the
      benchmark's, at level 'full').
    split: 'train', 'validation' or 'test', or a part in TFDS's notation, like
      'train[:90%]'.
    data_dir: where the tasks are kept. Several processes may build into it at
      once.
    manual_dir: for 'userrl', a checkout of the benchmark's repository.

  Raises:
    ValueError: an unknown gym, level or split, or a file of the benchmark that
      is not as it should be.
    OSError: a file cannot be found or written.
  """
  _check('gym', gym, BUILDERS)
  _check('level', level, BUILDERS[gym].builder_configs)
  make = functools.partial(BUILDERS[gym], config=level)
  if level == base.USERRL and (
      manual_dir is None or not pathlib.Path(manual_dir).is_dir()
  ):
    raise FileNotFoundError(
        f"manual_dir={manual_dir!r}: no such folder; for level 'userrl' give a"
        ' checkout of the UserRL repository'
    )
  return _load(make, split, data_dir, manual_dir)


def load_jsonl(
    folder: str | pathlib.Path, split: str, *, data_dir: str | pathlib.Path
) -> list[types.Task]:
  """Returns the tasks of a split of the JSON lines in a folder.

  Args:
    folder: holds `<split>.jsonl` of at least one split, as `reader.read_jsonl`
      reads it; of any gyms. Changed files are built anew.
    split: as in `load`, of those that have a file.
    data_dir: as in `load`.

  Raises:
    ValueError: a line is no task, named by file and line, or an unknown split.
    OSError: a file cannot be found or written.
  """
  folder = pathlib.Path(folder).expanduser()
  config = jsonl.config_of(folder)
  make = functools.partial(jsonl.JsonlTasks, config=config)
  return _load(make, split, data_dir, folder)


def _load(
    make: Callable[..., base.TaskBuilder],
    split: str,
    data_dir: str | pathlib.Path,
    manual_dir: str | pathlib.Path | None,
) -> list[types.Task]:
  data_dir = pathlib.Path(data_dir).expanduser()
  builder = make(data_dir=data_dir)
  if not builder.data_path.exists():
    _build(make, data_dir, manual_dir)
    builder = make(data_dir=data_dir)
  _check('split', split.partition('[')[0], builder.info.splits)
  rows = builder.as_data_source(split=split)
  return [base.task_of(row) for row in rows]


def _check(what, name, known) -> None:
  if name not in known:
    raise ValueError(f'{what} {name!r} is unknown; use {", ".join(known)}')


def _build(
    make: Callable[..., base.TaskBuilder],
    data_dir: pathlib.Path,
    manual_dir: str | pathlib.Path | None,
) -> None:
  """Builds in a folder of this process's own, then moves the result in place.

  TFDS would move too, but draws the folder's name from Python's global random
  state: two processes with one seed would write into the same folder.
  """
  data_dir.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(prefix='.building-', dir=data_dir) as own:
    builder = make(data_dir=own, file_format='array_record')
    with _silence():
      builder.download_and_prepare(
          download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
      )
    target = data_dir / pathlib.Path(builder.data_dir).relative_to(own)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
      os.rename(builder.data_dir, target)
    except OSError:
      if not target.exists():  # Else another process was first: same content.
        raise


@contextlib.contextmanager
def _silence():
  """Keeps TFDS's progress bars, which last for milliseconds, off the screen."""
  with contextlib.redirect_stdout(io.StringIO()):
    with contextlib.redirect_stderr(io.StringIO()):
      yield
