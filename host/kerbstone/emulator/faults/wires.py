"""I2C and UART: what a bad contact, a stuck line and a noisy cable do to one part."""

from __future__ import annotations

from collections.abc import Callable

from kerbstone.emulator.board.buses import I2CDevice
from kerbstone.emulator.faults.model import End, Target
from kerbstone.emulator.parts.base import Nack, Stuck, UartPart


class Tap:
    """Stands before a part on its bus; everything passes unless a subclass says otherwise."""

    def __init__(self, part: I2CDevice, target: Target):
        self.part = part
        self.target = target

    @property
    def powered(self) -> bool:
        return self.part.powered

    def i2c_write(self, data: bytes) -> None:
        self.part.i2c_write(data)

    def i2c_read(self, count: int) -> bytes:
        return self.part.i2c_read(count)


class NackTap(Tap):
    """A contact that makes and breaks: a transfer is refused with the given probability."""

    def _pass(self) -> None:
        if self.target.rng.random() < float(self.target.values["share"]):
            raise Nack

    def i2c_write(self, data: bytes) -> None:
        self._pass()
        self.part.i2c_write(data)

    def i2c_read(self, count: int) -> bytes:
        self._pass()
        return self.part.i2c_read(count)


class StuckTap(Tap):
    """The line is held low: no transfer comes to its end."""

    def i2c_write(self, data: bytes) -> None:
        raise Stuck

    def i2c_read(self, count: int) -> bytes:
        raise Stuck


class ShortTap(Tap):
    """The part lets go of SDA after some bytes; the pull-up then reads as ones."""

    def i2c_read(self, count: int) -> bytes:
        keep = min(self.target.number("bytes"), count)
        return self.part.i2c_read(count)[:keep] + b"\xff" * (count - keep)


def tap(kind: type[Tap], whole_bus: bool = False) -> Callable[[Target], End]:
    """A fault that puts `kind` before the part, or before every part on its wires."""

    def begin(target: Target) -> End:
        node = target.node
        part = node.parts[str(target.values["part"])]
        for on_bus in node.i2c.parts.values():
            if any(_behind(device) is part for device in on_bus.values()):
                struck = [a for a, device in on_bus.items() if whole_bus or _behind(device) is part]
                before = {address: on_bus[address] for address in struck}
                for address, device in before.items():
                    on_bus[address] = kind(device, target)
                return lambda: on_bus.update({a: _without(on_bus[a], target) for a in before})
        raise AssertionError(f"{target.values['part']} was checked to be on I2C")

    return begin


def _behind(device: I2CDevice) -> I2CDevice:
    while isinstance(device, Tap):
        device = device.part
    return device


def _without(device: I2CDevice, target: Target) -> I2CDevice:
    """The chain without the tap of this target: taps may end in any order."""
    if not isinstance(device, Tap):
        return device
    if device.target is target:
        return device.part
    device.part = _without(device.part, target)
    return device


def uart(target: Target) -> End:
    """uart_noise: `how` the bytes of a UART part arrive: changed, in two pieces, or not at all."""
    part = target.node.parts[str(target.values["part"])]
    assert isinstance(part, UartPart)
    rng, gap = target.rng, target.number("gap")

    def garbage(data: bytes, receive: Callable[[bytes], None]) -> None:
        receive(rng.randbytes(len(data)))

    def split(data: bytes, receive: Callable[[bytes], None]) -> None:
        at = rng.randrange(1, len(data)) if len(data) > 1 else 1
        receive(data[:at])
        target.kernel.after(gap, receive, data[at:])

    def silence(_data: bytes, _receive: Callable[[bytes], None]) -> None:
        pass

    part.disturb = {"garbage": garbage, "split": split, "silence": silence}[str(target.values["how"])]

    def end() -> None:
        part.disturb = None

    return end
