"""Kinds of chips, and the least time that a load takes on one.

Peaks are of the manufacturer: dense bfloat16, HBM, and both directions of the
links of one axis of the torus. From the tables of "How to Scale Your Model" by
Austin et al. (https://jax-ml.github.io/scaling-book/tpus/). Memory is what the
compiler says that a program may use when one asks for too much.
"""

from typing import NamedTuple

GIB = 2**30


class Chip(NamedTuple):
  """A kind of chip.

  Attributes:
    device_kind: JAX's name of it.
    flops: FLOP/s.
    hbm_rate: B/s between the chip and its memory.
    ici_rate: B/s between chips.
    hbm_bytes: of memory that programs may use.
  """

  device_kind: str
  flops: float
  hbm_rate: float
  ici_rate: float
  hbm_bytes: float


# By what the name of a topology begins with.
CHIPS = {
    'v5e': Chip('TPU v5 lite', 1.97e14, 8.1e11, 9e10, 15.75 * GIB),
    'v5p': Chip('TPU v5', 4.59e14, 2.8e12, 1.8e11, 95.74 * GIB),
    'v6e': Chip('TPU v6 lite', 9.2e14, 1.6e12, 1.8e11, 31.25 * GIB),
}


def per_host(num_chips: int) -> int:
  """Returns the chips of a host: four in slices of several, else all."""
  return num_chips if num_chips <= 8 else 4


class Load(NamedTuple):
  """What a program asks of each chip.

  Attributes:
    flops: of matrix products.
    hbm_bytes: between the chip and its memory.
    ici_bytes: that the chip sends to others.
  """

  flops: float
  hbm_bytes: float
  ici_bytes: float


class Roofline(NamedTuple):
  """Seconds that each part of a load takes at its peak.

  Attributes:
    compute: of products.
    memory: of bytes to and from memory.
    exchange: of bytes to other chips.
  """

  compute: float
  memory: float
  exchange: float

  @property
  def seconds(self) -> float:
    """The least time: all three at once, so the longest one."""
    return max(self)

  @property
  def bound(self) -> str:
    """What takes that long."""
    return max(self._fields, key=lambda name: getattr(self, name))


def of_topology(topology: str) -> Chip:
  """Returns the kind of the chips of a topology such as 'v5e:8x8'.

  Raises:
    ValueError: the kind is unknown.
  """
  kind = topology.partition(':')[0]
  if kind not in CHIPS:
    raise ValueError(
        f'topology={topology!r}: {kind!r} is none of {", ".join(CHIPS)}.'
    )
  return CHIPS[kind]


def roofline(chip: Chip, load: Load) -> Roofline:
  """Returns the seconds of a load on a chip."""
  return Roofline(
      load.flops / chip.flops,
      load.hbm_bytes / chip.hbm_rate,
      load.ici_bytes / chip.ici_rate,
  )
