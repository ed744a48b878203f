"""The warm start: behavior enhancement by imitation of teachers.

  teachers play train tasks -> keep what was solved -> pack -> imitate

Read `train` from top to bottom.
"""

from collections.abc import Callable, Sequence
import functools
import pathlib

from absl import logging
import jax
import numpy as np
import optax
import tqdm

from bao_jax import checkpoint
from bao_jax import logging as metrics_lib
from bao_jax import processes
from bao_jax import sharding
from bao_jax import types
from bao_jax.evaluation import evaluate
from bao_jax.model import config as config_lib
from bao_jax.model import lora
from bao_jax.sampling import rollout
from bao_jax.teachers import converse
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import adapted
from bao_jax.train import batch as batch_lib
from bao_jax.train import lessons
from bao_jax.train import optimizer
from bao_jax.train import pretrained
from bao_jax.train import setup
from bao_jax.train import step as step_lib
from bao_jax.train import users

Sequences = list[tuple[np.ndarray, np.ndarray]]


def train(
    config: setup.Config, workdir: str | pathlib.Path
) -> types.TrainState:
  """Runs the warm start, or what is left of it.

  Args:
    config: the experiment.
    workdir: where to write and resume from.

  Returns:
    The final state.

  Raises:
    ConfigMismatchError: the folder belongs to another config.
    FloatingPointError: the loss is no longer finite.
    ValueError: the config is wrong, a prompt does not fit, or the weights are
      not those of the model.
    OSError: the weights are not there.
    UserError: too many conversations failed.
  """
  workdir = pathlib.Path(workdir)
  setup.check_names(config)
  setup.check_tokenizer(config)
  pretrained.check(config)
  mesh = setup.mesh(config)
  sharding.check_rows(mesh, **{'sft.rows': config.sft.rows})
  setup.claim(workdir, 'warm start', config)
  ledger = users.ledger(config, workdir)
  encoder = lessons.tokenizer(config, workdir)
  shape = setup.model_config(config, encoder)
  tx = optimizer.make_optimizer(
      total_steps=config.sft.num_steps, **config.sft.optimizer.to_dict()
  )
  saved = checkpoint.Checkpoints(workdir)
  if saved.latest() is None:
    state = setup.train_state(config, shape, tx, mesh)
  else:
    state = saved.restore(setup.abstract_state(shape, tx, mesh))
  if int(state.step) >= config.sft.num_steps:
    return state

  base = adapted.base(config, shape, workdir, mesh)
  speaker = setup.conversations(config, shape, encoder, mesh, temperature=0.0)
  setup.check_prompts(config, speaker)
  sequences = teacher_sequences(config, encoder, workdir)
  logging.info('Warm start on %d conversations.', len(sequences))
  step = compile_step(config, shape, tx, mesh)
  watched = setup.watched(config)
  start = int(state.step)
  is_first = processes.is_first()
  writer = metrics_lib.MetricWriter(workdir, step=start, is_on=is_first)
  bar = tqdm.tqdm(
      total=config.sft.num_steps,
      initial=start,
      desc='warm start',
      unit='step',
      disable=not is_first,
  )
  with checkpoint.Preemption() as preemption:
    for i in range(start, config.sft.num_steps):
      batch = packed_batch(config, sequences, i)
      batch = sharding.place_rows(batch, mesh)
      state, metrics = step(state, batch, base)
      metrics = jax.device_get(metrics)
      metrics_lib.check_finite(i, metrics)
      is_last = i + 1 == config.sft.num_steps
      outage = None
      if is_last or (i + 1) % config.evaluation.every_sft == 0:
        params = lora.attach(state.params, base, shape.lora)
        try:
          held = setup.hold(speaker, params, watched, i)
          rollout.check_failures(held, config.sampling.max_failed_share)
          metrics |= evaluate.summarize(held, 'validation')
        except checkpoint.OUTAGES as error:
          outage = error
        bar.set_postfix(
            loss=f'{metrics["sft/loss"]:.3f}',
            score=f'{metrics.get("validation/score", np.nan):.2f}',
        )
      writer.write(i, metrics | users.metrics(config, ledger))
      ledger.save()
      bar.update()
      is_due = is_last or (i + 1) % config.checkpoint_every == 0
      is_stopped = processes.any_of(preemption.is_requested)
      if is_due or is_stopped or outage:
        saved.save(i + 1, state)
      if outage:
        raise outage
      if is_stopped:
        raise SystemExit(f'Stopped after step {i + 1}; start again to go on.')
  bar.close()
  writer.close()
  saved.close()
  return state


