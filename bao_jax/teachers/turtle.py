"""The Turtle teacher: asks for one part of the story after the other."""

from bao_jax.envs import base as envs_base
from bao_jax.tasks.builtin import turtle_words
from bao_jax.teachers import base
from bao_jax.teachers import beliefs as beliefs_lib
from bao_jax.teachers import inquiry

_QUESTIONS = {
    'who': 'was it the {}?',
    'why': 'was it for {}?',
    'how': 'was it with a {}?',
    'when': 'was it at {}?',
}
_FULL_QUESTIONS = {
    'who': 'Was it the {}?',
    'why': 'Was it done out of {}?',
    'how': 'Was it done with a {}?',
    'where': 'Did it begin in the {}?',
    'what': 'Was it really a {}?',
}
_FULL_ANSWER = (
    'The {who} was behind it, out of {why}, with a {how}. It began in the'
    ' {where}, and it really was a {what}.'
)
_VAGUE = ('is it odd?', 'was it far away?')
_FULL_VAGUE = ('Is there something strange about it?', 'Was anybody surprised?')


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
  """Returns the values that the criteria quoted in a reply name."""
  named = beliefs_lib.named(reply, puzzle.lexicon)
  return [value for values in named.values() for value in values]


def _puzzle(observation: envs_base.Observation) -> inquiry.Puzzle:
  level = turtle_words.level_of(observation.user)
  lexicon = turtle_words.lexicon(level)
  hidden = turtle_words.HIDDEN[level]
  beliefs = {slot: tuple(lexicon.slot(slot).values) for slot in hidden}
  if level != 'full':
    answer = ' '.join(f'{{{slot}}}' for slot in hidden)
    return inquiry.Puzzle(
        beliefs, lexicon, _QUESTIONS, answer, _VAGUE, separate=True
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
