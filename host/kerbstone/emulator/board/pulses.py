"""Pulse hardware of the ESP32: RMT transmitters and pulse counters."""

from __future__ import annotations

from typing import Any

from kerbstone.emulator.board.device import Device
from kerbstone.emulator.board.pins import Pins
from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import Part


class Rmt:
    """`esp32.RMT`: plays out runs of levels on a pin."""

    def __init__(self, device: Device, pins: Pins):
        self._kernel = device.kernel
        self._pins = pins
        self._channels: dict[int, tuple[int, int, list[Event]]] = {}  # channel -> pin, idle level, what is still to come
        device.calls.update(rmt_init=self._init, rmt_write=self._write)
        device.on_stop.append(self._stop)

    def _init(self, channel: int, pin: int, idle: int) -> None:
        self._channels[channel] = (pin, idle, [])
        self._pins.out.add(pin)
        self._pins.line(pin).drive(idle)

    def _write(self, channel: int, runs_us: list[float], level: int) -> None:
        """Begins now: `level` for the first run, then turn about, the idle level after the last."""
        pin, idle, events = self._channels[channel]
        self._cancel(events)
        line, at = self._pins.line(pin), 0.0
        for run in runs_us:
            events.append(self._kernel.after(round(at), line.drive, level))
            level, at = 1 - level, at + run
        events.append(self._kernel.after(round(at), line.drive, idle))

    def _cancel(self, events: list[Event]) -> None:
        for event in events:
            event.cancel()
        events.clear()

    def _stop(self) -> None:
        for _, _, events in self._channels.values():
            self._cancel(events)
        self._channels.clear()


class Counters:
    """`machine.Counter`: asks the part how many pulses its wire has carried, which costs nothing while nobody looks.

    A part that makes pulses has `PULSES`, the names of its wires, and `pulses(wire)`, all there were on one.
    """

    def __init__(self, device: Device):
        self._wires: dict[int, tuple[Any, str]] = {}  # pin -> part, wire
        self._units: dict[int, tuple[int, int]] = {}  # unit -> pin, pulses when it was at 0
        device.calls.update(counter=self._init, counter_value=self._value)
        device.on_stop.append(self._units.clear)

    def attach(self, part: Part, wires: dict[str, int]) -> None:
        for wire in getattr(part, "PULSES", ()):
            if wire in wires:
                self._wires[wires[wire]] = (part, wire)

    def _seen(self, pin: int) -> int:
        part, wire = self._wires.get(pin, (None, ""))
        return int(part.pulses(wire)) if part else 0

    def _init(self, unit: int, pin: int) -> None:
        self._units[unit] = (pin, self._seen(pin))

    def _value(self, unit: int, new: int | None) -> int:
        pin, zero = self._units[unit]
        now = self._seen(pin)
        if new is not None:
            self._units[unit] = (pin, now - new)
        return now - zero
