"""Any reading becomes a channel by a row of the node file: scaled, watched, reported when it changes, and on schedule.

A report carries every channel; one that was not measured for stale_s is missing, and the quality is the worst since the last report.
"""

from array import array
from struct import pack_into, unpack_from

from micropython import const

from kerb.apps.algo.settings import LONG_AGO, due, merged, passed
from kerb.errors import ConfigError
from kerb.quality import FAULT, GOOD, WARMING, worst
from kerb.scaling import scaled

DEFAULTS = {
    "report_s": 900,  # s between routine reports
    "stale_s": 3600,  # s after which a value that was not measured again is missing
    "hold_s": 0,  # s between two reports for a change; an alarm does not wait
    "number": 128,  # of the message profile, 128 to 255: one a kind of node
    "channels": [],  # rows of CHANNEL by name; the table of the node file
}
CHANNEL = {
    "source": "",  # "PART.VALUE", or a quantity of a sensor such as temp_c
    "title": "",
    "unit": "1",  # UCUM
    "min": 0.0,  # the range and the step that the message carries
    "max": 1.0,
    "step": 1.0,
    "scale": 1.0,  # channel = source * scale + offset
    "offset": 0.0,
    "low": None,  # alarm at or below; None = no alarm
    "high": None,  # alarm at or above
    "hysteresis": 0.0,  # how far inside the threshold the alarm ends
    "change": None,  # report when it differs by this from the last report
}

_MOST = const(16)
_NEVER = const(0xFFFFFFFF)
_LOW = const(1)
_HIGH = const(2)
_HEAD = "<IIIBB"
_TOLD_AT = const(14)
_SEEN_AT = const(78)
_AGE_AT = const(142)
_BITS_AT = const(206)


class App:
    STATE_BYTES = 222  # head, then for each of 16 channels: value, value told, when measured, alarms

    def __init__(self, settings):
        self._set = s = merged("terminal", DEFAULTS, settings)
        self._rows = s["channels"]
        if not self._rows or len(self._rows) > _MOST:
            raise ConfigError("application terminal has %d channels; give 1 to %d" % (len(self._rows), _MOST))
        count = len(self._rows)
        self._values = array("f", [0.0] * count)
        self._told = array("f", [0.0] * count)
        self._seen_at = array("L", [_NEVER] * count)  # mono s, or never
        self._bits = bytearray(count)  # alarms of each channel
        self._exact = [None] * count  # the value itself, which may need more digits than a float has
        self._mono = self._told_at = self._changed_at = 0
        self._quality = GOOD
        self._begun = False

    def pack(self):
        out = bytearray(self.STATE_BYTES)
        pack_into(_HEAD, out, 0, self._mono, self._told_at, self._changed_at, self._quality, self._begun)
        for i in range(len(self._rows)):
            pack_into("<f", out, _TOLD_AT + 4 * i, self._told[i])
            pack_into("<f", out, _SEEN_AT + 4 * i, self._values[i])
            pack_into("<I", out, _AGE_AT + 4 * i, self._seen_at[i])
            out[_BITS_AT + i] = self._bits[i]
        return bytes(out)

    def unpack(self, data):
        self._mono, self._told_at, self._changed_at, self._quality, self._begun = unpack_from(_HEAD, data, 0)
        for i in range(len(self._rows)):
            self._told[i] = unpack_from("<f", data, _TOLD_AT + 4 * i)[0]
            self._values[i] = unpack_from("<f", data, _SEEN_AT + 4 * i)[0]
            self._seen_at[i] = unpack_from("<I", data, _AGE_AT + 4 * i)[0]
            self._bits[i] = data[_BITS_AT + i]
            self._exact[i] = None

    def ask(self):
        """The next measurement is reported whole."""
        self._told_at = LONG_AGO

    def step(self, sample, now):
        first = not self._begun
        if now.mono < self._mono:  # a power cycle: seconds start again, what was seen is old
            for i in range(len(self._rows)):
                self._seen_at[i] = _NEVER
            first = True
        self._begun = True
        self._mono = now.mono
        self._quality = worst(self._quality, sample.get("quality", GOOD))
        alarm = cleared = changed = False
        for i, row in enumerate(self._rows):
            if row["source"] not in sample:
                continue
            value = scaled(sample[row["source"]], row.get("scale", 1), row.get("offset", 0))
            if value is None:
                self._seen_at[i] = _NEVER
                self._quality = FAULT
                continue
            before = self._bits[i]
            self._bits[i] = bits = _judge(row, value, before)
            alarm = alarm or bits & ~before
            cleared = cleared or before & ~bits
            news = self._seen_at[i] == _NEVER
            self._values[i] = value
            self._exact[i] = value
            self._seen_at[i] = now.mono
            step = row.get("change")
            if news:
                self._told[i] = value
            elif step and abs(value - self._told[i]) >= step:
                changed = True
        if changed and not passed(now.mono, self._changed_at, self._set["hold_s"]):
            changed = False
        if not (alarm or cleared or changed or first or due(now.mono, self._told_at, self._set["report_s"])):
            return []
        event = alarm or cleared or changed
        return [("report", "full", 0 if alarm else 1 if event else 2, self._report(now.mono, first, event))]

    def _report(self, mono, first, event):
        values = {"cause": "boot" if first else "event" if event else "heartbeat", "alarms": self._alarms()}
        quality = self._quality
        for i, row in enumerate(self._rows):
            fresh = self._seen_at[i] != _NEVER and mono - self._seen_at[i] <= self._set["stale_s"]
            value = (self._values[i] if self._exact[i] is None else self._exact[i]) if fresh else None
            values[row["name"]] = value
            if fresh:
                self._told[i] = self._values[i]
            else:
                quality = worst(quality, WARMING if first else FAULT)
        values["quality"] = quality
        self._quality = GOOD
        if event:
            self._changed_at = mono
        else:
            self._told_at = mono
        return values

    def _alarms(self):
        names = []
        for i, row in enumerate(self._rows):
            if self._bits[i] & _LOW:
                names.append(row["name"] + "_low")
            if self._bits[i] & _HIGH:
                names.append(row["name"] + "_high")
        return names


def _judge(row, value, bits):
    """The alarm bits of a channel after `value`, which were `bits` before."""
    low, high, inside = row.get("low"), row.get("high"), row.get("hysteresis", 0)
    if low is not None:
        if value <= low:
            bits |= _LOW
        elif value > low + inside:
            bits &= ~_LOW
    if high is not None:
        if value >= high:
            bits |= _HIGH
        elif value < high - inside:
            bits &= ~_HIGH
    return bits
