"""One evaluation: a policy over tasks, into a file that can be gone on with.

Conversations are written as they end. The same job started again holds those
that are missing and those that failed, and nothing else. Of several processes
each holds some of them, and the first one joins what they wrote.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
import pathlib

import tqdm

from bao_jax import checkpoint
from bao_jax import processes
from bao_jax import types
from bao_jax.evaluation import policies
from bao_jax.evaluation import reads
from bao_jax.evaluation import records
from bao_jax.report import runs as runs_lib
from bao_jax.sampling import rollout
from bao_jax.train import lessons
from bao_jax.train import rl
from bao_jax.train import setup
from bao_jax.train import users

KINDS = ('checkpoint', 'scripted', 'openai', 'teacher')
_MODELS = {'openai': 'policy', 'teacher': 'teacher'}  # Who asks as what.


@dataclasses.dataclass(frozen=True)
class Job:
  """What is evaluated, on what, and where its records go.

  Attributes:
    policy: 'checkpoint:FOLDER', 'scripted:NAME', 'openai:MODEL', or
      'teacher:MODEL', which is asked to show behaviors.
    split: 'train', 'validation' or 'test'.
    path: of the records, one JSON line per conversation.
    name: the row's name in tables; '' for one that says who plays.
    num_tasks: per gym, the first of the split; 0 takes all.
    num_samples: conversations about each task.
    temperature: of a checkpoint's sampling; 0 is greedy.
    num_threads: conversations that players of text hold at the same time.
  """

  policy: str
  split: str
  path: pathlib.Path
  name: str = ''
  num_tasks: int = 0
  num_samples: int = 1
  temperature: float = 0.0
  num_threads: int = 8

  @property
  def kind(self) -> str:
    return self.policy.partition(':')[0]

  @property
  def target(self) -> str:
    return self.policy.partition(':')[2]

  @property
  def spent_path(self) -> pathlib.Path:
    """Where it is counted what models were asked, if any were."""
    return self.path.with_suffix('.users.json')

  @property
  def row(self) -> str:
    if self.name:
      return self.name
    if self.kind == 'checkpoint':
      return pathlib.Path(self.target).resolve().name
    return policies.LABELS.get(self.policy, self.target)


def with_limit(job: Job, num_answers: int) -> Job:
  """Returns the job of a policy that is held to a number of answers."""
  return dataclasses.replace(
      job,
      name=f'{job.row}, k = {num_answers}',
      path=job.path.with_stem(f'{job.path.stem}_k{num_answers}'),
  )


def run(config: setup.Config, job: Job) -> runs_lib.Run:
  """Holds the conversations of a job, or what is left of them.

  Args:
    config: of the gyms and tasks; for a checkpoint its run's, as
      `setup.load_config` returns it, which may differ in those fields.
    job: what to do.

  Returns:
    The row.

  Raises:
    ValueError: the config or the job is wrong, or a task file.
    OSError: a file is missing or cannot be written.
    UserError: too many conversations failed.
  """
  check(config, job)
  requests = [
      rollout.Request(task, sample)
      for task in setup.few_tasks(config, job.split, job.num_tasks or None)
      for sample in range(job.num_samples)
  ]
  _claim(config, job)
  config = _with_model(config, job)

  def begin(left):
    policy = _policy(config, job)
    num_tasks = len({r.task.id for r in left})
    processes.by_first(lambda: _note(job, num_tasks))
    return policy

  ledger = _users_ledger(config, job)
  try:
    lines = complete(
        job.path,
        requests,
        begin,
        name=job.row,
        max_failed_share=config.sampling.max_failed_share,
    )
  finally:
    ledger.save()
  return runs_lib.Run(job.row, lines, is_reference=job.kind == 'scripted')


def complete(
    path: pathlib.Path,
    requests: Sequence[rollout.Request],
    begin: Callable[[Sequence[rollout.Request]], policies.Policy],
    *,
    name: str,
    max_failed_share: float,
) -> list[records.Record]:
  """Holds the conversations that a file lacks, and those that failed there.

  Args:
    path: the file of records; more than what is asked for may be in it.
    requests: what is asked for.
    begin: (what is to be held) -> who holds it; called if there is any.
    name: of who plays, on the console.
    max_failed_share: of what is asked for that may have failed.

  Returns:
    The records, in the order of the requests.

  Raises:
    UserError: too many conversations failed.
  """
  done = processes.by_first(lambda: _done(path))
  keys = [_key(r.task.id, r.sample) for r in requests]
  left = [r for r, key in zip(requests, keys) if key not in done]
  if left:
    policy, own = begin(left), processes.own(left)
    for part in processes.together(lambda: _hold(policy, own, path, name)):
      done |= part
  lines = {key: done[key] for key in keys}
  # More may be there: of an earlier call that asked for more.
  processes.by_first(lambda: _join(path, list((lines | done).values())))
  rollout.check_failures(list(lines.values()), max_failed_share)
  return list(lines.values())


def _hold(
    policy: policies.Policy,
    requests: Sequence[rollout.Request],
    path: pathlib.Path,
    name: str,
) -> dict[tuple[str, int], records.Record]:
  """Writes conversations as they end; shows the progress."""
  held = {}
  for i, record in tqdm.tqdm(
      policy(requests),
      total=len(requests),
      desc=f'evaluate {name}',
      unit='conversation',
      disable=not processes.is_first(),
  ):
    records.append(_part(path, processes.index()), [record])
    held[_key(requests[i].task.id, requests[i].sample)] = record
  return held


def _part(path: pathlib.Path, process: int | str) -> pathlib.Path:
  """Returns where a process writes; the first into the file itself."""
  return path if process == 0 else path.with_name(f'.{path.name}.part{process}')


def _parts(path: pathlib.Path) -> list[pathlib.Path]:
  """Returns what processes have written that was not joined yet."""
  return sorted(path.parent.glob(_part(path, '*').name))


def _join(path: pathlib.Path, lines: Sequence[records.Record]) -> None:
  records.write(path, lines)
  for part in _parts(path):
    part.unlink()


def check(config: setup.Config, job: Job) -> None:
  """Refuses a wrong job before anything is read, computed or written.

  Raises:
    ValueError: the config is wrong, there is no such policy, or all samples of
      a task would be the same.
    FileNotFoundError: there is no such checkpoint.
    IsADirectoryError: the records' path is a folder.
  """
  setup.check_names(config)
  if job.kind not in KINDS or not job.target:
    raise ValueError(
        f'--policy={job.policy}: use checkpoint:FOLDER, scripted:NAME,'
        ' openai:MODEL or teacher:MODEL.'
    )
  if job.kind == 'scripted' and job.target not in policies.SCRIPTED:
    known = ', '.join(policies.SCRIPTED)
    raise ValueError(
        f'--policy={job.policy}: no such player; there are: {known}.'
    )
  if job.kind == 'checkpoint':
    _check_checkpoint(job.target)
    setup.mesh(config)
  is_greedy = job.kind == 'checkpoint' and not job.temperature
  if is_greedy and job.num_samples > 1 and not users.is_llm(config):
    raise ValueError(
        f'--samples={job.num_samples}: greedy decoding and scripted users would'
        ' repeat one conversation; give --temperature, 1 say.'
    )
  if job.path.is_dir():
    raise IsADirectoryError(
        f'{job.path} is a folder; name a file for the records.'
    )


def _check_checkpoint(folder: str) -> None:
  setup.load_config(folder)
  if checkpoint.latest_step(folder) is None:
    raise FileNotFoundError(
        f'--policy=checkpoint:{folder}: no checkpoint there; train it first.'
    )


def _policy(config: setup.Config, job: Job) -> policies.Policy:
  origin = policies.Origin(job.row, job.split, config.seed)
  if job.kind == 'checkpoint':
    return _trained(config, job, origin)
  if job.kind == 'scripted':
    make_player = policies.SCRIPTED[job.target](config)
  else:
    make_player = policies.models(config, _MODELS[job.kind])
  return policies.played(
      make_player,
      setup.gyms(config),
      origin,
      num_threads=job.num_threads,
      deadline=config.sampling.conversation_deadline,
  )


def _with_model(config: setup.Config, job: Job) -> setup.Config:
  """Returns the config with the model that plays, if one does."""
  if job.kind not in _MODELS:
    return config
  config = config.copy_and_resolve_references()
  config.users[_MODELS[job.kind]].model = job.target
  if not users.is_llm(config):  # Nobody asks the user, who needs no model.
    config.users.user.model = config.users.user.model or job.target
  return config


def _users_ledger(config: setup.Config, job: Job) -> users.Ledger:
  if job.kind in _MODELS or users.is_llm(config):
    return users.opened_ledger(config, processes.own_path(job.spent_path))
  return users.Ledger()


def _trained(config, job, origin) -> policies.Policy:
  folder = pathlib.Path(job.target)
  encoder = lessons.saved_tokenizer(folder)
  shape = setup.model_config(config, encoder)
  mesh = setup.mesh(config)
  params = rl.latest_params(config, shape, folder, mesh)
  speaker = setup.conversations(
      config, shape, encoder, mesh, temperature=job.temperature
  )
  return policies.trained(speaker, params, encoder, origin)


def _claim(config: setup.Config, job: Job) -> None:
  """Refuses a file of records that another job or checkpoint began."""
  about = {
      'policy': job.policy,
      'split': job.split,
      'name': job.row,
      'temperature': job.temperature,
      'config': config.to_dict(),
  }
  if job.kind == 'checkpoint':  # Of a run that may go on.
    about['step'] = checkpoint.latest_step(job.target)
  path = job.path.with_suffix('.config.json')
  is_begun = job.path.exists() or bool(_parts(job.path))
  claim = functools.partial(
      checkpoint.claim_file, made=job.path, is_begun=is_begun, flag='--out'
  )
  processes.by_first(lambda: claim(path, about))


def _done(path: pathlib.Path) -> dict[tuple[str, int], records.Record]:
  """Returns the conversations that a file holds and that did not fail."""
  files = [path] if path.exists() else []
  return {
      _key(line.task_id, line.sample): line
      for file in files + _parts(path)
      for line in records.read(file)
      if line.status != types.FAILED
  }


def _key(task_id: str, sample: int) -> tuple[str, int]:
  return task_id, sample


def _note(job: Job, num_tasks: int) -> None:
  """Notes that a split is read: with the table that the run is a row of."""
  is_run = job.kind == 'checkpoint'
  folder = pathlib.Path(job.target) if is_run else job.path.parent
  ledger = _ledger(folder)
  ledger.mkdir(parents=True, exist_ok=True)
  reads.note(
      ledger,
      job.split,
      row=job.row,
      policy='trained' if is_run else job.policy,
      run=folder if is_run else None,
      num_tasks=num_tasks,
  )


def _ledger(folder: pathlib.Path) -> pathlib.Path:
  for table in (folder.resolve(), folder.resolve().parent):
    if (table / 'config.json').is_file():
      if checkpoint.claimed(table).get('loop') == 'pipeline':
        return table
  return folder
