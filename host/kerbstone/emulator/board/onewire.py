"""1-Wire: the slots a port's `_onewire` sends on a pin, and the parts that hang on the wire."""

from __future__ import annotations

import json
from typing import Protocol

from kerbstone.emulator.board.device import Answer, Device

_RESET_US = 960  # low and presence, Maxim data sheet 19-7487, figure 15
_SLOT_US = 70


class OneWireDevice(Protocol):
    """What the wire needs of a part."""

    @property
    def powered(self) -> bool: ...

    def wire_reset(self) -> bool: ...

    def wire_write(self, bit: int) -> None: ...

    def wire_read(self) -> int: ...


class OneWires:
    """Parts by pin. The wire is a wired AND, so a pull-up alone reads as ones."""

    def __init__(self, device: Device):
        self.parts: dict[int, list[OneWireDevice]] = {}
        device.calls.update(onewire_reset=self._reset, onewire_write=self._write, onewire_read=self._read)

    def attach(self, pin: int, part: OneWireDevice) -> None:
        self.parts.setdefault(pin, []).append(part)

    def _on(self, pin: int) -> list[OneWireDevice]:
        return [part for part in self.parts.get(pin, ()) if part.powered]

    def _reset(self, pin: int) -> Answer:
        present = [part.wire_reset() for part in self._on(pin)]
        return (0, 0, json.dumps(any(present)).encode(), _RESET_US)

    def _write(self, pin: int, value: int, bits: int) -> Answer:
        for i in range(bits):
            for part in self._on(pin):
                part.wire_write(value >> i & 1)
        return (0, 0, b"", bits * _SLOT_US)

    def _read(self, pin: int, bits: int) -> Answer:
        value = 0
        for i in range(bits):
            value |= min((part.wire_read() for part in self._on(pin)), default=1) << i
        return (0, 0, json.dumps(value).encode(), bits * _SLOT_US)
