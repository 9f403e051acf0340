"""The chip's GPIO pins and the wires of virtual parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerbstone.chip.engine import Chip
from kerbstone.emulator.parts.base import Line

_LEVELS = {0: 0, 1: 1}  # GPIOPinState LOW and HIGH: the chip drives; any other state: it lets go


class Pins:
    """A wire (`Line`) hangs on every pin that a part uses."""

    def __init__(self, chip: Chip):
        self._chip = chip
        self._lines: dict[int, Line] = {}
        self._driven: set[int] = set()  # pins the chip drives now
        self.rest: dict[int, int] = {}  # level to which a wire falls or is pulled when nobody drives it
        chip.on_reset.append(self._let_go)

    def line(self, number: int) -> Line:
        """The wire on a pin."""
        if number not in self._lines:
            wire = Line(f"gpio{number}")
            self._lines[number] = wire
            pin = self._chip.mcu.gpio[number]
            pin.add_listener(self._chip_side(number, wire))
            wire.watchers.append(self._part_side(number, pin))
        return self._lines[number]

    def _chip_side(self, number: int, wire: Line) -> Callable[[Any, Any], None]:
        def changed(state: Any, _before: Any) -> None:
            level = _LEVELS.get(int(state))
            self._chip.kernel.sync()
            if level is not None:
                self._driven.add(number)
                wire.drive(level)
            elif number in self._driven:
                self._driven.discard(number)
                wire.drive(self.rest.get(number, 0))

        return changed

    def _part_side(self, number: int, pin: Any) -> Callable[[int], None]:
        def changed(level: int) -> None:
            if number not in self._driven:
                pin.set_input_value(bool(level))

        return changed

    def _let_go(self) -> None:
        """A reset: every output becomes an input."""
        for number in sorted(self._driven):
            self._driven.discard(number)
            self._lines[number].drive(self.rest.get(number, 0))
