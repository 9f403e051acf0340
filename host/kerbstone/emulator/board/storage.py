"""The chip's flash controller: writes and erases that stall the chip for as long as they take."""

from __future__ import annotations

from kerbstone.emulator.board.device import Answer, Device
from kerbstone.emulator.engine import ops
from kerbstone.emulator.flash import PowerLost


class Storage:
    def __init__(self, device: Device):
        self.device = device
        device.ops[ops.FLASH_WRITE] = self._write
        device.ops[ops.FLASH_ERASE] = self._erase

    def _write(self, _a: int, block: int, data: bytes) -> Answer | None:
        return self._perform(block, int.from_bytes(data[:4], "little"), data[4:])

    def _erase(self, _a: int, block: int, _data: bytes) -> Answer | None:
        return self._perform(block, 0, None)

    def _perform(self, block: int, offset: int, data: bytes | None) -> Answer | None:
        flash = self.device.flash
        try:
            for fault in flash.faults:
                errno = fault(block, offset, data)
                if errno:
                    return (errno, 0, b"", 0)
        except PowerLost:
            return None
        return (0, 0, b"", flash.erase(block) if data is None else flash.program(block, offset, data))
