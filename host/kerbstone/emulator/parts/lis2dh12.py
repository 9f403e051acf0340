"""Virtual LIS2DH12: gravity on three axes, 8 bit in low power mode, from the site's tilt; interrupt generator 1.

The generator is worked out when somebody reads: sample by sample while the site says that something moves, in one step where
it stands still. INT1 itself is not connected.
"""

from __future__ import annotations

import math
from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext

WHO_AM_I, CTRL1, CTRL4, CTRL5, STATUS, OUT = 0x0F, 0x20, 0x23, 0x24, 0x27, 0x28
INT1_CFG, INT1_SRC, INT1_THS, INT1_DURATION = 0x30, 0x31, 0x32, 0x33
_WRITABLE = {*range(0x1E, 0x27), INT1_CFG, INT1_THS, INT1_DURATION}

_RATES_HZ = (0, 1, 10, 25, 50, 100, 200, 400)  # CTRL_REG1 ODR, data sheet table 31
_TURN_ON_US = 1_000
_NOISE_G = 0.003  # rms; not confirmed, and below the 16 mg of a count
_AXES = {"x": (0, 1), "y": (1, 1), "z": (2, 1), "-x": (0, -1), "-y": (1, -1), "-z": (2, -1)}


class Lis2dh12(I2CPart):
    """Option `up` ("z"): the axis that points up while the site's tilt is 0. `fault`: "nack", "id", "stuck", "shake" (2 g more)."""

    address = 0x19
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "power_down": 0.5,  # not confirmed
        "lp_1": 2.0, "lp_10": 3.0, "lp_25": 4.0, "lp_50": 6.0, "lp_100": 10.0, "lp_200": 18.0, "lp_400": 36.0,  # data sheet table 4
        "hr_1": 2.0, "hr_10": 4.0, "hr_25": 6.0, "hr_50": 11.0, "hr_100": 20.0, "hr_200": 38.0, "hr_400": 73.0,
    }  # fmt: skip

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._axis, self._sign = _AXES[str(ctx.options.get("up", "z"))]
        self.power_on()

    def power_on(self) -> None:
        self.regs = bytearray(128)
        self.regs[WHO_AM_I] = 0x33
        self.regs[CTRL1] = 0x07
        self._pointer = 0
        self._zone_since: int | None = None  # the generator's condition holds since then
        self._watched_until = self.kernel.now
        self._configure()

    def i2c_write(self, data: bytes) -> None:
        if self.fault == "nack":
            raise Nack
        if not data:
            return
        self._pointer = data[0]
        for value in data[1:]:
            register = self._pointer & 0x7F
            if register in _WRITABLE:
                self._refresh()  # what was sampled so far was sampled under the old settings
                self.regs[register] = value
                if register == CTRL1:
                    self._configure()
            self._step()

    def i2c_read(self, count: int) -> bytes:
        if self.fault == "nack":
            raise Nack
        self._refresh()
        out = bytearray()
        for _ in range(count):
            register = self._pointer & 0x7F
            out.append(0x32 if register == WHO_AM_I and self.fault == "id" else self.regs[register])
            if OUT <= register < OUT + 6:
                self.regs[STATUS] = 0
            elif register == INT1_SRC:
                self.regs[INT1_SRC] = 0
            self._step()
        return bytes(out)

    def _step(self) -> None:
        """The address counts up only when its bit 7 was sent (data sheet 5.1.1)."""
        if self._pointer & 0x80:
            self._pointer = (self._pointer + 1) & 0x7F | 0x80

    def _configure(self) -> None:
        ctrl = self.regs[CTRL1]
        hz = _RATES_HZ[min(ctrl >> 4, 7)]
        self._period = SECOND_US // hz if hz else 0
        self._first = self.kernel.now + _TURN_ON_US + self._period
        self._last = -1
        self.state(f"{'lp' if ctrl & 0x08 else 'hr'}_{hz}" if hz else "power_down")

    def _refresh(self) -> None:
        """Makes the newest sample that is due by now."""
        if not self._period or self.kernel.now < self._first or self.fault == "stuck":
            return
        newest = (self.kernel.now - self._first) // self._period
        if newest == self._last:
            return
        self._last = newest
        self._watch(self._first + newest * self._period)
        g = self._gravity(self.kernel.now)
        bits = 8 if self.regs[CTRL1] & 0x08 else 12 if self.regs[CTRL4] & 0x08 else 10
        for i in range(3):
            value = g[i] + self.rng.gauss(0.0, _NOISE_G) + (2.0 if self.fault == "shake" else 0.0)
            top = 1 << (bits - 1)
            counts = min(max(round(value / 2.048 * top), -top), top - 1)  # 16, 4 or 1 mg a count at 2 g
            left = (counts << (16 - bits)) & 0xFFFF
            self.regs[OUT + 2 * i], self.regs[OUT + 2 * i + 1] = left & 0xFF, left >> 8
        self.regs[STATUS] = 0x0F

    def _gravity(self, t: int) -> list[float]:
        tilt = math.radians(self.site.read("tilt_deg", t))
        g = [0.0, 0.0, 0.0]
        g[self._axis] = self._sign * math.cos(tilt)
        g[(self._axis + 1) % 3] = math.sin(tilt)
        return g

    # -- interrupt generator 1 --------------------------------------------------------------------------------

    def _watch(self, now: int) -> None:
        """Follows the generator from the last look to the sample at `now`."""
        t = max(self._watched_until, self._first)
        last = self.regs[INT1_DURATION] * self._period
        while self.regs[INT1_CFG] and t <= now:
            still = self.site.changing_until(t) <= t
            end = max(t + self._period, self.site.next_change(t)) if still else t + self._period
            source = self._source(t)
            if not source:
                self._zone_since = None
                if not self.regs[CTRL5] & 0x08:
                    self.regs[INT1_SRC] = 0
            else:
                since = self._zone_since = t if self._zone_since is None else self._zone_since
                if min(end, now) - since >= last:
                    self.regs[INT1_SRC] = source
            t = end
        self._watched_until = max(t, now) if not self.regs[INT1_CFG] else t

    def _source(self, t: int) -> int:
        """INT1_SRC for the position at t, 0 = the condition does not hold. Bits XL XH YL YH ZL ZH from 0; 6D tells sides by sign."""
        cfg, threshold = self.regs[INT1_CFG], self.regs[INT1_THS] & 0x7F
        events = 0
        for i, g in enumerate(self._gravity(t)):
            counts = g / 0.016
            if cfg & 0x40:
                low, high = counts < -threshold, counts > threshold
            else:
                low, high = abs(counts) <= threshold, abs(counts) > threshold
            events |= (low | high << 1) << 2 * i
        wanted = cfg & 0x3F
        holds = events & wanted == wanted if cfg & 0x80 else events & wanted
        return events | 0x40 if holds and wanted else 0


PART = Lis2dh12
