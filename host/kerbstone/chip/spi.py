"""The chip's SPI controllers with virtual parts on them. Bytes take no time on the wire."""

from __future__ import annotations

from typing import Any

from kerbstone.chip.engine import Chip
from kerbstone.emulator.parts.base import Line, SpiPart


class SpiBridge:
    """One controller; the part whose chip select is low takes the byte."""

    def __init__(self, chip: Chip, number: int):
        self._chip = chip
        self._controller: Any = chip.mcu.spi[number]
        self._parts: list[tuple[Line, SpiPart]] = []
        self._controller.on_transmit = self._transmit

    def attach(self, cs: Line, part: SpiPart) -> None:
        self._parts.append((cs, part))

    def _transmit(self, value: int) -> None:
        self._chip.kernel.sync()
        for cs, part in self._parts:
            if cs.level == 0 and part.powered:
                self._controller.complete_transmit(part.spi_transfer(bytes((value,)))[0])
                return
        self._controller.complete_transmit(0xFF)
