"""After power-on: whether someone stands beside the device with a cable and a bundle. Small, because a node's whole life follows."""

import select
import sys

_WAIT_MS = 3000  # an RP2040's port is there about a second after its power


def heard():
    """True when the console said "kerb update"."""
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    print("kerb cable")
    words = b""
    while poll.poll(_WAIT_MS):
        byte = sys.stdin.buffer.read(1)
        if not byte:
            return False
        words = (words + byte)[-11:]
        if words == b"kerb update":
            return True
    return False
