"""The Telepathy teacher: asks for one attribute after the other."""

from collections.abc import Mapping

from bao_jax.envs import base as envs_base
from bao_jax.tasks.builtin import telepathy_words
from bao_jax.teachers import base
from bao_jax.teachers import inquiry

_QUESTIONS: Mapping[str, str] = {
    'size': 'is it {}?',
    'color': 'is it {}?',
    'home': 'is it in the {}?',
}
_VAGUE = ('is it nice?', 'do you like it?')


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Returns a teacher for the built-in Telepathy tasks.

  Args:
    behaviors: which of the proactive behaviors it shows.
    slip: the probability that it answers too early, once, in a conversation.

  Returns:
    The teacher, deterministic given its `rng`.
  """
  return inquiry.Teacher(behaviors, slip, _puzzle, lambda puzzle, reply: None)


def _puzzle(observation: envs_base.Observation) -> inquiry.Puzzle:
  level = telepathy_words.level_of(observation.user)
  lexicon = telepathy_words.lexicon(level)
  slots = tuple(slot for slot in lexicon.slots if slot.name != 'kind')
  return inquiry.Puzzle(
      slots=slots,
      lexicon=lexicon,
      questions=_QUESTIONS,
      answer=' '.join(f'{{{slot.name}}}' for slot in slots),
      vague=_VAGUE,
  )
