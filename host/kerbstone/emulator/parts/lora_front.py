"""Between a virtual radio chip and the air: one transmission or one reception at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from kerbstone.emulator.air import lora
from kerbstone.emulator.air.channel import Channel, Reception, Transmission
from kerbstone.emulator.kernel import Event, Kernel
from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.parts.lora_modem import Irq, Modulation, Receiver, Search

NOT_SWITCHED_DB = -60.0  # what leaks through an antenna switch that nobody turned, or from an amplifier no antenna is wired to
Store = Callable[[bytes, Reception], None]


def antenna_of(ctx: PartContext) -> tuple[Channel, str]:
    """The air a part is in and the name of its antenna there: options `air`, `node`, and `gateway_m`, its distance from the origin when it
    has no place yet."""
    air: Channel = ctx.options.get("air") or Channel(ctx.kernel)
    node = str(ctx.options.get("node", ctx.name))
    if "gateway_m" in ctx.options:
        air.place_around(node, float(ctx.options["gateway_m"]))
    return air, node


@dataclass(frozen=True)
class Frame:
    """What a chip is about to radiate. `sync_word` -1: heard by nobody, because the registers contradict each other."""

    data: bytes
    modulation: Modulation
    sync_word: int
    level_dbm: float


class Front:

    def __init__(
        self, kernel: Kernel, air: Channel, node: str, rng: random.Random, raise_irq: Callable[[Irq], None], leave: Callable[[], None]
    ):
        self._kernel, self._air, self._node, self._rng = kernel, air, node, rng
        self._raise, self._leave = raise_irq, leave
        self._receiver: Receiver | None = None
        self._sending: Transmission | None = None
        self._end: Event | None = None
        air.subscribe(self)

    @property
    def busy(self) -> bool:
        """A transmission or a reception is under way."""
        return self._sending is not None or self._receiver is not None

    def halt(self) -> None:
        """Stops at once; a frame on the air is cut."""
        if self._end:
            self._end.cancel()
            self._end = None
        if self._receiver:
            self._receiver.close()
            self._receiver = None
        if self._sending:
            self._air.cut(self._sending)
            self._sending = None

    def on_air(self, tx: Transmission) -> None:
        """A frame starts somewhere in the cell."""
        if self._receiver:
            self._receiver.on_air(tx)

    def radiate(self, frame: Frame, timeout_us: int | None = None) -> int:
        """Sends from now on; returns the time on air in us."""
        m, now = frame.modulation, self._kernel.now
        bw_hz = m.bw_hz
        assert bw_hz is not None  # the chip refuses what is not modelled
        us = lora.airtime_us(len(frame.data), m.sf, bw_hz, m.cr, m.preamble, m.crc, True, m.ldro)
        self._sending = Transmission(
            now, now + us, m.freq_hz, m.sf, bw_hz, m.cr, frame.sync_word, m.iq_inverted, m.crc, frame.level_dbm, frame.data, self._node,
            m.preamble, m.ldro,
        )  # fmt: skip
        if timeout_us is not None and timeout_us < us:
            self._end = self._kernel.after(timeout_us, self._cut_short)
        else:
            self._end = self._kernel.after(us, self._sent)
        self._air.transmit(self._sending)
        return us

    def _sent(self) -> None:
        self._sending = None
        self._leave()
        self._raise(Irq.TX_DONE)

    def _cut_short(self) -> None:
        self._leave()
        self._raise(Irq.TIMEOUT)

    def open(self, search: Search, store: Store) -> None:
        """Opens the receiver now; `store(data, reception)` takes each packet before its interrupt."""

        def finish(got: tuple[bytes, Reception] | None) -> None:
            if got:
                store(*got)
            if not search.continuous:
                self._leave()

        self._receiver = Receiver(self._kernel, self._air, self._node, self._rng, search, self._raise, finish)

    def level_dbm(self, m: Modulation, figure_db: float, gain_db: float) -> float:
        """Level on the tuned channel: the strongest frame on it, or the noise."""
        bw_hz = m.bw_hz or 125_000
        levels = [
            self._air.reception(t, self._node, figure_db, gain_db).rssi_dbm
            for t in self._air.on_air_now() if abs(t.freq_hz - m.freq_hz) < bw_hz and t.sender != self._node
        ]  # fmt: skip
        return max([lora.noise_dbm(bw_hz, figure_db), *levels])
