"""What the bench network server knows of a device."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from kerbstone.emulator.air.ns_adr import MARGIN_DB
from kerbstone.emulator.air.ns_frames import DataUp

_HISTORY = 20  # uplinks that rate adaptation looks at


@dataclass
class Queued:
    """A downlink that waits for the next uplink."""

    port: int
    data: bytes
    confirmed: bool
    tries: int = 0


@dataclass
class Session:
    """Between two joins. Frame counters have 32 bits; -1: none yet."""

    dev_addr: int
    nwk_s_key: bytes = field(repr=False)
    app_s_key: bytes = field(repr=False)
    status_asked_us: int = 0  # UTC of the last DevStatusReq, at first of the join
    fcnt_up: int = -1
    fcnt_down: int = 0  # of the next downlink
    dr: int = 0
    power: int = 0  # TXPower index as far as we know
    snr_db: deque[float] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    asked: tuple[int, int] | None = None  # DR and TXPower of a LinkADRReq that is not answered yet
    adr_rest: int = 0  # uplinks to wait after a refusal
    unacknowledged: Queued | None = None
    gateway: bytes = b""  # that heard the latest uplink best
    gateways: int = 0  # that heard it

    def fcnt(self, frame: DataUp) -> int | None:
        """All 32 bits of the counter of a genuine frame that is new, or of the last one again; None: forged or replayed."""
        if self.fcnt_up >= 0 and frame.fcnt16 == self.fcnt_up & 0xFFFF and frame.genuine(self.nwk_s_key, self.fcnt_up):
            return self.fcnt_up
        base = max(self.fcnt_up, 0)
        full = base & ~0xFFFF | frame.fcnt16
        if full <= self.fcnt_up:
            full += 0x10000
        return full if frame.genuine(self.nwk_s_key, full) else None


@dataclass
class Device:
    """`session` is the one in use, `offered` the one of a join accept that the device has not used yet."""

    name: str
    dev_eui: str
    join_eui: str
    dev_addr: int
    app_key: bytes = field(repr=False)
    adr_margin_db: float = MARGIN_DB
    always_on: bool = False  # class C: it listens whenever it does not send
    last_dev_nonce: int = -1
    join_nonce: int = 0
    session: Session | None = None
    offered: Session | None = None
    queue: deque[Queued] = field(default_factory=deque)
    battery: int | None = None  # DevStatusAns: 0 external, 1..254, 255 unknown
    margin_db: int | None = None  # DevStatusAns: SNR of the request at the device
    clock_step_us: int = 0  # by which the time it is given is wrong, on purpose
    counts: Counter[str] = field(default_factory=Counter)  # joins, refused frames by reason, commands by their names in TS001

    def match(self, frame: DataUp) -> tuple[Session, int] | None:
        """The session a data frame belongs to, and its counter. A genuine frame of an offered session puts that one into use."""
        for session in (self.offered, self.session):
            fcnt = session.fcnt(frame) if session else None
            if session and fcnt is not None:
                if session is self.offered:
                    self.session, self.offered = session, None
                return session, fcnt
        return None

    def summary(self) -> dict[str, Any]:
        """What a network operator sees of the device, for reports."""
        session = self.session
        return {
            "dr": session.dr if session else None, "power_index": session.power if session else None,
            "snr_db": round(max(session.snr_db), 1) if session and session.snr_db else None,
            "gateways": session.gateways if session else 0, "battery": self.battery, "margin_db": self.margin_db,
            "queued": len(self.queue), "counts": dict(sorted(self.counts.items())),
        }  # fmt: skip
