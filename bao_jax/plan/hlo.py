"""What a compiled program exchanges between chips, read from its text.

The compiler's own sums count the body of a loop once; here it counts as often
as it runs. Text is that of `jax.stages.Compiled.as_text`.
"""

from collections.abc import Iterator
import math
import re
from typing import NamedTuple

_BYTES = {'pred': 1, 'token': 0, 's4': 0.5, 'u4': 0.5}
_NAME = r'%?([\w.\-]+)'
_COMPUTATION = re.compile(rf'^(ENTRY )?{_NAME} \(.*\{{$')
_INSTRUCTION = re.compile(rf'^\s+(ROOT )?{_NAME} = (.*)$')
_ARRAY = re.compile(r'([a-z]+[0-9]*[a-z0-9]*)\[([\d,]*)\]')
_CALLED = re.compile(
    r'(?:calls|to_apply|body|true_computation|false_computation|'
    r'branch_computations|called_computations)=(?:\{([^}]*)\}|%?([\w.\-]+))'
)
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_MESH_GROUPS = re.compile(r'replica_groups=mesh\[([^\]]*)\] ?\{([^}]*)\}')
_IOTA_GROUPS = re.compile(r'replica_groups=\[\d+,(\d+)\]<=')
_LISTED_GROUPS = re.compile(r'replica_groups=\{\{([\d,]*)\}')

# Bytes that a chip sends, of a result of 1 byte and groups of n chips, by the
# algorithms that send the least: rings.
_SENT = {
    'all-gather': lambda n: (n - 1) / n,
    'all-reduce': lambda n: 2 * (n - 1) / n,
    'reduce-scatter': lambda n: n - 1,
    'all-to-all': lambda n: (n - 1) / n,
    'ragged-all-to-all': lambda n: (n - 1) / n,
    'collective-permute': lambda n: 1,
    'collective-broadcast': lambda n: 1,
}


class Instruction(NamedTuple):
  """One line of a computation.

  Attributes:
    name: by which others refer to it.
    result: its type, `f32[8,128]{1,0}` or a tuple of such.
    opcode: 'all-gather', 'while', ….
    operands: what stands in its parentheses.
    attributes: what stands behind them.
    is_root: whether it is what the computation returns.
  """

  name: str
  result: str
  opcode: str
  operands: str
  attributes: str
  is_root: bool


# By name; the order is that of the text.
Computation = dict[str, Instruction]


class Collective(NamedTuple):
  """An exchange.

  Attributes:
    kind: 'all-gather', 'all-reduce', ….
    group: how many chips exchange.
    times: how often it runs.
    sent: bytes that a chip sends, all times together.
  """

  kind: str
  group: int
  times: int
  sent: float


def parse(text: str) -> tuple[dict[str, Computation], str]:
  """Reads a program.

  Args:
    text: of the compiled module.

  Returns:
    Its computations by name, and the name of the one that is the entry.

  Raises:
    ValueError: the text has no entry.
  """
  computations, entry, current = {}, None, {}
  for line in text.splitlines():
    if found := _COMPUTATION.match(line):
      current = computations.setdefault(found[2], {})
      entry = found[2] if found[1] else entry
    elif found := _INSTRUCTION.match(line):
      instruction = _instruction(found[2], found[3], bool(found[1]))
      current[instruction.name] = instruction
  if entry is None:
    raise ValueError('The text of the program has no ENTRY.')
  return computations, entry


def collectives(text: str, *, unknown_trips: int = 1) -> list[Collective]:
  """Lists what a program exchanges.

  A loop runs as often as it says, or, where it may end earlier, as its counter
  allows. All branches of a conditional count.

  Args:
    text: of the compiled module.
    unknown_trips: how often loops run whose count depends on data.

  Returns:
    Each exchange once, with the number of times that it runs.
  """
  computations, entry = parse(text)
  return list(_walk(computations, entry, 1, set(), unknown_trips))


def sent_bytes(found: list[Collective]) -> dict[str, float]:
  """Returns the bytes that a chip sends, by kind of exchange."""
  total = {}
  for one in found:
    total[one.kind] = total.get(one.kind, 0.0) + one.sent
  return total


def num_bytes(result: str) -> float:
  """Returns the size of a type, parts of a tuple added up."""
  total = 0.0
  for dtype, sizes in _ARRAY.findall(result):
    size = math.prod(int(n) for n in sizes.split(',') if n)
    total += size * _BYTES.get(dtype, _bits(dtype) / 8)
  return total


def _bits(dtype: str) -> int:
  """Returns 16 for 'bf16', 8 for 'f8e4m3fn'."""
  found = re.search(r'\d+', dtype)
  return int(found[0]) if found else 0


def _instruction(name: str, rest: str, is_root: bool) -> Instruction:
  result, rest = _type(rest)
  opcode, _, rest = rest.partition('(')
  end = _closing(rest)
  return Instruction(
      name, result, opcode.strip(), rest[:end], rest[end + 1 :], is_root
  )


