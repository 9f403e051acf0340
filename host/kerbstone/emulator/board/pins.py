"""GPIO: levels, interrupts, wake-up from sleep."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack

from kerbstone.emulator.board.device import OK, Answer, Device
from kerbstone.emulator.engine import ops
from kerbstone.emulator.parts.base import Line

_ENOENT = 2
_OUT = 1
_RISING, _FALLING = 1, 2


class Pins:
    """All pins of the chip; a wire (`Line`) hangs on every pin that is used."""

    def __init__(self, device: Device, names: dict[str, int]):
        self.device = device
        self.lines: dict[int, Line] = {}
        self.out: set[int] = set()
        self.held: set[int] = set()
        self.rest: dict[int, int] = {}  # level to which a wire falls or is pulled when nobody drives it
        self._names = names
        self._irq: dict[int, int] = {}
        self._wakes: dict[int, tuple[frozenset[int], int]] = {}  # ext unit -> pins, level
        self._light_wake: set[int] = set()
        device.ops[ops.PIN_GET] = self._get
        device.questions[ops.PIN_GET] = lambda _a, number: self.line(number).level
        device.ops[ops.PIN_SET] = self._set
        device.ops[ops.PIN_SETUP] = self._setup
        device.calls.update(pin=self._named, pin_irq=self._set_irq, wake_ext=self._wake_ext, hold=lambda on: None)
        device.ops[ops.PULSE] = self._pulse
        device.on_stop.append(self._stop)
        device.on_sleep.append(self.check_wake)
        device.on_boot.append(self.disarm)

    def line(self, number: int) -> Line:
        """The wire on a pin."""
        if number not in self.lines:
            wire = Line(f"gpio{number}")
            wire.watchers.append(self._watch(number))
            self.lines[number] = wire
        return self.lines[number]

    def _watch(self, number: int) -> Callable[[int], None]:
        def changed(level: int) -> None:
            device = self.device
            if number in self.out:
                return
            if device.deep or device.light:
                self._wake(number, level)
            elif self._irq.get(number, 0) & (_RISING if level else _FALLING):
                device.interrupt(f"pin{number}", level)

        return changed

    def _wake(self, number: int, level: int) -> None:
        device = self.device
        for unit, (pins, active) in self._wakes.items():
            if number in pins and level == active and self._fires(unit):
                self._leave_sleep(device.spec.limits.ext_wake[unit])
                return
        if device.light and (number in self._light_wake or device.spec.limits.port == "rp2"):
            trigger = self._irq.get(number, 0)
            if trigger & (_RISING if level else _FALLING):
                device.pending.append((f"pin{number}", level))
                device.nudge(ops.MODE_LIGHT)

    def _leave_sleep(self, reason: int) -> None:
        if self.device.deep:
            self.device.wake(reason)
        else:
            self.device.nudge(ops.MODE_LIGHT, reason=reason)

    def check_wake(self) -> None:
        """A wake pin that is active already when sleep begins ends it at once (level, not edge)."""
        for unit in self._wakes:
            if self._fires(unit):
                self._leave_sleep(self.device.spec.limits.ext_wake[unit])
                return

    def _fires(self, unit: int) -> bool:
        """Whether the levels of now end deep sleep by this unit."""
        pins, active = self._wakes[unit]
        there = [self.line(number).level == active for number in sorted(pins)]
        return all(there) if unit == 1 and not active and self.device.spec.limits.all_low else any(there)

    def _named(self, name: str, mode: int, pull: int, value: int | None, hold: bool | None) -> Answer | int:
        number = self._names.get(name)
        if number is None:
            return (_ENOENT, 0, b"", 0)
        self._configure(number, mode, -1 if value is None else bool(value), -1 if hold is None else bool(hold))
        return number

    def _setup(self, _a: int, number: int, data: bytes) -> Answer:
        self._configure(number, *unpack("<bbb", data))
        return OK

    def _configure(self, number: int, mode: int, level: int, hold: int) -> None:
        """-1: leave as it is."""
        line = self.line(number)
        if mode == _OUT:
            self.out.add(number)
        elif mode >= 0:
            self.out.discard(number)
        if hold >= 0:
            (self.held.add if hold else self.held.discard)(number)
        if level >= 0:
            line.drive(level)

    def _get(self, _a: int, number: int, _data: bytes) -> Answer:
        return (0, self.line(number).level, b"", 0)

    def _set(self, level: int, number: int, _data: bytes) -> Answer:
        if number in self.out:
            self.line(number).drive(level)
        return OK

    def _set_irq(self, number: int, trigger: int, wake: int | None) -> None:
        self._irq[number] = trigger
        (self._light_wake.add if wake else self._light_wake.discard)(number)

    def _wake_ext(self, unit: int, pins: list[int], level: int) -> Answer | None:
        allowed = self.device.spec.limits.ext0_pins
        if any(p not in allowed for p in pins):
            return (22, 0, b"", 0)
        if pins:
            self._wakes[unit] = (frozenset(pins), level)
        else:
            self._wakes.pop(unit, None)
        return None

    def _pulse(self, level: int, number: int, data: bytes) -> Answer | None:
        """time_pulse_us: waits for the level, then measures how long it stays; -2 or -1 when one of the two does not end."""
        line, kernel, timeout_us = self.line(number), self.device.kernel, int.from_bytes(data, "little")
        process = self.device.process
        begun: list[int] = [kernel.now] if line.level == level else []

        def finish(value: int) -> None:
            events[-1].cancel()
            line.watchers.remove(changed)
            if self.device.process is process:  # a reset takes the question along
                self.device.answer_later((0, value, b"", 0))

        def expire() -> None:
            if begun and begun[0] + timeout_us > kernel.now:
                events.append(kernel.at(begun[0] + timeout_us, expire))
            else:
                finish(-1 if begun else -2)

        def changed(now_level: int) -> None:
            if now_level == level:
                begun.append(kernel.now)
            elif begun:
                finish(kernel.now - begun[0])

        line.watchers.append(changed)
        events = [kernel.after(timeout_us, expire)]
        return None

    def _stop(self) -> None:
        """Deep sleep or reset: drivers let go, unless held; wake sources stay armed for the sleep that follows."""
        self._irq.clear()
        self._light_wake.clear()
        released = self.out - self.held
        self.out &= self.held
        for number in sorted(released):
            self.line(number).drive(self.rest.get(number, 0))

    def disarm(self, _cause: int) -> None:
        """A boot forgets the wake sources."""
        self._wakes.clear()
