"""`machine.time_pulse_us`: how long a pin stays at a level."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack

from kerbstone.emulator.board.device import Answer, Device
from kerbstone.emulator.engine import ops
from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import Line

_NO_PULSE, _TOO_LONG = -2, -1


class Pulses:
    """One measurement at a time, as the interpreter waits in it: first for the level, then for its end, each `timeout_us` at most."""

    def __init__(self, device: Device, line: Callable[[int], Line]):
        self._device = device
        self._line_of = line
        self._line: Line | None = None
        self._deadline: Event | None = None
        device.ops[ops.PULSE] = self._begin
        device.on_stop.append(self._end)

    def _begin(self, level: int, pin: int, data: bytes) -> Answer | None:
        self._line, self._level = self._line_of(pin), level
        (self._timeout_us,) = unpack("<I", data)
        self._line.watchers.append(self._changed)
        self._since = -1
        if self._line.level == self._level:
            self._pulse()
        else:
            self._deadline = self._device.kernel.after(self._timeout_us, self._answer, _NO_PULSE)
        return None

    def _changed(self, level: int) -> None:
        if self._since < 0:
            if level == self._level:
                self._pulse()
        elif level != self._level:
            self._answer(self._device.kernel.now - self._since)

    def _pulse(self) -> None:
        kernel = self._device.kernel
        self._since = kernel.now
        if self._deadline:
            self._deadline.cancel()
        self._deadline = kernel.after(self._timeout_us, self._answer, _TOO_LONG)

    def _answer(self, value: int) -> None:
        self._end()
        self._device.answer_later((0, value, b"", 0))

    def _end(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
        if self._line:
            self._line.watchers.remove(self._changed)
            self._line = None
