"""Reinforcement learning: GRPO with turn-level rewards, regularized (BAO).

A step, in five sentences. The policy holds G conversations about each of the
step's tasks. Their turns are rewarded by the gyms, and behavior terms are
added. Each turn's return is compared with its group. The policy takes one
clipped gradient step per mini-batch. Everything follows from the config, the
step's number and the state, so a killed run goes on as if nothing happened.

Read `train` from top to bottom.
"""

from collections.abc import Callable, Sequence
import functools
import pathlib
import time
from typing import NamedTuple

from absl import logging
import jax
import jax.numpy as jnp
import numpy as np
import optax
import tqdm

from bao_jax import checkpoint
from bao_jax import logging as metrics_lib
from bao_jax import processes
from bao_jax import sharding
from bao_jax import types
from bao_jax.evaluation import evaluate
from bao_jax.evaluation import records
from bao_jax.model import config as config_lib
from bao_jax.model import lora
from bao_jax.sampling import devices
from bao_jax.sampling import faults as faults_lib
from bao_jax.sampling import rollout
from bao_jax.tasks import reader
from bao_jax.train import adapted
from bao_jax.train import ahead as ahead_lib
from bao_jax.train import batch as batch_lib
from bao_jax.train import credit as credit_lib
from bao_jax.train import lessons
from bao_jax.train import optimizer
from bao_jax.train import pretrained
from bao_jax.train import setup
from bao_jax.train import sft
from bao_jax.train import step as step_lib
from bao_jax.train import users


def train(
    config: setup.Config, workdir: str | pathlib.Path
) -> types.TrainState:
  """Runs reinforcement learning, or what is left of it.

  Args:
    config: the experiment. Where `warm_start` names no folder, the warm start
      runs first, in a folder of its own within `workdir`.
    workdir: where to write and resume from.

  Returns:
    The final state.

  Raises:
    ConfigMismatchError: the folder belongs to another config.
    FileNotFoundError: the folder that `warm_start` names holds no run.
    FloatingPointError: the loss is no longer finite.
    ValueError: the config is wrong, or the warm start is not finished.
  """
  workdir = pathlib.Path(workdir)
  check(config)
  mesh = setup.mesh(config)
  if config.warm_start:
    check_finished(config.warm_start)
  setup.claim(workdir, 'rl', config)
  first = pathlib.Path(config.warm_start or workdir / 'warm_start')
  if not config.warm_start:
    sft.train(config, first)
  encoder = lessons.saved_tokenizer(first)
  shape = setup.model_config(config, encoder)
  tx = optimizer.make_optimizer(**config.rl.optimizer.to_dict())
  programs = compile_programs(config, shape, tx, mesh)
  like = setup.abstract_state(shape, tx, mesh)
  reference, base = adapted.first(config, shape, first, mesh)
  saved = checkpoint.Checkpoints(workdir)
  older = (reference,) * config.rl.max_lag
  if saved.latest() is None:
    params = jax.tree.map(jnp.copy, reference)
    state = setup.first_state(params, tx, like)
  else:
    older = (like.params,) * config.rl.max_lag
    state = saved.restore(ahead_lib.with_older(like, older))
    state, older = ahead_lib.without_older(state)
  if not config.rl.kl_coef:
    reference = None  # Nothing is compared with it.
  start = int(state.step) // (config.rl.num_minibatches * config.rl.num_epochs)
  speaker = setup.conversations(
      config,
      shape,
      encoder,
      mesh,
      temperature=config.sampling.temperature,
      faults=faults_lib.FaultLog(processes.own_path(workdir / 'faults.txt')),
  )
  moved = setup.moved_bytes(shape, mesh)
  is_first = processes.is_first()
  if mesh.size > 1 and is_first:
    tqdm.tqdm.write(f'Parameters move for each rollout: {moved:,} bytes.')
  tasks = setup.tasks(config, 'train')
  watched = setup.watched(config)
  setup.check_prompts(config, speaker)
  ledger = users.ledger(config, workdir)
  writer = metrics_lib.MetricWriter(workdir, step=start, is_on=is_first)
  bar = tqdm.tqdm(
      total=config.rl.num_steps,
      initial=start,
      desc=workdir.name,
      unit='step',
      disable=not is_first,
  )

  def hold_step(speaker, params, i, waited):
    params = lora.attach(params, base, shape.lora)
    requests = requests_of_step(config, tasks, i)
    return hold(config, speaker, params, requests, i, waited=waited)

  steps = range(start, config.rl.num_steps)
  ahead = ahead_lib.Ahead(speaker, hold_step, steps, older)
  del older  # Or they would stay until the end.
  with checkpoint.Preemption() as preemption, ahead:
    for i in steps:
      began = time.monotonic()
      try:
        held = ahead.held(i, state.params)
      except checkpoint.OUTAGES:
        if i > start:
          saved.save(i, ahead_lib.with_older(state, ahead.older))
        raise
      trajectories = held.trajectories
      spoken = time.monotonic()
      batch = to_batch(config, trajectories)
      lag = min(i, config.rl.max_lag)
      state, credited, metrics = learn(
          config, programs, state, reference, batch, mesh, base, lag=lag
      )
      metrics_lib.check_finite(i, metrics)
      metrics['policy/lag'] = lag
      metrics |= describe(trajectories, batch, credited)
      metrics |= speeds(held, began, spoken, time.monotonic())
      if mesh.size > 1:
        metrics['mesh/moved_bytes'] = moved
      is_last = i + 1 == config.rl.num_steps
      if is_last and is_first:
        lines = explained(trajectories, credited, batch, encoder, config.seed)
        records.write(workdir / 'conversations.jsonl', lines)
      outage = None
      if is_last or (i + 1) % config.evaluation.every_rl == 0:
        params = lora.attach(state.params, base, shape.lora)
        try:
          seen = hold(config, setup.greedy(speaker), params, watched, i)
          metrics |= evaluate.summarize(seen, 'validation')
        except checkpoint.OUTAGES as error:
          outage = error
      writer.write(i, metrics | users.metrics(config, ledger))
      ledger.save()
      bar.set_postfix(
          score=f'{metrics["train/score"]:.2f}',
          ur=f'{metrics["train/involvement_rate"]:.2f}',
      )
      bar.update()
      is_due = is_last or (i + 1) % config.checkpoint_every == 0
      is_stopped = processes.any_of(preemption.is_requested)
      if is_due or is_stopped or outage:
        saved.save(i + 1, ahead_lib.with_older(state, ahead.older))
      if outage:
        raise outage
      if is_stopped:
        raise SystemExit(f'Stopped after step {i + 1}; start again to go on.')
  bar.close()
  writer.close()
  saved.close()
  logging.info('%s: %d steps done.', workdir, config.rl.num_steps)
  return state


