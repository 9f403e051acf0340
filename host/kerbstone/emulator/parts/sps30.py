"""Virtual SPS30: sleep, idle and measuring, a value a second, start-up noise, status register (data sheet version 1.0 - D1)."""

from __future__ import annotations

from struct import pack
from typing import ClassVar

from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext
from kerbstone.emulator.parts.sht4x import crc8, words

_SECOND_US = 1_000_000
_MODE_US, _SLEEP_US = 20_000, 5_000  # execution times of the I2C commands
WAKE_WINDOW_US = 100_000  # the interface, once woken, waits this long for the wake-up command
_START_US = 200_000
# Specification table: seconds until the figures hold, by number concentration (1/cm3, up to).
_START_UP_S = ((100.0, 30.0), (200.0, 16.0), (float("inf"), 8.0))
NUMBER_PER_UG = 7.0  # particles/cm3 a ug/m3 of PM2.5 in urban aerosol; order of magnitude, not from the sheet
# Mass fraction bins and their precision (specification table, maximum = 3 sigma): absolute up to 100 ug/m3, relative above.
_MASS = (("pm1_ug", 10.0), ("pm25_ug", 10.0), ("pm4_ug", 25.0), ("pm10_ug", 25.0))
_PRECISION_KNEE_UG = 100.0
_SHORT_TERM = 0.05  # share of that band which varies from second to second; the rest is the unit's own gain
NUMBER_SHARE = (0.85, 0.99, 1.0, 1.0, 1.0)  # PM0.5, 1, 2.5, 4, 10 of the whole number
TYPICAL_UM = 0.55
_SERIAL_LENGTH, _TYPE = 32, b"00080000"
_SPEED, _LASER, _FAN = 1 << 21, 1 << 5, 1 << 4


def named(ctx: PartContext) -> tuple[tuple[int, int], str]:
    """(version of the sensor's firmware, its serial number)."""
    major, minor = str(ctx.options.get("firmware", "2.2")).split(".")
    return (int(major), int(minor)), f"{ctx.rng.getrandbits(64):016X}"


