"""A bench for street parts: the firmware driver runs unchanged on a fake `machine` against the virtual part, on one kernel."""

import random
import sys
import types

from kerb.drivers import lis2dh12, lis2mdl, ranging, sht4x
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.ledger import Ledger
from kerbstone.emulator.parts import lis2dh12 as lis2dh12_part
from kerbstone.emulator.parts import lis2mdl as lis2mdl_part
from kerbstone.emulator.parts import sht4x as sht4x_part
from kerbstone.emulator.parts.base import Line, Nack, PartContext

EARTH = (19.5, -3.0, 45.0)


class FakeSite:
    """Quantities are numbers or functions of t_us; `changes` are (start, end) of fast changes."""

    def __init__(self, **quantities):
        self.quantities = {"bx_ut": EARTH[0], "by_ut": EARTH[1], "bz_ut": EARTH[2], "temp_c": 18.0, **quantities}
        self.changes = []
        self.reads = 0

    def read(self, quantity, t_us):
        self.reads += 1
        value = self.quantities[quantity]
        return value(t_us) if callable(value) else value

    def next_change(self, t_us):
        return min((start for start, _ in self.changes if start > t_us), default=1 << 60)

    def changing_until(self, t_us):
        return next((end for start, end in self.changes if start <= t_us < end), t_us)


class Bench:
    """A kernel, a site, one part, and the modules `machine` and `time` of a board that holds it."""

    def __init__(self, monkeypatch, **quantities):
        self.kernel = Kernel()
        self.site = FakeSite(**quantities)
        self.ledger = Ledger(self.kernel)
        self.pins = {}
        self.adc = {}
        self.writes = 0
        bench = self

        class Pin:
            IN, OUT = 0, 1

            def __init__(self, number, mode=-1, value=None):
                self.number = number
                self.init(mode, value)

            def init(self, mode=-1, value=None):
                if value is not None:
                    self.value(value)

            def value(self, level):
                bench.pins.setdefault(self.number, Line(f"gpio{self.number}")).drive(level)

        class ADC:
            ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = range(4)

            def __init__(self, pin, atten=3):
                self.pin = pin

            def read_uv(self):
                return bench.adc[self.pin.number].adc_uv(bench.kernel.now)

            def read_u16(self):
                return self.read_uv() * 65535 // 3_300_000

        clock = types.SimpleNamespace(
            sleep_ms=self.wait_ms,
            ticks_ms=lambda: self.kernel.now // 1000,
            ticks_add=lambda a, b: a + b,
            ticks_diff=lambda a, b: a - b,
        )
        monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(Pin=Pin, ADC=ADC))
        for module in (ranging, lis2dh12, lis2mdl, sht4x):
            monkeypatch.setattr(module, "time", clock)

    def part(self, module, lines=None, seed=1, **options):
        lines = lines or {}
        context = PartContext("part", self.kernel, self.site, random.Random(seed), self.ledger.meter("part"), options, lines)
        self.device = module.PART(context)
        self.wait_ms(30)
        return self.device

    def wait_ms(self, ms):
        self.kernel.run(self.kernel.now + round(ms * 1000))

    # machine.I2C
    def _bytes(self, count):
        self.wait_ms(count * 9 / 400)

    def writeto(self, addr, buf):
        self._bytes(1 + len(buf))
        if addr != self.device.address or not self.device.powered:
            raise OSError(19)
        try:
            self.device.i2c_write(bytes(buf))
        except Nack:
            raise OSError(5) from None

    def readfrom_into(self, addr, buf):
        self._bytes(1 + len(buf))
        if addr != self.device.address or not self.device.powered:
            raise OSError(19)
        try:
            buf[:] = self.device.i2c_read(len(buf))
        except Nack:
            raise OSError(5) from None

    def writeto_mem(self, addr, register, buf):
        self.writes += 1
        self.writeto(addr, bytes((register,)) + bytes(buf))

    def readfrom_mem_into(self, addr, register, buf):
        self.writeto(addr, bytes((register,)))
        self.readfrom_into(addr, buf)

    def uart(self):
        """machine.UART with the part on it."""
        buffer = bytearray()
        self.device.to_mcu = buffer.extend

        def readinto(buf, count):
            data = bytes(buffer[:count])
            del buffer[:count]
            buf[: len(data)] = data
            return len(data) or None

        return types.SimpleNamespace(any=lambda: len(buffer), readinto=readinto)

    def reading(self, driver):
        driver.start()
        self.wait_ms(driver.WARM_UP_MS)
        return driver.measure({})


def options(**more):
    return {"name": "sensor1", "where": "i2c0", **more}


def assert_named(error, *words):
    """The message names part, bus and cause."""
    text = str(error.value)
    for word in ("sensor1", "i2c0", *words):
        assert word in text


DRIVERS = {
    "lis2mdl": (lis2mdl_part, lambda bench, **o: lis2mdl.LIS2MDL(bench, options(**o))),
    "sht4x": (sht4x_part, lambda bench, **o: sht4x.SHT4X(bench, options(**o))),
    "lis2dh12": (lis2dh12_part, lambda bench, **o: lis2dh12.LIS2DH12(bench, options(**o))),
}


def magnetometer(bench, **lines):
    part = bench.part(lis2mdl_part, lines)
    return part, lis2mdl.LIS2MDL(bench, options())
