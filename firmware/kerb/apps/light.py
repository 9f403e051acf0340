"""A street light: on from dusk to dawn by the sun's position, dimmed by the hour, watched through its meter.

Whenever the time is unknown the lamp burns, unless a trusted sensor sees daylight, and by day it burns when a sensor sees darkness: a
dark street is the worse failure. Metered power is compared with what the commanded level should draw, by rating first and then as
learned, and a difference counts once it has lasted.
"""

from struct import pack_into, unpack_from

from micropython import const

from kerb.apps.algo import localtime, sun
from kerb.apps.algo.daylight import Daylight
from kerb.apps.algo.lamp_power import LampPower
from kerb.apps.algo.persist import Persistence
from kerb.apps.algo.presence import Presence
from kerb.apps.algo.schedule import Nights, Schedule
from kerb.apps.algo.settings import LONG_AGO, due, merged
from kerb.errors import ConfigError
from kerb.quality import FAULT

DEFAULTS = {
    "lamp": "lamp",  # names of the dimmer and the meter in the node file
    "meter": "meter",
    "lat": 0.0,  # degrees, north positive
    "lon": 0.0,  # degrees, east positive
    "switch_at": "sunset",  # "sunset" (-0.83 degrees) or "civil" twilight (-6 degrees)
    "dusk_offset_min": 0,  # minutes after that in the evening; negative = earlier
    "dawn_offset_min": 0,  # and in the morning
    "level": 100,  # % from dusk until the first step of the schedule
    "schedule": [],  # [["22:30", 50], [-60, 30]]: local clock or minutes from the middle of the night, then %
    "motion_level": -1,  # % while somebody is there, when the schedule says less; -1 = no detector
    "motion_hold_s": 120,  # s the light stays up after the last motion
    "lux_on": -1.0,  # lux below which it is dark, whatever the clock says; -1 = no sensor
    "lux_off": 40.0,  # lux above which it is day, while the time is unknown
    "tz_min": 0,  # minutes of standard time ahead of UTC
    "summer_time": "none",  # "eu", "us" or "none"
    "override": -1,  # % by order of the operator, day and night; -1 = none
    "clo_start": 100,  # % of power that gives full light when new; 100 = no constant light output (IEC 62722-2-1)
    "clo_hours": 100000,  # h of burning after which it takes 100 %
    "rated_w": 50.0,  # W at 100 %
    "standby_w": 0.5,  # W when dimmed to off
    "power_curve": [[0, 0.1], [10, 0.135], [25, 0.285], [50, 0.525], [75, 0.76], [100, 1.0]],  # %, share of rated_w: 50 W drivers
    "failure_share": 0.2,  # of the power expected: below it the lamp is out
    "learned_share": 0.7,  # the same, of a power that was learned: part of the lamp is out
    "burner_share": 0.1,  # of rated_w above standby_w: the lamp burns though it should be off
    "over_share": 1.2,  # above it too much flows
    "min_pf": 0.8,  # power factor below which, at half load and more, the driver's capacitor ages
    "hold_s": 300,  # s a fault must last
    "report_s": 900,  # s between routine reports
}

_STATES = ("off", "on", "failsafe", "override")
_OFF = const(0)
_ON = const(1)
_FAILSAFE = const(2)
_OVERRIDE = const(3)
_ALTITUDES = {"sunset": sun.SUNRISE, "civil": sun.CIVIL}
_WATCHED = ("lamp_failure", "day_burner", "over_power", "low_pf", "meter", "command")
_LONGEST_S = const(300)  # a longer pause between steps counts as this: the node was down, nobody knows about the lamp
_PF_FROM = const(50)  # % from which the power factor is judged
_NO_TEMP = const(-32768)
_NEVER = const(255)
_DAY_MIN = const(1440)  # an order without minutes ends with the day: a forgotten one must not keep a street dark

_STATE = "<BBBIIIIh"
_HEAD_BYTES = const(21)
_WATCH_BYTES = const(13)  # six watched faults
_EXTRA = "<IHBBB"
_EXTRA_BYTES = const(9)
_SIZES = (_WATCH_BYTES, LampPower.STATE_BYTES, Presence.STATE_BYTES, Daylight.STATE_BYTES)
_ENERGY_SLACK_WH = const(100)  # reading back a total through 32-bit floats


