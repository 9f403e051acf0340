"""A gateway: hears the uplinks of its cell with eight demodulators, and sends what its backhaul is asked for, just in time.

Limits and order of the just-in-time queue: Lora-net/packet_forwarder jitqueue.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kerbstone.emulator.air import lora
from kerbstone.emulator.air.channel import Channel, Reception, Transmission
from kerbstone.emulator.air.ns_core import UplinkMeta
from kerbstone.emulator.air.observer import Observer
from kerbstone.emulator.air.plan import EU868, Plan
from kerbstone.emulator.kernel import Kernel

DEMODULATORS = 8
FIRST_EUI = 0x02000000000000A1
_NOISE_FIGURE_DB = 3.0  # a gateway with LNA: -140 dBm at SF12
_LOCK_SYMBOLS = 5
_SYNC_WORD = 0x34
_LEAD_US = 32_500  # TX_START_DELAY + TX_MARGIN_DELAY + TX_JIT_DELAY: a packet must be there this long before it leaves
_ADVANCE_US = 512_000_000  # TX_MAX_ADVANCE_DELAY
_KEEP_US = 10_000_000  # longer than any frame: what ended earlier overlaps no frame that ends now


@dataclass(frozen=True)
class Heard:
    """An uplink as a gateway got it; `count_us`: the concentrator's counter at its end, not wrapped."""

    tx: Transmission
    channel: int
    got: Reception
    count_us: int


@dataclass(frozen=True)
class Downlink:
    """What a network server wants sent. `count_us`: when, by the concentrator's counter; None: as soon as nothing else is in the way.

    Raises ValueError for what no LoRa radio sends.
    """

    phy: bytes
    freq_hz: int
    sf: int
    bw_hz: int
    power_dbm: float
    count_us: int | None
    inverted: bool = True
    crc: bool = False

    def __post_init__(self) -> None:
        if self.sf not in lora.SNR_LIMIT_DB or self.bw_hz not in lora.BANDWIDTHS_HZ or not 0 < len(self.phy) <= 255:
            raise ValueError(f"no LoRa downlink: SF{self.sf}, {self.bw_hz} Hz, {len(self.phy)} bytes")


class Backhaul(Protocol):
    """The way from a gateway to its network server and back."""

    def start(self, gateway: Gateway) -> None:
        """Connects and announces the gateway."""

    def forward(self, heard: Heard) -> None:
        """Hands an uplink on and takes the downlinks that come before the clock may move."""

    def poll(self) -> None:
        """Takes downlinks that the server has ready."""

    def left(self, down: Downlink, start_us: int) -> None:
        """A downlink is on the air."""

    def close(self) -> None: ...


