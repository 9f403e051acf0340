"""The channel: keeps what is on the air and judges what a receiver gets of it.

A receiver hears a transmission above the noise, and keeps it while nothing on the same frequency covers it (`interference`). The
opposite chirp direction and other bandwidths are orthogonal. Everything runs on one kernel.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kerbstone.emulator.air import lora
from kerbstone.emulator.air.interference import covered
from kerbstone.emulator.air.pathloss import PathLoss
from kerbstone.emulator.kernel import Kernel

_KEEP_US = 10_000_000  # longer than any frame: what ended earlier can no longer disturb one that is still on the air
_RSSI_LIMIT_DBM = -127.0  # lowest figure a LoRa packet engine reports before the SNR is added (data sheet 13.5.3)


@dataclass(frozen=True)
class Transmission:
    """One LoRa frame on the air, explicit header. `power_dbm` is radiated (EIRP); `sync_word` one byte (0x34 public)."""

    start_us: int
    end_us: int
    freq_hz: int
    sf: int
    bw_hz: int
    cr: int
    sync_word: int
    iq_inverted: bool
    crc: bool
    power_dbm: float
    payload: bytes
    sender: str
    preamble: int = 8
    ldro: bool = False

    @property
    def preamble_end_us(self) -> int:
        return self.start_us + lora.preamble_us(self.sf, self.bw_hz, self.preamble)

    @property
    def header_end_us(self) -> int:
        return self.start_us + lora.header_us(self.sf, self.bw_hz, self.preamble)


@dataclass(frozen=True)
class Reception:
    """How well a receiver gets a transmission, interference aside."""

    rssi_dbm: float  # of the signal
    snr_db: float

    def audible(self, sf: int) -> bool:
        return self.snr_db >= lora.SNR_LIMIT_DB[sf]

    @property
    def packet_rssi_dbm(self) -> float:
        """RSSI as a packet engine reports it: signal and noise together, so that a weak frame reads as the noise."""
        return max(self.rssi_dbm - min(self.snr_db, 0.0), _RSSI_LIMIT_DBM)


class Listener(Protocol):
    """Something with an antenna."""

    def on_air(self, tx: Transmission) -> None:
        """A transmission starts now."""


def _no_body(_sender: str, _t_us: int) -> float:
    return 0.0


@dataclass
class Channel:
    """The shared air of a cell.

    `extra_loss_db(sender, t_us)` is what stands on top of a sender's antenna (a car on a parking sensor); it counts on both ways.
    """

    kernel: Kernel
    loss: PathLoss = field(default_factory=PathLoss)
    extra_loss_db: Callable[[str, int], float] = _no_body
    positions_m: dict[str, tuple[float, float]] = field(default_factory=dict)
    lost: Callable[[Transmission, str], bool] | None = None  # a fault that takes this frame from this receiver
    _links_db: dict[tuple[str, str], float] = field(default_factory=dict)
    _listeners: list[Listener] = field(default_factory=list)
    _recent: list[Transmission] = field(default_factory=list)
    _cut: list[Transmission] = field(default_factory=list)

    def place(self, name: str, x_m: float, y_m: float) -> None:
        """Puts the antenna of `name` on the map (metres)."""
        self.positions_m[name] = (x_m, y_m)

    def place_around(self, name: str, distance_m: float) -> None:
        """Puts an antenna that has no place yet at this distance from the origin, in a direction drawn from its name."""
        bearing = math.tau * zlib.crc32(name.encode()) / 2**32
        self.positions_m.setdefault(name, (distance_m * math.cos(bearing), distance_m * math.sin(bearing)))

    def link(self, a: str, b: str, loss_db: float) -> None:
        """Fixes the loss between two antennas, both ways, whatever their positions."""
        self._links_db[a, b] = self._links_db[b, a] = loss_db

    def subscribe(self, listener: Listener) -> None:
        """`listener.on_air` is called at the start of every transmission, its own included."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def loss_db(self, sender: str, receiver: str, t_us: int) -> float:
        """Loss from antenna to antenna. A name that was never placed stands at the origin."""
        origin = (0.0, 0.0)
        fixed = self._links_db.get((sender, receiver))
        if fixed is None:
            a, b = self.positions_m.get(sender, origin), self.positions_m.get(receiver, origin)
            fixed = self._links_db[sender, receiver] = self.loss.between(sender, a, receiver, b)
        return fixed + self.extra_loss_db(sender, t_us) + self.extra_loss_db(receiver, t_us)

    def transmit(self, tx: Transmission) -> None:
        """Puts a frame on the air; its `start_us` must be now."""
        horizon = tx.start_us - _KEEP_US
        self._recent = [t for t in self._recent if t.end_us > horizon]
        self._cut = [t for t in self._cut if t.end_us > horizon]
        self._recent.append(tx)
        self.kernel.log.write(
            tx.sender, "on_air", freq_hz=tx.freq_hz, sf=tx.sf, bw_hz=tx.bw_hz, us=tx.end_us - tx.start_us, size=len(tx.payload),
            down=tx.iq_inverted, power_dbm=tx.power_dbm,
        )
        for listener in list(self._listeners):
            listener.on_air(tx)

    def cut(self, tx: Transmission) -> None:
        """The sender stopped before the end (reset, supply lost, timeout): nobody gets the frame."""
        self._cut.append(tx)
        self.kernel.log.write(tx.sender, "cut_short", left_us=tx.end_us - self.kernel.now)

    def on_air_now(self) -> list[Transmission]:
        """Frames whose end is still to come, oldest first."""
        return [t for t in self._recent if t.end_us > self.kernel.now]

    def reception(self, tx: Transmission, receiver: str, noise_figure_db: float, antenna_db: float = 0.0) -> Reception:
        """Level of `tx` at the receiver; `antenna_db` is the gain of its antenna, negative for a loss."""
        rssi = tx.power_dbm - self.loss_db(tx.sender, receiver, tx.start_us) + antenna_db
        return Reception(rssi, rssi - lora.noise_dbm(tx.bw_hz, noise_figure_db))

    def disturbed(self, tx: Transmission, receiver: str, from_us: int, to_us: int) -> bool:
        """True when `tx` was cut, or what else is on its frequency covered it at some time in the span."""
        if any(t is tx for t in self._cut) or (self.lost and self.lost(tx, receiver)):
            return True
        others = [
            (max(other.start_us, from_us), other.end_us, other.sf, self._level_dbm(other, receiver))
            for other in self._recent
            if other is not tx and other.sender != receiver and other.start_us < to_us and other.end_us > from_us and _near(tx, other)
        ]
        return bool(others) and covered(tx.sf, self._level_dbm(tx, receiver), others)

    def _level_dbm(self, tx: Transmission, receiver: str) -> float:
        return tx.power_dbm - self.loss_db(tx.sender, receiver, tx.start_us)


def _near(a: Transmission, b: Transmission) -> bool:
    return a.bw_hz == b.bw_hz and a.iq_inverted == b.iq_inverted and abs(a.freq_hz - b.freq_hz) < (a.bw_hz + b.bw_hz) // 2
