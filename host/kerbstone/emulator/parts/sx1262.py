"""Virtual SX1262 and SX1261: supply, SPI, BUSY, modes, interrupts (data sheet DS.SX1261-2.W.APP Rev 2.1, sections in brackets).

Stricter than silicon where that finds mistakes: a command sent while BUSY is high is lost and logged, and a receiver whose register
0x0736 contradicts its IQ setting hears nothing. GFSK, CAD, implicit header and duty-cycled reception are not modelled; the chip
answers "execution failed" and the log says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts import sx1262_commands as commands
from kerbstone.emulator.parts import sx1262_power as power
from kerbstone.emulator.parts.base import PartContext, SpiPart
from kerbstone.emulator.parts.lora_front import antenna_of
from kerbstone.emulator.parts.lora_modem import Irq
from kerbstone.emulator.parts.sx1262_config import Config, DeviceError, Mode
from kerbstone.emulator.parts.sx1262_front import Antenna, Front

_COLD_US, _WARM_US = 3_500, 340  # table 8-2: sleep or reset to standby
_DEAF_US = 500  # section 13.1.1: after SetSleep the chip does not notice its chip select
_TCXO_UA = 1_500.0  # a TCXO fed by DIO3 while it runs: 1.5 to 2 mA, usual module parts
# Table 8-2, us: mode left, mode entered.
_SWITCH_US = {
    (Mode.STANDBY_RC, Mode.STANDBY_XOSC): 31, (Mode.STANDBY_RC, Mode.FS): 50, (Mode.STANDBY_RC, Mode.RX): 83,
    (Mode.STANDBY_RC, Mode.TX): 126, (Mode.STANDBY_XOSC, Mode.FS): 40, (Mode.STANDBY_XOSC, Mode.RX): 62,
    (Mode.STANDBY_XOSC, Mode.TX): 105, (Mode.FS, Mode.RX): 41, (Mode.FS, Mode.TX): 76, (Mode.RX, Mode.FS): 15, (Mode.RX, Mode.TX): 92,
}  # fmt: skip
_SWITCH_OTHER_US = 31
_STATE = {
    Mode.OFF: "off", Mode.STANDBY_RC: "standby_rc", Mode.STANDBY_XOSC: "standby_xosc", Mode.FS: "fs", Mode.RX: "rx", Mode.TX: "tx",
}  # fmt: skip


class Sx1262(SpiPart):
    """Lines: cs, busy, dio1, reset, and rxen where the board switches its receive path with it (high = receive).

    Options: `model` "sx1262" or "sx1261", `air` the Channel, `node` the name of its antenna, `gateway_m` distance from the origin
    for an antenna that has no place yet, `board_tcxo` True when DIO3 must feed a TCXO, `tcxo_start_us` (1000) the time it takes,
    `dio2_rf_sw` False when DIO2 does not switch the antenna, `antenna_db` gain of the antenna (0).
    """

    CURRENT_UA: ClassVar[dict[str, float]] = {  # data sheet tables 3-8 and 3-9, 3.3 V; DC-DC unless the name says ldo
        "off": 0.0, "sleep_cold": 0.16, "sleep_warm": 0.6, "standby_rc": 600.0, "standby_xosc": 800.0, "fs": 2_100.0, "fs_ldo": 3_550.0,
        "rx": 4_600.0, "rx_boosted": 5_300.0, "rx_ldo": 8_800.0, "rx_boosted_ldo": 10_100.0,
        "tx": 118_000.0,  # +22 dBm; other settings see sx1262_power
    }  # fmt: skip

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        air, self.node = antenna_of(ctx)
        self.model = str(options.get("model", "sx1262"))
        self.device = power.DEVICES[self.model]
        self._board_tcxo = bool(options.get("board_tcxo", False))
        self._tcxo_start_us = int(options.get("tcxo_start_us", 1_000))
        antenna = Antenna(float(options.get("antenna_db", 0.0)), bool(options.get("dio2_rf_sw", True)), self.line("rxen"))
        self.front: Front = Front(
            ctx.kernel, air, self.node, ctx.rng, antenna, self.raise_irq, self._fall_back, self.device
        )
        self.mode = Mode.OFF
        self._busy = False
        self._busy_end: Event | None = None
        self._arrival: Event | None = None  # of a mode change
        self._warm = False
        self._slept_at = -_DEAF_US
        self._frame = bytearray()
        self._lost = False
        for name, watcher in (("cs", self._on_cs), ("reset", self._on_reset)):
            wire = self.line(name)
            if wire:
                wire.watchers.append(watcher)

    @property
    def config(self) -> Config:
        return self.front.config

    # -- supply, reset, sleep ----------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        self._forget()
        self._start(_COLD_US)

    def power_off(self) -> None:
        self._halt()
        self._enter(Mode.OFF)
        self._hold_busy(0)

    def _forget(self) -> None:
        self._halt()
        self.front.config = Config(pa=next(iter(self.device.amplifiers.values())))
        self._show_irq()

    def _on_reset(self, level: int) -> None:
        if not self.powered:
            return
        self._forget()
        if level:
            self._start(_COLD_US)
        else:
            self._enter(Mode.OFF)
            self._hold_busy(None)

    def _start(self, us: int) -> None:
        """From reset or sleep to standby RC; a cold start calibrates, which a board with TCXO cannot do yet (section 13.3.6)."""
        if us == _COLD_US and self._board_tcxo:
            self.config.errors |= DeviceError.XOSC_START
        self._enter(Mode.STANDBY_RC)
        self._hold_busy(us)

    def sleep(self, warm: bool) -> None:
        """SetSleep (section 13.1.1). BUSY stays high until the chip was woken by its chip select."""
        self._halt()
        if warm:
            self.config.sleep_warm()
        else:
            self.front.config = Config(pa=next(iter(self.device.amplifiers.values())))
        self._warm, self._slept_at = warm, self.kernel.now
        self._show_irq()
        self._enter(Mode.SLEEP)
        self._hold_busy(None)

    # -- SPI ---------------------------------------------------------------------------------------------------------------

    def _on_cs(self, level: int) -> None:
        if not self.powered or self.mode == Mode.OFF:
            return
        if level:
            self._deselect()
            return
        self._frame.clear()
        self._lost = False
        if self.mode == Mode.SLEEP:
            if self.kernel.now - self._slept_at < _DEAF_US:
                self.complain("woken too soon after SetSleep")
            else:
                self._start(_WARM_US if self._warm else _COLD_US)

    def spi_transfer(self, tx: bytes) -> bytes:
        """Bytes between select and deselect make one command; it is executed on deselect, reads are answered as they are clocked."""
        if self.mode in (Mode.OFF, Mode.SLEEP):
            return bytes(len(tx))
        out = bytearray()
        for byte in tx:
            if not self._frame and self._busy:
                self._lost = True
            self._frame.append(byte)
            out.append(0 if self._lost else commands.answer(self, self._frame))
        return bytes(out)

    def _deselect(self) -> None:
        frame, self._frame = bytes(self._frame), bytearray()
        if frame and self._lost:
            self.complain(f"command 0x{frame[0]:02x} while BUSY")
        elif frame:
            self.config.verdict = commands.execute(self, frame)

    @property
    def status(self) -> int:
        """The byte clocked out with every command: mode in bits 6:4, verdict on the last command in bits 3:1."""
        return self.mode << 4 | self.config.verdict << 1

    def complain(self, what: str) -> None:
        """Notes in the event log what a bench would only show as silence."""
        self.kernel.log.write(self.node, "radio_misuse", what=what)

    # -- lines -------------------------------------------------------------------------------------------------------------

    def _drive(self, name: str, level: int) -> None:
        wire = self.line(name)
        if wire:
            wire.drive(level)

    def _hold_busy(self, us: int | None) -> None:
        """BUSY is high for `us`, or until further notice."""
        if self._busy_end:
            self._busy_end.cancel()
        self._busy_end = self.kernel.after(us, self._ready) if us is not None else None
        self._busy = True
        self._drive("busy", 1)

    def _ready(self) -> None:
        self._busy = False
        self._drive("busy", 0)

    def busy(self, us: int) -> None:
        """A command keeps the chip busy, unless something longer does already."""
        if not self._busy:
            self._hold_busy(us)

    def raise_irq(self, irq: Irq) -> None:
        """Sets the flags that SetDioIrqParams lets through, and DIO1 with them."""
        self.config.irq |= irq & self.config.irq_mask
        self._show_irq()

    def clear_irq(self, mask: int) -> None:
        self.config.irq &= ~mask
        self._show_irq()

    def _show_irq(self) -> None:
        self._drive("dio1", 1 if self.config.irq & self.config.dio1_mask else 0)

    # -- modes -------------------------------------------------------------------------------------------------------------

    def _enter(self, mode: Mode) -> None:
        self.mode = mode
        config = self.config
        if mode == Mode.SLEEP:
            self.state("sleep_warm" if self._warm else "sleep_cold")
            return
        state = _STATE[mode]
        if mode == Mode.RX and config.boosted:
            state += "_boosted"
        if mode in (Mode.FS, Mode.RX) and not config.dc_dc:
            state += "_ldo"
        current = self.device.current_ua(config.pa, config.tx_power) if mode == Mode.TX else self.CURRENT_UA[state]
        if mode > Mode.STANDBY_RC and config.tcxo_us is not None:
            current += _TCXO_UA
        self.ctx.meter.set(state, current)

    def _halt(self) -> None:
        """Stops whatever the radio does."""
        if self._arrival:
            self._arrival.cancel()
            self._arrival = None
        self.front.halt()

    def _fall_back(self) -> None:
        """After a packet or a timeout: the mode of SetRxTxFallbackMode."""
        self.go(self.config.fallback)

    def oscillator(self) -> int | None:
        """Starts the 32 MHz clock: us it takes, None when it does not start (with the error flag set)."""
        config = self.config
        if self.mode > Mode.STANDBY_RC:
            return 0
        if (config.tcxo_us is not None) == self._board_tcxo and (config.tcxo_us is None or config.tcxo_us >= self._tcxo_start_us):
            return config.tcxo_us or 0
        config.errors |= DeviceError.XOSC_START
        self.complain("32 MHz clock does not start: SetDIO3AsTCXOCtrl and the board's oscillator do not agree")
        return None

    def go(self, mode: Mode, then: Callable[[], None] | None = None, extra_us: int = 0) -> bool:
        """Leaves what it does and enters `mode`; `then` is called on arrival, when BUSY falls. False: the clock does not start."""
        left = self.mode
        self._halt()
        if mode == Mode.STANDBY_RC:
            self._enter(mode)
            return True
        clock_us = self.oscillator()
        if clock_us is None:
            if mode > Mode.STANDBY_XOSC:
                self.config.errors |= DeviceError.PLL_LOCK
            self._enter(Mode.STANDBY_RC)
            self._hold_busy(_SWITCH_OTHER_US)
            return False
        us = clock_us + extra_us + _SWITCH_US.get((left, mode), _SWITCH_OTHER_US)
        self._enter(mode)
        self._hold_busy(us)
        if then:
            self._arrival = self.kernel.after(us, then)
        return True


PART = Sx1262
