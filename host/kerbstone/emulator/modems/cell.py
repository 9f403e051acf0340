"""The cell one modem camps on, and what its network grants, refuses and knows.

What a coverage class costs in time is of the order 3GPP TR 45.820 gives for a report (1.6 s at 144 dB, 10 s at 164 dB) and is
unconfirmed cell by cell; a network's own timers are its operator's choice, those here are common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.modems import grants


@dataclass(frozen=True)
class CoverageClass:
    """One class of coverage: levels as the modem measures them, and what an exchange takes with its repetitions."""

    rsrp_dbm: int
    rsrq_db: int
    sinr_db: int
    setup_us: int  # idle to connected: random access and RRC connection
    up_us: int  # a datagram, whatever its size
    up_byte_us: int
    down_us: int
    attach_factor: float  # of the time a good cell needs
    sends: float  # share of an uplink in which the transmitter is on


CLASSES = (
    CoverageClass(-92, -8, 10, 350_000, 150_000, 1_500, 120_000, 1.0, 0.5),
    CoverageClass(-117, -11, 0, 1_300_000, 800_000, 8_000, 600_000, 2.0, 0.6),
    CoverageClass(-127, -16, -8, 4_500_000, 3_500_000, 30_000, 2_400_000, 4.5, 0.7),
)

# EMM causes (TS 24.301, annex A): the +CEREG stat a modem shows, and the seconds after which it may try again (None: not before CFUN or
# power). T3402 is 12 min unless the network says otherwise; congestion (22) comes with T3346, here 15 min.
CAUSES: dict[int, tuple[int, int | None]] = {
    3: (3, None), 6: (3, None), 7: (3, None), 8: (3, None), 11: (3, 720), 12: (3, 720), 13: (3, 720), 15: (2, 720), 17: (2, 720),
    19: (2, 720), 22: (2, 900), 33: (2, 720),
}  # fmt: skip


@dataclass
class Cell:
    """Options of a node file's `[world.parts.modem]` are its fields up to `apn`."""

    kernel: Kernel
    start_utc: int
    coverage: int = 0  # class 0, 1, 2; -1: none
    first_attach_s: float = 6.0  # modem never was on this network: band scan and attach; measured 5.5-5.8 s on LTE-M (device-os 2589)
    warm_attach_s: float = 1.2  # cell known, from off or power saving mode (the same measurement)
    inactivity_s: float = 20.0  # from the last packet to the release of the connection; 21 s seen (Quectel TCP/IP note)
    latency_ms: int = 60  # round trip behind the base station
    loss: float = 0.0  # probability that a datagram is lost, each way
    psm: bool = True
    active_s: int = -1  # T3324 granted in place of the one asked for; -1: as asked
    tau_s: int = -1  # T3412 granted in place of the one asked for; -1: as asked, or 54 min without PSM
    edrx: bool = True
    nitz: bool = True
    tz_quarters: int = 4
    roaming: bool = False
    plmn: str = "26201"
    operator: str = "Kerb"
    tac: int = 0x5AE1
    cell_id: int = 0x0B28A812
    band: int = 20
    earfcn: int = 6352
    pci: int = 457
    apn: str = ""  # the only one let through; empty: any
    cause: int = 0  # EMM cause with which an attach is rejected
    clock_step_us: int = 0
    changed: list[Callable[[], None]] = field(default_factory=list)  # coverage or identity is no longer what it was

    @classmethod
    def of(cls, kernel: Kernel, options: dict[str, Any]) -> Cell:
        """A cell from options; those it does not know belong to the modem."""
        cell = cls(kernel, int(options.get("start_utc", 0)))
        for key in OPTIONS.keys() & options.keys():
            setattr(cell, key, OPTIONS[key](options[key]))
        return cell

    @property
    def utc_us(self) -> int:
        """What the network takes for the time."""
        return self.start_utc * 1_000_000 + self.kernel.now + self.clock_step_us

    @property
    def level(self) -> CoverageClass | None:
        return CLASSES[self.coverage] if self.coverage >= 0 else None

    def set(self, **values: Any) -> None:
        """Changes fields and tells the modem, which may notice at once, later, or after its sleep."""
        for key, value in values.items():
            setattr(self, key, value)
        for tell in list(self.changed):
            tell()

    def grant(self, t3412: str, t3324: str) -> tuple[str, str]:
        """(T3412, T3324) the network grants to one that asks for power saving."""
        active = grants.t3324_s(t3324)
        if not self.psm or active is None:
            return grants.t3412_bits(3240), grants.OFF
        return (
            grants.t3412_bits(self.tau_s) if self.tau_s >= 0 else t3412,
            grants.t3324_bits(self.active_s) if self.active_s >= 0 else t3324,
        )


# What `[world.parts.modem]` may say of the cell: name and kind.
OPTIONS: dict[str, type] = {
    f.name: type(f.default) for f in fields(Cell) if f.name not in ("kernel", "start_utc", "changed", "clock_step_us")
}  # fmt: skip
_RANGES = {"coverage": (-1, 2), "loss": (0, 1), "cause": (0, 111), "tz_quarters": (-48, 56), "latency_ms": (0, 60_000)}


def mistake(name: str, value: object) -> str:
    """Why an option cannot be that, in a clause; empty when it can."""
    kind = OPTIONS[name]
    right = isinstance(value, int | float) and not isinstance(value, bool) if kind in (int, float) else isinstance(value, kind)
    if not right or (kind is int and not isinstance(value, int)):
        return f"{name} should be {_KINDS[kind]}"
    low, high = _RANGES.get(name, (-1, 1 << 31))
    if isinstance(value, int | float) and not low <= value <= high:
        return f"{name} should be {low} to {high}"
    return ""


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text in quotes"}
