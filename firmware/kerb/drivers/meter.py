"""What the mains meters share: the energy as an integer, because 32-bit floats would lose pulses after a few hundred kWh."""

from kerb.errors import ConfigError

SMALLEST_VA = 1.0  # below it a power factor is noise
MOST_V = 440  # more than a 230 V lamp gets when the neutral is lost: the whole of two phases, and 10 %


def power_factor(watt, apparent):
    """None below SMALLEST_VA."""
    return min(abs(watt) / apparent, 1.0) if apparent > SMALLEST_VA else None


class Meter:
    """`energy_wh` is the total. set("energy_kwh", x) restores it after a restart; what was used while the node was down is not in it."""

    def __init__(self, chip, where, options):
        self._name = options.get("name", chip)
        self._where = options.get("where", where)
        self._rest = 0  # of energy below one watt-hour, in the driver's own unit
        self.energy_wh = 0

    def start(self):
        """Nothing to do: the chip measures all the time."""

    def set(self, key, value):
        """"energy_kwh": the total goes on from here."""
        if key != "energy_kwh":
            raise ConfigError("%s at %s has no setting '%s'; it takes 'energy_kwh'" % (self._name, self._where, key))
        self.energy_wh = int(value * 1000 + 0.5)
        self._rest = 0

    def sleep(self):
        """Nothing to do: the chip has no sleep, and energy must go on counting."""

    def _used(self, amount, watt_hour):
        """Adds energy; `watt_hour` is how much of the same unit one has."""
        self._rest += amount
        self.energy_wh += self._rest // watt_hour
        self._rest %= watt_hour