def compile_step(
    config: setup.Config,
    shape: config_lib.ModelConfig,
    tx: optax.GradientTransformation,
    mesh: sharding.Mesh,
) -> Callable[
    [types.TrainState, batch_lib.Packed, types.Params | None],
    tuple[types.TrainState, types.Metrics],
]:
  """Returns the compiled update; it takes the state over.

  Its last argument are the frozen parameters beside adapters, or None.
  """
  update = functools.partial(
      step_lib.supervised_step,
      model=step_lib.ModelFn(shape, config.sft.chunk, mesh),
      tx=tx,
  )
  state = sharding.of(setup.abstract_state(shape, tx, mesh))
  base = sharding.of(setup.abstract_base(shape, mesh))
  return jax.jit(
      update,
      in_shardings=(state, sharding.rows(mesh), base),
      out_shardings=(state, sharding.replicated(mesh)),
      donate_argnums=0,
  )


def teacher_sequences(
    config: setup.Config,
    encoder: tokenizer_lib.Tokenizer,
    workdir: pathlib.Path,
) -> Sequences:
  """Renders what is imitated and keeps what was solved and fits.

  Args:
    config: the experiment.
    encoder: the run's tokenizer.
    workdir: the run's folder.

  Returns:
    `[T]` tokens and `[T]` masks of each conversation: True on the turns of the
    teacher but for deliberate slips.

  Raises:
    ValueError: a prompt leaves the policy no room, or no conversation is left.
  """
  sequences = []
  dialogues = lessons.imitated(config, workdir)
  for dialogue in dialogues:
    trajectory = converse.to_trajectory(
        dialogue, encoder, with_tools=config.text.with_tools
    )
    num_prompt, room = len(trajectory.prompt), config.sampling.max_tokens
    if num_prompt + 2 > room:  # Say so before any training.
      raise ValueError(
          f'{trajectory.task.id}: the prompt takes {num_prompt} tokens, but '
          f'sampling.max_tokens={room}; raise it or choose a lower level.'
      )
    tokens, turn, _ = batch_lib.flatten(trajectory)
    if dialogue.solved and len(tokens) <= config.sft.length:
      is_target = np.array([m.is_target for m in dialogue.moves])
      sequences.append((tokens, (turn >= 0) & is_target[turn]))
  if not sequences:
    raise ValueError(
        f'None of {len(dialogues)} teacher conversations was solved within '
        f'sft.length={config.sft.length} tokens; raise that, '
        'teacher.conversations or teacher.scheduling.'
    )
  return sequences


def packed_batch(
    config: setup.Config, sequences: Sequences, step: int
) -> batch_lib.Packed:
  """Returns the batch of a step: a function of the step's number alone.

  Conversations come in epochs of shuffles without replacement, as many as are
  sure to fit into the rows.
  """
  rows, length = config.sft.rows, config.sft.length
  count = rows * (length // max(len(tokens) for tokens, _ in sequences))
  chosen = epoch_slice(len(sequences), count, config.seed, step)
  packed = batch_lib.pack([sequences[i] for i in chosen], length=length)
  missing = rows - packed.tokens.shape[0]
  fill = lambda x, value: np.pad(
      x, ((0, missing), (0, 0)), constant_values=value
  )
  return batch_lib.Packed(
      tokens=fill(packed.tokens, 0),
      segments=fill(packed.segments, -1),
      positions=fill(packed.positions, 0),
      mask=fill(packed.mask, False),
  )


def epoch_slice(size: int, count: int, seed: int, step: int) -> Sequence[int]:
  """Returns `count` indices below `size`, the step's part of endless epochs."""
  indices = []
  position = step * count
  while len(indices) < count:
    epoch, offset = divmod(position + len(indices), size)
    order = np.random.default_rng((seed, epoch)).permutation(size)
    indices += list(order[offset : offset + count - len(indices)])
  return indices
