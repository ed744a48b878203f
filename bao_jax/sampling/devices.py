"""Whose turn it is on the devices: the policy's, its users', or the update's.

Programs that span several devices have to begin in the same order on each of
them, or two of them wait for each other for ever. So the threads that start any
take turns.
"""

import threading

TURN = threading.Lock()


class Revoked(Exception):
  """There are no more turns."""


class Turns:
  """Turns of work in the background, which can be ended for good.

  Used like `TURN`, which it takes.
  """

  def __init__(self):
    self._is_over = False

  def __enter__(self) -> None:
    TURN.acquire()
    if self._is_over:
      TURN.release()
      raise Revoked()

  def __exit__(self, *unused) -> None:
    TURN.release()

  def revoke(self) -> None:
    """Waits for the turn under way; whoever asks for another is refused."""
    with TURN:
      self._is_over = True
