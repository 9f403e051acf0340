"""What a node says of itself beside its readings: answers, health, crashes, its security log. protocols/profiles has their layouts.

They are packed here by their bit widths: tables in node.json would cost every wake a kilobyte.
"""

ANSWER, HEALTH, CRASH, LOG, UPDATE = 11, 12, 10, 9, 13  # numbers of the profiles
ANSWER_BITS = (5, 5, 16, 16, 16)
HEALTH_BITS = (2, 16, 16, 16, 8, 5, 13, 20, 10, 13, 16, 16, 6, 12, 16, 16, 16, 22, 8, 6, 7, 8, 7)
HEALTH_REVISION = 1
CRASH_BITS = (6, 8, 16, 13, 16, 13, 16, 13, 16, 13)
LOG_WORDS = 18  # of 16 bits a message: with its stamp it fits the slowest rate of EU868
LOG_BITS = (5, 5) + LOG_WORDS * (17,)
RESULTS = (  # of the channel `result`
    "done", "trial", "confirmed", "reverted", "ends", "no_command", "no_key", "bad_value", "old_version", "not_here", "failed", "busy",
)  # fmt: skip
_STATUS_BITS = 4  # quality good, time live


def frame(number, widths, values, revision=0):
    """A message. A value of None is missing (all ones); one that is too large is the largest its channel has."""
    out = 0
    bits = _STATUS_BITS
    for width, value in zip(widths, values):
        top = (1 << width) - 1
        out = out << width | (top if value is None else min(value, top - 1))
        bits += width
    size = (bits + 7) // 8
    return bytes((number << 4 | revision,)) + (out << (8 * size - bits)).to_bytes(size, "big")
