"""Turns a stored live message into one that says when it was sampled and whether it may have been sent before."""

from struct import pack

from kerb.clock import TRUST_GOOD, TRUST_NONE, TRUST_UNSURE

STAMP_BYTES = 5
_EXTENDED = 15


def stamped(frame, trust, utc, repeat, seq):
    """The frame with its trust bits set and, unless nothing is known and nothing repeated, a stamp behind it.

    A repeat whose time was never known carries stamp 0: its time is unsure, but it does say that it is a repeat.
    """
    if utc is None:
        if not repeat:
            return _trust(frame, TRUST_NONE)
        utc, trust = 0, TRUST_UNSURE
    elif trust not in (TRUST_GOOD, TRUST_UNSURE):
        trust = TRUST_UNSURE
    return _trust(frame, trust) + pack(">IB", utc & 0xFFFFFFFF, (128 if repeat else 0) | seq & 127)


def _trust(frame, trust):
    out = bytearray(frame)
    at = 2 if out[0] >> 4 == _EXTENDED else 1
    out[at] = out[at] & 0xCF | trust << 4
    return bytes(out)
