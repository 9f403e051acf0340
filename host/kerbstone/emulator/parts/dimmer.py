"""Virtual 0-10 V stage: turns PWM into the lamp's control voltage and the relay's coil into its supply."""

from __future__ import annotations

from typing import ClassVar

from kerbstone.emulator.parts.base import Part, PartContext

_SETTLE_LEVEL = 1e-4  # changes below a millivolt are not passed on


class Dimmer(Part):
    """Line "relay": 1 energises the coil and cuts the lamp (normally closed contact).

    Options `invert` (True: no PWM = 10 V) and fault "stuck" (the output stays at 10 V whatever the PWM says).
    Acts on the site: "dim_level" 0..1 of 10 V, "relay" 1 = the lamp has mains.
    """

    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0,
        "on": 700.0,  # LM358-class op-amp at no load (TI SLOS068, typical); the 10 V side is fed by the lamp driver
        "relay": 30_000.0,  # 150 mW coil at 5 V, a typical sensitive relay; not from one data sheet
    }

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        self.fault = str(ctx.options.get("fault", ""))
        self._invert = bool(ctx.options.get("invert", True))
        self._level = -1.0
        relay = self.line("relay")
        if relay:
            relay.watchers.append(self._switch)
        self.power_on()

    def power_on(self) -> None:
        """No PWM yet: the fail-safe level."""
        relay = self.line("relay")
        self._switch(relay.level if relay else 0)
        self.pwm(0, 0)

    def power_off(self) -> None:
        """Without supply the stage is an open control circuit and the relay falls back: full light."""
        self.site.act("relay", 1.0, self.kernel.now)
        self._drive(1.0)
        super().power_off()

    def pwm(self, freq_hz: int, duty_u16: int) -> None:
        """The MCU's PWM output; freq_hz 0 = the pin is idle."""
        duty = duty_u16 / 65535 if freq_hz else 0.0
        level = 1.0 - duty if self._invert else duty
        self._drive(1.0 if self.fault == "stuck" else level)

    def _drive(self, level: float) -> None:
        if abs(level - self._level) >= _SETTLE_LEVEL:
            self._level = level
            self.site.act("dim_level", level, self.kernel.now)

    def _switch(self, coil: int) -> None:
        if self.powered:
            self.state("relay" if coil else "on")
            self.site.act("relay", 0.0 if coil else 1.0, self.kernel.now)


PART = Dimmer
