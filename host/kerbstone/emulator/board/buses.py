"""I2C and SPI masters of the chip, with parts on them."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack, unpack_from
from typing import Protocol

from kerbstone.emulator.board.device import Answer, Device
from kerbstone.emulator.board.pins import Pins
from kerbstone.emulator.engine import ops
from kerbstone.emulator.parts.base import Nack, SpiPart, Stuck

_ENODEV, _EIO, _EINVAL, _ETIMEDOUT = 19, 5, 22, 116  # ETIMEDOUT as the boards number it
_STUCK_US = 50_000  # machine.I2C's default timeout


class I2CDevice(Protocol):
    """What the bus needs of a part, or of a fault that stands before one."""

    @property
    def powered(self) -> bool: ...

    def i2c_write(self, data: bytes) -> None: ...

    def i2c_read(self, count: int) -> bytes: ...


class I2CBuses:
    """I2C controllers; a bus is known by its data pin, so a wrong pin finds nothing, as on a bench."""

    def __init__(self, device: Device):
        self.parts: dict[int, dict[int, I2CDevice]] = {}  # sda pin -> address -> part
        self.taken: Callable[[int], bool] = lambda pin: False  # by the RTC domain: the controller does not reach this pin
        self._open: list[tuple[int, int]] = []  # handle -> (sda, freq)
        device.ops[ops.I2C_WRITE] = self._write
        device.ops[ops.I2C_READ] = self._read
        device.ops[ops.I2C_MEM] = self._mem
        device.calls.update(i2c=self._init, i2c_scan=self._scan)

    def attach(self, sda: int, address: int, part: I2CDevice) -> None:
        self.parts.setdefault(sda, {})[address] = part

    def _init(self, bus: int, scl: int, sda: int, freq: int) -> int:
        for handle, entry in enumerate(self._open):
            if entry == (sda, freq):
                return handle
        self._open.append((sda, freq))
        return len(self._open) - 1

    def _on(self, handle: int) -> dict[int, I2CDevice]:
        sda = self._open[handle][0]
        return {} if self.taken(sda) else self.parts.get(sda, {})

    def _find(self, handle: int, address: int) -> I2CDevice | None:
        part = self._on(handle).get(address)
        return part if part is not None and part.powered else None

    def _us(self, handle: int, count: int) -> int:
        """Time of `count` bytes: nine clocks each, start and stop."""
        return (count * 9 + 2) * 1_000_000 // self._open[handle][1]

    def _scan(self, handle: int) -> list[int]:
        return sorted(a for a, p in self._on(handle).items() if p.powered)

    def _write(self, handle: int, b: int, data: bytes) -> Answer:
        part = self._find(handle, b & 127)
        if part is None:
            return (_ENODEV, 0, b"", self._us(handle, 1))
        try:
            part.i2c_write(data)
        except Nack as error:
            return _refused(error, self._us(handle, 1 + len(data)))
        return (0, len(data), b"", self._us(handle, 1 + len(data)))

    def _read(self, handle: int, b: int, data: bytes) -> Answer:
        (count,) = unpack("<H", data)
        part = self._find(handle, b & 127)
        if part is None:
            return (_ENODEV, 0, b"", self._us(handle, 1))
        try:
            got = part.i2c_read(count)
        except Nack as error:
            return _refused(error, self._us(handle, 1))
        return (0, 0, got, self._us(handle, 1 + count))

    def _mem(self, handle: int, address: int, data: bytes) -> Answer:
        (count,) = unpack_from("<H", data)
        part = self._find(handle, address)
        if part is None:
            return (_ENODEV, 0, b"", self._us(handle, 1))
        try:
            part.i2c_write(data[2:])
            got = part.i2c_read(count)
        except Nack as error:
            return _refused(error, self._us(handle, 2))
        return (0, 0, got, self._us(handle, len(data) + count))


def _refused(error: Nack, us: int) -> Answer:
    return (_ETIMEDOUT, 0, b"", _STUCK_US) if isinstance(error, Stuck) else (_EIO, 0, b"", us)


class SpiBuses:
    """SPI controllers; the part whose chip select is low takes the transfer."""

    def __init__(self, device: Device, pins: Pins):
        self.parts: dict[int, list[tuple[int, SpiPart]]] = {}  # sck pin -> [(cs pin, part)]
        self._pins = pins
        self._open: list[tuple[int, int]] = []
        device.ops[ops.SPI] = self._transfer
        device.calls.update(spi=self._init)

    def attach(self, sck: int, cs: int, part: SpiPart) -> None:
        self.parts.setdefault(sck, []).append((cs, part))

    def _init(self, bus: int, baudrate: int, polarity: int, phase: int, sck: int, mosi: int, miso: int) -> int:
        for handle, entry in enumerate(self._open):
            if entry == (sck, baudrate):
                return handle
        self._open.append((sck, baudrate))
        return len(self._open) - 1

    def _transfer(self, handle: int, _b: int, data: bytes) -> Answer:
        sck, baudrate = self._open[handle]
        us = len(data) * 8_000_000 // baudrate
        for cs, part in self.parts.get(sck, ()):
            if self._pins.line(cs).level == 0 and part.powered:
                return (0, 0, part.spi_transfer(data), us)
        return (0, 0, b"\xff" * len(data), us)
