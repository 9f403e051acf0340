"""0-10 V dimming output: PWM, low-pass and op-amp stage, with an optional relay in the lamp's supply.

Fail-safe: a lamp must burn when its controller is dead. The stage is inverting, so a pin without PWM (reset, crash, cut wire)
gives 10 V = full light, as an open 1-10 V control circuit does (IEC 60929 annex E); the relay is normally closed, so an idle coil
keeps the lamp connected. Building the driver commands the same state: full light until the application decides.
Options: `pin`; `freq_hz` (1000); `invert` (True, the stage above; False for a stage that gives 10 V at full duty and is dark without
PWM); `relay_pin` (none), whose high level opens the lamp's supply.
Most 0-10 V lamp drivers only dim to a minimum below 1 V: dark needs the relay. PWM stops in light sleep on the ESP32.
"""

from micropython import const

from kerb.drivers.pins import pin_of
from kerb.errors import ConfigError
from kerb.quality import GOOD

_FULL_DUTY = const(65535)


def control(percent):
    """Control voltage as percent of 10 V for a wanted level: linear (IEC 60929). The place for another curve (logarithmic, CLO)."""
    return percent


def duty_u16(percent, invert):
    """PWM duty, 0..65535, for a control voltage in percent of 10 V."""
    duty = int(percent * _FULL_DUTY / 100 + 0.5)
    return _FULL_DUTY - duty if invert else duty


class DIMMER:
    """One lamp. `level_pct` in measure() is what was commanded; nothing here sees the light."""

    WARM_UP_MS = 0
    QUANTITIES = ("level_pct",)

    def __init__(self, bus, options):
        from machine import PWM, Pin

        self._name = options.get("name", "dimmer")
        self._where = options.get("where", "PWM")
        pin = pin_of(self._name, options, "pin")
        self._invert = options.get("invert", True)
        self._result = {"level_pct": 100, "quality": GOOD}
        relay = options.get("relay_pin")
        self._relay = None if relay is None else Pin(relay, Pin.OUT, value=0)
        self._pwm = PWM(Pin(pin), freq=options.get("freq_hz", 1000), duty_u16=duty_u16(control(100), self._invert))

    def start(self):
        """Nothing to do: the output works all the time."""

    def measure(self, env):
        """The commanded level, 0..100 %."""
        return self._result

    def set(self, key, value):
        """"level": percent, clamped to 0..100; 0 also opens the relay."""
        if key != "level":
            raise ConfigError("%s at %s has no setting '%s'; it takes 'level'" % (self._name, self._where, key))
        level = min(max(value, 0), 100)
        # The lamp is connected before it is driven and dimmed before it is cut: the contact switches the least current.
        if level and self._relay:
            self._relay.value(0)
        self._pwm.duty_u16(duty_u16(control(level), self._invert))
        if not level and self._relay:
            self._relay.value(1)
        self._result["level_pct"] = level

    def sleep(self):
        """Keeps the level: a sleeping controller must not darken the street."""
