"""A waste container: filling level from a burst of echoes, and what a collector must know at once.

A lost echo is never an empty bin: soft rubbish swallows sound. Fill is then missing, and after some bursts an alarm. A jump of
the level is believed when a second burst confirms it, a fire when a second temperature does, a bin on its side when it lies
there at the second look: the lid, with the sensor in it, leans as well while somebody throws something in. While it leans
echoes count for nothing. An emptying is any level that is lower or low after the bin was upside down, or without that a large
fall to a low level (to any, if no accelerometer watches).
"""

from struct import pack_into, unpack_from

from micropython import const

from kerb.apps.algo import echo, fill, sound
from kerb.apps.algo.settings import LONG_AGO, due, merged
from kerb.quality import GOOD, SUSPECT, worst

DEFAULTS = {
    "level": "level",  # names of the distance sensor, the thermometer and the accelerometer in the node file
    "climate": "climate",
    "tilt": "tilt",
    "shape": "prism",  # see algo/fill.py
    "dims": [],  # mm, of the shape
    "height_mm": 1200,  # mm, floor to full line; 1200: 1100-litre container, EN 840
    "headroom_mm": 250,  # mm, full line up to the sensor
    "blind_mm": 30,  # mm nearer than which the sensor sees nothing: A02YYUW 30, JSN-SR04T 250
    "slack_mm": 100,  # mm below the floor that an echo may seem to come from
    "cluster_mm": 40,  # mm within which echoes agree: five times the 8 mm spread of rubbish and sensor
    "agree": 2,  # echoes that must agree
    "sensor_m_s": 0,  # m/s the sensor counts with; 0 = it corrects for temperature itself (DYP states that the A02YYUW does)
    "report_s": 3600,  # s between routine reports
    "report_step": 5,  # % of change that is reported at once
    "full_pct": 90,  # % that raise "full", and
    "full_clear_pct": 85,  # % that drop it
    "emptied_pct": 25,  # % of fall that make an emptying; a change of this size is seen twice
    "tipped_pct": 5,  # % of fall that make one after the bin was upside down, and
    "low_pct": 10,  # % at which it counts as emptied then, whatever it held
    "tries": 3,  # bursts in a row without agreement that raise "no_echo"
    "retry_ms": 2000,  # ms to the next burst after a useless one
    "confirm_ms": 30000,  # ms to the second look after a jump or a hot reading; a lorry holds the bin for about 20 s
    "lean_deg": 20,  # degrees from which echoes do not count
    "tilt_deg": 45,  # degrees that raise "tilted", seen twice
    "fire_c": 65,  # degC; the sun makes at most 60 under a lid
    "fire_rate": 6,  # K a minute, on two readings in a row
    "frozen_n": 144,  # bursts with the same mean that make the sensor suspect, a day of them: its noise is 1 to 3 mm
}

_ALARMS = ("tilted", "fire", "emptied", "full", "no_echo")  # bits in this order
_TILTED = const(1)
_FIRE = const(2)
_EMPTIED = const(4)
_FULL = const(8)
_NO_ECHO = const(16)
_URGENT = const(3)  # tilted or on fire; the others are events of the round
_NO_FILL = const(255)
_NO_TEMP = const(-32768)
_CALM_C = const(10)  # K below fire_c where a fire is over
_MOST_TRIES = const(7)  # three bits
_SHORTEST_S = const(5)  # a rate from readings closer together is noise

_STATE = "<BBBBBHHhhHIIIIB"
_BOOTED = const(1)  # flags: a report was sent since power-on
_HOT = const(2)  # a hot reading waits for confirmation
_LEANS = const(4)  # at the last look
_LEANT = const(8)  # too far, which waits for confirmation
_TIPPED = const(16)  # it was upside down, and no level is known since
_WATCHED = const(32)  # the accelerometer tells when it was
_CLUTTER_AT = const(32)  # in the packed state