def check(config: setup.Config) -> None:
  """Refuses a config that would fail later, before anything is written.

  Raises:
    ValueError: names the field, or the task file and line.
    OSError: a file cannot be read.
  """
  setup.check_names(config)
  credit_lib.check_names(config)
  setup.check_tokenizer(config)
  if not config.warm_start:
    pretrained.check(config)
  requests_of_step(config, setup.tasks(config, 'train'), 0)
  rl = config.rl
  if rl.tasks_per_step % processes.count():
    raise ValueError(
        f'rl.tasks_per_step={rl.tasks_per_step} must be a multiple of the'
        f' number of processes, {processes.count()}: each holds all'
        ' conversations about its tasks.'
    )
  if rl.max_lag and processes.count() > 1:
    raise ValueError(
        f'rl.max_lag={rl.max_lag} takes one process, and there are'
        f' {processes.count()}: their devices would not agree whether'
        ' conversations or updates come first; use 0.'
    )
  pieces = rl.num_minibatches * rl.num_microbatches
  rows = rl.tasks_per_step * rl.samples_per_task // pieces
  said = (
      'rl.tasks_per_step x rl.samples_per_task / rl.num_minibatches /'
      ' rl.num_microbatches'
  )
  sharding.check_rows(setup.mesh(config), **{said: rows})


def check_finished(warm_start: str) -> None:
  """Refuses to start from a run that has not come to its end.

  Raises:
    FileNotFoundError: the folder holds no run.
    ValueError: the run stopped before its last step, or is a whole table.
  """
  if not pathlib.Path(warm_start).is_dir():
    raise FileNotFoundError(f'warm_start: {warm_start}: no such folder.')
  config = setup.load_config(warm_start)
  script, section = {
      'warm start': ('train_sft', config.sft),
      'rl': ('train_rl', config.rl),
  }[checkpoint.claimed(warm_start)['loop']]
  done = checkpoint.latest_step(warm_start) or 0
  if done < section.num_steps:
    raise ValueError(
        f'warm_start: {warm_start} has done {done} of {section.num_steps} '
        f'steps; finish it with its config: python experiments/{script}.py '
        f'--workdir={warm_start} --config=...'
    )


