"""The chip's flash controller: writes and erases that stall the chip for as long as they take."""

from __future__ import annotations

from kerbstone.emulator.board.device import Answer, Device
from kerbstone.emulator.engine import ops


class Storage:
    def __init__(self, device: Device):
        self.device = device
        device.ops[ops.FLASH_WRITE] = self._write
        device.ops[ops.FLASH_ERASE] = self._erase

    def _write(self, _a: int, block: int, data: bytes) -> Answer:
        offset = int.from_bytes(data[:4], "little")
        return (0, 0, b"", self.device.flash.program(block, offset, data[4:]))

    def _erase(self, _a: int, block: int, _data: bytes) -> Answer:
        return (0, 0, b"", self.device.flash.erase(block))
