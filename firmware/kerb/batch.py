"""Several messages in one frame: a zero byte, which no message begins with, then each with its length before it.

`kerbstone.codec.batch` and the generated decoders take it apart (docs/contracts.md).
"""

from micropython import const

HEAD_BYTES = const(1)
EACH_BYTES = const(1)
LONGEST = const(255)  # of one message


def join(frames):
    """One frame of several; each of 1 to LONGEST bytes."""
    return b"\0" + b"".join([bytes([len(frame)]) + frame for frame in frames])
