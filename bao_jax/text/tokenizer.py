"""Byte-level BPE: text to ids and back.

A wrapper over the `tokenizers` library that knows which text is markup and
which is data. It refuses to know messages and roles; see `chat`.
"""

from collections.abc import Iterable, Sequence
import dataclasses
import functools
import os
import pathlib
import re

import numpy as np
import tokenizers

from bao_jax.text import tools

IM_START, IM_END = '<|im_start|>', '<|im_end|>'
SPECIAL = ('<|endoftext|>', IM_START, IM_END)
MARKUP = (
    *(tools.THINK, tools.END_THINK, tools.CALL, tools.END_CALL),
    *('<tool_response>', '</tool_response>'),
)
_SURROGATE = re.compile('[\ud800-\udfff]')
# Words with the space before them, single digits, runs of punctuation.
_PATTERN = r' ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+'


@dataclasses.dataclass(frozen=True)
class Piece:
  """Text to encode, and whether marks in it are meant as marks."""

  text: str
  is_markup: bool = False


@dataclasses.dataclass(frozen=True)
class Tokenizer:
  """A tokenizer of the `tokenizers` library that never lets data pose as marks.

  Attributes:
    backend: the library's tokenizer.
  """

  backend: tokenizers.Tokenizer

  @property
  def vocab_size(self) -> int:
    return self.backend.get_vocab_size(with_added_tokens=True)

  def id(self, mark: str) -> int:
    """Returns the id of a mark; raises ValueError where there is none."""
    token = self.backend.token_to_id(mark)
    if token is None:
      raise ValueError(f'The tokenizer has no token {mark!r}; it needs one.')
    return token

  def encode(self, *pieces: Piece) -> np.ndarray:
    """Encodes pieces as one text.

    Where the text of a data piece spells a mark (`<|im_end|>`, say), it is cut
    after the mark's first character, so that it becomes ordinary tokens: no
    user and no policy can forge the structure of a conversation.

    Args:
      *pieces: what to encode, in order.

    Returns:
      `[T]` int32 ids; their decoding is the concatenated text. Half of a
      surrogate pair, which JSON may spell and no encoding has, becomes U+FFFD.
    """
    segments = ['']
    for piece in pieces:
      first, *others = (
          [piece.text] if piece.is_markup else self._cut(piece.text)
      )
      segments[-1] += first
      segments += others
    ids = [
        self.backend.encode(_whole(segment), add_special_tokens=False).ids
        for segment in segments
    ]
    return np.array([i for segment in ids for i in segment], np.int32)

  def decode(self, ids: Sequence[int]) -> str:
    """Returns the text of ids, marks included."""
    return self.backend.decode([int(i) for i in ids], skip_special_tokens=False)

  def _cut(self, text: str) -> list[str]:
    cuts = [match.start() + 1 for match in self._marks.finditer(text)]
    return [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)])]

  @functools.cached_property
  def _marks(self) -> re.Pattern[str]:
    added = self.backend.get_added_tokens_decoder().values()
    marks = '|'.join(re.escape(str(token.content)) for token in added)
    # Looking ahead also finds marks that overlap.
    return re.compile(f'(?={marks})' if marks else r'(?!)')


def _whole(text: str) -> str:
  """Joins surrogate pairs and replaces halves of them."""
  if not _SURROGATE.search(text):
    return text
  return text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')


def train(
    texts: Iterable[str], *, vocab_size: int, phrases: Sequence[str] = ()
) -> Tokenizer:
  """Trains the default tokenizer on a corpus.

  Every byte is in the vocabulary, so any text can be encoded. Marks are one
  token each; digits stand alone.

  Args:
    texts: the corpus.
    vocab_size: the number of ids, V; fewer come out of a small corpus.
    phrases: longer texts that are to be one token each, `chat.PHRASES` say.

  Returns:
    The tokenizer; the same corpus in the same order gives the same one.
  """
  backend = tokenizers.Tokenizer(tokenizers.models.BPE())
  backend.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
      [
          tokenizers.pre_tokenizers.Split(
              tokenizers.Regex(_PATTERN), 'isolated'
          ),
          tokenizers.pre_tokenizers.ByteLevel(
              add_prefix_space=False, use_regex=False
          ),
      ]
  )
  backend.decoder = tokenizers.decoders.ByteLevel()
  trainer = tokenizers.trainers.BpeTrainer(
      vocab_size=vocab_size - len(MARKUP) - len(phrases),
      special_tokens=list(SPECIAL),
      initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
      show_progress=False,
  )
  backend.train_from_iterator(texts, trainer)
  backend.add_tokens(
      [
          tokenizers.AddedToken(text, normalized=False)
          for text in (*MARKUP, *phrases)
      ]
  )
  return Tokenizer(backend)


def load(path: str | pathlib.Path) -> Tokenizer:
  """Loads a `tokenizer.json`, ours or any Qwen's.

  Args:
    path: the file, or the folder that holds `tokenizer.json`.

  Returns:
    The tokenizer.

  Raises:
    ValueError: the file is absent, is no tokenizer or lacks a mark of the chat
      format.
  """
  path = pathlib.Path(path)
  path = path / 'tokenizer.json' if path.is_dir() else path
  if not path.exists():
    raise ValueError(f'{path}: no such tokenizer file.')
  try:
    backend = tokenizers.Tokenizer.from_file(str(path))
  except Exception as error:  # The library raises bare Exceptions.
    raise ValueError(f'{path}: not a tokenizer.json: {error}') from error
  tokenizer = Tokenizer(backend)
  for mark in (IM_START, IM_END, *MARKUP):
    tokenizer.id(mark)
  return tokenizer


def save(tokenizer: Tokenizer, path: str | pathlib.Path) -> None:
  """Writes a `tokenizer.json` in one move.

  Raises:
    OSError: it could not be written; what was there before is.
  """
  path = pathlib.Path(path)
  temporary = path.with_name(f'.{path.name}.tmp')
  try:
    temporary.write_text(tokenizer.backend.to_str(pretty=True), 'utf-8')
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)