class Sps30(I2CPart):
    """Options: `firmware` ("2.2"). `fault`: "nack", "crc", "fan" (stuck: reads nothing but 0), "laser", "speed", "stale" (no new value)."""

    address = 0x69
    WHOLE_ANSWER = True
    CURRENT_UA: ClassVar[dict[str, float]] = {  # electrical specification, typical
        "off": 0.0,
        "sleep": 38.0,
        "idle": 330.0,
        "measuring": 55_000.0,
        "start": 80_000.0,  # maximum, for the first 200 ms
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self.firmware, self.serial = named(ctx)
        self._gain = 1.0 + ctx.rng.gauss(0.0, 0.03)
        self.power_on()

    def power_on(self) -> None:
        """Idle, as after power-up."""
        self._mode = "idle"
        self._free_at = self._listening_until = 0
        self._answer: bytes | None = None
        self._integers = False
        self._started = 0
        self._read_second = -1
        self._shown: tuple[int, list[float]] = (-1, [0.0] * 4)
        self.state("idle")

    def i2c_write(self, data: bytes) -> None:
        now = self.kernel.now
        if self.fault == "nack" or now < self._free_at:
            raise Nack
        if self._mode == "sleep" and now > self._listening_until:
            # Any start condition wakes the interface, but nothing is acknowledged yet.
            self._listening_until = now + WAKE_WINDOW_US
            raise Nack
        self._answer = None
        if len(data) < 2:
            raise Nack
        command = data[0] << 8 | data[1]
        if self._mode == "sleep" and command != 0x1103:
            raise Nack
        handler = _COMMANDS.get(command)
        if handler is None:
            raise Nack
        handler(self, data[2:])

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack" or self._mode == "sleep" or self.kernel.now < self._free_at or self._answer is None:
            raise Nack
        answer = self._answer
        if self.fault == "crc":
            answer = bytes((answer[0] ^ 0x10,)) + answer[1:]
        return answer[:count].ljust(count, b"\xff")

    def _busy(self, us: int) -> None:
        self._free_at = self.kernel.now + us

    def _start(self, argument: bytes) -> None:
        if self._mode != "idle" or len(argument) != 3 or crc8(argument[:2]) != argument[2] or argument[0] not in (3, 5):
            raise Nack
        if argument[0] == 5 and self.firmware < (2, 0):
            raise Nack
        self._integers = argument[0] == 5
        self._mode = "measuring"
        self._started = self.kernel.now
        self._read_second = 0
        self._shown = (-1, [0.0] * 4)
        self._busy(_MODE_US)
        self.state("measuring")
        self.ctx.meter.add("start", (self.CURRENT_UA["start"] - self.CURRENT_UA["measuring"]) * _START_US / 1e6)

    def _stop(self, _argument: bytes) -> None:
        if self._mode != "measuring":
            raise Nack
        self._mode = "idle"
        self._busy(_MODE_US)
        self.state("idle")

    def _sleep(self, _argument: bytes) -> None:
        if self._mode != "idle" or self.firmware < (2, 0):
            raise Nack
        self._mode = "sleep"
        self._listening_until = -1
        self._busy(_SLEEP_US)
        self.state("sleep")

    def _wake(self, _argument: bytes) -> None:
        if self.firmware < (2, 0):
            raise Nack
        if self._mode == "sleep":
            self._mode = "idle"
            self._busy(_SLEEP_US)
            self.state("idle")

    @property
    def _second(self) -> int:
        """How many values were made since the start."""
        if self._mode != "measuring" or self.fault == "stale":
            return 0
        return (self.kernel.now - self._started) // _SECOND_US

    def _ready(self, _argument: bytes) -> None:
        self._answer = words(int(self._second > self._read_second))

    def _values(self, _argument: bytes) -> None:
        if self._mode != "measuring":
            raise Nack
        self._read_second = second = self._second
        if second != self._shown[0]:
            self._shown = (second, self._sample(second) if second else [0.0] * 4)
        mass = self._shown[1]
        number = mass[1] * NUMBER_PER_UG
        values = [*mass, *(share * number for share in NUMBER_SHARE), TYPICAL_UM if number else 0.0]
        if self._integers:
            values[9] *= 1000
            self._answer = words(*(min(round(v), 65535) for v in values))
        else:
            halves = (pack(">f", v) for v in values)
            self._answer = b"".join(words(h[0] << 8 | h[1], h[2] << 8 | h[3]) for h in halves)

    def _sample(self, second: int) -> list[float]:
        """What the photodiode makes of the air of one second; noisier until start-up is over."""
        if self.fault in ("fan", "laser"):
            return [0.0] * 4
        number = self.read("pm25_ug") * NUMBER_PER_UG
        start_up_s = next(seconds for limit, seconds in _START_UP_S if number < limit)
        unsettled = max(0.0, 1.0 - second / start_up_s)
        common = self._gain * (1.0 - 0.6 * unsettled) * (1.0 + self.rng.gauss(0.0, 0.02 + 0.4 * unsettled))
        values = []
        for quantity, band_ug in _MASS:
            true = self.read(quantity)
            sigma = band_ug / 3 * max(1.0, true / _PRECISION_KNEE_UG) * _SHORT_TERM
            values.append(max(0.0, true * common + self.rng.gauss(0.0, sigma)))
        return values

    def _type(self, _argument: bytes) -> None:
        self._answer = _text(_TYPE)

    def _serial(self, _argument: bytes) -> None:
        self._answer = _text(self.serial.encode().ljust(_SERIAL_LENGTH, b"\0"))

    def _version(self, _argument: bytes) -> None:
        self._answer = words(self.firmware[0] << 8 | self.firmware[1])

    def _status(self, _argument: bytes) -> None:
        if self.firmware < (2, 2):
            raise Nack
        bits = {"speed": _SPEED, "laser": _LASER, "fan": _FAN}.get(self.fault, 0) if self._mode == "measuring" else 0
        self._answer = words(bits >> 16, bits & 0xFFFF)


def _text(text: bytes) -> bytes:
    return words(*(text[i] << 8 | text[i + 1] for i in range(0, len(text), 2)))


# I2C commands, section 6.
_COMMANDS = {
    0x0010: Sps30._start,
    0x0104: Sps30._stop,
    0x0202: Sps30._ready,
    0x0300: Sps30._values,
    0x1001: Sps30._sleep,
    0x1103: Sps30._wake,
    0xD002: Sps30._type,
    0xD033: Sps30._serial,
    0xD100: Sps30._version,
    0xD206: Sps30._status,
}

PART = Sps30
