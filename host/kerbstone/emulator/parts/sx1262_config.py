"""What the virtual SX1262 remembers, with its values after reset (data sheet DS.SX1261-2.W.APP Rev 2.1, chapter 13)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from kerbstone.emulator.air.channel import Reception
from kerbstone.emulator.parts import sx1262_power as power
from kerbstone.emulator.parts.lora_modem import Irq, Modulation
from kerbstone.emulator.parts.sx1262_registers import IQ_POLARITY, IQ_STANDARD_BIT, RX_BOOSTED, RX_GAIN, Registers


class Mode(IntEnum):
    """Chip mode; the values from 2 on are those of the status byte (table 13-76)."""

    OFF = 0
    SLEEP = 1
    STANDBY_RC = 2
    STANDBY_XOSC = 3
    FS = 4
    RX = 5
    TX = 6


class DeviceError(IntFlag):
    """GetDeviceErrors, table 13-85."""

    PLL_CALIB = 0x0004
    IMG_CALIB = 0x0010
    XOSC_START = 0x0020
    PLL_LOCK = 0x0040


class Verdict(IntEnum):
    """On the last command, in the status byte (table 13-77). OK is what silicon shows; the sheet calls it reserved."""

    OK = 1
    DATA = 2
    PROCESSING_ERROR = 4
    FAILED = 5
    TX_DONE = 6


@dataclass
class Config:
    """Settings, buffer and flags: lost at reset and in a cold sleep."""

    registers: Registers = field(default_factory=Registers)
    modulation: Modulation = field(default_factory=Modulation)
    buffer: bytearray = field(default_factory=lambda: bytearray(256))
    irq: Irq = field(default_factory=lambda: Irq(0))
    irq_mask: int = 0
    dio1_mask: int = 0
    errors: DeviceError = field(default_factory=lambda: DeviceError(0))
    lora: bool = False  # GFSK after reset
    dc_dc: bool = False
    tcxo_us: int | None = None  # time SetDIO3AsTCXOCtrl gives the TCXO; None = a crystal is expected
    rf_switch: bool = False
    pa: power.Amplifier = power.DEVICES["sx1262"].amplifiers[4, 7]
    pa_connected: bool = True
    tx_power: int = 0
    ramp: int = 0
    tx_base: int = 0
    rx_base: int = 0
    rx_start: int = 0
    rx_size: int = 0
    last: Reception = field(default_factory=lambda: Reception(-127.0, 0.0))
    symbols: int = 0
    stop_on_preamble: bool = False
    fallback: Mode = Mode.STANDBY_RC
    verdict: Verdict = Verdict.OK

    def sleep_warm(self) -> None:
        """The data buffer and the interrupts are lost in a sleep with retention too."""
        self.registers.sleep_warm()
        self.buffer = bytearray(256)
        self.irq = Irq(0)

    @property
    def iq_consistent(self) -> bool:
        """Register 0x0736 agrees with the IQ setting of SetPacketParams (section 15.4)."""
        return bool(self.registers[IQ_POLARITY] & IQ_STANDARD_BIT) != self.modulation.iq_inverted

    @property
    def boosted(self) -> bool:
        return self.registers[RX_GAIN] == RX_BOOSTED
