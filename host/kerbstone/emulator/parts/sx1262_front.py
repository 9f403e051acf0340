"""Between the virtual SX1262 and the air: its settings as frames and searches, its antenna switch."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from kerbstone.emulator.air.channel import Channel, Reception
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.parts import sx1262_power as power
from kerbstone.emulator.parts.base import Line
from kerbstone.emulator.parts.lora_front import NOT_SWITCHED_DB, Frame
from kerbstone.emulator.parts.lora_front import Front as LoraFront
from kerbstone.emulator.parts.lora_modem import Irq, Search
from kerbstone.emulator.parts.sx1262_config import Config, Verdict

NOISE_FIGURE_DB = (8.0, 6.0)  # power saving, boosted gain: sensitivity -135 and -137 dBm at SF12, 125 kHz


@dataclass(frozen=True)
class Antenna:
    """What stands between chip and air. `needs_dio2`: DIO2 turns the switch; `rxen`: a pin of the MCU must be high to receive."""

    gain_db: float
    needs_dio2: bool
    rxen: Line | None

    def through_db(self, rf_switch: bool, receiving: bool) -> float:
        """Gain of the antenna, and what is left when nobody turned the switch."""
        turned = (rf_switch or not self.needs_dio2) and (self.rxen is None or (self.rxen.level != 0) == receiving)
        return self.gain_db + (0.0 if turned else NOT_SWITCHED_DB)


class Front(LoraFront):
    """`config` is the chip's memory; what is sent and how it listens is read from there."""

    def __init__(
        self, kernel: Kernel, air: Channel, node: str, rng: random.Random, antenna: Antenna, raise_irq: Callable[[Irq], None],
        leave: Callable[[], None], device: power.Device,
    ):  # fmt: skip
        super().__init__(kernel, air, node, rng, raise_irq, leave)
        self._antenna, self._device = antenna, device
        self._at = 0  # where in the buffer the next packet goes
        self.config = Config()

    def send(self, timeout_us: int | None) -> None:
        """Radiates the frame in the buffer from now on (section 13.1.4)."""
        c, m = self.config, self.config.modulation
        data = bytes(c.buffer[(c.tx_base + i) & 255] for i in range(m.size))
        level = self._device.output_dbm(c.pa, c.tx_power) + self._antenna.through_db(c.rf_switch, False)
        if not c.pa_connected:
            level += NOT_SWITCHED_DB
        self.radiate(Frame(data, m, c.registers.sync_word if c.iq_consistent else -1, level), timeout_us)

    def _sent(self) -> None:
        self.config.verdict = Verdict.TX_DONE
        super()._sent()

    def listen(self, timeout_us: int | None, continuous: bool) -> None:
        """Opens the receiver now (section 13.1.5); `timeout_us` None = no limit."""
        c = self.config
        self._at = c.rx_base
        search = Search(
            c.modulation, c.registers.sync_word, c.iq_consistent, NOISE_FIGURE_DB[c.boosted],
            self._antenna.through_db(c.rf_switch, True), continuous, timeout_us, c.symbols, c.stop_on_preamble,
        )  # fmt: skip
        self.open(search, lambda data, reception: self._store(data, reception, continuous))

    def _store(self, data: bytes, reception: Reception, continuous: bool) -> None:
        c = self.config
        c.last = reception
        for i, byte in enumerate(data):
            c.buffer[(self._at + i) & 255] = byte
        c.rx_start, c.rx_size = self._at, len(data)
        c.verdict = Verdict.DATA
        if continuous:
            self._at = (self._at + len(data)) & 255

    def rssi_now(self) -> float:
        """Level on the tuned channel (section 13.5.4)."""
        c = self.config
        return self.level_dbm(c.modulation, NOISE_FIGURE_DB[c.boosted], self._antenna.through_db(c.rf_switch, True))
