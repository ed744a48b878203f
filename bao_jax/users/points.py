"""What a text speaks of, as far as all of it is understood.

For users who listen for points instead of truths: which detail a question is
about, which concern an argument meets. A sentence counts only if every word of
it is known; what is said about a point is left to the listener.
"""

import dataclasses
import functools

from bao_jax.users import lexicon as lexicon_lib
from bao_jax.users import wording
from bao_jax.users import words

Token = lexicon_lib.Token


@dataclasses.dataclass(frozen=True)
class Sentence:
  """One sentence.

  Attributes:
    tokens: its words and phrases.
    is_question: whether it ends in a question mark.
  """

  tokens: tuple[Token, ...]
  is_question: bool

  @property
  def is_known(self) -> bool:
    """Whether every word is known."""
    return all(token.kind != 'unknown' for token in self.tokens)

  @property
  def mentions(self) -> list[Token]:
    """The tokens that name a slot or one of its values."""
    return [token for token in self.tokens if token.slot]

  @property
  def is_joined(self) -> bool:
    """Whether 'and', 'or' or a comma stands between different slots."""
    slot, joined = '', True
    for token in self.tokens:
      if token.slot:
        if token.slot != slot and not joined:
          return False
        slot, joined = token.slot, False
      joined = joined or token.kind in ('and', 'or', 'comma')
    return True

  def has(self, *kinds: str) -> bool:
    """Returns whether a token is of one of these kinds."""
    return any(token.kind in kinds for token in self.tokens)


@functools.lru_cache(maxsize=4096)
def read(text: str, lexicon: lexicon_lib.Lexicon) -> tuple[Sentence, ...]:
  """Reads a text.

  Args:
    text: from a policy.
    lexicon: the words to understand it by.

  Returns:
    Its sentences, in order; none if it is longer than `wording.MAX_LENGTH`, or
    if a word of it speaks about the verdict rather than the matter.
  """
  if len(text) > wording.MAX_LENGTH:
    return ()
  sentences = tuple(
      Sentence(tuple(lexicon.tokenize(parts)), is_question=end == '?')
      for parts, end in wording.split(text)
  )
  said = {token.text for sentence in sentences for token in sentence.tokens}
  return () if said & words.DOUBTS else sentences
