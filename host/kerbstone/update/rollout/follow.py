"""What devices say, applied to what is known of them."""

from __future__ import annotations

from kerbstone.codec import decode_any, load_profile
from kerbstone.codec.batch import split
from kerbstone.codec.decode import Decoded
from kerbstone.errors import CodecError
from kerbstone.update.rollout.model import (
    CONFIRMED,
    FAILED,
    NUMBERS,
    OFFERED,
    PROBATION,
    RECEIVING,
    REFUSED,
    REVERTED,
    TRIAL,
    WAITING,
    Device,
)

_RANK = {WAITING: 0, OFFERED: 1, RECEIVING: 2, TRIAL: 3, PROBATION: 4, CONFIRMED: 5, REFUSED: 6, REVERTED: 6}


def messages(payload: bytes) -> list[Decoded]:
    """The reports of updates and of health in a frame; other messages are none of ours."""
    found = []
    profiles = [load_profile("update"), load_profile("health")]
    try:
        for message in split(payload):
            found.append(decode_any(profiles, message))
    except CodecError:
        pass
    return found


class Follower:
    """Knows one update: `bundle`, what devices call it, its sequence number, and how many fragments it is cut into."""

    def __init__(self, bundle: int, sequence: int, count: int):
        self._bundle = bundle
        self._number = sequence % NUMBERS
        self._count = count

    def hear(self, device: Device, payload: bytes, at_s: int) -> bool:
        """Takes a frame of a device; True when its state, its fragments or its health changed."""
        if device.state == WAITING:
            return False
        device.heard_s = max(device.heard_s, at_s)
        changed = False
        for message in messages(payload):
            if message.profile == "health":
                self._health(device, message)
                changed = True
            elif self._ours(message):
                changed |= self._report(device, message)
        return changed

    def _ours(self, message: Decoded) -> bool:
        values = message.values
        if values["update_number"] is not None:
            return values["update_number"] == self._number
        return values.get("bundle") == self._bundle

    def _health(self, device: Device, message: Decoded) -> None:
        if _RANK[device.state] < _RANK[TRIAL]:
            device.before = dict(message.values)
        else:
            device.after = dict(message.values)

    def _report(self, device: Device, message: Decoded) -> bool:
        values = message.values
        state = str(values["update_state"])
        state = CONFIRMED if state == "keys" else state
        if state == RECEIVING:
            return self._fragments(device, int(values["fragments"] or 0), int(values["fragments_wanted"] or 0))  # type: ignore[arg-type]
        # A report that comes late, or again, takes nothing back; a device that runs the update refuses it when it comes again.
        if device.state in FAILED or _RANK[state] <= _RANK[device.state] or (state == REFUSED and _RANK[device.state] >= _RANK[TRIAL]):
            return False
        reason = str(values["update_reason"])
        device.state, device.reason = state, "" if reason == "none" else reason
        return True

    def _fragments(self, device: Device, had: int, wanted: int) -> bool:
        if wanted != self._count or _RANK[device.state] > _RANK[RECEIVING]:
            return False
        device.state = RECEIVING
        device.fragments = had
        return True
