"""Light for those who are there: raised at a motion, held, and lowered when nobody has come by."""

from struct import pack_into, unpack_from

from micropython import const

_STALE_S = const(60)  # a detector that has said nothing for so long is broken
_NEVER = const(0xFFFFFFFF)
_STATE = "<II"


class Presence:
    """`raised(mono)`: somebody is there, or nobody can tell, which is treated alike. Packs into STATE_BYTES."""

    STATE_BYTES = 8

    def __init__(self, hold_s):
        self._hold = hold_s
        self._moved = self._heard = _NEVER  # mono of the last motion and of the last word of the detector

    def update(self, sample, mono):
        """Takes `motion` of a sample: True, False or None (the detector does not know)."""
        motion = sample.get("motion")
        if motion is None:
            return
        self._heard = mono
        if motion:
            self._moved = mono

    def raised(self, mono):
        return not _within(mono, self._heard, _STALE_S) or _within(mono, self._moved, self._hold)

    def pack_into(self, buf, at):
        pack_into(_STATE, buf, at, self._moved, self._heard)

    def unpack_from(self, buf, at):
        self._moved, self._heard = unpack_from(_STATE, buf, at)


def _within(mono, then, span):
    return then != _NEVER and 0 <= mono - then < span
