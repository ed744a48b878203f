"""Tests for bao_jax.memory."""

import subprocess
import sys
import textwrap

from absl.testing import absltest

# Counts the pages that a thread's second use of as much memory maps.
PROGRAM = textwrap.dedent("""
    import ctypes, resource, threading
    from bao_jax import memory
    if {keep}:
      assert memory.keep_freed()
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    def use():
      global faults
      before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
      piece = ctypes.c_void_p(libc.malloc(40 << 20))
      libc.memset(piece, 1, 40 << 20)
      libc.free(piece)
      faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    for _ in range(2):
      thread = threading.Thread(target=use)
      thread.start()
      thread.join()
    print(faults)
""")


def mapped_pages(*, keep: bool) -> int:
  program = [sys.executable, '-c', PROGRAM.format(keep=keep)]
  return int(subprocess.check_output(program, timeout=60))


class KeepFreedTest(absltest.TestCase):

  @absltest.skipUnless(sys.platform == 'linux', 'glibc only.')
  def test_memory_is_mapped_once(self):
    self.assertGreater(mapped_pages(keep=False), 1000)
    self.assertLess(mapped_pages(keep=True), 100)


if __name__ == '__main__':
  absltest.main()
