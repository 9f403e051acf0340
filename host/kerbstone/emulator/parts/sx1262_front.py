"""Between the virtual SX1262 and the air: transmissions, receptions, antenna switch."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from kerbstone.emulator.air import lora
from kerbstone.emulator.air.channel import Channel, Reception, Transmission
from kerbstone.emulator.kernel import Event, Kernel
from kerbstone.emulator.parts import sx1262_power as power
from kerbstone.emulator.parts.base import Line
from kerbstone.emulator.parts.sx1262_config import Config, Verdict
from kerbstone.emulator.parts.sx1262_modem import NOISE_FIGURE_DB, Irq, Receiver, Search


@dataclass(frozen=True)
class Antenna:
    """What stands between chip and air. `needs_dio2`: DIO2 turns the switch; `rxen`: a pin of the MCU must be high to receive."""

    gain_db: float
    needs_dio2: bool
    rxen: Line | None

    def through_db(self, rf_switch: bool, receiving: bool) -> float:
        """Gain of the antenna, and what is left when nobody turned the switch."""
        turned = (rf_switch or not self.needs_dio2) and (self.rxen is None or (self.rxen.level != 0) == receiving)
        return self.gain_db + (0.0 if turned else power.NOT_SWITCHED_DB)


class Front:
    """One at a time: a transmission or a reception. `leave` takes the chip to its fallback mode; only then interrupts are raised."""

    def __init__(
        self, kernel: Kernel, air: Channel, node: str, rng: random.Random, antenna: Antenna, raise_irq: Callable[[Irq], None],
        leave: Callable[[], None],
    ):  # fmt: skip
        self._kernel, self._air, self._node, self._rng = kernel, air, node, rng
        self._antenna, self._raise, self._leave = antenna, raise_irq, leave
        self._receiver: Receiver | None = None
        self._sending: Transmission | None = None
        self._end: Event | None = None
        self._at = 0  # where in the buffer the next packet goes
        self.config = Config()
        air.subscribe(self)

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

    # -- transmit (section 13.1.4) -----------------------------------------------------------------------------------------

    def send(self, timeout_us: int | None) -> None:
        """Radiates the frame in the buffer from now on."""
        c, m, now = self.config, self.config.modulation, self._kernel.now
        bw_hz = m.bw_hz
        assert bw_hz is not None  # checked before SetTx was accepted
        data = bytes(c.buffer[(c.tx_base + i) & 255] for i in range(m.size))
        us = lora.airtime_us(m.size, m.sf, bw_hz, m.cr, m.preamble, m.crc, True, m.ldro)
        level = power.output_dbm(c.pa, c.tx_power) + self._antenna.through_db(c.rf_switch, False)
        if not c.pa_connected:
            level += power.NOT_SWITCHED_DB
        # Contradicting IQ settings (section 15.4): heard by nobody, as on the receiving side.
        sync_word = c.registers.sync_word if c.iq_consistent else -1
        self._sending = Transmission(
            now, now + us, m.freq_hz, m.sf, bw_hz, m.cr, sync_word, m.iq_inverted, m.crc, level, data, self._node, m.preamble, m.ldro
        )
        if timeout_us is not None and timeout_us < us:
            self._end = self._kernel.after(timeout_us, self._cut_short)
        else:
            self._end = self._kernel.after(us, self._sent)
        self._air.transmit(self._sending)

    def _sent(self) -> None:
        self._sending = None
        self._leave()
        self.config.verdict = Verdict.TX_DONE
        self._raise(Irq.TX_DONE)

    def _cut_short(self) -> None:
        self._leave()
        self._raise(Irq.TIMEOUT)

    # -- receive (section 13.1.5) ------------------------------------------------------------------------------------------

    def listen(self, timeout_us: int | None, continuous: bool) -> None:
        """Opens the receiver now; `timeout_us` None = no limit."""
        c = self.config
        self._at = c.rx_base
        search = Search(
            c.modulation, c.registers.sync_word, c.iq_consistent, NOISE_FIGURE_DB[c.boosted],
            self._antenna.through_db(c.rf_switch, True), continuous, timeout_us, c.symbols, c.stop_on_preamble,
        )  # fmt: skip
        self._receiver = Receiver(self._kernel, self._air, self._node, self._rng, search, self._raise, self._received)

    def _received(self, got: tuple[bytes, Reception] | None) -> None:
        c = self.config
        continuous = self._receiver is not None and self._receiver.continuous
        if got:
            data, c.last = got
            for i, byte in enumerate(data):
                c.buffer[(self._at + i) & 255] = byte
            c.rx_start, c.rx_size = self._at, len(data)
            c.verdict = Verdict.DATA
            if continuous:
                self._at = (self._at + len(data)) & 255
        if not continuous:
            self._leave()

    def rssi_now(self) -> float:
        """Level on the tuned channel: the strongest frame on it, or the noise (section 13.5.4)."""
        c, m = self.config, self.config.modulation
        bw_hz, figure = m.bw_hz or 125_000, NOISE_FIGURE_DB[c.boosted]
        gain = self._antenna.through_db(c.rf_switch, True)
        levels = [
            self._air.reception(t, self._node, figure, gain).rssi_dbm
            for t in self._air.on_air_now() if abs(t.freq_hz - m.freq_hz) < bw_hz and t.sender != self._node
        ]  # fmt: skip
        return max([lora.noise_dbm(bw_hz, figure), *levels])
