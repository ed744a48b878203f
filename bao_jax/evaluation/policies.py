"""Who can be evaluated: a trained run, scripted players, language models.

Each holds the conversations that are asked for and yields a record of each as
it ends.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import functools
import random
from typing import NamedTuple

from bao_jax import types
from bao_jax.envs import base as envs_base
from bao_jax.evaluation import evaluate
from bao_jax.evaluation import records
from bao_jax.sampling import calls
from bao_jax.sampling import rollout
from bao_jax.teachers import base as teachers_base
from bao_jax.teachers import canaries
from bao_jax.teachers import converse
from bao_jax.teachers import guidance as guidance_lib
from bao_jax.teachers import llm
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.train import lessons
from bao_jax.train import setup
from bao_jax.train import users

# (requests) -> each one's index and record, in the order in which they end.
Policy = Callable[
    [Sequence[rollout.Request]], Iterator[tuple[int, records.Record]]
]
# (task, sample) -> a player for one conversation.
MakePlayer = Callable[[types.Task, int], teachers_base.TeacherFn]

TEACHER = 'Scripted teacher'
RANDOM = 'Random policy'


class Origin(NamedTuple):
  """What a record says of where it comes from.

  Attributes:
    run: the name of the row in tables.
    split: whose tasks.
    seed: of the evaluation.
  """

  run: str
  split: str
  seed: int


def trained(
    speaker: rollout.Conversations,
    params: types.Params,
    encoder: tokenizer_lib.Tokenizer,
    origin: Origin,
) -> Policy:
  """Returns the policy that parameters are."""

  def play(requests):
    for i, trajectory in speaker.stream(params, requests):
      yield i, evaluate.to_record(trajectory, encoder, **origin._asdict())

  return play


def played(
    make_player: MakePlayer,
    gyms: Mapping[str, envs_base.Gym],
    origin: Origin,
    *,
    num_threads: int = 1,
    deadline: float = 600.0,
) -> Policy:
  """Returns the policy of a player that reads and writes text.

  Args:
    make_player: makes one for each conversation.
    gyms: by name.
    origin: of the records.
    num_threads: conversations held at the same time.
    deadline: seconds that one may take before it has failed.
  """

  def hold(request):
    task, sample = request.task, request.sample
    player, gym = make_player(task, sample), gyms[task.gym]
    return converse.converse(player, gym, task, seed=origin.seed, sample=sample)

  def play(requests):
    running = calls.Round(
        [functools.partial(hold, request) for request in requests],
        num_threads=num_threads,
        deadlines=[[calls.Deadline(deadline, 'conversation_deadline')]]
        * len(requests),
    )
    with contextlib.closing(running.as_completed()) as outcomes:
      for i, outcome in outcomes:
        dialogue = outcome.value
        if isinstance(dialogue, TimeoutError):
          dialogue = _unfinished(gyms, requests[i], origin.seed, str(dialogue))
        elif isinstance(dialogue, Exception):
          raise dialogue
        yield i, evaluate.of_dialogue(dialogue, **origin._asdict())

  return play


def _unfinished(gyms, request, seed, error) -> converse.Dialogue:
  """Returns what is known of a conversation that was given up."""
  gym = gyms[request.task.gym]
  _, observation = gym.reset(request.task, seed, request.sample)
  return converse.Dialogue(
      request.task,
      request.sample,
      observation,
      moves=(),
      steps=(),
      solved=False,
      max_turns=gym.max_turns,
      error=error,
  )


def teachers(config: setup.Config) -> MakePlayer:
  """Returns scripted teachers that show every behavior."""
  players = lessons.best_teachers(config)
  return lambda task, sample: players[task.gym]


def of_moves(config: setup.Config, make: canaries.CanaryFn) -> MakePlayer:
  """Returns players who know the moves teachers made on training tasks.

  Args:
    config: of gyms, tasks and teachers.
    make: (moves of a gym) -> a player.
  """
  dialogues = lessons.teacher_dialogues(config, 'train', 50)
  players = {
      gym: make(
          [move for d in dialogues if d.task.gym == gym for move in d.moves]
      )
      for gym in config.envs.names
  }
  return lambda task, sample: players[task.gym]


def models(config: setup.Config, role: str) -> MakePlayer:
  """Returns players that are language models.

  Args:
    config: whose `users` say where they are.
    role: 'policy', or 'teacher' for models that are asked to show behaviors,
      drawn anew for each conversation.
  """
  chat_fn = users.client(config)

  def make(task, sample):
    guidance = ''
    if role == 'teacher':
      rng = random.Random(f'{config.seed}/{task.id}/{sample}')
      behaviors = lessons.draw_behaviors(config.teacher, rng)
      guidance = guidance_lib.of(task.gym, behaviors)
    return llm.make_player(
        chat_fn, task, sample, role=role, seed=config.seed, guidance=guidance
    )

  return make


SCRIPTED: Mapping[str, Callable[[setup.Config], MakePlayer]] = {
    'honest': teachers,
    'random': functools.partial(of_moves, make=converse.random_player),
    **{
        name: functools.partial(of_moves, make=make)
        for name, make in canaries.CANARIES.items()
    },
}
LABELS = {'scripted:honest': TEACHER, 'scripted:random': RANDOM}
