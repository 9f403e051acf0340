"""A bench for one virtual part of the air station or the light pole and the firmware's own driver, in one process.

A small `machine` calls the part and moves virtual time as the wires would; `time` runs on the same clock. What goes over the wires
is recorded.
"""

from __future__ import annotations

import importlib
import random
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import pytest

from kerbstone.emulator.kernel import SECOND_US, Kernel
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import I2CPart, Line, Nack, Part, PartContext, UartPart
from kerbstone.emulator.world.constant import Constant

AIR = {
    "pm1_ug": 12.0, "pm25_ug": 18.0, "pm4_ug": 22.0, "pm10_ug": 30.0, "voc_ppb": 120.0, "nox_ppb": 30.0,
    "temp_c": 12.5, "rh_pct": 63.0, "pressure_hpa": 1003.7,
    "co2_ppm": 455.0, "co_ppb": 900.0, "no2_ppb": 24.0, "o3_ppb": 31.0, "so2_ppb": 3.0, "ch2o_ppb": 12.0,
}  # fmt: skip
LAMP = {"lamp_power_w": 50.0, "lamp_pf": 0.95, "mains_v": 231.5, "mains_hz": 49.98}
TICKS = 1 << 30  # period of ticks_ms on the boards


class Bench:
    """One part on its wires, the clock, and the driver's view of both."""

    def __init__(self, part: type[Part], site: dict[str, float], **options: Any):
        self.kernel = Kernel()
        self.kernel.end = 1 << 62
        self.site = Constant(0, random.Random(1), site)
        self.lines = {"relay": Line("relay")} if options.pop("relay", False) else {}
        self.meter = Meter(self.kernel, "part")
        context = PartContext("part", self.kernel, self.site, random.Random(7), self.meter, options, self.lines)
        self.part: Any = part(context)
        self.wire: list[list[Any]] = []
        self.hardware_timers = False  # the ESP32 port before 1.29
        self.wait(3000)

    def wait(self, us: int) -> None:
        self.kernel.run(self.kernel.now + us)

    def seconds(self, s: float) -> None:
        self.wait(round(s * SECOND_US))

    def ticks_ms(self) -> int:
        # Starts shortly before the period ends, so every test crosses it.
        return (TICKS - 7000 + self.kernel.now // 1000) % TICKS


class I2C:
    """`machine.I2C` at 100 kHz in front of one part."""

    def __init__(self, bench: Bench):
        self.bench = bench

    def _transfer(self, op: str, addr: int, out: bytes, count: int, act: Callable[[], bytes | None]) -> bytes:
        bench = self.bench
        bench.wait((len(out) + count + 1) * 90)
        try:
            if addr != bench.part.address:
                raise Nack
            answer = act() or b""
        except Nack:
            bench.wire.append([op, out.hex(), None])
            raise OSError(5) from None
        bench.wire.append([op, out.hex(), answer.hex()])
        return answer

    def writeto(self, addr: int, buf: bytes) -> None:
        data = bytes(buf)
        self._transfer("write", addr, data, 0, lambda: self.bench.part.i2c_write(data))

    def readfrom_into(self, addr: int, buf: Any) -> None:
        buf[:] = self._transfer("read", addr, b"", len(buf), lambda: self.bench.part.i2c_read(len(buf)))

    def writeto_mem(self, addr: int, register: int, buf: bytes) -> None:
        self.writeto(addr, bytes((register,)) + bytes(buf))

    def readfrom_mem_into(self, addr: int, register: int, buf: Any) -> None:
        self.writeto(addr, bytes((register,)))
        self.readfrom_into(addr, buf)


class UART:
    """`machine.UART` at the part's baud rate."""

    def __init__(self, bench: Bench):
        self.bench = bench
        self.buffer = bytearray()
        bench.part.to_mcu = self.buffer.extend

    def any(self) -> int:
        return len(self.buffer)

    def readinto(self, buf: Any, nbytes: int = 1 << 30) -> int | None:
        got = min(len(buf), nbytes, len(self.buffer))
        self.bench.wire.append(["read", "", bytes(self.buffer[:got]).hex()])
        buf[:got] = self.buffer[:got]
        del self.buffer[:got]
        return got or None

    def write(self, buf: bytes) -> int:
        data = bytes(buf)
        self.bench.wire.append(["write", data.hex(), ""])
        self.bench.wait(len(data) * 10 * SECOND_US // self.bench.part.baud)
        self.bench.part.uart_write(data)
        return len(data)


def builder(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Bench, Callable[..., Any]]]:
    """make(part class, site, **part options) -> (bench, make_driver(**driver options)); `time` and `machine` are the bench's."""

    def make(part: type[Part], site: dict[str, float], **options: Any) -> tuple[Bench, Callable[..., Any]]:
        bench = Bench(part, site, **options)
        half = TICKS // 2
        monkeypatch.setattr(time, "sleep_ms", lambda ms: bench.wait(ms * 1000), raising=False)
        monkeypatch.setattr(time, "ticks_ms", bench.ticks_ms, raising=False)
        monkeypatch.setattr(time, "ticks_add", lambda t, ms: (t + ms) % TICKS, raising=False)
        monkeypatch.setattr(time, "ticks_diff", lambda a, b: (a - b + half) % TICKS - half, raising=False)
        monkeypatch.setitem(sys.modules, "machine", _machine(bench))
        name = part.__module__.rsplit(".", 1)[1]
        module = importlib.import_module(f"kerb.drivers.{name}")
        bus = UART(bench) if issubclass(part, UartPart) else I2C(bench) if issubclass(part, I2CPart) else None
        return bench, lambda **given: getattr(module, name.upper())(bus, {"name": "it", "where": "i2c0", **given})

    return make


def _machine(bench: Bench) -> Any:
    """A `machine` whose pin 32 is the part's PWM input and pin 33 its relay line."""

    class Pin:
        OUT = 1

        def __init__(self, number: int, mode: int = -1, value: int | None = None):
            self.number = number
            if value is not None:
                self.value(value)

        def value(self, level: int) -> None:
            assert self.number == 33
            bench.lines["relay"].drive(level)

    class PWM:
        def __init__(self, pin: Pin, freq: int, duty_u16: int):
            assert pin.number == 32
            self.hz = freq
            self.duty_u16(duty_u16)

        def duty_u16(self, duty: int) -> None:
            bench.part.pwm(self.hz, duty)

    class Timer:
        ONE_SHOT = 0

        def __init__(self, number: int):
            if number < 0 and bench.hardware_timers:
                raise ValueError("invalid Timer number")
            self.event: Any = None

        def init(self, mode: int, period: int, callback: Callable[[Any], None]) -> None:
            self.deinit()
            self.event = bench.kernel.after(period * 1000, callback, self)

        def deinit(self) -> None:
            if self.event:
                self.event.cancel()

    return types.SimpleNamespace(Pin=Pin, PWM=PWM, Timer=Timer)


def sensor_error(match: str) -> Any:
    return pytest.raises(importlib.import_module("kerb.errors").SensorError, match=match)


def quality(name: str) -> int:
    return getattr(importlib.import_module("kerb.quality"), name)
