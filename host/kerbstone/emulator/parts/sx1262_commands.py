"""Commands that change the virtual SX1262 (data sheet DS.SX1261-2.W.APP Rev 2.1, chapter 13), as one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from kerbstone.emulator.parts import sx1262_power as power
from kerbstone.emulator.parts.sx1262_config import DeviceError, Mode, Verdict
from kerbstone.emulator.parts.sx1262_reads import READS

if TYPE_CHECKING:
    from kerbstone.emulator.parts.sx1262 import Sx1262

_TIMER_NS = 15_625  # sections 13.1.4 and 13.1.5: step of the transmit and receive timers
_CONTINUOUS = 0xFFFFFF
_BUSY_US = 1  # an ordinary command: 600 ns until BUSY rises, then under a microsecond (section 8.3.1)
_CALIBRATE_US = 3_500  # section 9.2.1: all blocks; the sheet gives no figure for one alone
_IMAGE_US = 2_000  # not in the sheet, order of magnitude
_NEED_CLOCK = 0x7C  # PLL, ADC and image calibration run on the 32 MHz clock
_LORA = 1
_BANDWIDTH_HZ = {4: 125_000, 5: 250_000, 6: 500_000}  # table 13-48; the narrower ones are not modelled
_STANDBY = (Mode.STANDBY_RC, Mode.STANDBY_XOSC)
_AWAKE = (*_STANDBY, Mode.FS, Mode.RX, Mode.TX)


def _be(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _enter(chip: Sx1262, mode: Mode) -> Verdict:
    return Verdict.OK if chip.go(mode) else Verdict.FAILED


def _sleep(chip: Sx1262, a: bytes) -> Verdict:
    chip.sleep(warm=bool(a[0] & 4))
    return Verdict.OK


def _standby(chip: Sx1262, a: bytes) -> Verdict:
    return _enter(chip, Mode.STANDBY_XOSC if a[0] & 1 else Mode.STANDBY_RC)


def _frequency_synthesis(chip: Sx1262, _a: bytes) -> Verdict:
    return _enter(chip, Mode.FS)


def _ready_for_air(chip: Sx1262) -> bool:
    if chip.config.lora and chip.config.modulation.usable:
        return True
    chip.complain("not modelled: anything but LoRa with explicit header at 125, 250 or 500 kHz")
    return False


def _limit_us(a: bytes) -> int | None:
    """Argument of SetTx and SetRx in us; None = no limit."""
    steps = _be(a[:3])
    return None if steps in (0, _CONTINUOUS) else steps * _TIMER_NS // 1000


def _tx(chip: Sx1262, a: bytes) -> Verdict:
    limit = _limit_us(a)
    ready = _ready_for_air(chip) and chip.go(Mode.TX, lambda: chip.front.send(limit), power.ramp_us(chip.config.ramp))
    return Verdict.OK if ready else Verdict.FAILED


def _rx(chip: Sx1262, a: bytes) -> Verdict:
    limit, continuous = _limit_us(a), _be(a[:3]) == _CONTINUOUS
    ready = _ready_for_air(chip) and chip.go(Mode.RX, lambda: chip.front.listen(limit, continuous))
    return Verdict.OK if ready else Verdict.FAILED


def _stop_timer(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.stop_on_preamble = bool(a[0] & 1)
    return Verdict.OK


def _regulator(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.dc_dc = bool(a[0] & 1)
    return Verdict.OK


def _calibrate(chip: Sx1262, a: bytes) -> Verdict:
    clock_us: int | None = 0
    if a[0] & _NEED_CLOCK:
        clock_us = chip.oscillator()
    chip.busy(_CALIBRATE_US + (clock_us or 0))
    return _calibrated(chip, clock_us, a[0])


def _calibrate_image(chip: Sx1262, _a: bytes) -> Verdict:
    clock_us = chip.oscillator()
    chip.busy(_IMAGE_US + (clock_us or 0))
    return _calibrated(chip, clock_us, 0x40)


def _calibrated(chip: Sx1262, clock_us: int | None, blocks: int) -> Verdict:
    if clock_us is not None:
        return Verdict.OK
    for bit, error in ((0x04, DeviceError.PLL_CALIB), (0x40, DeviceError.IMG_CALIB)):
        if blocks & bit:
            chip.config.errors |= error
    return Verdict.FAILED


def _pa_config(chip: Sx1262, a: bytes) -> Verdict:
    device = chip.device
    chip.config.pa = device.amplifier(a[0], a[1])
    chip.config.pa_connected = a[2] == device.select  # each chip bonds out one of the two amplifiers
    if (a[0], a[1]) not in device.amplifiers or not chip.config.pa_connected:
        chip.complain(f"SetPaConfig is not a row of table 13-21 for the {chip.model.upper()}")
    return Verdict.OK


def _fallback(chip: Sx1262, a: bytes) -> Verdict:
    modes = {0x20: Mode.STANDBY_RC, 0x30: Mode.STANDBY_XOSC, 0x40: Mode.FS}
    if a[0] not in modes:
        return Verdict.PROCESSING_ERROR
    chip.config.fallback = modes[a[0]]
    return Verdict.OK


def _write_register(chip: Sx1262, a: bytes) -> Verdict:
    for i, value in enumerate(a[2:]):
        chip.config.registers[_be(a[:2]) + i] = value
    return Verdict.OK


def _write_buffer(chip: Sx1262, a: bytes) -> Verdict:
    for i, value in enumerate(a[1:]):
        chip.config.buffer[(a[0] + i) & 255] = value
    return Verdict.OK


def _dio_irq(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.irq_mask, chip.config.dio1_mask = _be(a[:2]), _be(a[2:4])
    chip.clear_irq(0)
    return Verdict.OK


def _clear_irq(chip: Sx1262, a: bytes) -> Verdict:
    chip.clear_irq(_be(a[:2]))
    return Verdict.OK


def _rf_switch(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.rf_switch = bool(a[0] & 1)
    return Verdict.OK


def _tcxo(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.tcxo_us = _be(a[1:4]) * _TIMER_NS // 1000
    return Verdict.OK


def _frequency(chip: Sx1262, a: bytes) -> Verdict:
    _tune(chip, freq_hz=round(_be(a[:4]) * 32_000_000 / (1 << 25)))
    return Verdict.OK


def _packet_type(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.lora = a[0] == _LORA
    return Verdict.OK


def _tx_params(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.tx_power = a[0] - 256 if a[0] > 127 else a[0]
    chip.config.ramp = a[1]
    return Verdict.OK


def _modulation(chip: Sx1262, a: bytes) -> Verdict:
    if not 1 <= a[2] <= 4:
        return Verdict.PROCESSING_ERROR
    _tune(chip, sf=a[0], bw_hz=_BANDWIDTH_HZ.get(a[1]), cr=a[2], ldro=bool(a[3] & 1))
    return Verdict.OK


def _packet(chip: Sx1262, a: bytes) -> Verdict:
    _tune(chip, preamble=_be(a[:2]), implicit=bool(a[2] & 1), size=a[3], crc=bool(a[4] & 1), iq_inverted=bool(a[5] & 1))
    return Verdict.OK


def _tune(chip: Sx1262, **changes: int | bool | None) -> None:
    # A copy: a reception under way keeps the settings it was opened with.
    chip.config.modulation = replace(chip.config.modulation, **changes)  # type: ignore[arg-type]


def _buffer_base(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.tx_base, chip.config.rx_base = a[0], a[1]
    return Verdict.OK


def _symbol_timeout(chip: Sx1262, a: bytes) -> Verdict:
    chip.config.symbols = a[0]
    return Verdict.OK


def _clear_errors(chip: Sx1262, _a: bytes) -> Verdict:
    chip.config.errors = DeviceError(0)
    return Verdict.OK


class Write(NamedTuple):
    """A command that changes the chip: fewest argument bytes, modes it is allowed in, effect. Returns a verdict."""

    least: int
    modes: tuple[Mode, ...]
    act: Callable[[Sx1262, bytes], Verdict]


WRITES: dict[int, Write] = {
    0x02: Write(2, _AWAKE, _clear_irq),
    0x07: Write(2, _AWAKE, _clear_errors),
    0x08: Write(8, _AWAKE, _dio_irq),
    0x0D: Write(3, _AWAKE, _write_register),
    0x0E: Write(2, _AWAKE, _write_buffer),
    0x80: Write(1, _AWAKE, _standby),
    0x82: Write(3, _AWAKE, _rx),
    0x83: Write(3, _AWAKE, _tx),
    0x84: Write(1, _STANDBY, _sleep),
    0x86: Write(4, _AWAKE, _frequency),
    0x89: Write(1, (Mode.STANDBY_RC,), _calibrate),
    0x8A: Write(1, _STANDBY, _packet_type),
    0x8B: Write(4, _AWAKE, _modulation),
    0x8C: Write(6, _AWAKE, _packet),
    0x8E: Write(2, _AWAKE, _tx_params),
    0x8F: Write(2, _AWAKE, _buffer_base),
    0x93: Write(1, _AWAKE, _fallback),
    0x95: Write(4, _AWAKE, _pa_config),
    0x96: Write(1, _STANDBY, _regulator),
    0x97: Write(4, (Mode.STANDBY_RC,), _tcxo),
    0x98: Write(2, _STANDBY, _calibrate_image),
    0x9D: Write(1, _AWAKE, _rf_switch),
    0x9F: Write(1, _AWAKE, _stop_timer),
    0xA0: Write(1, _AWAKE, _symbol_timeout),
    0xC1: Write(0, _AWAKE, _frequency_synthesis),
}


def answer(chip: Sx1262, frame: bytearray) -> int:
    """Byte the chip clocks out while it takes the last byte of `frame`: the status, or the answer of a read."""
    read = READS.get(frame[0])
    at = len(frame) - 1
    if read is None or at < read.lead:
        return chip.status
    return read.byte(chip, bytes(frame), at - read.lead)


def execute(chip: Sx1262, frame: bytes) -> Verdict:
    """Carries out a complete command; returns the verdict for the status byte."""
    opcode, arguments = frame[0], frame[1:]
    if opcode in READS:
        chip.busy(_BUSY_US)
        return chip.config.verdict
    write = WRITES.get(opcode)
    if write is None or len(arguments) < write.least:
        chip.complain(f"command 0x{opcode:02x} with {len(arguments)} argument bytes is not one of the data sheet or not modelled")
        chip.busy(_BUSY_US)
        return Verdict.PROCESSING_ERROR
    if chip.mode not in write.modes:
        chip.complain(f"command 0x{opcode:02x} is not allowed in mode {chip.mode.name}")
        chip.busy(_BUSY_US)
        return Verdict.FAILED
    verdict = write.act(chip, arguments)
    chip.busy(_BUSY_US)
    return verdict
