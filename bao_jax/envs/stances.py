"""The ladder of stances towards a claim, and what its holder returns."""

import dataclasses

LADDER = (
    'Strongly Agree',
    'Agree',
    'Partly Agree',
    'Neutral',
    'Partly Disagree',
    'Disagree',
    'Strongly Disagree',
)


@dataclasses.dataclass(frozen=True)
class Verdict:
  """What an argument did to the holder of a claim.

  Attributes:
    reply: what the holder says.
    stance: the holder's stance now, a rung of `LADDER`.
  """

  reply: str
  stance: str
