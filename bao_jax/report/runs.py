"""What a report is about: policies, and the conversations each of them held."""

from collections.abc import Sequence
import dataclasses

from bao_jax.evaluation import records


@dataclasses.dataclass(frozen=True)
class Run:
  """One row of a table, one line of a plot.

  Attributes:
    name: the policy, as readers know it.
    records: its conversations; may be empty.
    description: half a sentence about it, printed under the name.
    is_reference: whether it is there to compare with (a teacher, a random
      policy): drawn in grey and left out of the Pareto front.
  """

  name: str
  records: Sequence[records.Record]
  description: str = ''
  is_reference: bool = False


def gyms(runs: Sequence[Run]) -> list[str]:
  """Lists the gyms of all runs, in order of first appearance."""
  return list(dict.fromkeys(r.gym for run in runs for r in run.records))


def of_gym(run: Run, gym: str) -> Run:
  """Returns the run with the conversations of one gym."""
  kept = [record for record in run.records if record.gym == gym]
  return dataclasses.replace(run, records=kept)
