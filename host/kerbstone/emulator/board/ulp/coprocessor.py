"""The coprocessor on its board: the timer that starts it, the pads it moves, the sleep it ends, the charge it takes.

Where nothing can happen for a while a watch over a sensor is not stepped but foreseen (foresight.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack, unpack_from

from kerbstone.emulator.board.buses import I2CBuses
from kerbstone.emulator.board.device import Answer, Device
from kerbstone.emulator.board.pins import Pins
from kerbstone.emulator.board.ulp.figures import RESERVED_BYTES, RUN_UA, SLOW_HZ, START_US, pause_us, us_of
from kerbstone.emulator.board.ulp.foresight import Foresight
from kerbstone.emulator.board.ulp.fsm import MEMORY_WORDS, Fsm
from kerbstone.emulator.board.ulp.registers import BASE, TIMER_ON, ULP_PERIOD, ULP_TIMER, Registers
from kerbstone.emulator.board.ulp.wire import Wire
from kerbstone.emulator.engine import ops
from kerbstone.emulator.kernel import Event
from kerbstone.emulator.ledger import Meter

WAKE = 6  # ESP_SLEEP_WAKEUP_ULP
MEMORY = 0x50000000
_EINVAL_IDF = {"arg": 0x102, "size": 0x104, "magic": 0x106}  # ESP_ERR_INVALID_ARG, _INVALID_SIZE, _NOT_SUPPORTED


class Coprocessor:
    """RTC slow memory, registers and the FSM of one board. Pads are joined to the I2C buses that parts hang on."""

    def __init__(self, device: Device, pins: Pins, buses: I2CBuses, wires: list[tuple[int, int]]):
        """`wires`: (scl, sda) of the board's buses."""
        self.device = device
        self.kernel = device.kernel
        self.memory = [0] * MEMORY_WORDS
        self.registers = Registers(self._moved, self._level, self._wake)
        self.fsm = Fsm(self.memory, self.registers)
        self.wires = {pads: Wire(buses.parts.setdefault(pads[1], {})) for pads in wires}
        self.runs = 0  # stepped, not foreseen
        self.foresight = Foresight(self)
        buses.taken = self.registers.taken
        self._pins = pins
        self._binary = bytearray()
        self._low: set[int] = set()
        self._due: Event | None = None
        self._running: Iterator[int] | None = None
        self._armed = False  # esp32.wake_on_ulp(True) since the last start
        device.calls.update(
            ulp_period=self._period, ulp_bytes=self._bytes, ulp_load=self._load, ulp_run=self._run, ulp_wake=self._arm, mem32=self._mem32
        )
        device.on_boot.append(self._booted)

    # -- what the firmware asks -------------------------------------------------------------------------------

    def _period(self, index: int, us: int) -> Answer | None:
        """ulp_set_wakeup_period(): the S3 has one period."""
        if index > 4:
            return (_EINVAL_IDF["arg"], 0, b"", 0)
        self.registers.write(ULP_PERIOD, 31, 8, us * SLOW_HZ // 1_000_000)
        return None

    def _bytes(self, offset: int, code: str) -> None:
        """A piece of what is loaded next."""
        self._binary[offset:] = bytes.fromhex(code)

    def _load(self, address: int, size: int) -> Answer | None:
        """ulp_load_binary(): `address` in words; a header, text, data, and bytes to clear."""
        self.foresight.end()
        binary = bytes(self._binary[:size])
        if len(binary) < 12 or 4 * address + len(binary) > RESERVED_BYTES:
            return (_EINVAL_IDF["size"], 0, b"", 0)
        magic, offset, text, data, bss = unpack_from("<4sHHHH", binary)
        if magic != b"ulp\0":
            return (_EINVAL_IDF["magic"], 0, b"", 0)
        if offset + text + data != len(binary):
            return (_EINVAL_IDF["size"], 0, b"", 0)
        words = [*unpack(f"<{(text + data) // 4}I", binary[offset:]), *[0] * (bss // 4)]
        self.memory[address : address + len(words)] = words
        return None

    def _run(self, entry: int) -> None:
        """ulp_run(): from byte `entry`, first after one period."""
        self._halt()
        self.registers.set(ULP_TIMER, TIMER_ON | entry // 4)
        self._sleep()

    def _arm(self, on: bool) -> None:
        self._armed = on

    def _mem32(self, address: int, value: int | None) -> Answer | int | None:
        self.foresight.end()
        index = (address - MEMORY) // 4
        if 0 <= index < MEMORY_WORDS:
            if value is None:
                return self.memory[index]
            self.memory[index] = value
            return None
        register = (address - BASE) // 4
        if value is None:
            return self.registers.read(register)
        self.registers.set(register, value)
        if register == ULP_TIMER and not value & TIMER_ON and self._due and not self._running:
            self._due.cancel()
            self._due = None
        return None

    # -- runs -------------------------------------------------------------------------------------------------

    def _sleep(self) -> None:
        """Waits for the timer, or foresees what it would start."""
        self._meter.set("off", 0.0)
        if self.registers.read(ULP_TIMER) & TIMER_ON:
            begin = self.kernel.now + pause_us(self.registers.read(ULP_PERIOD))
            self._due = self.kernel.at(begin, self.begin) if not self.foresight.try_from(begin) else None

    def begin(self) -> None:
        """The timer starts the program."""
        if self.device.mcu.state == "off":
            return
        self.runs += 1
        self._meter.add("run", RUN_UA * START_US / 1e6)
        self._meter.set("run", RUN_UA)
        self._running = self.fsm.run(self.registers.read(ULP_TIMER) & 0x7FF)
        self._go_on()

    def _go_on(self) -> None:
        assert self._running is not None
        cycles = next(self._running, None)
        if cycles is None:
            self._running = None
            self._sleep()
        else:
            self._due = self.kernel.after(us_of(cycles), self._go_on)

    @property
    def _meter(self) -> Meter:
        """In the ledger from the first program on."""
        return self.device.ledger.meter("ulp")

    def _halt(self) -> None:
        self.foresight.end()
        if self._due:
            self._due.cancel()
            self._meter.set("off", 0.0)
        self._due = self._running = None

    def resume(self, at_us: int) -> None:
        """Stepping goes on with the run that is due at at_us."""
        self._due = self.kernel.at(at_us, self.begin)

    def watching(self, average_ua: float) -> None:
        self._meter.set("run", average_ua)

    # -- its surroundings -------------------------------------------------------------------------------------

    def _moved(self, pin: int, level: int) -> None:
        (self._low.discard if level else self._low.add)(pin)
        for (scl, sda), wire in self.wires.items():
            if pin in (scl, sda):
                wire.drive(int(scl not in self._low), int(sda not in self._low))

    def _level(self, pin: int) -> int:
        for (scl, sda), wire in self.wires.items():
            if pin == sda:
                return wire.data
            if pin == scl:
                return wire.scl
        return self._pins.line(pin).level

    def _wake(self) -> None:
        """WAKE: without effect unless the chip sleeps and waits for it."""
        if self._armed and self.device.deep:
            self.device.wake(WAKE)
        elif self._armed and self.device.light:
            self.device.nudge(ops.MODE_LIGHT, reason=WAKE)

    def _booted(self, cause: int) -> None:
        self._armed = False
        self.foresight.end()
        if cause == 1:  # power-on
            self._halt()
            self.registers.words.clear()
            self.memory[:] = [0] * MEMORY_WORDS
