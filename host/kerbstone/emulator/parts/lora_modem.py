"""LoRa modem of the virtual radio chips: what goes on the air, and the search, lock and end of a reception.

Section and table numbers are those of data sheet DS.SX1261-2.W.APP Rev 2.1. Only the explicit header is modelled.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from kerbstone.emulator.air import lora
from kerbstone.emulator.air.channel import Channel, Reception, Transmission
from kerbstone.emulator.kernel import Event, Kernel

_LOCK_SYMBOLS = 5  # of preamble a receiver needs inside its window
_TUNING = 4  # a carrier may be off by a quarter of the bandwidth (section 6.1.1.2)


class Irq(IntFlag):
    """What a modem reports. The values are the interrupt bits of the SX126x (table 13-29); other chips translate them."""

    TX_DONE = 0x0001
    RX_DONE = 0x0002
    PREAMBLE_DETECTED = 0x0004
    HEADER_VALID = 0x0010
    HEADER_ERR = 0x0020
    CRC_ERR = 0x0040
    TIMEOUT = 0x0200


@dataclass
class Modulation:
    """What commands or registers say about the signal, decoded. `bw_hz` None: a bandwidth that is not modelled."""

    freq_hz: int = 0
    sf: int = 7
    bw_hz: int | None = 125_000
    cr: int = 1
    ldro: bool = False
    preamble: int = 12
    implicit: bool = False
    size: int = 255
    crc: bool = False
    iq_inverted: bool = False

    @property
    def usable(self) -> bool:
        return self.bw_hz is not None and 5 <= self.sf <= 12 and not self.implicit


@dataclass(frozen=True)
class Search:
    """How a receiver was set up when it was told to listen."""

    modulation: Modulation
    sync_word: int
    iq_consistent: bool  # the registers agree about IQ (section 15.4); if not, nothing is received
    noise_figure_db: float
    antenna_db: float
    continuous: bool
    timeout_us: int | None
    symbols: int  # without a preamble the search ends after so many, 0 = no limit
    stop_on_preamble: bool  # the timer stops at the preamble rather than at the header
    ends_on_bad_header: bool = True  # False: the chip goes on searching, and nothing but the host ends that


class Receiver:
    """One reception, from opening to its end. `raise_irq` and `finish` are the chip's; finish(None) says that nothing came."""

    def __init__(
        self, kernel: Kernel, air: Channel, node: str, rng: random.Random, search: Search, raise_irq: Callable[[Irq], None],
        finish: Callable[[tuple[bytes, Reception] | None], None],
    ):  # fmt: skip
        self._kernel, self._air, self._node, self._rng = kernel, air, node, rng
        self._set = search
        self._raise, self._finish = raise_irq, finish
        self._opened = kernel.now
        self._locked: Transmission | None = None
        self._events: list[Event] = []
        m = search.modulation
        self._timer = None if search.timeout_us is None else kernel.after(search.timeout_us, self._timeout)
        self._symbols: Event | None = None
        if search.symbols and m.bw_hz:
            self._symbols = kernel.after(lora.symbols_us(search.symbols, m.sf, m.bw_hz), self._timeout)
        for tx in air.on_air_now():
            self.on_air(tx)

    def close(self) -> None:
        """The chip leaves receive mode."""
        for event in (*self._events, self._symbols, self._timer):
            if event:
                event.cancel()

    def on_air(self, tx: Transmission) -> None:
        """A frame is on the air: will this receiver find its preamble?"""
        m = self._set.modulation
        if tx.sender == self._node or not m.usable or (tx.sf, tx.bw_hz) != (m.sf, m.bw_hz):
            return
        if abs(tx.freq_hz - m.freq_hz) > tx.bw_hz // _TUNING or tx.iq_inverted != m.iq_inverted or not self._set.iq_consistent:
            return
        at = max(tx.start_us, self._opened) + lora.symbols_us(_LOCK_SYMBOLS, tx.sf, tx.bw_hz)
        if at <= tx.preamble_end_us and self._reception(tx).audible(tx.sf):
            self._events.append(self._kernel.at(at, self._lock, tx))

    def _reception(self, tx: Transmission) -> Reception:
        return self._air.reception(tx, self._node, self._set.noise_figure_db, self._set.antenna_db)

    def _lock(self, tx: Transmission) -> None:
        now = self._kernel.now
        if self._locked or self._air.disturbed(tx, self._node, now - lora.symbols_us(1, tx.sf, tx.bw_hz), now):
            return
        self._raise(Irq.PREAMBLE_DETECTED)
        if tx.sync_word != self._set.sync_word:
            return
        self._locked = tx
        self._stop(self._symbols)
        if self._set.stop_on_preamble:
            self._stop(self._timer)
        self._events.append(self._kernel.at(tx.header_end_us, self._header, tx, now))

    def _header(self, tx: Transmission, since: int) -> None:
        if self._air.disturbed(tx, self._node, since, self._kernel.now):
            self._locked = None
            if not self._set.continuous and self._set.ends_on_bad_header:
                self._finish(None)
            self._raise(Irq.HEADER_ERR)
            return
        self._stop(self._timer)  # section 13.1.5: the timer stops at the header
        self._raise(Irq.HEADER_VALID)
        self._events.append(self._kernel.at(tx.end_us, self._end, tx))

    def _end(self, tx: Transmission) -> None:
        self._locked = None
        data, irq = tx.payload, Irq.RX_DONE
        if tx.ldro != self._set.modulation.ldro or self._air.disturbed(tx, self._node, tx.header_end_us, tx.end_us):
            # The header says whether there is a CRC; without one, damage goes unnoticed.
            data = bytes(b ^ self._rng.randrange(256) for b in data)
            if tx.crc:
                irq |= Irq.CRC_ERR
        self._finish((data, self._reception(tx)))
        self._raise(irq)

    def _timeout(self) -> None:
        self._finish(None)
        self._raise(Irq.TIMEOUT)

    @staticmethod
    def _stop(event: Event | None) -> None:
        if event:
            event.cancel()
