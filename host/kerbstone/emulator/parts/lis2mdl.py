"""Virtual LIS2MDL: registers, 10..100 Hz samples, offset correction and the comparator on its INT pin.

Samples are made when somebody looks. With the comparator armed the part looks by itself, but not at every sample: on every
one while the site says its field is changing, each second while the field stands within five sigma of the threshold, and
each minute otherwise, which is enough for drift. Noise is a function of the sample's time, so it does not matter who looked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import pack_into, unpack_from
from typing import ClassVar

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext

OFFSET, WHO_AM_I, CFG_A, CFG_B, CFG_C, INT_CTRL, INT_SOURCE, INT_THS, STATUS, OUT, TEMP = (
    0x45, 0x4F, 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x67, 0x68, 0x6E,
)  # fmt: skip

_RESET = {WHO_AM_I: 0x40, CFG_A: 0x03, INT_CTRL: 0xE0}  # every other register is 0 (data sheet, register mapping)
_WRITABLE = {*range(OFFSET, OFFSET + 6), CFG_A, CFG_B, CFG_C, INT_CTRL, INT_THS, INT_THS + 1}
_RATES_HZ = (10, 20, 50, 100)
_AXES = ("bx_ut", "by_ut", "bz_ut")

_UT = 0.15  # uT a count (1.5 mG)
_BOOT_US = 20_000  # no answer while the trimming is loaded
_NOISE_UT = {"hr": 0.3, "lp": 0.9}  # rms an axis: 3 mG data sheet; low power 9 mG not confirmed
_TURN_ON_US = {"hr": 9_400, "lp": 6_400}  # mode change to first sample; not confirmed
_QUIET_US = 60 * SECOND_US
_NEAR_US = SECOND_US
_NEAR_SIGMA = 5
_SLACK = 2  # counts


class Lis2mdl(I2CPart):
    """Line "int" is the INT/DRDY pin. `fault`: "nack" (no answer), "id" (another chip), "stuck" (no new samples)."""

    address = 0x1E
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "idle": 1.5,  # data sheet; one user measures 450 uA on several IIS2MDC
        "lp_10": 25.0, "hr_10": 100.0,  # data sheet
        "lp_20": 50.0, "hr_20": 200.0,  # AN5069 Rev 4
        "lp_50": 125.0, "hr_50": 475.0, "lp_100": 250.0, "hr_100": 950.0,  # not confirmed
        # A single measurement takes what one of ten a second does, 2.5 and 10 uC, within its turn-on time; not confirmed.
        "lp_single": 25.0 * 100_000 / _TURN_ON_US["lp"], "hr_single": 100.0 * 100_000 / _TURN_ON_US["hr"],
    }  # fmt: skip

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._seed = ctx.rng.getrandbits(64)
        self._scan_event: Event | None = None
        self._single: Event | None = None
        self._passed: Callable[[], None] | None = None
        self.power_on()

    # -- supply -------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        self._alive_at = self.kernel.now + _BOOT_US
        self._reset()

    def power_off(self) -> None:
        super().power_off()
        self._cancel()
        self._drive(0)

    def _reset(self) -> None:
        self.regs = bytearray(128)
        for register, value in _RESET.items():
            self.regs[register] = value
        self._pointer = 0
        self._delta = [0, 0, 0]  # counts the comparator looks at, of the newest sample
        self._configure()

    # -- bus ----------------------------------------------------------------------------------------------

    def i2c_write(self, data: bytes) -> None:
        self._answer()
        if not data:
            return
        self._pointer = data[0] & 0x7F
        for value in data[1:]:
            self._store(self._pointer, value)
            self._pointer = (self._pointer + 1) & 0x7F

    def i2c_read(self, count: int) -> bytes:
        self._answer()
        self._refresh()
        out = bytearray()
        for _ in range(count):
            out.append(self._fetch(self._pointer))
            # Reading on from OUTZ_H returns to OUTX_L, as users of the family report; temperature needs its own transfer.
            self._pointer = OUT if self._pointer == OUT + 5 else (self._pointer + 1) & 0x7F
        return bytes(out)

    def _answer(self) -> None:
        if self._passed:
            self._passed()
        if self.fault == "nack" or self.kernel.now < self._alive_at:
            raise Nack

    def _fetch(self, register: int) -> int:
        if register == WHO_AM_I and self.fault == "id":
            return 0x3D  # LIS3MDL, which shares the address
        value = self.regs[register]
        if OUT <= register < OUT + 6:
            self.regs[STATUS] = 0
        elif register == INT_SOURCE and self.regs[INT_CTRL] & 0x02:
            self.regs[INT_SOURCE] = 0
            self._pin()
        return value

    def _store(self, register: int, value: int) -> None:
        if register not in _WRITABLE:
            return
        self._refresh()  # what was sampled so far was sampled under the old settings
        if register == CFG_A and value & 0x60:  # REBOOT, SOFT_RST
            self._reset()
            return
        self.regs[register] = value
        if register == CFG_A:
            self._configure()
        elif register not in range(OFFSET, OFFSET + 6):
            self._pin()
        self._arm()

    # -- sampling -----------------------------------------------------------------------------------------

    @property
    def _power(self) -> str:
        return "lp" if self.regs[CFG_A] & 0x10 else "hr"

    @property
    def _continuous(self) -> bool:
        return self.regs[CFG_A] & 0x03 == 0

    def _configure(self) -> None:
        """CFG_REG_A was written: mode, rate and current."""
        self._cancel()
        cfg = self.regs[CFG_A]
        hz = _RATES_HZ[cfg >> 2 & 3]
        self._period = SECOND_US // hz
        self._first = self.kernel.now + _TURN_ON_US[self._power]
        self._last = -1
        self.regs[INT_SOURCE] = 0
        mode = cfg & 0x03
        self.state("idle" if mode > 1 else f"{self._power}_single" if mode else f"{self._power}_{hz}")
        if mode == 1:
            self._single = self.kernel.at(self._first, self._convert_once)
        self._pin()
        self._arm()

    def _convert_once(self) -> None:
        self._single = None
        self._take(self.kernel.now)
        self.regs[CFG_A] |= 0x03
        self._configure()

    def _refresh(self) -> None:
        """Makes the newest sample that is due by now."""
        if not self._continuous or not self.powered or self.fault == "stuck" or self.kernel.now < self._first:
            return
        newest = (self.kernel.now - self._first) // self._period
        if newest > self._last:
            self._last = newest
            self._take(self._first + newest * self._period)

    def _counts(self, field: list[float], t: int, power: str) -> list[int]:
        """What the axes give for a field at t, noise included."""
        noise = self.noise(self._seed ^ t)
        sigma = _NOISE_UT[power]
        return [round((value + noise.gauss(0.0, sigma)) / _UT) for value in field]

    def _take(self, t: int) -> None:
        offsets = unpack_from("<hhh", self.regs, OFFSET)
        on_dataoff = self.regs[CFG_B] & 0x08
        seen = self._counts(self._field(t), t, self._power)
        corrected = _outputs(seen, offsets)
        pack_into("<hhh", self.regs, OUT, *corrected)
        self._delta[:] = corrected if on_dataoff else _outputs(seen, (0, 0, 0))
        pack_into("<h", self.regs, TEMP, round((self._temperature(t) - 25.0) * 8))
        self.regs[STATUS] = 0x0F
        self._compare()

    def _field(self, t: int) -> list[float]:
        return [self.site.read(quantity, t) for quantity in _AXES]

    def _temperature(self, t: int) -> float:
        try:
            return self.site.read("temp_c", t)
        except KeyError:  # a site may know its field and no weather
            return 25.0

    # -- single measurements foreseen ---------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        return self.regs[CFG_A] & 0x03 == 0x03

    def quiet_singles(self, begun_us: int, period_us: int, count: int, limit: int) -> int:
        """How many low-power measurements, begun at begun_us and every period_us after it, give outputs within +-limit before one does not.

        At most `count`. Noise is drawn where the field stands within five sigma of the limit, as the comparator's scan has it.
        """
        offsets = unpack_from("<hhh", self.regs, OFFSET)
        near = limit - _NEAR_SIGMA * _NOISE_UT["lp"] / _UT
        t, end = begun_us + _TURN_ON_US["lp"], begun_us + count * period_us
        still = self.site.changing_until(t) <= t and self.site.next_change(t) > end
        field = self._field(t)
        for quiet in range(count):
            if not still:
                field = self._field(t)
            if any(abs(value / _UT - offset) > near for value, offset in zip(field, offsets, strict=True)):
                # A field that stands still drifts by less than _SLACK within some cycles.
                seen = self._counts(field, t, "lp")
                if any(abs(counts - offset) > limit - _SLACK for counts, offset in zip(seen, offsets, strict=True)):
                    seen = self._counts(self._field(t), t, "lp")
                if any(abs(counts - offset) > limit for counts, offset in zip(seen, offsets, strict=True)):
                    return quiet
            t += period_us
        return count

    def single_outputs(self, begun_us: int) -> list[int]:
        """What a low-power measurement begun then put into the outputs."""
        t = begun_us + _TURN_ON_US["lp"]
        return _outputs(self._counts(self._field(t), t, "lp"), unpack_from("<hhh", self.regs, OFFSET))

    def pass_singles(self, period_us: int, seen: Callable[[], None]) -> None:
        """Such measurements go on without anybody asking for each: charged as they would be, on average. `seen`: called before anybody
        else reaches the chip; it ends them."""
        self._passed = seen
        self.ctx.meter.set("lp_single", self.CURRENT_UA["idle"] + self._single_uas / period_us * 1e6)

    @property
    def _single_uas(self) -> float:
        return (self.CURRENT_UA["lp_single"] - self.CURRENT_UA["idle"]) * _TURN_ON_US["lp"] / 1e6

    def stop_singles(self) -> None:
        self._passed = None
        self.state("idle")

    def resume_single(self, begun_us: int, cfg_a: int, read: bool) -> None:
        """The measurement begun at begun_us by writing cfg_a is the newest; it may be under way, or have been read since."""
        self.regs[CFG_A] = cfg_a
        done = begun_us + _TURN_ON_US["lp"]
        if done <= self.kernel.now:
            self._take(done)
            self.regs[CFG_A] |= 0x03
            self._configure()
            if read:
                self.regs[STATUS] = 0
            return
        self._configure()
        if self._single:
            self._single.cancel()
            self._single = self.kernel.at(done, self._convert_once)

    # -- comparator ---------------------------------------------------------------------------------------

    @property
    def _threshold(self) -> int:
        return int(unpack_from("<H", self.regs, INT_THS)[0]) & 0x7FFF

    def _compare(self) -> None:
        """INT_SOURCE: axes above +threshold in bits 7..5, below -threshold in 4..2, INT in bit 0."""
        ctrl, threshold, source = self.regs[INT_CTRL], self._threshold, 0
        for i in range(3):
            if ctrl & 0x80 >> i and abs(self._delta[i]) > threshold:
                source |= (0x80 if self._delta[i] > 0 else 0x10) >> i
        if ctrl & 0x01:
            source |= bool(source)
            latched = ctrl & 0x02 and self.regs[INT_SOURCE] & 0x01
            self.regs[INT_SOURCE] = source | self.regs[INT_SOURCE] if latched else source
        else:
            self.regs[INT_SOURCE] = 0
        self._pin()

    def _pin(self) -> None:
        ctrl = self.regs[INT_CTRL]
        if not (self.regs[CFG_C] & 0x40 and ctrl & 0x01 and self._continuous):
            self._drive(0)
            return
        active = self.regs[INT_SOURCE] & 0x01
        self._drive(active if ctrl & 0x04 else 1 - active)

    def _drive(self, level: int) -> None:
        line = self.line("int")
        if line:
            line.drive(level)

    def _arm(self) -> None:
        """Looks at the next sample, if anybody could notice."""
        if self._scan_event:
            self._scan_event.cancel()
            self._scan_event = None
        if self._continuous and self.regs[INT_CTRL] & 0x01 and self.regs[CFG_C] & 0x40 and self.line("int") and self.powered:
            self._scan_event = self.kernel.at(self._sample_at(self.kernel.now + 1), self._scan)

    def _scan(self) -> None:
        self._refresh()
        now = self.kernel.now
        if self.site.changing_until(now) > now:
            due = now + 1
        else:
            near = _NEAR_SIGMA * _NOISE_UT[self._power] / _UT
            close = any(abs(abs(d) - self._threshold) < near for d in self._delta)
            due = min(now + (_NEAR_US if close else _QUIET_US), max(self.site.next_change(now), now + 1))
        self._scan_event = self.kernel.at(self._sample_at(due), self._scan)

    def _sample_at(self, t: int) -> int:
        """The first sample at or after t."""
        return self._first + max(0, -(-(t - self._first) // self._period)) * self._period

    def _cancel(self) -> None:
        for event in (self._scan_event, self._single):
            if event:
                event.cancel()
        self._scan_event = self._single = None


def _outputs(counts: list[int], offsets: Sequence[int]) -> list[int]:
    """Counts less the offset registers, as 16 bits hold them."""
    return [min(max(value - offset, -32768), 32767) for value, offset in zip(counts, offsets, strict=True)]


PART = Lis2mdl