class App:
    STATE_BYTES = 90  # head, extra and _SIZES; a literal, as the checks of node files read it

    def __init__(self, settings):
        self._set = s = merged("light", DEFAULTS, settings)
        localtime.check(s["summer_time"])
        if s["switch_at"] not in _ALTITUDES:
            raise ConfigError("application light cannot switch at '%s'; take 'sunset' or 'civil'" % s["switch_at"])
        dusk, dawn = s["dusk_offset_min"] * 60, s["dawn_offset_min"] * 60
        self._nights = Nights(s["lat"], s["lon"], _ALTITUDES[s["switch_at"]], dusk, dawn)
        self._schedule = Schedule(s["schedule"], s["level"])
        self._watch = Persistence(_WATCHED, s["hold_s"])
        self._power = LampPower(s["rated_w"], s["power_curve"])
        self._presence = Presence(s["motion_hold_s"])
        self._daylight = Daylight(s["lux_on"], s["lux_off"], s["hold_s"])
        self._parts: tuple = (self._watch, self._power, self._presence, self._daylight)  # in the order of the packed state
        self._level = self._state = _NEVER  # what was commanded last
        self._told_faults = 0
        self._mono = self._told_at = 0
        self._lamp_s = self._energy_wh = 0
        self._temp10 = _NO_TEMP
        self._metered_at = self._metered_every = 0  # mono of the meter's last word, s between two
        self._moved = True  # the level changed since then: the next measurement may span both
        self._missing = False  # the meter failed when it was its turn
        self._base = _NEVER  # the level without presence
        self._ordered = None  # % by a message of the operator; a restart forgets it
        self._ordered_until = 0  # mono

    def pack(self):
        out = bytearray(self.STATE_BYTES)
        pack_into(
            _STATE, out, 0, self._level, self._state, self._told_faults,
            self._mono, self._told_at, self._lamp_s, self._energy_wh, self._temp10,
        )  # fmt: skip
        pack_into(_EXTRA, out, _HEAD_BYTES, self._metered_at, self._metered_every, self._base, self._moved, self._missing)
        at = _HEAD_BYTES + _EXTRA_BYTES
        for part, size in zip(self._parts, _SIZES):
            part.pack_into(out, at)
            at += size
        return bytes(out)

    def unpack(self, data):
        (
            self._level, self._state, self._told_faults,
            self._mono, self._told_at, self._lamp_s, self._energy_wh, self._temp10,
        ) = unpack_from(_STATE, data, 0)  # fmt: skip
        self._metered_at, self._metered_every, self._base, self._moved, self._missing = unpack_from(_EXTRA, data, _HEAD_BYTES)
        at = _HEAD_BYTES + _EXTRA_BYTES
        for part, size in zip(self._parts, _SIZES):
            part.unpack_from(data, at)
            at += size

    def inherit(self, other):
        """An order holds on under other settings."""
        self._ordered, self._ordered_until = other._ordered, other._ordered_until

    def ask(self):
        """The next measurement is reported whole."""
        self._told_at = LONG_AGO

    def step(self, sample, now):
        effects = []
        cold = self._level == _NEVER or now.mono < self._mono  # after a power cycle the dimmer burns at its own default
        elapsed = 0 if cold else min(now.mono - self._mono, _LONGEST_S)
        self._mono = now.mono
        if self._level and not cold:
            self._lamp_s += elapsed
        if sample.get("temp_c") is not None:
            self._temp10 = max(min(round(sample["temp_c"] * 10), 2000), -2000)
        self._presence.update(sample, now.mono)
        self._daylight.update(sample, now.mono)
        self._meter(sample, effects)
        self._judge(sample, now.mono, cold)
        changed = self._command(sample, now, cold, effects)
        self._tell(sample, now, changed, effects)
        return effects

    def order(self, data, now):
        """A message of the operator: the level in % (255: back to the schedule) and, in two bytes more, how many minutes it holds."""
        if len(data) not in (1, 3) or 100 < data[0] < 255:
            return [("note", "the order is not one byte of level, or that and two of minutes")]
        self._ordered = None if data[0] == 255 else data[0]
        self._ordered_until = now.mono + 60 * (int.from_bytes(data[1:], "big") or _DAY_MIN)
        effects = []
        self._tell({}, now, self._command({}, now, False, effects), effects)
        return effects

    # -- what the lamp should do ----------------------------------------------------------------------------------

    def _command(self, sample, now, cold, effects):
        """Sets the lamp when the wanted level is another, when it may have lost it, and with each routine report."""
        base, state = self._want(now.utc, now.mono)
        level = base
        raised = self._set["motion_level"]
        if state == _ON and raised > base and self._presence.raised(now.mono):
            level = self._constant_light(raised)
        # Light that comes and goes with people is no news.
        changed = base != self._base or state != self._state
        self._base = base
        if level != self._level and "power_w" not in sample:
            self._moved = True
        strayed = sample.get("level_pct", self._level) != self._level
        if cold or strayed or level != self._level or due(now.mono, self._told_at, self._set["report_s"]):
            effects.append(("set", self._set["lamp"], "level", level))
        self._level, self._state = level, state
        return changed or cold

    def _want(self, utc, mono):
        """(level, state) for a moment, presence apart."""
        s = self._set
        if self._ordered is not None and mono >= self._ordered_until:
            self._ordered = None
        if self._ordered is not None:
            return self._ordered, _OVERRIDE
        if s["override"] >= 0:
            return s["override"], _OVERRIDE
        if utc is None:
            return (0, _OFF) if s["lux_on"] >= 0 and self._daylight.bright(mono) else (100, _FAILSAFE)
        night = self._nights.at(utc)
        self._daylight.check(bool(night), mono)
        # A light that burns in the dark stays on at once; one that is off wants proof.
        if not night and s["lux_on"] >= 0 and (self._daylight.dark(mono) or (self._level and self._daylight.dim(mono))):
            return 100, _FAILSAFE
        level = 0
        if night:
            level = self._constant_light(self._schedule.level(utc, night, localtime.offset_s(utc, s["tz_min"], s["summer_time"])))
        return level, _ON if level else _OFF

    def _constant_light(self, level):
        """The level that gives the same light from an ageing lamp: less while it is new."""
        s = self._set
        start = s["clo_start"]
        share = min(start + (100 - start) * (self._lamp_s // 3600) / s["clo_hours"], 100)
        return max(int(level * share / 100 + 0.5), 1) if level else 0

    # -- what it does ---------------------------------------------------------------------------------------------

    def _meter(self, sample, effects):
        """Keeps the energy total over a restart of the meter."""
        energy = sample.get("energy_kwh")
        if energy is None:
            return
        total = int(energy * 1000 + 0.5)
        if total < self._energy_wh - _ENERGY_SLACK_WH:
            effects.append(("set", self._set["meter"], "energy_kwh", self._energy_wh / 1000))
        elif total > self._energy_wh:
            self._energy_wh = total

    def _judge(self, sample, mono, cold):
        """Holds the measurement against the level it was made at: the one commanded before this step."""
        s, watch = self._set, self._watch
        power, level = sample.get("power_w"), self._level
        since = mono - self._metered_at
        if power is None and (sample.get("quality") != FAULT or (not self._missing and 0 <= since < self._metered_every * 3 // 2)):
            return  # another part's turn
        elapsed = 0 if cold else min(max(since, 0), _LONGEST_S)
        steady, self._moved, self._metered_at = not self._moved, False, mono
        self._missing = power is None
        known = sample.get("level_pct")
        watch.update("command", None if known is None or level == _NEVER else known != level, elapsed)
        watch.update("meter", power is None, elapsed)
        if power is None:
            return
        self._metered_every = max(self._metered_every, elapsed)
        if level == _NEVER or not steady:
            return
        if not level:
            watch.update("day_burner", power > s["standby_w"] + s["burner_share"] * s["rated_w"], elapsed)
            return
        expected = self._power.expected(level)
        share = s["learned_share"] if self._power.known(level) else s["failure_share"]
        out = bool(sample.get("lamp_out")) or power < share * expected
        over = power > s["over_share"] * expected
        watch.update("lamp_failure", out, elapsed)
        watch.update("over_power", over, elapsed)
        if not (out or over or watch.bits or sample.get("quality")):
            self._power.learn(level, power)
        factor = sample.get("power_factor")
        if factor is not None and level >= _PF_FROM:
            watch.update("low_pf", factor < s["min_pf"] and not out, elapsed)

    # -- telling --------------------------------------------------------------------------------------------------

    def _tell(self, sample, now, changed, effects):
        faults = self._watch.raised()
        bits = self._watch.bits
        if now.utc is None:
            faults.append("clock")
        period = self._set["report_s"]
        # A routine report waits for the meter's turn, but not for a meter that is silent.
        routine = due(now.mono, self._told_at, period if "power_w" in sample else period + _LONGEST_S)
        alarm = bits & ~self._told_faults
        if not (alarm or changed or routine or bits != self._told_faults):
            return
        values = {
            "level": self._level,
            "lamp_state": _STATES[self._state],
            "faults": faults,
            "power_w": sample.get("power_w"),
            "energy_kwh": self._energy_wh / 1000,
            "lamp_hours": self._lamp_s // 3600,
            "temperature": None if self._temp10 == _NO_TEMP else self._temp10 / 10,
        }
        if routine:
            for name in ("volt_v", "current_a", "power_factor"):
                values[name] = sample.get(name)
            self._told_at = now.mono
        self._told_faults = bits
        priority = 0 if alarm else 1 if changed or not routine else 2
        effects.append(("report", "full" if routine else "core", priority, values))
