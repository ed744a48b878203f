"""What the C library does with freed memory."""

import ctypes

# Of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def keep_freed() -> bool:
  """Keeps freed memory in this process, for the whole process.

  XLA's CPU client asks for the scratch memory of a program each time it runs.
  glibc gets large pieces from the system and gives them back at once, so that
  every page is cleared and mapped again: a fifth of an update of a small model.
  Affects every library of the process, and the process stays at its peak.

  Returns:
    Whether it could; other C libraries are left as they are.
  """
  mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
  if mallopt is None:
    return False
  # One arena: the others cannot grow beyond 64 MiB and shrink again.
  settings = (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_ARENA_MAX, 1)
  return all([mallopt(*setting) for setting in settings])
