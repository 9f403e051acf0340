"""Which fragment a device gets next."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kerbstone.update import bundle
from kerbstone.update.fragments import CODED
from kerbstone.update.rollout.model import OFFERED, RECEIVING, Device

_QUARTERS = 4  # the device reports as often


@dataclass
class _Lane:
    limit: int  # fragments that may have been sent by now
    had: int  # what the device had when that was set
    since_s: int  # the last fragment went, or the lane began
    losses: int = 0  # times in a row that all went and no report came


class Courier:
    """Cuts a bundle, and lets each device have no more of it on the way than it takes to its next report.

    `size`: bytes of a fragment with its head. `patience_s`: all that may be ahead has gone, and for so long no report has come: it is taken
    for lost. Fragments that come in order are sent again from the last one reported, of the others come coded ones that replace any.

    A device may have more than it is known to: a report reached a run that was killed before it wrote it down. It says nothing twice of
    fragments it has, so at every second loss in a row others come, from ever farther behind.
    """

    def __init__(self, data: bytes, size: int, patience_s: int):
        plain = bundle.fragments(data, size)
        self.count = len(plain)
        self.in_order = self.count > CODED
        self._pieces = plain if self.in_order else bundle.fragments(data, size, coded=CODED)
        self._patience_s = patience_s
        self._lanes: dict[str, _Lane] = {}
        self.sha256 = hashlib.sha256(data).hexdigest()

    def next(self, device: Device, now_s: int) -> bytes | None:
        """The fragment to be sent now, counted as sent; None: none."""
        if device.state not in (OFFERED, RECEIVING):
            return None
        lane = self._lanes.get(device.name)
        if lane is None or device.fragments != lane.had or now_s - lane.since_s > self._patience_s:
            lane = self._lanes[device.name] = self._lane(device, now_s, lane)
        if device.sent >= lane.limit:
            return None
        piece = self._pieces[device.sent % len(self._pieces)]
        device.sent += 1
        lane.since_s = now_s
        return piece

    def _lane(self, device: Device, now_s: int, old: _Lane | None) -> _Lane:
        ahead = -(-self.count // _QUARTERS) + 1
        lost = old is not None and device.fragments == old.had and device.sent >= old.limit
        if self.in_order:
            losses = old.losses + 1 if old and lost else 0
            if losses:
                behind = -(-(self.count - device.fragments) // ahead) - 1
                device.sent = device.fragments + (0 if losses % 2 or behind < 1 else ((losses // 2 - 1) % behind + 1) * ahead)
            start = device.sent if losses else device.fragments
            return _Lane(min(start + ahead, self.count), device.fragments, now_s, losses)
        # Each one that arrives counts, so what has gone is not sent again while there are others.
        limit = old.limit if old else max(self.count, device.sent)
        return _Lane(device.sent + ahead if lost else limit, device.fragments, now_s)