class Programs(NamedTuple):
  """What is compiled once and called every step.

  Attributes:
    credit: batch -> `Credit`.
    logps: (parameters, batch, base) -> `[B, T]`: those of the reference, or of
      the policy where older weights sampled.
    catch_up: (`PolicyBatch`, logps) -> (`PolicyBatch`, metrics); see `step`.
    update: (state, `PolicyBatch`, base) -> (state, metrics); takes the state
      over. The base is what lies frozen beside adapters, or None.
  """

  credit: Callable[[types.Batch], credit_lib.Credit]
  logps: Callable[[types.Params, types.Batch, types.Params | None], jax.Array]
  catch_up: Callable[
      [step_lib.PolicyBatch, jax.Array],
      tuple[step_lib.PolicyBatch, types.Metrics],
  ]
  update: Callable[
      [types.TrainState, step_lib.PolicyBatch, types.Params | None],
      tuple[types.TrainState, types.Metrics],
  ]


def compile_programs(
    config: setup.Config,
    shape: config_lib.ModelConfig,
    tx: optax.GradientTransformation,
    mesh: sharding.Mesh,
) -> Programs:
  """Joins the pure functions of a step with the config's choices."""
  model = step_lib.ModelFn(shape, config.rl.chunk, mesh)
  credit = functools.partial(
      credit_lib.assign,
      terms=credit_lib.terms_fn(config.rewards),
      advantages=credit_lib.advantage_fn(config.rl),
      compared=credit_lib.compared_fn(config.rl),
      group_size=config.rl.samples_per_task,
      tol=config.rl.zero_variance_tol,
  )
  update = functools.partial(
      step_lib.policy_step,
      model=model,
      tx=tx,
      objective=credit_lib.objective(config.rl),
      temperature=config.sampling.temperature,
      num_minibatches=config.rl.num_minibatches,
      num_microbatches=config.rl.num_microbatches,
  )

  catch_up = functools.partial(
      step_lib.catch_up, max_weight=config.rl.max_weight
  )

  def logps(params, batch, base):
    return step_lib.token_logps(
        params,
        batch.tokens,
        batch.turn >= 0,
        base,
        model=model,
        temperature=config.sampling.temperature,
    )[0]

  state = sharding.of(setup.abstract_state(shape, tx, mesh))
  rows, scalars = sharding.rows(mesh), sharding.replicated(mesh)
  base = sharding.of(setup.abstract_base(shape, mesh))
  return Programs(
      jax.jit(
          credit,
          in_shardings=rows,
          out_shardings=credit_lib.Credit(rows, rows, rows, scalars),
      ),
      jax.jit(
          logps,
          in_shardings=(state.params, rows, base),
          out_shardings=rows,
      ),
      jax.jit(catch_up, in_shardings=rows, out_shardings=(rows, scalars)),
      jax.jit(
          update,
          in_shardings=(state, rows, base),
          out_shardings=(state, scalars),
          donate_argnums=0,
      ),
  )


def learn(
    config: setup.Config,
    programs: Programs,
    state: types.TrainState,
    reference: types.Params | None,
    batch: types.Batch,
    mesh: sharding.Mesh,
    base: types.Params | None = None,
    *,
    lag: int = 0,
) -> tuple[types.TrainState, credit_lib.Credit, types.Metrics]:
  """Credits a batch and updates on it, once per epoch.

  Args:
    config: the experiment.
    programs: what is compiled.
    state: what came out of the last step.
    reference: the parameters that `state` began with, or None without KL term.
    batch: the step's conversations.
    mesh: the devices.
    base: the frozen parameters beside adapters, or None.
    lag: how many steps older than `state` the weights were that held the
      conversations.

  Returns:
    The next state, and on the host the credit and the last epoch's metrics, but
    for the mismatch of sampler and trainer, which is that of the first.
  """
  with devices.TURN:
    placed = sharding.place_rows(batch, mesh)
    credited = programs.credit(placed)
    prepared = policy_batch(
        placed,
        credited.advantages,
        programs.logps(reference, placed, base) if config.rl.kl_coef else None,
    )
    prepared, gaps = sharding.place_rows(prepared, mesh), {}
    if lag:
      logps = programs.logps(state.params, placed, base)
      prepared, gaps = programs.catch_up(prepared, logps)
    state, metrics = programs.update(state, prepared, base)
    gaps = {k: v for k, v in metrics.items() if 'mismatch' in k} | gaps
    for _ in range(config.rl.num_epochs - 1):
      state, metrics = programs.update(state, prepared, base)
  return state, *processes.to_host((credited, {**metrics, **gaps}))


def hold(
    config: setup.Config,
    speaker: rollout.Conversations,
    params: types.Params,
    requests: Sequence[rollout.Request],
    step: int,
    waited: Callable[[float, float], None] | None = None,
) -> list[types.Trajectory]:
  """Holds the conversations of a step, of which few may fail.

  Raises:
    UserError: more did; the step's failures are forgotten then.
    StopError: no model is in reach; likewise.
  """
  with speaker.faults.of_step(step):
    held = setup.hold(speaker, params, requests, step, waited=waited)
    rollout.check_failures(held, config.sampling.max_failed_share)
  return held


