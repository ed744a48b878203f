"""What a built-in Travel wish is made of."""

from collections.abc import Mapping
import dataclasses


@dataclasses.dataclass(frozen=True)
class Value:
  """One thing that somebody can wish for.

  Attributes:
    text: the wish in plain words; never said.
    hint: what somebody says who has it, at levels easy and medium.
    hints: the same at level full.
    shown: how an option that has it is described at level full; at the other
      levels by the value's name.
    forms: further words that name it in a question.
  """

  text: str
  hint: str
  hints: tuple[str, ...]
  shown: tuple[str, ...]
  forms: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Category:
  """Something to have a wish about; options have one of its values.

  Attributes:
    field: of an option at level full, as in the benchmark where it has one.
    names: words that name it in a question, beside its own name.
    question: about it, at level full.
    values: by name.
  """

  field: str
  names: tuple[str, ...]
  question: str
  values: Mapping[str, Value]


Aspect = Mapping[str, Category]  # By name; the first ones serve all levels.


def value(
    text: str, hint: str, *hints: str, shown: str, forms: str = ''
) -> Value:
  """Returns a value; `shown` is split at ' | ', `forms` at commas."""
  return Value(text, hint, hints, tuple(shown.split(' | ')), phrases(forms))


def phrases(text: str) -> tuple[str, ...]:
  """Splits at commas: 'take off, leave' holds two phrases."""
  return tuple(' '.join(p.split()) for p in text.split(',') if p.strip())
