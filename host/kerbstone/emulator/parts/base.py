"""What every virtual part shares: its wires, its place in the world, its charge."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.ledger import Ledger, Meter
from kerbstone.emulator.world.site import Site


class Nack(Exception):
    """The part did not acknowledge its address or a byte; the MCU sees OSError(ENODEV or EIO)."""


class Stuck(Nack):
    """SDA or SCL is held low: the master gives up after its timeout; the MCU sees OSError(ETIMEDOUT)."""


class Line:
    """One wire. The MCU or a part drives it; both can watch it."""

    def __init__(self, name: str, level: int = 0):
        self.name = name
        self.level = level
        self.watchers: list[Callable[[int], None]] = []

    def drive(self, level: int) -> None:
        """Sets the level and tells every watcher when it changed."""
        if level != self.level:
            self.level = level
            for watcher in list(self.watchers):
                watcher(level)


@dataclass
class PartContext:
    """What the board hands to a part when it builds it."""

    name: str
    kernel: Kernel
    site: Site
    rng: random.Random
    meter: Meter
    options: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    ledger: Ledger | None = None  # of the whole node: what a battery gives


class Part:
    """A virtual chip. `CURRENT_UA` names every state it can be charged in (source in the comment beside it)."""

    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0}

    def __init__(self, ctx: PartContext):
        self.ctx = ctx
        self.kernel = ctx.kernel
        self.site = ctx.site
        self.rng = ctx.rng
        self.noise: Callable[[int], random.Random] = random.Random  # from a number made of seed and time: it does not matter who looks
        self.powered = True

    def state(self, name: str) -> None:
        """Charges the part in state `name` from now on."""
        self.ctx.meter.set(name, self.CURRENT_UA[name])

    def line(self, name: str) -> Line | None:
        """The wire on this pin of the part, if the node file connects it."""
        return self.ctx.lines.get(name)

    def set_power(self, on: bool) -> None:
        """The supply rail was switched; a part that loses power forgets its registers."""
        if on == self.powered:
            return
        self.powered = on
        if on:
            self.power_on()
        else:
            self.power_off()

    def power_on(self) -> None:
        """Reset state of the chip; also called once at the start."""

    def power_off(self) -> None:
        self.state("off")

    def read(self, quantity: str) -> float:
        """The true physical value at the part, now."""
        return self.site.read(quantity, self.kernel.now)


class I2CPart(Part):
    """A part on an I2C bus. Register pointer and auto-increment are the part's own business."""

    address = 0
    # False: a read hands out register after register. True: one answer; a byte nobody fetches is lost with the rest.
    WHOLE_ANSWER: ClassVar[bool] = False

    def i2c_write(self, data: bytes) -> None:
        """The MCU wrote these bytes after the address; raise Nack to refuse."""
        raise Nack

    def i2c_read(self, count: int) -> bytes:
        """The MCU clocks out `count` bytes; raise Nack to refuse."""
        raise Nack


class UartPart(Part):
    """A part on a UART. `send` hands bytes to the MCU's receiver, spaced by the baud rate."""

    baud = 9600
    framing: tuple[int, int | None, int] = (8, None, 1)  # data bits, parity (None, 0 even, 1 odd), stop bits
    inverted = False  # the line idles low
    disturb: Callable[[bytes, Callable[[bytes], None]], None] | None = None  # a fault on the wire: (data, receiver)

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.to_mcu: Callable[[bytes], None] | None = None

    def uart_write(self, data: bytes) -> None:
        """The MCU sent these bytes (called when the last one has left)."""

    def uart_other(self, data: bytes, baud: int, framing: tuple[int, int | None, int]) -> None:
        """The MCU sent bytes at another speed or in another frame than the part's: as a break is made."""

    def send(self, data: bytes) -> None:
        """Puts bytes on the wire: the receiver has all of them after their time on the wire."""
        if self.to_mcu and self.powered:
            self.kernel.after(len(data) * 10_000_000 // self.baud, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        if self.to_mcu and self.powered:
            if self.disturb:
                self.disturb(data, self._to_receiver)
            else:
                self.to_mcu(data)

    def _to_receiver(self, data: bytes) -> None:
        if self.to_mcu:
            self.to_mcu(data)


class OneWirePart(Part):
    """A part on a 1-Wire pin, its "data_pin"."""

    def wire_reset(self) -> bool:
        """The MCU holds the wire low for 480 us; True: the part answers with a presence pulse."""
        return False

    def wire_write(self, bit: int) -> None:
        """A write slot."""

    def wire_read(self) -> int:
        """A read slot: 0 when the part holds the wire low, else 1."""
        return 1


class SpiPart(Part):
    """A part on an SPI bus with its own chip select, line "cs" (low = selected)."""

    def spi_transfer(self, tx: bytes) -> bytes:
        """Full-duplex transfer while selected; returns len(tx) bytes."""
        return bytes(len(tx))
