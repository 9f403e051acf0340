"""A DALI-2 or D4i lamp driver as the node's lamp, and as its meter where it has the memory banks of D4i (DiiA parts 252 and 253).

Pins: `tx_pin` (high = bus high), `rx_pin` (as the bus). The interface must pull the bus low while its tx pin is not driven: gear that
sees the bus down for 500 ms takes its SYSTEM FAILURE LEVEL, and a controller that is dead or in reset thereby means light.
Options: `addr` (0), the short address; `failure_level` (254), written into SYSTEM FAILURE LEVEL and POWER ON LEVEL where they differ;
`unit` (0), the first PIO state machine or the RMT channel.
"""

from micropython import const

from kerb.dali import commands, levels, memory
from kerb.dali.bus import Bus
from kerb.drivers.pins import pin_of
from kerb.errors import ConfigError, SensorError
from kerb.quality import GOOD, SUSPECT

_GEAR_FAILURE, _LAMP_FAILURE, _POWER_CYCLED = const(0x01), const(0x02), const(0x80)  # bits of QUERY STATUS
_MOST_V = const(440)  # more than a 230 V lamp gets when the neutral is lost: the whole of two phases, and 10 %
_KEPT = (("SYSTEM FAILURE LEVEL", "QUERY SYSTEM FAILURE LEVEL"), ("POWER ON LEVEL", "QUERY POWER ON LEVEL"))
_METERED = (("power_w", "ActivePower", 1), ("energy_kwh", "ActiveEnergy", 1000))
_SUPPLY = (("volt_v", "ControlGearExternalSupplyVoltage"), ("power_factor", "ControlGearPowerFactor"))


class DALI:
    """One gear. `level_pct` is % of its light on the standard's curve, as commanded while the gear is where it was told to be.

    Without the memory banks power_w, energy_kwh, volt_v and power_factor are left out. set("level", %), set("energy_kwh", total).
    """

    WARM_UP_MS = 0
    QUANTITIES = ("level_pct", "lamp_out", "power_w", "energy_kwh", "volt_v", "power_factor")

    def __init__(self, bus, options):
        self._name = options.get("name", "dali")
        self._where = options.get("where", "pins")
        tx, rx = pin_of(self._name, options, "tx_pin"), pin_of(self._name, options, "rx_pin")
        try:
            from kerb.dali.pio import Engine
        except ImportError:  # not an RP2040: the port has no `rp2`
            from kerb.dali.rmt import Engine
        self._bus = Bus(Engine(tx, rx, options.get("unit", 0)))
        self._to = commands.short(options.get("addr", 0))
        self._wanted = levels.MAX
        self._percent = 100
        self._offset = 0.0
        self._energy = 0.0
        self._result = {"quality": GOOD}
        self._ask("QUERY CONTROL GEAR PRESENT")
        self._least = self._ask("QUERY MIN LEVEL")
        for name, query in _KEPT:
            self._commission(name, query, options.get("failure_level", levels.MAX))
        self._banks = [b for b in (202, 205) if self._bus.read_memory(self._to, b, 0, 1)]

    def start(self):
        """Nothing to do: the gear listens all the time."""

    def measure(self, env):
        """Asks the gear what it does: about 0.1 s, 0.9 s with D4i metering."""
        status = self._ask("QUERY STATUS")
        level = self._ask("QUERY ACTUAL LEVEL")
        result = self._result
        result["level_pct"] = self._percent if level == self._wanted else int(levels.percent(min(level, levels.MAX)) + 0.5)
        result["lamp_out"] = bool(status & _LAMP_FAILURE)
        result["quality"] = SUSPECT if status & _GEAR_FAILURE else GOOD
        if 202 in self._banks:
            raw = self._read(202, 0x04, 12)
            for key, name, unit in _METERED:
                _bank, first, count, _ = memory.VALUES[name]
                value = memory.value(name, raw[first - 0x04 : first - 0x04 + count])
                result[key] = None if value is None else value / unit
            if result["energy_kwh"] is not None:
                self._energy = result["energy_kwh"]
                result["energy_kwh"] += self._offset
        if 205 in self._banks:
            raw = self._read(205, 0x0B, 4)
            result["volt_v"] = memory.value(_SUPPLY[0][1], raw[:2])
            result["power_factor"] = memory.value(_SUPPLY[1][1], raw[3:])
            if (result["volt_v"] or 0) > _MOST_V:
                result["quality"] = SUSPECT
        return result

    def set(self, key, value):
        """"level": % of the light, clamped to 0..100; "energy_kwh": the total goes on from here."""
        if key == "energy_kwh":
            self._offset = value - self._energy
            return
        if key != "level":
            raise ConfigError("%s at %s has no setting '%s'; it takes 'level'" % (self._name, self._where, key))
        self._percent = percent = min(max(value, 0), 100)
        level = levels.nearest(percent)
        self._wanted = max(level, self._least) if level else 0
        self._bus.send(*commands.level(self._to, self._wanted))

    def sleep(self):
        """Keeps the level: the gear goes on by itself."""

    def _ask(self, name):
        answer = self._bus.query(name, self._to)
        if answer < 0:
            cause = "no answer" if answer == -1 else "an answer nobody can read"
            raise SensorError(self._name, self._where, "%s to %s; check bus, address and supply of the gear" % (cause, name))
        return answer

    def _commission(self, name, query, wanted):
        if self._ask(query) != wanted:
            self._bus.keep("SET " + name, self._to, wanted)
            if self._ask(query) != wanted:
                raise SensorError(self._name, self._where, "does not keep its " + name)

    def _read(self, bank, first, count):
        raw = self._bus.read_memory(self._to, bank, first, count)
        if raw is None:
            raise SensorError(self._name, self._where, "memory bank %d does not answer" % bank)
        return raw
