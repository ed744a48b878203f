"""The Telepathy teacher: asks for one attribute after the other."""

from bao_jax.envs import base as envs_base
from bao_jax.tasks.builtin import kinds
from bao_jax.tasks.builtin import telepathy_words
from bao_jax.teachers import base
from bao_jax.teachers import inquiry

_QUESTIONS = {
    'size': 'is it {}?',
    'color': 'is it {}?',
    'home': 'is it in the {}?',
    'food': 'does it eat {}?',
}
_FULL_QUESTIONS = {
    'kind': 'Is it a {}?',
    'age': 'Is it {}?',
    'color': 'Is it {}?',
    'owner': 'Does it belong to the {}?',
    'place': 'Is it kept in the {}?',
}
_FULL_ANSWER = "It is the {owner}'s {age} {color} {kind} in the {place}."
_VAGUE = ('is it nice?', 'do you like it?')
_FULL_VAGUE = ('Is it something special?', 'Do people like it?')


def make_teacher(behaviors: base.Behaviors, *, slip: float) -> base.TeacherFn:
  """Returns a teacher for the built-in Telepathy tasks.

  Args:
    behaviors: which of the proactive behaviors it shows.
    slip: the probability that it answers too early, once, in a conversation.

  Returns:
    The teacher, deterministic given its `rng`.
  """
  return inquiry.Teacher(behaviors, slip, _puzzle, right=_nothing)


def _nothing(puzzle: inquiry.Puzzle, reply: str) -> tuple[str, ...]:
  """A wrong guess is only called wrong: no part of it is confirmed."""
  del puzzle, reply
  return ()


def _puzzle(observation: envs_base.Observation) -> inquiry.Puzzle:
  level = telepathy_words.level_of(observation.user)
  lexicon = telepathy_words.lexicon(level)
  hidden = telepathy_words.HIDDEN[level]
  beliefs = {slot: tuple(lexicon.slot(slot).values) for slot in hidden}
  if level != 'full':
    answer = ' '.join(f'{{{slot}}}' for slot in hidden)
    return inquiry.Puzzle(
        beliefs, lexicon, _QUESTIONS, answer, _VAGUE, separate=False
    )
  beliefs['kind'] = next(
      tuple(members)
      for category, members in kinds.CATEGORIES.items()
      if f'{category} that' in observation.user
  )
  return inquiry.Puzzle(
      beliefs,
      lexicon,
      _FULL_QUESTIONS,
      _FULL_ANSWER,
      _FULL_VAGUE,
      separate=False,
      voice=inquiry.SENTENCES,
  )