class App:
    STATE_BYTES = 41

    def __init__(self, settings):
        self._set = s = merged("bins", DEFAULTS, settings)
        fill.check(s["shape"], s["dims"])
        self._fill = self._told = self._jump = _NO_FILL  # level %: last good one, last one sent, one that waits for confirmation
        self._alarms = self._told_alarms = 0
        self._misses = self._same = 0
        self._mm = self._raw = self._battery_mv = 0  # raw: 0.1 mm of the last cluster, for the frozen sensor
        self._temp10 = _NO_TEMP
        self._temp_at = self._fill_at = self._told_at = self._mono = 0
        self._flags = 0
        self._clutter = echo.Clutter()

    def pack(self):
        out = bytearray(self.STATE_BYTES)
        pack_into(
            _STATE, out, 0, self._fill, self._told, self._jump, self._alarms | self._misses << 5, self._told_alarms,
            self._mm, self._battery_mv, self._temp10, self._same, self._raw,
            self._temp_at, self._fill_at, self._told_at, self._mono, self._flags,
        )  # fmt: skip
        self._clutter.pack_into(out, _CLUTTER_AT)
        return bytes(out)

    def unpack(self, data):
        (
            self._fill, self._told, self._jump, alarms, self._told_alarms,
            self._mm, self._battery_mv, self._temp10, self._same, self._raw,
            self._temp_at, self._fill_at, self._told_at, self._mono, self._flags,
        ) = unpack_from(_STATE, data, 0)  # fmt: skip
        self._alarms = alarms & 31
        self._misses = alarms >> 5
        self._clutter.unpack_from(data, _CLUTTER_AT)

    def ask(self):
        """The next measurement is reported whole."""
        self._told_at = LONG_AGO

    def step(self, sample, now):
        effects = []
        if now.mono < self._mono:  # a power cycle: what was measured before has no age
            self._flags &= _TIPPED | _WATCHED
            self._temp10 = _NO_TEMP
            self._misses = 1  # so no level until the next good burst; the old one still tells an emptying
        self._mono = now.mono
        volt = sample.get("battery_v")
        if volt is not None:
            self._battery_mv = max(min(round(volt * 1000), 65535), 0)
        if sample.get("tilt_deg") is not None:
            self._lean(sample["tilt_deg"], effects)
        if "tipped" in sample:
            self._flags |= _WATCHED | (_TIPPED if sample["tipped"] else 0)
        if sample.get("temp_c") is not None:
            self._heat(sample["temp_c"], effects)
        settled = False
        if "distance_mm" in sample or "echoes_mm" in sample:
            settled = bool(self._flags & _LEANS) or self._listen(sample, effects)
        self._tell(sample, settled, effects)
        return effects

    def _alarm(self, bit, on):
        self._alarms = self._alarms | bit if on else self._alarms & ~bit

    def _flag(self, bit, on):
        self._flags = self._flags | bit if on else self._flags & ~bit

    def _lean(self, tilt, effects):
        s = self._set
        over = tilt > s["tilt_deg"]
        self._flag(_LEANS, tilt > s["lean_deg"])
        if not over or self._flags & _LEANT:
            self._alarm(_TILTED, over)
        else:
            effects.append(("again", s["tilt"], s["confirm_ms"]))
        self._flag(_LEANT, over)

    # -- fire -----------------------------------------------------------------------------------------------------

    def _heat(self, temp, effects):
        s = self._set
        hot = temp > s["fire_c"]
        elapsed = self._mono - self._temp_at
        if self._temp10 == _NO_TEMP or elapsed >= _SHORTEST_S:
            if self._temp10 != _NO_TEMP:
                hot = hot or (temp - self._temp10 / 10) * 60 > s["fire_rate"] * elapsed
            self._temp10 = max(min(round(temp * 10), 2000), -2000)
            self._temp_at = self._mono
        elif not hot:
            return
        if hot and self._flags & _HOT:
            self._alarm(_FIRE, True)
        elif hot:
            effects.append(("again", s["climate"], s["confirm_ms"]))
        elif temp < s["fire_c"] - _CALM_C:
            self._alarm(_FIRE, False)
        self._flag(_HOT, hot)

    # -- level ----------------------------------------------------------------------------------------------------

    def _listen(self, sample, effects):
        """Judges a burst. True when it settled something, False when another one was asked for."""
        s = self._set
        floor = s["height_mm"] + s["headroom_mm"]
        echoes, agree = sample.get("echoes_mm"), s["agree"]
        if echoes is None:
            echoes, agree = (sample["distance_mm"],), 1
        scale = self._scale(sample)
        echoes = [None if mm is None else mm * scale for mm in echoes]
        width, reach = s["cluster_mm"], s["height_mm"] * s["emptied_pct"] // 100
        mm, count = echo.cluster(echoes, s["blind_mm"], floor + s["slack_mm"], width, agree, self._clutter, self._mm, reach)
        if mm is None:
            return self._miss(effects)
        self._clutter.learn(echoes, s["blind_mm"], mm, width)
        self._misses = 0
        self._alarm(_NO_ECHO, False)
        self._freeze(mm, effects)
        part = fill.fraction(s["shape"], s["dims"], s["height_mm"], floor - mm)
        percent = int(100 * part + 0.5)
        # Rises are seen twice as well: two false echoes that agree would else make a level that "empties" with the next burst.
        # So is any change worth a report when less than half of the burst says so, or when it leads to a rim.
        strong = 2 * count > len(echoes) and not self._clutter.knows(mm, width)
        limit = s["emptied_pct"] if strong else s["report_step"]
        if self._flags & _TIPPED:
            self._flags &= ~_TIPPED
            if percent <= s["low_pct"] or (self._fill != _NO_FILL and self._fill - percent >= s["tipped_pct"]):
                self._alarm(_EMPTIED, True)
        elif self._fill != _NO_FILL and abs(percent - self._fill) >= limit:
            if self._jump == _NO_FILL or abs(percent - self._jump) > limit // 2:
                self._jump = percent
                effects.append(("again", s["level"], s["confirm_ms"]))
                return False
            # Where the accelerometer would have seen a lift, a fall to the middle is a wrong level put right.
            if self._fill - percent >= s["emptied_pct"] and (percent <= s["low_pct"] or not self._flags & _WATCHED):
                self._alarm(_EMPTIED, True)
        self._jump = _NO_FILL
        self._fill, self._fill_at = percent, self._mono
        self._mm = int(mm + 0.5)
        self._alarm(_FULL, percent >= s["full_pct"] or (percent >= s["full_clear_pct"] and bool(self._alarms & _FULL)))
        return True

    def _scale(self, sample):
        """What the sensor's fixed speed of sound must be corrected by."""
        fixed = self._set["sensor_m_s"]
        if not fixed or self._temp10 == _NO_TEMP:
            return 1
        return sound.speed(self._temp10 / 10, sample.get("rh_pct", 50)) / fixed

    def _miss(self, effects):
        tries = min(self._set["tries"], _MOST_TRIES)
        self._misses = min(self._misses + 1, tries)
        if self._misses < tries:
            effects.append(("again", self._set["level"], self._set["retry_ms"]))
            return False
        self._jump = _NO_FILL
        self._alarm(_NO_ECHO, True)
        return True

    def _freeze(self, mm, effects):
        raw = min(int(mm * 10), 65535)
        self._same = min(self._same + 1, 32767) if raw == self._raw else 0
        self._raw = raw
        if self._same == self._set["frozen_n"]:
            effects.append(("note", "%s has shown %d mm for %d bursts: clean or replace it" % (self._set["level"], mm, self._same)))

    # -- telling --------------------------------------------------------------------------------------------------

    def _tell(self, sample, settled, effects):
        s = self._set
        new = self._alarms & ~self._told_alarms
        moved = self._fill_valid() and self._told != _NO_FILL and abs(self._fill - self._told) >= s["report_step"]
        waiting = not self._flags & _BOOTED or self._alarms != self._told_alarms or due(self._mono, self._told_at, s["report_s"])
        if new & _URGENT:
            self._report(sample, 0, effects)
        elif settled and (new or moved):
            self._report(sample, 1, effects)
        # The rest waits for a settled burst, but not for ever: the distance sensor may be the part that fails.
        elif waiting and (settled or due(self._mono, self._told_at, s["report_s"] * 2)):
            self._report(sample, 2, effects)

    def _fill_valid(self):
        """A level of this hour, not contradicted since."""
        if self._fill == _NO_FILL or self._misses or self._flags & (_LEANS | _TIPPED):
            return False
        return self._jump == _NO_FILL and 0 <= self._mono - self._fill_at <= self._set["report_s"]

    def _report(self, sample, priority, effects):
        valid = self._fill_valid()
        quality = sample.get("quality", GOOD)
        if self._same >= self._set["frozen_n"]:
            quality = worst(quality, SUSPECT)
        values = {
            "fill": self._fill if valid else None,
            "distance_mm": self._mm if valid else None,
            "temperature": None if self._temp10 == _NO_TEMP else self._temp10 / 10,
            "battery_v": self._battery_mv / 1000 if self._battery_mv else None,
            "alarms": [name for i, name in enumerate(_ALARMS) if self._alarms >> i & 1],
            "quality": quality,
        }
        effects.append(("report", "full", priority, values))
        self._alarms &= ~_EMPTIED  # an event, not a state: told once
        self._told_alarms = self._alarms
        self._told = self._fill if valid else self._told
        self._told_at = self._mono
        self._flags |= _BOOTED
