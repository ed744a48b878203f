"""What the warm start imitates: teachers who play, or what a file holds."""

import collections
from collections.abc import Callable, Mapping
import dataclasses
import functools
import pathlib
import random

from absl import logging

from bao_jax import catalog
from bao_jax import checkpoint
from bao_jax import processes
from bao_jax.model.hf import hub
from bao_jax.sampling import rollout
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import converse
from bao_jax.teachers import written
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import kept
from bao_jax.train import setup
from bao_jax.train import users

_LESSONS_DEADLINE = 7 * 24 * 3600.0  # Seconds of all of a warm start.


def best_teachers(config: setup.Config) -> dict[str, teachers_base.TeacherFn]:
  """Builds a teacher per gym that shows every behavior: the reference."""
  behaviors = teachers_base.Behaviors()
  return {
      name: _make_teacher(name)(behaviors, slip=config.teacher.slip)
      for name in config.envs.names
  }


def _make_teacher(name: str) -> Callable[..., teachers_base.TeacherFn]:
  make_teacher = catalog.GYMS[name].make_teacher
  if make_teacher is None:
    raise ValueError(
        f'envs.names: {name} has no scripted teacher; leave it out of the warm'
        ' start, and out of an evaluation of the teacher.'
    )
  return make_teacher


def draw_behaviors(
    teacher: setup.Config, rng: random.Random
) -> teachers_base.Behaviors:
  """Draws which behaviors a teacher shows in one conversation."""
  names = [field.name for field in dataclasses.fields(teachers_base.Behaviors)]
  return teachers_base.Behaviors(
      **{name: rng.random() < teacher[name] for name in names}
  )


def teacher_dialogues(
    config: setup.Config,
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
  environments = setup.gyms(config)
  talks = []
  by_gym = collections.defaultdict(list)
  for task in setup.tasks(config, split):
    by_gym[task.gym].append(task)
  for name, pool in by_gym.items():
    make_teacher = _make_teacher(name)
    rng = random.Random(f'{config.seed}/{name}')
    order = rng.sample(pool, len(pool))
    for i in range((exceptions or {}).get(name, per_gym)):
      behaviors = draw_behaviors(config.teacher, rng)
      talks.append(
          functools.partial(
              converse.converse,
              make_teacher(behaviors, slip=config.teacher.slip),
              environments[name],
              order[i % len(order)],
              seed=config.seed,
              sample=i // len(order),
          )
      )
  threads = users.num_talks(config)
  return list(converse.converse_all(talks, num_threads=threads))


def dialogues(
    config: setup.Config,
    per_gym: int,
    exceptions: Mapping[str, int] | None = None,
) -> list[converse.Dialogue]:
  """Returns what the warm start imitates: teachers, or what a file holds.

  Args:
    config: the experiment.
    per_gym: conversations of scripted teachers per gym; a file is read whole.
    exceptions: gyms with another number.

  Raises:
    ValueError: the file holds a bad row, or no conversation.
    OSError: the file cannot be read.
  """
  if not config.teacher.path:
    return teacher_dialogues(config, 'train', per_gym, exceptions)
  known = {task.id: task for task in setup.tasks(config, 'train')}
  environments = setup.gyms(config)

  def begin(task_id):
    task = known[task_id]
    gym = environments[task.gym]
    _, observation = gym.reset(task, config.seed)
    return observation, (*gym.choices, 'finish')

  found = written.read(
      config.teacher.path, begin, skip_bad=config.teacher.skip_bad_rows
  )
  for complaint in found.bad:
    logging.warning('Left out: %s', complaint)
  return found.dialogues


def imitated(
    config: setup.Config, workdir: pathlib.Path
) -> list[converse.Dialogue]:
  """Returns what a warm start imitates, before and after it was stopped.

  Args:
    config: of the warm start.
    workdir: its own folder, which keeps the dialogues with users that are
      models: asked again they would say something else.

  Raises:
    UserError: too many of the dialogues failed; none are kept then.
    ValueError: as `dialogues`.
    OSError: as `dialogues`.
  """
  teacher = config.teacher
  hold = lambda: dialogues(config, teacher.conversations, teacher.exceptions)
  if teacher.path or not users.is_llm(config):
    return hold()
  path = workdir / 'lessons.jsonl'

  def keep():
    if not path.exists():
      held = hold()
      rollout.check_failures(held, config.sampling.max_failed_share)
      kept.write(path, held)

  # Each conversation has a deadline of its own, all of them have none.
  processes.by_first(keep, deadline=_LESSONS_DEADLINE)
  tasks = {task.id: task for task in setup.tasks(config, 'train')}
  held = list(kept.read(path, tasks))
  failed = [dialogue.error for dialogue in held if dialogue.error]
  if failed:
    logging.warning(
        'Left out: %d of %d conversations of teachers, which failed; the'
        ' first: %s',
        len(failed),
        len(held),
        failed[0],
    )
  return held


def tokenizer(
    config: setup.Config, workdir: pathlib.Path
) -> tokenizer_lib.Tokenizer:
  """Loads the configured tokenizer, or trains one on what is imitated.

  Args:
    config: of a warm start.
    workdir: its own folder, where the trained one, or that of the weights, is
      kept and found again.
  """
  if config.text.tokenizer:
    return tokenizer_lib.load(config.text.tokenizer)
  path = workdir / 'tokenizer.json'
  is_there = processes.by_first(path.exists)
  if config.weights and not is_there:
    published = tokenizer_lib.load(hub.folder(config.weights))
    processes.by_first(lambda: tokenizer_lib.save(published, path))
  elif not is_there:
    # Models are not asked for more than what is imitated.
    is_llm = users.is_llm(config)
    held = imitated(config, workdir) if is_llm else dialogues(config, 200)
    corpus = [text for dialogue in held for text in converse.texts(dialogue)]
    trained = tokenizer_lib.train(
        corpus, vocab_size=config.text.vocab_size, phrases=chat.PHRASES
    )
    processes.by_first(lambda: tokenizer_lib.save(trained, path))
  return tokenizer_lib.load(path)


def saved_tokenizer(folder: pathlib.Path) -> tokenizer_lib.Tokenizer:
  """Loads a run's tokenizer: that of the warm start where it all began.

  Args:
    folder: the run's.

  Raises:
    FileNotFoundError: a folder on the way holds no run.
    ValueError: there is no tokenizer.
  """
  config, folder = beginning(folder)
  return tokenizer_lib.load(config.text.tokenizer or folder / 'tokenizer.json')


def beginning(
    folder: pathlib.Path,
) -> tuple[setup.Config, pathlib.Path]:
  """Returns config and folder of the warm start where a run began.

  Raises:
    FileNotFoundError: a folder on the way holds no run.
  """
  config = setup.load_config(folder)
  while checkpoint.claimed(folder)['loop'] == 'rl':
    folder = pathlib.Path(config.warm_start or folder / 'warm_start')
    config = setup.load_config(folder)
  return config, folder
