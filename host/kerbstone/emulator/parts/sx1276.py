"""Virtual SX1276, SX1277, SX1278, SX1279: SPI, modes, FIFO, interrupts (Semtech SX1276/77/78/79 data sheet Rev 7, sections in brackets;
the errata are those of Semtech's errata note for these chips).

Stricter than silicon where that finds mistakes: what the errata ask for and is not done costs the reception, and the event log says so.
FSK, CAD, hopping, implicit header and SF6 are not modelled; the chip stays in standby and the log says so.
"""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.air.channel import Reception
from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts import sx1276_power as power
from kerbstone.emulator.parts import sx1276_registers as r
from kerbstone.emulator.parts.base import PartContext, SpiPart
from kerbstone.emulator.parts.lora_front import Frame, Front, antenna_of
from kerbstone.emulator.parts.lora_modem import Irq
from kerbstone.emulator.parts.sx1276_settings import VARIANTS, figure_db, frame_settings, iq_consistent, search_settings

SLEEP, STANDBY, FS_TX, TX, FS_RX, RX_CONTINUOUS, RX_SINGLE, CAD = range(8)  # RegOpMode, section 4.1.6.1
_RESET_US = 5_000  # section 7.2.2: five milliseconds after the reset pin is released
_CRYSTAL_US, _PLL_US = 250, 60  # table 7: crystal and synthesizer start
_IMAGE_US = 10_000  # section 2.5.6: image and RSSI calibration
_STATE = {SLEEP: "sleep", STANDBY: "standby", FS_TX: "fs", FS_RX: "fs", TX: "tx", RX_CONTINUOUS: "rx", RX_SINGLE: "rx"}
_FLAG = {
    Irq.TX_DONE: r.Flag.TX_DONE, Irq.RX_DONE: r.Flag.RX_DONE, Irq.HEADER_VALID: r.Flag.VALID_HEADER,
    Irq.CRC_ERR: r.Flag.PAYLOAD_CRC_ERROR, Irq.TIMEOUT: r.Flag.RX_TIMEOUT,
}  # fmt: skip


