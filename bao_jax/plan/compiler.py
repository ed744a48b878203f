"""The TPU's compiler on a machine without TPUs, and what it says of a program.

It comes with the package `libtpu`, which is asked for the devices of a topology
and compiles for them.
"""

from collections.abc import Sequence
import importlib.util
import os
import re
from typing import Any, NamedTuple

import jax

from bao_jax.plan import chips
from bao_jax.plan import hlo
from bao_jax.plan import programs

# What libtpu reads, lest it look for chips or for the server of a TPU VM, or
# refuse to be loaded by two processes, which chips would not bear.
_ENVIRONMENT = {
    'TPU_SKIP_MDS_QUERY': '1',
    'TPU_WORKER_HOSTNAMES': 'localhost',
    'ALLOW_MULTIPLE_LIBTPU_LOAD': '1',
    'TPU_MIN_LOG_LEVEL': '3',
    'TPU_STDERR_LOG_LEVEL': '3',
}
_TOO_LARGE = re.compile(r'total memory required[^(]*\(([\d.]+)([KMGT])\)')
_UNITS = dict(K=2**10, M=2**20, G=2**30, T=2**40)


class Report(NamedTuple):
  """What the compiler says of a program, bytes and FLOPs of one chip each.

  Attributes:
    arguments: bytes.
    temporaries: bytes, results that are new and the program's code among them.
    total: bytes; also of a program that is too large, if the compiler says.
    sent: bytes to other chips, by kind of exchange.
    flops: where every loop runs once.
    moved: bytes to and from memory, where every loop runs once.
    error: why the compiler refused; '' if it did not.
  """

  arguments: float = 0.0
  temporaries: float = 0.0
  total: float = 0.0
  sent: dict[str, float] = {}
  flops: float = 0.0
  moved: float = 0.0
  error: str = ''


def devices(topology: str) -> Sequence[Any]:
  """Returns the devices of a topology such as 'v5e:8x8'.

  Raises:
    ValueError: there is no such topology, or libtpu is not installed.
  """
  chip = chips.of_topology(topology)
  if importlib.util.find_spec('libtpu') is None:
    raise ValueError(
        'The compiler for TPUs is not installed: pip install -c constraints.txt'
        " -e '.[tpu]'"
    )
  for name, value in _ENVIRONMENT.items():
    os.environ.setdefault(name, value)
  from jax.experimental import topologies  # Reads the environment.

  try:
    found = topologies.get_topology_desc(topology, platform='tpu').devices
  except jax.errors.JaxRuntimeError as error:
    raise ValueError(f'topology={topology!r}: {_first_line(error)}') from error
  kind = found[0].device_kind
  if kind != chip.device_kind:
    raise ValueError(
        f'topology={topology!r} has chips of kind {kind!r}, not'
        f' {chip.device_kind!r}: plan/chips.py needs an entry for them.'
    )
  return found


def compile_program(
    lower: programs.LowerFn, *, unknown_trips: int = 1
) -> Report:
  """Compiles a program and reads what it needs.

  Args:
    lower: makes it.
    unknown_trips: how often loops run whose count depends on data.
  """
  lowered = lower()
  try:
    compiled = lowered.compile()
  except jax.errors.JaxRuntimeError as error:
    return Report(error=_first_line(error), total=_asked_for(str(error)))
  memory = compiled.memory_analysis()
  new = memory.output_size_in_bytes - memory.alias_size_in_bytes
  new += memory.temp_size_in_bytes + memory.generated_code_size_in_bytes
  counted = compiled.cost_analysis()
  exchanged = hlo.collectives(compiled.as_text(), unknown_trips=unknown_trips)
  return Report(
      arguments=memory.argument_size_in_bytes,
      temporaries=new,
      total=memory.argument_size_in_bytes + new,
      sent=hlo.sent_bytes(exchanged),
      flops=counted.get('flops', 0.0),
      moved=counted.get('bytes accessed', 0.0),
  )


def _first_line(error: Exception) -> str:
  return str(error).strip().splitlines()[0]


def _asked_for(text: str) -> float:
  """Returns the bytes that a program which is too large would need."""
  found = _TOO_LARGE.search(text)
  return float(found[1]) * _UNITS[found[2]] if found else 0.0