def _type(rest: str) -> tuple[str, str]:
  if rest.startswith('('):
    end = _closing(rest[1:]) + 2
  else:
    end = rest.index(' ')
  return rest[:end], rest[end:]


def _closing(text: str) -> int:
  """Returns where the parenthesis ends that was open before the text."""
  depth = 1
  for i, letter in enumerate(text):
    depth += (letter == '(') - (letter == ')')
    if not depth:
      return i
  return len(text)


def _walk(
    computations: dict[str, Computation],
    name: str,
    times: int,
    seen: set[str],
    unknown_trips: int,
) -> Iterator[Collective]:
  """Yields the exchanges of a computation and of those it calls.

  Args:
    computations: all of them.
    name: of this one.
    times: how often it runs.
    seen: channels that were yielded within the same loop: the TPU's compiler
      spreads one exchange over several fusions.
    unknown_trips: of loops that do not say.
  """
  for one in computations.get(name, {}).values():
    if one.opcode == 'while':
      trips = _num_trips(computations, one)
      trips = unknown_trips if trips is None else trips
      inside = set()
      for part in re.findall(rf'(?:condition|body)={_NAME}', one.attributes):
        yield from _walk(
            computations, part, times * trips, inside, unknown_trips
        )
      continue
    kind = one.opcode.removesuffix('-start')
    if kind in _SENT:
      channel = re.search(r'channel_id=(\d+)', one.attributes)
      channel = channel[1] if channel else one.name
      if channel not in seen:
        seen.add(channel)
        yield _collective(computations, one, kind, times)
    elif not one.opcode.endswith(('-done', '-update')):
      for called in _called(one):
        yield from _walk(computations, called, times, seen, unknown_trips)


def _called(one: Instruction) -> list[str]:
  names = []
  for several, single in _CALLED.findall(one.attributes):
    names += [x.strip(' %') for x in (several or single).split(',')]
  return names


def _collective(
    computations: dict[str, Computation],
    one: Instruction,
    kind: str,
    times: int,
) -> Collective:
  group = _group_size(one.attributes)
  result = one.result
  if one.opcode.endswith('-start') and kind != 'all-reduce':
    result = _parts(result)[1]  # What comes in stands before it.
  sent = num_bytes(result) * _SENT[kind](group) if group != 1 else 0.0
  return Collective(kind, group, times, times * sent)


def _parts(result: str) -> list[str]:
  """Splits the type of a tuple at its outermost commas."""
  parts, depth = [''], 0
  for letter in result[1:-1]:
    depth += (letter in '([{') - (letter in ')]}')
    if letter == ',' and not depth:
      parts.append('')
    else:
      parts[-1] += letter
  return parts


def _group_size(attributes: str) -> int:
  """Returns how many chips exchange; 0 where the text does not say."""
  if found := _MESH_GROUPS.search(attributes):
    sizes = dict(re.findall(r"'([^']+)'=(\d+)", found[1]))
    used = re.findall(r"'([^']+)'(?::\(\d+\)(\d+))?", found[2])
    return math.prod(int(part or sizes[axis]) for axis, part in used)
  if found := _IOTA_GROUPS.search(attributes):
    return int(found[1])
  if found := _LISTED_GROUPS.search(attributes):
    return found[1].count(',') + 1
  return 2 if 'source_target_pairs=' in attributes else 1


def _num_trips(
    computations: dict[str, Computation], loop: Instruction
) -> int | None:
  """Returns how often a loop runs at most; None if that is not written."""
  if known := _TRIPS.search(loop.attributes):
    return int(known[1])
  name = re.search(rf'condition={_NAME}', loop.attributes)[1]
  limits = list(_limits(computations, computations[name], []))
  return min(limits) if limits else None


def _limits(
    computations: dict[str, Computation],
    computation: Computation,
    arguments: list[int | None],
) -> Iterator[int]:
  """Yields the constants below which a counter has to be.

  Args:
    computations: all of them.
    computation: a condition, or what it calls.
    arguments: the values of its parameters, where they are constant.
  """
  values = {}
  for one in computation.values():
    operands = re.findall(r'%([\w.\-]+)', one.operands)
    if one.opcode == 'constant' and re.fullmatch(r'-?\d+', one.operands):
      values[one.name] = int(one.operands)
    elif one.opcode == 'parameter':
      values[one.name] = dict(enumerate(arguments)).get(int(one.operands))
    elif one.opcode in ('copy', 'bitcast') and operands:
      values[one.name] = values.get(operands[0])
    elif one.opcode == 'compare' and 'direction=L' in one.attributes:
      limit = values.get(operands[1])
      if limit:
        yield limit + ('direction=LE' in one.attributes)
    for called in _called(one):
      given = [values.get(x) for x in operands]
      yield from _limits(computations, computations[called], given)