class Sx1276(SpiPart):
    """Lines: cs, reset, dio0, dio1, dio3.

    Options: `air` the Channel, `node` the name of its antenna, `gateway_m` distance from the origin for an antenna that has no place
    yet, `model` ("sx1276"), `board_tcxo` True when a TCXO feeds XTA, `pa_boost` False when the antenna hangs on RFO, `antenna_db` gain
    of the antenna (0). `fault`: "silent" (nothing drives MISO), "no_irq" (the DIO lines stay low).
    """

    CURRENT_UA: ClassVar[dict[str, float]] = {  # data sheet table 6, 3.3 V
        "off": 0.0, "sleep": 0.2, "standby": 1_600.0, "fs": 5_800.0,
        "rx": 10_300.0, "tx": 120_000.0,  # band 1, 125 kHz; +20 dBm: other settings see sx1276_power
    }  # fmt: skip

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        air, self.node = antenna_of(ctx)
        self.variant = VARIANTS[str(options.get("model", "sx1276"))]
        self._board_tcxo = bool(options.get("board_tcxo", False))
        self._boost = bool(options.get("pa_boost", True))
        self._antenna_db = float(options.get("antenna_db", 0.0))
        self.front = Front(ctx.kernel, air, self.node, ctx.rng, self._raise, self._fall_back)
        self.registers = r.Registers()
        self.fifo = bytearray(256)
        self._calibrated_high = False  # for which of the two ports the image is calibrated
        self.fault = str(options.get("fault", ""))
        self._in_reset = False
        self._ready_at = 0
        self._arrival: Event | None = None
        self._selected: list[int] = []  # address byte of the frame under way
        for name, watcher in (("cs", self._on_cs), ("reset", self._on_reset)):
            wire = self.line(name)
            if wire:
                wire.watchers.append(watcher)

    # -- supply and reset --------------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        self._start()

    def power_off(self) -> None:
        self._halt()
        self.state("off")

    def _on_reset(self, level: int) -> None:
        if not self.powered:
            return
        self._in_reset = not level
        self._halt()
        if level:
            self._start()

    def _start(self) -> None:
        self.registers = r.Registers()
        self.fifo = bytearray(256)
        self._calibrated_high = False  # section 2.5.6: done by itself after power-on, at 434 MHz
        self._ready_at = self.kernel.now + _RESET_US
        self.state("standby")
        self._show()

    @property
    def mode(self) -> int:
        return self.registers[r.OP_MODE] & 7

    def complain(self, what: str) -> None:
        """Notes in the event log what a bench would only show as silence."""
        self.kernel.log.write(self.node, "radio_misuse", what=what)

    # -- SPI (section 2.2): an address byte, bit 7 = write, then data; the address moves on except at the FIFO ---------------

    def _on_cs(self, level: int) -> None:
        self._selected.clear()

    def spi_transfer(self, tx: bytes) -> bytes:
        if self.fault == "silent":
            return b"\xff" * len(tx)
        if self._in_reset:
            return bytes(len(tx))
        if self.kernel.now < self._ready_at:
            self.complain("addressed within 5 ms of a reset")
            return bytes(len(tx))
        return bytes(self._clock(byte) for byte in tx)

    def _clock(self, byte: int) -> int:
        if not self._selected:
            self._selected.append(byte)
            return 0
        address, writes = self._selected[0] & 0x7F, self._selected[0] & 0x80
        if address != r.FIFO:
            self._selected[0] = writes | (address + 1 & 0x7F)
        out = self._read(address)
        if writes:
            self._write(address, byte)
        elif address == r.FIFO:
            self._step_fifo()
        return out

    def _step_fifo(self) -> None:
        self.registers.set_lora(r.FIFO_ADDR_PTR, self.registers.lora(r.FIFO_ADDR_PTR) + 1)

    def _read(self, address: int) -> int:
        if address == r.FIFO:
            return 0 if self.mode == SLEEP else self.fifo[self.registers.lora(r.FIFO_ADDR_PTR)]
        if address == r.RSSI and self.registers[r.OP_MODE] & r.LONG_RANGE:
            return self._raw_rssi(self._rssi_now())
        return self.registers[address]

    def _write(self, address: int, value: int) -> None:
        lora = bool(self.registers[r.OP_MODE] & r.LONG_RANGE)
        if address == r.FIFO:
            if self.mode == SLEEP:
                self.complain("the FIFO was written in sleep")
            else:
                self.fifo[self.registers.lora(r.FIFO_ADDR_PTR)] = value
                self._step_fifo()
        elif address == r.OP_MODE:
            self._change_mode(value)
        elif address == r.IRQ_FLAGS and lora:
            self.registers[address] &= ~value
        elif address == r.IMAGE_CAL and not lora:
            self.registers[address] = value & ~r.IMAGE_START
            if value & r.IMAGE_START:
                self._calibrate()
        else:
            self.registers.write(address, value)
        if address in (r.IRQ_FLAGS, r.DIO_MAPPING_1):
            self._show()

    # -- modes -------------------------------------------------------------------------------------------------------------

    def _calibrate(self) -> None:
        if self.mode != STANDBY:
            self.complain("image calibration outside standby")
            return
        self._calibrated_high = self.registers.high_band
        self.registers[r.IMAGE_CAL] |= r.IMAGE_RUNNING
        self.kernel.after(_IMAGE_US, self.registers.end_of_calibration)

    def _change_mode(self, value: int) -> None:
        old = self.registers[r.OP_MODE]
        if (old ^ value) & r.LONG_RANGE and old & 7 != SLEEP:
            self.complain("LongRangeMode changes in sleep only")
            value ^= r.LONG_RANGE
        target = value & 7
        self._halt()
        clock_us = _CRYSTAL_US if old & 7 == SLEEP else 0
        if target > STANDBY and not self._usable(value):
            target = STANDBY
        self.registers[r.OP_MODE] = value & 0xF8 | target
        if target == SLEEP:
            self.fifo = bytearray(256)  # section 4.1.2.3
            for counter in range(r.RX_HEADER_CNT, r.MODEM_STAT):
                self.registers.set_lora(counter, 0)
        self._charge()
        if target == TX:
            delay = clock_us + _PLL_US + power.ramp_us(self.registers[r.PA_RAMP])
            self._arrival = self.kernel.after(delay, self._send)
        elif target in (RX_CONTINUOUS, RX_SINGLE):
            self._arrival = self.kernel.after(clock_us + _PLL_US, self._listen, target == RX_CONTINUOUS)

    def _usable(self, value: int) -> bool:
        """The clock runs, and the setting is one that is modelled."""
        registers = self.registers
        modulation = frame_settings(registers)
        if bool(registers[r.TCXO] & r.TCXO_INPUT) != self._board_tcxo:
            what = "RegTcxo and the board's oscillator do not agree: the PLL does not lock"
        elif not value & r.LONG_RANGE or value & 7 == CAD or not modulation.usable or modulation.sf < 7:
            what = "not modelled: anything but LoRa with explicit header at SF7 to SF12 and 125, 250 or 500 kHz"
        elif modulation.sf > self.variant.sf_max or not self.variant.covers(modulation.freq_hz):
            what = "this chip has neither this spreading factor nor this band"
        elif bool(value & 0x08) == registers.high_band:
            what = "LowFrequencyModeOn does not fit the carrier"
        else:
            return True
        self.complain(what)
        return False

    def _charge(self) -> None:
        mode, registers = self.mode, self.registers
        state = _STATE[mode]
        current = self.CURRENT_UA[state]
        if mode == TX:
            current = 1000 * self._output().ma
        elif mode in (RX_CONTINUOUS, RX_SINGLE):
            current = power.rx_ua(registers.high_band, frame_settings(registers).bw_hz or 125_000, registers[r.LNA])
        self.ctx.meter.set(state, current)

    def _halt(self) -> None:
        if self._arrival:
            self._arrival.cancel()
            self._arrival = None
        self.front.halt()

    def _fall_back(self) -> None:
        """TX and single RX end in standby by themselves."""
        self._halt()
        self.registers[r.OP_MODE] = self.registers[r.OP_MODE] & 0xF8 | STANDBY
        self._charge()

    # -- interrupts --------------------------------------------------------------------------------------------------------

    def _raise(self, irq: Irq) -> None:
        if irq & Irq.HEADER_VALID:
            self._count(r.RX_HEADER_CNT)
        flags = 0
        for event, flag in _FLAG.items():
            if irq & event:
                flags |= flag
        self.registers.set_lora(r.IRQ_FLAGS, self.registers.lora(r.IRQ_FLAGS) | flags & ~self.registers.lora(r.IRQ_MASK))
        self._show()

    def _count(self, at: int) -> None:
        total = (self.registers.lora(at) << 8 | self.registers.lora(at + 1)) + 1
        self.registers.set_lora(at, total >> 8)
        self.registers.set_lora(at + 1, total)

    def _show(self) -> None:
        flags, mapping = self.registers.lora(r.IRQ_FLAGS), self.registers.lora(r.DIO_MAPPING_1)
        for name, (shift, choices) in r.DIO.items():
            wire, code = self.line(name), mapping >> shift & 3
            if wire:
                wire.drive(1 if code < 3 and flags & choices[code] and self.fault != "no_irq" else 0)

    # -- air ---------------------------------------------------------------------------------------------------------------

    def _output(self) -> power.Output:
        registers = self.registers
        return power.output(registers[r.PA_CONFIG], registers[r.PA_DAC], registers[r.OCP], self._boost)

    def _send(self) -> None:
        registers = self.registers
        out = self._output()
        if out.wrong:
            self.complain(out.wrong)
        base = registers.lora(r.FIFO_TX_BASE)
        data = bytes(self.fifo[base + i & 255] for i in range(registers.lora(r.PAYLOAD_LENGTH)))
        sync_word = registers.lora(r.SYNC_WORD) if iq_consistent(registers, sending=True) else -1
        self.front.radiate(Frame(data, frame_settings(registers), sync_word, out.dbm + self._antenna_db))

    def _listen(self, continuous: bool) -> None:
        if self._calibrated_high != self.registers.high_band:
            self.complain("the image is not calibrated for this band (section 2.5.6)")
        self.registers.set_lora(r.FIFO_RX_BYTE, self.registers.lora(r.FIFO_RX_BASE))
        self.front.open(search_settings(self.registers, self._antenna_db, continuous, self.complain), self._store)

    def _store(self, data: bytes, reception: Reception) -> None:
        registers = self.registers
        at = registers.lora(r.FIFO_RX_BYTE)
        for i, byte in enumerate(data):
            self.fifo[at + i & 255] = byte
        registers.set_lora(r.FIFO_RX_CURRENT, at)
        registers.set_lora(r.FIFO_RX_BYTE, at + len(data))
        registers.set_lora(r.RX_NB_BYTES, len(data))
        self._count(r.RX_PACKET_CNT)
        snr = max(-128, min(127, round(reception.snr_db * 4)))
        registers.set_lora(r.PKT_SNR, snr)
        # Section 5.5.5: with an SNR of 0 dB and more the figure is stretched by 16/15; below, signal and noise together.
        level = reception.packet_rssi_dbm
        raw = self._raw_rssi(level)
        registers.set_lora(r.PKT_RSSI, raw if snr < 0 else round(raw * 15 / 16))

    def _raw_rssi(self, dbm: float) -> int:
        return max(0, min(255, round(dbm + (157 if self.registers.high_band else 164))))

    def _rssi_now(self) -> float:
        return self.front.level_dbm(frame_settings(self.registers), figure_db(self.registers), self._antenna_db)


PART = Sx1276
