"""What virtual ultrasonic sensors share: the world's echo, its flight through air, the supply switch."""

from __future__ import annotations

import math

from kerbstone.emulator.kernel import Event
from kerbstone.emulator.parts.base import Part, PartContext, UartPart

SHEET_M_S = 340.0  # what modules without a thermometer count with


class Ranging(Part):
    """Line "power" is the supply switch, active at option `power_on_level` (1); without it the part is always on.

    Options `false_echo` and `lost_echo` (0..1): share of pings that show something nearer, or nothing. `fault`: "silent",
    "stuck" (the same distance for ever), and what the chip adds.
    """

    NEAR_MM = 30.0
    FAR_MM = 4500.0
    NOISE_MM = 3.0  # rms

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._false = float(ctx.options.get("false_echo", 0.0))
        self._lost = float(ctx.options.get("lost_echo", 0.0))
        self._stuck_mm = math.nan
        self._next: Event | None = None
        supply = self.line("power")
        if supply:
            self._on_level = int(ctx.options.get("power_on_level", 1))
            supply.drive(1 - self._on_level)  # the switch's own resistor keeps it off until the MCU speaks
            self.powered = False
            supply.watchers.append(self._switched)
        self.power_on()

    def _switched(self, level: int) -> None:
        self.set_power(level == self._on_level)

    def power_on(self) -> None:
        self._stop()
        if self.powered:
            self.wake_up()
        else:
            self.state("off")

    def power_off(self) -> None:
        super().power_off()
        self._stop()

    def wake_up(self) -> None:
        """The supply has come."""

    def _stop(self) -> None:
        if self._next:
            self._next.cancel()
            self._next = None

    def echo_mm(self) -> float:
        """Distance of what this ping hears, noise included; nan = nothing within reach."""
        if self.fault == "stuck" and not math.isnan(self._stuck_mm):
            return self._stuck_mm
        true = self.read("distance_mm")
        if math.isnan(true) or self.rng.random() < self._lost:
            return math.nan
        if self.rng.random() < self._false:
            true = self.rng.uniform(self.NEAR_MM, max(self.NEAR_MM, true))
        mm = true + self.rng.gauss(0.0, self.NOISE_MM)
        self._stuck_mm = mm if self.NEAR_MM <= mm <= self.FAR_MM else math.nan
        return self._stuck_mm

    def sound_m_s(self) -> float:
        """Speed of sound here and now: ideal gas with 16 % of the water's mole fraction added (Bohn 1988); 343 without weather."""
        try:
            temp, humidity = self.read("temp_c"), self.read("rh_pct")
        except KeyError:
            return 343.0
        water = humidity / 100 * 6.112 * math.exp(17.62 * temp / (243.12 + temp)) / 1013.25  # Magnus
        return 331.45 * math.sqrt(1 + temp / 273.15) * (1 + 0.16 * water)


class SerialRanging(Ranging, UartPart):
    """Sends a distance every `CYCLE_US`, `FIRST_US` after the supply came. `fault`: also "garbage" (noise on the wire), "sum"
    (wrong check sums)."""

    FIRST_US = 200_000  # not confirmed
    CYCLE_US = 100_000

    def wake_up(self) -> None:
        self.state("measuring")
        self._next = self.kernel.after(self.FIRST_US, self.cycle)

    def cycle(self) -> None:
        self._next = self.kernel.after(self.CYCLE_US, self.cycle)
        self.speak()

    def speak(self) -> None:
        if self.to_mcu is None:
            return  # nobody has the receiver open
        data = self.message(self.echo_mm())
        if self.fault == "garbage":
            data = self.rng.randbytes(len(data))
        elif self.fault == "sum":
            data = self.spoilt(data)
        if self.fault != "silent":
            self.send(data)

    def message(self, mm: float) -> bytes:
        """The bytes for a distance, nan = no echo."""
        raise NotImplementedError

    def spoilt(self, data: bytes) -> bytes:
        """The message with its check wrong."""
        return data[:-1] + bytes((data[-1] ^ 0x55,))