class Gateway:
    """`latency_us`: time a message takes to the server and again back. `first_count_us`: the concentrator's counter at virtual time 0.
    `poll_after_us`: an uplink is followed by a look for downlinks so much later, for a server that collects the copies of a frame."""

    def __init__(
        self, kernel: Kernel, channel: Channel, backhaul: Backhaul, start_utc: int = 0, name: str = "gateway",
        eui: bytes = FIRST_EUI.to_bytes(8, "big"), latency_us: int = 30_000, first_count_us: int = 0,
        plan: Plan = EU868, observer: Observer | None = None, poll_after_us: int | None = None,
    ):  # fmt: skip
        self.name, self.eui, self.plan, self.kernel, self.start_utc = name, eui, plan, kernel, start_utc
        self.channels = list(zip(plan.channels_hz, plan.widths_hz, strict=True))  # Hz and width of what it hears
        self._channel, self._backhaul, self._observer = channel, backhaul, observer
        self._latency_us, self._first_count_us, self.poll_after_us = latency_us, first_count_us, poll_after_us
        self._busy_demodulators = 0
        self.away = False  # without supply or backhaul
        self._down: list[tuple[int, int]] = []  # start and end of own transmissions, waiting ones too
        channel.subscribe(self)

    def start(self) -> None:
        """Announces itself to the server."""
        self._backhaul.start(self)

    def close(self) -> None:
        self._backhaul.close()

    def poll(self) -> None:
        """Takes the downlinks that the server has ready, if it can be reached."""
        if not self.away:
            self._backhaul.poll()

    def count_us(self, t_us: int) -> int:
        """The concentrator's microsecond counter at a virtual time."""
        return self._first_count_us + t_us

    def tune(self, channels: Sequence[tuple[int, int]]) -> None:
        """Listens to these from now on: (Hz, width)."""
        self.channels = list(channels)

    # -- uplink ------------------------------------------------------------------------------------------------------------

    def on_air(self, tx: Transmission) -> None:
        """Takes a demodulator when the preamble of an uplink stands out of the noise."""
        if tx.sender == self.name or tx.iq_inverted or tx.sync_word != _SYNC_WORD:
            return
        channel = next(
            (i for i, (hz, width) in enumerate(self.channels) if width == tx.bw_hz and abs(hz - tx.freq_hz) <= tx.bw_hz // 4), None
        )
        if channel is None:
            return
        got = self._channel.reception(tx, self.name, _NOISE_FIGURE_DB)
        if got.audible(tx.sf):
            self.kernel.at(tx.start_us + lora.symbols_us(_LOCK_SYMBOLS, tx.sf, tx.bw_hz), self._lock, tx, channel, got)

    def _lock(self, tx: Transmission, channel: int, got: Reception) -> None:
        if self._busy_demodulators >= DEMODULATORS:
            self._missed(tx, "all demodulators busy")
            return
        self._busy_demodulators += 1
        self.kernel.at(tx.end_us, self._received, tx, channel, got, self.kernel.now)

    def _received(self, tx: Transmission, channel: int, got: Reception, since: int) -> None:
        self._busy_demodulators -= 1
        self._down = [d for d in self._down if d[1] > self.kernel.now - _KEEP_US]
        if self.away:
            self._missed(tx, "away")
        elif any(start < tx.end_us and end > tx.start_us for start, end in self._down):
            self._missed(tx, "transmitting itself")
        elif self._channel.disturbed(tx, self.name, since, tx.end_us):
            self._missed(tx, "collision")
        else:
            self.kernel.log.write(
                self.name, "uplink", sender=tx.sender, size=len(tx.payload), sf=tx.sf, rssi_dbm=round(got.rssi_dbm, 1),
                snr_db=round(got.snr_db, 1),
            )  # fmt: skip
            count_us = self.count_us(tx.end_us)
            self.kernel.after(self._latency_us, self._backhaul.forward, Heard(tx, channel, got, count_us))
            if self.poll_after_us is not None:
                self.kernel.after(self._latency_us + self.poll_after_us, self.poll)
            if self._observer:
                dr = self.plan.data_rate_index(tx.sf, tx.bw_hz) or 0
                meta = UplinkMeta(t_us=tx.end_us, tmst=count_us, freq_hz=tx.freq_hz, dr=dr, rssi_dbm=got.rssi_dbm, snr_db=got.snr_db)
                self._observer.up(tx.payload, meta)

    def _missed(self, tx: Transmission, why: str) -> None:
        self.kernel.log.write(self.name, "uplink_missed", sender=tx.sender, end_us=tx.end_us, why=why)

    # -- downlink ----------------------------------------------------------------------------------------------------------

    def schedule(self, down: Downlink) -> str:
        """Puts a downlink into the queue; returns the error in the words of Semtech UDP, "NONE" when it will leave."""
        error = self._schedule(down)
        self.kernel.log.write(self.name, "downlink", error=error)
        return error

    def _schedule(self, down: Downlink) -> str:
        now = self.kernel.now
        earliest = now + self._latency_us + _LEAD_US
        us = lora.airtime_us(len(down.phy), down.sf, down.bw_hz, crc=down.crc)
        start = self._next_gap(earliest, us) if down.count_us is None else down.count_us - self._first_count_us
        if not self.plan.may_send(down.freq_hz):
            return "TX_FREQ"
        if start < earliest:
            return "TOO_LATE"
        if start > now + _ADVANCE_US:
            return "TOO_EARLY"
        if any(start < end and begin < start + us for begin, end in self._down):
            return "COLLISION_PACKET"
        self._down.append((start, start + us))
        if self._observer:
            self._observer.down(down.phy)
        tx = Transmission(
            start, start + us, down.freq_hz, down.sf, down.bw_hz, 1, _SYNC_WORD, down.inverted, down.crc, down.power_dbm, down.phy,
            self.name, ldro=lora.needs_ldro(down.sf, down.bw_hz),
        )
        self.kernel.at(start, self._radiate, tx, down)
        return "NONE"

    def _next_gap(self, earliest: int, us: int) -> int:
        """The first instant from `earliest` on at which nothing that waits is in the way of `us` on the air."""
        start = earliest
        for begin, end in sorted(self._down):
            if start < end and begin < start + us + _LEAD_US:
                start = max(start, end + _LEAD_US)
        return start

    def _radiate(self, tx: Transmission, down: Downlink) -> None:
        if not self.away:
            self._channel.transmit(tx)
            self._backhaul.left(down, tx.start_us)