def requests_of_step(
    config: setup.Config, tasks: Sequence[types.Task], step: int
) -> list[rollout.Request]:
  """Returns G requests for each task of a step, next to each other."""
  where = dict(
      seed=config.seed, step=step, tasks_per_step=config.rl.tasks_per_step
  )
  if config.envs.weights:
    pools = [[t for t in tasks if t.gym == n] for n in config.envs.names]
    chosen = reader.mixed_tasks_of_step(pools, config.envs.weights, **where)
  else:
    chosen = reader.tasks_of_step(tasks, **where)
  return [
      rollout.Request(task, sample)
      for task in chosen
      for sample in range(config.rl.samples_per_task)
  ]


def policy_batch(
    batch: types.Batch, advantages: jax.Array, ref_logps: jax.Array | None
) -> step_lib.PolicyBatch:
  """Keeps what the policy loss needs."""
  return step_lib.PolicyBatch(
      tokens=batch.tokens,
      mask=(batch.turn >= 0) & batch.valid[:, None],
      old_logps=batch.logps,
      advantages=advantages,
      ref_logps=batch.logps if ref_logps is None else ref_logps,
  )


def latest_params(
    config: setup.Config,
    shape: config_lib.ModelConfig,
    folder: pathlib.Path,
    mesh: sharding.Mesh,
) -> types.Params:
  """Loads all parameters that a run ended with, whichever loop it was."""
  return adapted.latest_params(config, shape, folder, mesh)


def to_batch(config: setup.Config, trajectories) -> types.Batch:
  """Pads conversations to the smallest configured length that holds them."""
  longest = max(map(batch_lib.num_tokens, trajectories))
  return batch_lib.to_batch(
      trajectories,
      length=batch_lib.bucket(longest, config.rl.length_buckets),
      num_turns=setup.max_turns(config),
  )


def describe(
    trajectories, batch: types.Batch, credited: credit_lib.Credit
) -> dict[str, float]:
  """Computes what to log about a step's conversations."""
  count = max(int(np.sum(batch.valid)), 1)
  kept = batch.turn_mask & batch.valid[:, None]
  total = lambda x: float(np.sum(x, where=kept)) / count
  metrics = evaluate.summarize(trajectories, 'train')
  metrics['reward/raw'] = total(batch.rewards)
  metrics['reward/shaped'] = total(credited.shaped)
  for name, term in credited.terms.items():
    metrics[f'reward/{name}'] = total(term)
  metrics['train/zero_variance'] = float(credited.zero_variance)
  lengths = list(map(batch_lib.num_tokens, trajectories))
  sampled = [sum(len(t.tokens) for t in x.turns) for x in trajectories]
  metrics['length/conversation'] = float(np.mean(lengths))
  metrics['length/sampled'] = float(np.mean(sampled))
  for status in (types.TRUNCATED, types.FAILED):
    share = np.mean([t.status == status for t in trajectories])
    metrics[f'train/{status}'] = float(share)
  return metrics


def explained(
    trajectories,
    credited: credit_lib.Credit,
    batch: types.Batch,
    encoder,
    seed: int,
) -> list[records.Record]:
  """Returns records that show what each turn and token was credited with."""
  lines = []
  for row, trajectory in enumerate(trajectories):
    count = range(len(trajectory.turns))
    lines.append(
        evaluate.to_record(
            trajectory,
            encoder,
            run='training',
            split='train',
            seed=seed,
            advantages=[
                credited.advantages[row][batch.turn[row] == i] for i in count
            ],
            terms=[
                {name: float(x[row, i]) for name, x in credited.terms.items()}
                for i in count
            ],
            with_tokens=True,
        )
    )
  return lines


def speeds(
    held: ahead_lib.Held, began: float, spoken: float, ended: float
) -> dict[str, float]:
  """Computes how long both halves of a step took, and tokens per second.

  Args:
    held: its conversations; holding them may have begun before the step did.
    began: when the step did, in monotonic seconds.
    spoken: when the conversations were there, and the update began.
    ended: when the update had ended.

  Returns:
    Of 'time/idle_share', the share of the step's time in which devices had
    nothing to do because gyms had not answered.
  """
  sampled = sum(len(t.tokens) for x in held.trajectories for t in x.turns)
  seen = sum(map(batch_lib.num_tokens, held.trajectories))
  idle = ahead_lib.idle_seconds(held.waits, began, spoken)
  return {
      'time/rollout_s': held.seconds,
      'time/wait_s': spoken - began,
      'time/update_s': ended - spoken,
      'time/rollout_tokens_per_s': sampled / held.seconds,
      'time/update_tokens_per_s': seen / (ended - spoken),
      'time/idle_share': idle / (ended - began),
  }
