"""Virtual BME280: register map, forced and normal mode, raw samples that compensate to the site's air (BST-BME280-DS002-15 rev. 1.6)."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack
from typing import ClassVar, NamedTuple

from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext

_ID, _RESET, _CTRL_HUM, _STATUS, _CTRL_MEAS, _CONFIG, _DATA = 0xD0, 0xE0, 0xF2, 0xF3, 0xF4, 0xF5, 0xF7
_WRITABLE = {_RESET, _CTRL_HUM, _CTRL_MEAS, _CONFIG}
_RESET_US = 2_000  # start-up time, table 1
# Typical measuring time, appendix 9.1: 1 ms and 2 ms a sample, half a ms more for pressure and for humidity.
_BASE_US, _SAMPLE_US, _EXTRA_US = 1_000, 2_000, 500
# RMS noise of one sample: pressure and humidity from section 3.5.1 (weather monitoring), temperature from table 2.
_NOISE_C, _NOISE_PA, _NOISE_RH = 0.005, 3.3, 0.07
_SKIPPED = 0x80000


class Calibration(NamedTuple):
    """Trimming values of one chip (table 16). The defaults are a typical set, that of the data sheet's worked pressure example."""

    t: tuple[int, int, int] = (27504, 26435, -1000)
    p: tuple[int, ...] = (36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
    h: tuple[int, int, int, int, int, int] = (75, 355, 0, 333, 0, 30)

    def memory(self) -> tuple[bytes, bytes]:
        """The 26 bytes at 0x88 and the 7 bytes at 0xE1."""
        h1, h2, h3, h4, h5, h6 = self.h
        low = pack("<Hhh", *self.t) + pack("<Hhhhhhhhh", *self.p) + bytes((0, h1))
        high = pack("<hB", h2, h3) + bytes((h4 >> 4 & 0xFF, h4 & 15 | (h5 & 15) << 4, h5 >> 4 & 0xFF)) + pack("<b", h6)
        return low, high


# The chip's transfer functions in integers (sections 4.2.3 and 8.2), so that the firmware's floating-point variant meets
# an independent one. Shifts of negative numbers round down.


def t_fine(cal: Calibration, adc_t: int) -> int:
    """Fine temperature, 1/5120 C."""
    t1, t2, t3 = cal.t
    part = (adc_t >> 4) - t1
    return ((((adc_t >> 3) - (t1 << 1)) * t2) >> 11) + ((((part * part) >> 12) * t3) >> 14)


def pressure_256(cal: Calibration, fine: int, adc_p: int) -> int:
    """Pressure in 1/256 Pa, 64-bit variant; 0 when the trimming values make no sense."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = cal.p
    x = fine - 128_000
    offset = x * x * p6 + ((x * p5) << 17) + (p4 << 35)
    gain = ((1 << 47) + ((x * x * p3) >> 8) + ((x * p2) << 12)) * p1 >> 33
    if gain == 0:
        return 0
    p = (((1_048_576 - adc_p) << 31) - offset) * 3125 // gain
    return ((p + ((p9 * (p >> 13) * (p >> 13)) >> 25) + ((p8 * p) >> 19)) >> 8) + (p7 << 4)


def humidity_1024(cal: Calibration, fine: int, adc_h: int) -> int:
    """Relative humidity in 1/1024 %, 0..102400."""
    h1, h2, h3, h4, h5, h6 = cal.h
    y = fine - 76_800
    sample = ((adc_h << 14) - (h4 << 20) - h5 * y + 16_384) >> 15
    scale = (((((y * h6) >> 10) * (((y * h3) >> 11) + 32_768)) >> 10) + 2_097_152) * h2 + 8_192 >> 14
    value = sample * scale
    value -= ((((value >> 15) * (value >> 15)) >> 7) * h1) >> 4
    return min(max(value, 0), 419_430_400) >> 12


def invert(function: Callable[[int], int], wanted: float, bits: int) -> int:
    """The raw sample whose monotonic `function` comes nearest to `wanted` (within one count)."""
    low, high = 0, (1 << bits) - 1
    rising = function(high) > function(low)
    while low < high:
        middle = (low + high) // 2
        if (function(middle) >= wanted) == rising:
            high = middle
        else:
            low = middle + 1
    return low


def _resolved(adc: int, osrs: int) -> int:
    """A 20-bit sample with the bits oversampling `osrs` gives: 16 at x1, one more with each doubling (sections 3.4.2 and 3.4.3)."""
    if not osrs:
        return _SKIPPED
    step = 1 << max(5 - osrs, 0)
    return min((adc + step // 2) // step * step, 0x100000 - step)


class Bme280(I2CPart):
    """Options: `addr` (0x76, or 0x77 with SDO high), `chip_id` (0x60). `fault`: "nack", "busy" (the measurement never ends)."""

    address = 0x76
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "sleep": 0.1,  # table 1
        "measuring": 440.0,  # 3.6 uA at 1 Hz (table 1) less sleep, over 8 ms
        "normal": 440.0,  # as if it never paused
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.address = int(ctx.options.get("addr", 0x76))
        self.calibration = Calibration()
        self.power_on()

    def power_on(self) -> None:
        self._registers = bytearray(256)
        low, high = self.calibration.memory()
        self._registers[0x88 : 0x88 + 26] = low
        self._registers[0xE1 : 0xE1 + 7] = high
        self._registers[_ID] = int(self.ctx.options.get("chip_id", 0x60))
        self._registers[_DATA : _DATA + 8] = bytes.fromhex("8000008000008000")
        self._pointer = 0
        self._osrs_h = 0
        self._copied_at = self.kernel.now + _RESET_US
        self._done_at: int | None = None
        self.state("sleep")

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack":
            raise Nack
        if len(data) == 1:
            self._pointer = data[0]
        for register, value in zip(data[::2], data[1::2], strict=False):  # pairs: no auto-increment when writing
            if register == _RESET and value == 0xB6:
                self.power_on()
            elif register in _WRITABLE:
                self._registers[register] = value
                if register == _CTRL_MEAS:
                    self._control(value)

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack":
            raise Nack
        self._finish()
        busy = self._done_at is not None
        self._registers[_STATUS] = busy << 3 | (self.kernel.now < self._copied_at)
        if self._registers[_CTRL_MEAS] & 3 == 3 and self._pointer <= _DATA + 7 and self._pointer + count > _DATA:
            self._sample()
        start, self._pointer = self._pointer, (self._pointer + count) & 0xFF
        return bytes(self._registers[(start + i) & 0xFF] for i in range(count))

    def _control(self, value: int) -> None:
        self._osrs_h = self._registers[_CTRL_HUM] & 7
        mode = value & 3
        self._done_at = None
        if mode in (1, 2):
            self._done_at = self.kernel.now + self._duration_us(value)
        self.state("normal" if mode == 3 else "sleep")

    def _duration_us(self, ctrl_meas: int) -> int:
        samples = [1 << min(osrs - 1, 4) if osrs else 0 for osrs in (ctrl_meas >> 5, ctrl_meas >> 2 & 7, self._osrs_h)]
        return _BASE_US + _SAMPLE_US * sum(samples) + _EXTRA_US * ((samples[1] > 0) + (samples[2] > 0))

    def _finish(self) -> None:
        """Ends a forced measurement whose time is over; its values are those of now, milliseconds later."""
        if self._done_at is None or self.kernel.now < self._done_at or self.fault == "busy":
            return
        self._done_at = None
        duration = self._duration_us(self._registers[_CTRL_MEAS])
        self.ctx.meter.add("measuring", self.CURRENT_UA["measuring"] * duration / 1e6)
        self._sample()
        self._registers[_CTRL_MEAS] &= 0xFC

    def _sample(self) -> None:
        """Fills the data registers with what the ADC would give for the air of now; a skipped channel reads 0x80000."""
        cal, ctrl = self.calibration, self._registers[_CTRL_MEAS]
        temp = self.read("temp_c") + self.rng.gauss(0.0, _NOISE_C)
        pressure = self.read("pressure_hpa") * 100 + self.rng.gauss(0.0, _NOISE_PA)
        humidity = self.read("rh_pct") + self.rng.gauss(0.0, _NOISE_RH)
        adc_t = invert(lambda adc: t_fine(cal, adc), temp * 5120, 20)
        fine = t_fine(cal, adc_t)
        adc_p = invert(lambda adc: pressure_256(cal, fine, adc), pressure * 256, 20)
        adc_h = invert(lambda adc: humidity_1024(cal, fine, adc), min(max(humidity, 0.0), 100.0) * 1024, 16)
        adc_h = adc_h if self._osrs_h else _SKIPPED >> 4
        raw = _resolved(adc_p, ctrl >> 2 & 7) << 44 | _resolved(adc_t, ctrl >> 5) << 20 | adc_h
        self._registers[_DATA : _DATA + 8] = raw.to_bytes(8, "big")


PART = Bme280
