"""Frozen models on our own devices that read and write the chat format.

They take the requests that servers take, and know what of them means anything
here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np

from bao_jax.sampling import completions
from bao_jax.text import chat
from bao_jax.text import tokenizer as tokenizer_lib
from bao_jax.users import models

# What a request may say, and what counts if it does not.
_DEFAULTS = {
    'temperature': 0.0,
    'top_k': 0,
    'top_p': 1.0,
    'max_tokens': None,  # As many as there is room for.
    'seed': 0,
    'chat_template_kwargs': {},
}
_SWITCH = 'enable_thinking'  # The one of them that there is.


@dataclasses.dataclass(frozen=True)
class ChatModel:
  """A `gather.LocalModel` that reads and writes the chat format.

  Attributes:
    completer: goes on with ids.
    tokenizer: text to ids and back.
    max_prompt_tokens: of a request.
  """

  completer: completions.Completer
  tokenizer: tokenizer_lib.Tokenizer
  max_prompt_tokens: int

  def prompt(self, request: Mapping[str, Any]) -> completions.Prompt:
    """Renders a request; see `gather.LocalModel`.

    Raises:
      Refused: it is too long.
    """
    fields = {name: request.get(name, d) for name, d in _DEFAULTS.items()}
    system, rest = self._render(
        request['messages'],
        with_thought=fields['chat_template_kwargs'].get(_SWITCH, True),
    )
    size, limit = len(system) + len(rest), self.max_prompt_tokens
    if size > limit:
      raise models.Refused(
          413,
          f'the prompt takes {size} tokens, but users.max_prompt_tokens='
          f'{limit}; raise it.',
      )
    room = self.completer.engine.num_slots - size
    is_greedy = not fields['temperature']
    return completions.Prompt(
        system=tuple(system),
        rest=tuple(rest),
        max_tokens=min(fields['max_tokens'] or room, room),
        temperature=fields['temperature'],
        # What changes nothing must not tell two questions apart.
        top_k=0 if is_greedy else fields['top_k'],
        top_p=1.0 if is_greedy else fields['top_p'],
        seed=0 if is_greedy else fields['seed'],
    )

  def _render(self, messages, *, with_thought) -> tuple[list[int], list[int]]:
    """Returns the ids of the system message and those of all that follows."""
    parts = [
        chat.render_message(self.tokenizer, m['role'], m['content']).tolist()
        for m in messages
    ]
    opening = chat.render_opening(self.tokenizer, with_thought=with_thought)
    has_system = messages[0]['role'] == 'system'
    system = parts.pop(0) if has_system else []
    return system, [*sum(parts, []), *opening.tolist()]

  def complete(
      self,
      prompts: Sequence[completions.Prompt],
      is_wanted: Callable[[int], bool],
  ) -> Iterator[tuple[int, models.Completion]]:
    """Lets the model speak; see `gather.LocalModel`."""
    for i, ids in self.completer.complete(prompts, is_wanted):
      text = self.tokenizer.decode(_without_stop(ids, self.completer.stop))
      size = len(prompts[i].system) + len(prompts[i].rest)
      yield i, models.Completion(text, size, len(ids))


def _without_stop(ids: np.ndarray, stop: int) -> np.ndarray:
  return ids[:-1] if ids[-1] == stop else ids


def check_extra(extra: Mapping[str, Any], where: str) -> None:
  """Refuses fields of a request that mean nothing here.

  Args:
    extra: those that the config adds.
    where: the section of the config, for the error.

  Raises:
    ValueError: names the field.
  """
  switches = extra.get('chat_template_kwargs', {})
  unknown = [*(extra.keys() - _DEFAULTS.keys()), *(switches.keys() - {_SWITCH})]
  if unknown:
    known = ', '.join([*_DEFAULTS, f'{_SWITCH} within the last'])
    raise ValueError(
        f'{where}.extra: {unknown[0]!r} means nothing to a model on our own'
        f' devices; there are: {known}.'
    )
