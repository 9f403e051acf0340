"""What the virtual magnetometers share: a map of byte registers, conversions that take time, the field with its noise.

A conversion is finished when its time has come and somebody looks. Noise is a function of the sample's time.
"""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import I2CPart, Nack, PartContext

AXES = ("bx_ut", "by_ut", "bz_ut")


class Magnetometer(I2CPart):
    """`fault`: "nack" (no answer), "id" (another chip), "stuck" (no new samples)."""

    ID_AT = 0
    RESET: ClassVar[dict[int, int]] = {}  # every other register is 0
    WRITABLE: ClassVar[frozenset[int]] = frozenset()
    OFFSET_UT: ClassVar[tuple[float, float]] = (0.0, 0.0)  # largest size of the bridge's offset an axis, uT, and uT a K from 25 C
    NOISE_UT = 0.3  # rms an axis
    BOOT_US = 5_000

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.address = int(ctx.options.get("addr", self.address))
        self.fault = str(ctx.options.get("fault", ""))
        self._seed = ctx.rng.getrandbits(64)
        fixed, drift = self.OFFSET_UT
        self.offset_ut = tuple((ctx.rng.uniform(-fixed, fixed), ctx.rng.uniform(-drift, drift)) for _ in AXES)
        self.power_on()

    def power_on(self) -> None:
        self._alive_at = self.kernel.now + self.BOOT_US
        self.reset()

    def reset(self) -> None:
        """Registers as after power-on."""
        self.regs = bytearray(256)
        for register, value in self.RESET.items():
            self.regs[register] = value
        self._pointer = 0
        self._done_at: int | None = None
        self._period_us = 0  # of continuous mode; 0: one conversion
        self.changed(-1, 0)

    def i2c_write(self, data: bytes) -> None:
        self._answer()
        if not data:
            return
        self._pointer = data[0]
        for value in data[1:]:
            register = self.register(self._pointer)
            if register in self.WRITABLE:
                self.regs[register] = value
                self.changed(register, value)
            self._pointer = self.following(self._pointer)

    def i2c_read(self, count: int) -> bytes:
        self._answer()
        out = bytearray()
        for _ in range(count):
            register = self.register(self._pointer)
            value = self.regs[register]
            out.append(value ^ 0x5A if register == self.ID_AT and self.fault == "id" else value)
            self.was_read(register)
            self._pointer = self.following(self._pointer)
        return bytes(out)

    def register(self, pointer: int) -> int:
        """The register behind a sub-address."""
        return pointer

    def following(self, pointer: int) -> int:
        """The sub-address after one byte."""
        return (pointer + 1) & 0xFF

    def changed(self, register: int, value: int) -> None:
        """A writable register was written; -1: all were reset."""

    def was_read(self, register: int) -> None:
        """After a byte was clocked out."""

    def finished(self, t_us: int) -> None:
        """A conversion ended at t_us: outputs and status."""
        raise NotImplementedError

    def begin(self, duration_us: int, period_us: int = 0) -> None:
        """Starts a conversion, and another every `period_us`."""
        self._done_at, self._period_us = self.kernel.now + duration_us, period_us

    def end(self) -> None:
        """No conversion is under way any more."""
        self._done_at = None

    def _answer(self) -> None:
        if self.fault == "nack" or self.kernel.now < self._alive_at:
            raise Nack
        now, due = self.kernel.now, self._done_at
        if due is None or self.fault == "stuck" or now < due or not self.powered:
            return
        newest = due + (now - due) // self._period_us * self._period_us if self._period_us else due
        self._done_at = newest + self._period_us if self._period_us else None
        self.finished(newest)

    def field(self, t_us: int, sign: int = 1) -> list[float]:
        """uT at the chip's bridge: `sign` turns with SET and RESET, the offset does not."""
        noise = self.noise(self._seed ^ t_us)
        warm = self.temperature(t_us) - 25.0
        return [
            sign * (self.site.read(axis, t_us) + noise.gauss(0.0, self.NOISE_UT)) + fixed + drift * warm
            for axis, (fixed, drift) in zip(AXES, self.offset_ut, strict=True)
        ]

    def temperature(self, t_us: int) -> float:
        """C at the chip; 25 on a site without weather."""
        try:
            return self.site.read("temp_c", t_us)
        except KeyError:
            return 25.0

    def words(self, at: int, values: list[float], per_ut: float, order: str) -> bool:
        """Puts 16-bit counts into the registers; True when one is saturated. `order`: "little" or "big"."""
        full = False
        for i, value in enumerate(values):
            counts = round(value * per_ut)
            full = full or not -32768 <= counts <= 32767
            counts = min(max(counts, -32768), 32767) & 0xFFFF
            self.regs[at + 2 * i : at + 2 * i + 2] = counts.to_bytes(2, "little" if order == "little" else "big")
        return full
