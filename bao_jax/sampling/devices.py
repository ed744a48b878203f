"""Whose turn it is on the devices: the policy's, or that of its users.

Programs that span several devices have to begin in the same order on each of
them, or two of them wait for each other for ever. So the threads that start any
take turns.
"""

import threading

TURN = threading.Lock()
