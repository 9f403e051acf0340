"""The chip's I2C controllers with virtual parts on them. Bytes take no time on the wire."""

from __future__ import annotations

from typing import Any

from kerbstone.chip.engine import Chip
from kerbstone.emulator.parts.base import I2CPart, Nack

_FUNCTION_I2C = 3  # RP2040 data sheet 2.19.2, GPIO functions
_READ = 1
# A master says how much it reads only by refusing the last byte; the longest answer of our parts is the SPS30's, 60 bytes.
_LONGEST = 64


class I2CBridge:
    """One controller. A part is known by its data pin, so a wrong pin finds nothing, as on a bench."""

    def __init__(self, chip: Chip, number: int):
        self._chip = chip
        self._controller: Any = chip.mcu.i2c[number]
        self._parts: dict[int, tuple[int, I2CPart]] = {}
        self._part: I2CPart | None = None
        self._written = bytearray()
        self._refused = False  # the part refused what a repeated start has ended
        self._answer = bytearray()
        self._controller.on_start = self._start
        self._controller.on_connect = self._connect
        self._controller.on_write_byte = self._write
        self._controller.on_read_byte = self._read
        self._controller.on_stop = self._stop

    def attach(self, sda: int, address: int, part: I2CPart) -> None:
        self._parts[address] = (sda, part)

    def _start(self, repeated: bool) -> None:
        if repeated:
            self._refused = not self._deliver()
        self._controller.complete_start()

    def _connect(self, address: int, mode: int) -> None:
        self._chip.kernel.sync()
        self._part = self._find(address)
        refused, self._refused = self._refused, False
        self._written.clear()
        self._answer.clear()
        if self._part is None or refused or (mode == _READ and not self._fetch(self._part)):
            self._part = None
            self._controller.complete_connect(False)
            return
        self._controller.complete_connect(True)

    def _find(self, address: int) -> I2CPart | None:
        sda, part = self._parts.get(address, (0, None))
        wired = part is not None and part.powered and self._chip.mcu.gpio[sda].function_select == _FUNCTION_I2C
        return part if wired else None

    def _fetch(self, part: I2CPart) -> bool:
        """Asks the part for what the next read byte needs; False when it refuses."""
        try:
            self._answer += part.i2c_read(_LONGEST if part.WHOLE_ANSWER else 1)
        except Nack:
            return False
        return True

    def _write(self, value: int) -> None:
        self._written.append(value)
        # The part judges a whole transfer, so its refusal can only show at the last byte, the one with the stop bit.
        self._controller.complete_write(self._deliver() if self._controller._stop else True)

    def _deliver(self) -> bool:
        data = bytes(self._written)
        self._written.clear()
        if self._part is None or not data:
            return True
        try:
            self._part.i2c_write(data)
        except Nack:
            return False
        return True

    def _read(self, _ack: bool) -> None:
        if not self._answer and self._part:
            self._fetch(self._part)
        # Nobody drives the bus after the end of an answer: ones.
        self._controller.complete_read(self._answer.pop(0) if self._answer else 0xFF)

    def _stop(self) -> None:
        self._deliver()
        self._part = None
        self._controller.complete_stop()
