"""The Turtle teacher: asks for one part of the story after the other."""

from collections.abc import Mapping

from bao_jax.envs import base as envs_base
from bao_jax.tasks.builtin import turtle_words
from bao_jax.teachers import base
from bao_jax.teachers import beliefs
from bao_jax.teachers import inquiry

_QUESTIONS: Mapping[str, str] = {
    'who': 'was it the {}?',
    'why': 'was it for {}?',
    'how': 'was it with a {}?',
}
_VAGUE = ('is it odd?', 'was it at night?')


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Returns a teacher for the built-in Turtle tasks.

  Args:
    behaviors: which of the proactive behaviors it shows.
    slip: the probability that it answers too early, once, in a conversation.

  Returns:
    The teacher, deterministic given its `rng`.
  """
  return inquiry.Teacher(behaviors, slip, _puzzle, _right)


def _right(puzzle: inquiry.Puzzle, reply: str) -> list[str]:
  named = beliefs.named(reply.removeprefix('covered:'), puzzle.lexicon)
  return [value for values in named.values() for value in values]


def _puzzle(observation: envs_base.Observation) -> inquiry.Puzzle:
  level = turtle_words.level_of(observation.user)
  lexicon = turtle_words.lexicon(level)
  return inquiry.Puzzle(
      slots=lexicon.slots,
      lexicon=lexicon,
      questions=_QUESTIONS,
      answer=' '.join(f'{{{slot.name}}}' for slot in lexicon.slots),
      vague=_VAGUE,
  )
