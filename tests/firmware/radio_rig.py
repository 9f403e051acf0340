"""A radio driver on its virtual chip: `time` is the kernel's clock, `machine.Pin` and `machine.SPI` are the chip's wires."""

import random

import lorawan_world  # noqa: F401  (makes `micropython` importable)

# isort: split
from kerb.radio import lora, sx1262, sx1262_bus, sx1276
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import Line, PartContext
from kerbstone.emulator.parts.sx1262 import Sx1262
from kerbstone.emulator.parts.sx1276 import Sx1276
from kerbstone.emulator.world.constant import Constant

_WIRES = {"sx1262": ("cs", "reset", "busy", "dio1"), "sx1276": ("cs", "reset", "dio0", "dio1")}
_PARTS = {"sx1262": Sx1262, "sx1276": Sx1276}
_DRIVERS = {"sx1262": sx1262.SX1262, "sx1276": sx1276.SX1276}
_CALL_US = 5  # what a look at the clock or at a pin takes


class Clock:
    def __init__(self, kernel):
        self.kernel = kernel

    def _pass(self, us):
        self.kernel.run(self.kernel.now + us)

    def ticks_us(self):
        self._pass(_CALL_US)
        return self.kernel.now

    def ticks_ms(self):
        return self.ticks_us() // 1000

    def ticks_diff(self, a, b):
        return a - b

    def ticks_add(self, a, b):
        return a + b

    def sleep_ms(self, ms):
        self._pass(ms * 1000)


class Pin:
    IRQ_RISING = 1

    def __init__(self, line, clock):
        self.line, self.clock = line, clock

    def value(self, level=None):
        self.clock.ticks_us()
        if level is None:
            return self.line.level
        self.line.drive(level)
        return None

    def irq(self, handler, trigger):
        self.line.watchers.append(lambda level: handler(self) if level else None)


class Spi:
    def __init__(self, part):
        self.part = part

    def write(self, data):
        self.part.spi_transfer(bytes(data))

    def read(self, size):
        return self.part.spi_transfer(bytes(size))


class Rig:
    """One air for as many radios as a test wants."""

    def __init__(self, monkeypatch):
        self.kernel = Kernel()
        self.air = Channel(self.kernel)
        self.clock = Clock(self.kernel)
        self.meters, self.parts = {}, {}
        for module in (lora, sx1262, sx1262_bus, sx1276):
            monkeypatch.setattr(module, "time", self.clock)

    def radio(self, chip, name="node", world=None, leave_out=(), **options):
        """A driver with its `options` on a chip that stands in the `world`."""
        lines = {wire: Line(wire, 1 if wire in ("cs", "reset") else 0) for wire in _WIRES[chip]}
        meter = self.meters[name] = Meter(self.kernel, name)
        site = Constant(0, random.Random(0), {})
        part = self.parts[name] = _PARTS[chip](
            PartContext(name, self.kernel, site, random.Random(1), meter, {"air": self.air, "node": name, **(world or {})}, lines)
        )
        part.power_on()
        pins = {wire: Pin(line, self.clock) for wire, line in lines.items() if wire not in leave_out}
        return _DRIVERS[chip](Spi(part), pins, options)

    def misuse(self):
        return [event[3]["what"] for event in self.kernel.log.of(kind="radio_misuse")]

    def on_air(self):
        return [event[3] for event in self.kernel.log.of(kind="on_air")]
