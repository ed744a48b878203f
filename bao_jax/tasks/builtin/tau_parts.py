"""What the tasks of retail and airline are built from."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

Request = Mapping[str, Any]
Action = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Scenario:
  """A user, what it wants, and what a right solution does.

  Attributes:
    user_id: in the database.
    who: what the user says about itself, per slot.
    requests: its wishes; see `users.tau`.
    actions: the calls of a right solution.
    outputs: what the user must be told.
    parts: the words that it is made of, in a fixed order.
  """

  user_id: str
  who: Mapping[str, str]
  requests: Sequence[Request]
  actions: Sequence[Action]
  parts: Sequence[str]
  outputs: Sequence[str] = ()

  def __post_init__(self):
    object.__setattr__(self, 'parts', tuple(self.parts))


def request(
    wish: str,
    tells: Mapping[str, str],
    verbs: Sequence[str],
    agrees: Sequence[Sequence[str]],
    *,
    rivals: Sequence[str] = (),
    ends: str = 'done',
    insists: int = 0,
    fallback: bool = False,
) -> Request:
  """Returns a request of a user; the arguments are those of `users.tau`."""
  return {
      'wish': wish,
      'tells': dict(tells),
      'verbs': list(verbs),
      'agrees': [list(group) for group in agrees],
      'rivals': list(rivals),
      'ends': ends,
      'insists': insists,
      'fallback': fallback,
  }


def action(name: str, **kwargs: Any) -> Action:
  """Returns a call as the benchmark writes it."""
  return {'name': name, 'kwargs': kwargs}
