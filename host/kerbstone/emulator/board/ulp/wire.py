"""The I2C bus seen from two pads that a program moves by hand: levels in, transfers of the parts on the bus out.

UM10204: a bit counts while SCL is high; SDA that falls then starts a transfer, SDA that rises ends it; the ninth bit acknowledges.
"""

from __future__ import annotations

from kerbstone.emulator.board.buses import I2CDevice
from kerbstone.emulator.parts.base import Nack

_IDLE, _ADDRESS, _WRITE, _READ = range(4)


class Wire:
    """Two open-drain lines with pull-ups. `parts`: address -> part, as the bus has them now."""

    def __init__(self, parts: dict[int, I2CDevice]):
        self.parts = parts
        self.scl = self.sda = 1  # what the master lets go of, or pulls low
        self._held = False  # a part pulls SDA low
        self._state = _IDLE
        self._bit = self._byte = self._out = 0  # clocks of this byte; what came in of it; what is left to go out
        self._part: I2CDevice | None = None
        self._written = bytearray()

    @property
    def data(self) -> int:
        """The level of SDA."""
        return 0 if self._held else self.sda

    def drive(self, scl: int, sda: int) -> None:
        """The master moves its drivers; one at a time, as a program does."""
        before = self.data
        was, self.scl, self.sda = self.scl, scl, sda
        if self.data != before and was and scl:
            (self._stop if self.data else self._start)()
        elif scl > was:
            self._rise()
        elif scl < was:
            self._fall()

    def _start(self) -> None:
        self._flush()
        self._state, self._bit, self._byte = _ADDRESS, 0, 0

    def _stop(self) -> None:
        self._flush()
        self._state, self._part, self._held = _IDLE, None, False

    def _flush(self) -> None:
        """What was written is the part's: a stop or another start ends it."""
        if self._part and self._written:
            try:
                self._part.i2c_write(bytes(self._written))
            except Nack:
                self._part = None  # too late for the byte's own acknowledge: the next one tells
        self._written.clear()

    def _rise(self) -> None:
        if self._state == _IDLE:
            return
        if self._bit < 8:
            self._byte = (self._byte << 1 | self.data) & 0xFF
        elif self._state == _READ and self.data:
            self._state = _IDLE  # not acknowledged: the part is done
        self._bit += 1

    def _fall(self) -> None:
        """SCL is low: whoever has the next bit puts it onto SDA."""
        if self._state == _IDLE or not self._bit:
            if self._state == _IDLE:
                self._held = False
            return
        if self._bit == 8:
            self._held = self._state != _READ and self._acknowledges()
            return
        if self._bit == 9:
            self._held, self._bit = False, 0
            if self._state == _ADDRESS:
                self._state = _IDLE if not self._part else _READ if self._byte & 1 else _WRITE
            if self._state == _READ:
                self._out = self._fetch()
        if self._state == _READ:
            self._held = not self._out >> 7
            self._out = self._out << 1 & 0xFF

    def _acknowledges(self) -> bool:
        if self._state == _WRITE:
            self._written.append(self._byte)
            return self._part is not None
        part = self.parts.get(self._byte >> 1)
        self._part = None
        if part is not None and part.powered:
            try:
                part.i2c_write(b"")
                self._part = part
            except Nack:
                pass
        return self._part is not None

    def _fetch(self) -> int:
        try:
            return self._part.i2c_read(1)[0] if self._part else 0xFF
        except Nack:
            return 0xFF
