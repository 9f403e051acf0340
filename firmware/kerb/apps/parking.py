"""A parking bay watched by a magnetometer in the road that wakes the node itself.

Every fresh sample opens a burst: the field is measured again and again until it is steady, and only the mean of steady
samples is judged, by its vector distance to the empty bay (see `algo/baseline.py`) and to the field settled before. Between
bursts the sensor's comparator watches for any change from what it saw last, whichever way.

First sample after power-on: with `assume` = "free" a field as strong as the earth's alone is taken as the empty bay; any other
makes the bay "unsure" until the field has changed for good. A wrong first guess heals: see _vote().
"""

from array import array
from struct import pack_into, unpack_from

from micropython import const

from kerb.apps.algo import baseline, burst
from kerb.apps.algo.burst import distance
from kerb.apps.algo.settings import due, merged
from kerb.quality import FAULT, SUSPECT, worst

DEFAULTS = {
    "mag": "mag",  # name of the magnetometer in the node file
    "assume": "free",  # what power-on finds: "free" or "occupied"
    "on_ut": 8.0,  # uT from the empty field that make the bay occupied: twice a neighbour's 0.7..4 uT (dipole model, 2.5 m)
    "off_ut": 5.0,  # uT below which it is free again
    "peak_ut": 12.0,  # uT a weak car reaches at least while it rolls over the sensor; passing lorries 2..8 uT
    "steady_ut": 4.0,  # uT between two samples at rest: 2.2 uT rms for 0.9 uT noise an axis (LIS2MDL low power)
    "steady_n": 3,  # steady samples that make a decision
    "burst_ms": 1000,  # ms between the samples of a burst
    "confirm_ms": 45000,  # ms to the second look at a weak arrival: most tram fields, 10..60 s long, are gone; told within a minute
    "burst_max": 30,  # samples after which an unsteady field (a tram) is left alone until the next wake
    "wake_ut": 5.0,  # uT on any axis that wake the node: five times the noise
    "heartbeat_s": 21600,  # s between full reports
}

_STATES = ("free", "occupied", "unsure", "fault")
_FREE = const(0)
_OCCUPIED = const(1)
_UNSURE = const(2)
_FAULT = const(3)
_NONE = const(255)

_EARTH_MIN_UT = const(20)  # 22..67 uT on the ground, World Magnetic Model 2025, and some slack
_EARTH_MAX_UT = const(70)
_PATIENCE = const(3)  # failed measurements in a row that are a fault
_CLEARER = const(2)  # how many times nearer to the empty field than to the car's counts as gone, whatever the drift
_ELECTED = const(4)  # votes: the same field came back three times

_HEAD = "<BBBBIIhHf"
_KNOWN = const(4)  # flags, above two bits of faults: there is an empty field
_DOUBT = const(8)
_VECTORS_AT = const(20)  # settled and candidate
_BURST_AT = const(44)
_BASE_AT = const(70)
_NOWHERE = (0, 0, 0)


class App:
    STATE_BYTES = 102  # head, two vectors, burst, baseline

    def __init__(self, settings):
        self._set = merged("parking", DEFAULTS, settings)
        self._base = baseline.Baseline()
        self._burst = burst.Burst(self._set["steady_ut"])
        self._settled = array("f", _NOWHERE)  # uT, what the last burst ended with
        self._candidate = array("f", _NOWHERE)  # uT, stands for election as the empty field
        self._empty = array("f", _NOWHERE)  # uT, the empty field expected now
        self._peak = array("f", (0,))  # uT, farthest from empty in this burst
        self._state = self._shown = _NONE
        self._votes = self._faults = 0
        self._doubt = False  # a weak arrival waits for its second look
        self._mono = self._beat = 0
        self._temp10 = 200  # 0.1 degC
        self._battery_mv = 0

    def pack(self):
        out = bytearray(self.STATE_BYTES)
        flags = self._faults | (_KNOWN if self._base.known else 0) | (_DOUBT if self._doubt else 0)
        pack_into(
            _HEAD, out, 0, self._state, self._shown, self._votes, flags,
            self._mono, self._beat, self._temp10, self._battery_mv, self._peak[0],
        )  # fmt: skip
        pack_into("<6f", out, _VECTORS_AT, *self._settled, *self._candidate)
        self._burst.pack_into(out, _BURST_AT)
        self._base.pack_into(out, _BASE_AT)
        return bytes(out)

    def unpack(self, data):
        (
            self._state, self._shown, self._votes, flags,
            self._mono, self._beat, self._temp10, self._battery_mv, self._peak[0],
        ) = unpack_from(_HEAD, data, 0)  # fmt: skip
        self._faults = flags & 3
        self._doubt = bool(flags & _DOUBT)
        for i in range(3):
            self._settled[i] = unpack_from("<f", data, _VECTORS_AT + 4 * i)[0]
            self._candidate[i] = unpack_from("<f", data, _VECTORS_AT + 12 + 4 * i)[0]
        self._burst.unpack_from(data, _BURST_AT)
        self._base.unpack_from(data, _BASE_AT)
        self._base.known = bool(flags & _KNOWN)

    def step(self, sample, now):
        effects = []
        pause = now.mono - self._mono
        self._mono = now.mono
        if pause < 0:  # a power cycle: the past is a memory, not a measurement
            self._shown = _NONE
        if pause < 0 or pause > 5 + self._set["burst_ms"] // 200:
            self._burst.restart()  # it was cut off
        self._remember(sample)
        if sample.get("bx_ut") is not None:
            self._faults = 0
            self._sense(sample, effects)
        elif sample.get("quality") == FAULT:
            self._miss(sample, effects)
        if self._shown != _NONE and due(now.mono, self._beat, self._set["heartbeat_s"]):
            self._report(effects, "full", 2, "heartbeat", sample["quality"])
        return effects

    def _remember(self, sample):
        temp = sample.get("chip_temp_c", sample.get("temp_c"))
        if temp is not None:
            self._temp10 = max(min(round(temp * 10), 1500), -1500)
        volt = sample.get("battery_v")
        if volt is not None:
            self._battery_mv = max(min(round(volt * 1000), 65535), 0)

    # -- burst ----------------------------------------------------------------------------------------------------

    def _sense(self, sample, effects):
        s, samples = self._set, self._burst
        field = (sample["bx_ut"], sample["by_ut"], sample["bz_ut"])
        if not samples.samples:
            self._peak[0] = 0
        samples.add(field)
        if self._base.known:
            self._base.at(self._temp10 / 10, self._empty)
            self._peak[0] = max(self._peak[0], distance(field, self._empty))
        if samples.steady >= s["steady_n"] or samples.samples >= s["burst_max"]:
            self._settle(samples.mean(), sample["quality"], effects)
            samples.restart()
        else:
            effects.append(("again", s["mag"], s["burst_ms"]))

    def _settle(self, mean, quality, effects):
        """The burst is over: decide, tell, and arm the comparator around what it sees now."""
        s = self._set
        rests = self._burst.steady >= s["steady_n"]
        if rests:
            state, sure = self._decide(mean)
            if state == _OCCUPIED and self._doubtful():
                effects.append(("again", s["mag"], s["confirm_ms"]))
                return
            if state != _OCCUPIED:
                self._doubt = False
            if state == _FREE:
                self._votes = 0
                if self._base.known:
                    self._base.learn(mean, self._temp10 / 10, self._empty)
                else:
                    self._base.set(mean, self._temp10 / 10)
            self._state = state
            if state != self._shown:
                self._tell(effects, quality if sure else worst(quality, SUSPECT))
        else:
            effects.append(("note", "field not steady after %d samples; keeping the state" % self._burst.samples))
        # A field that never rests must not wake the node for ever: it is watched less closely until it does.
        threshold = self._threshold(mean) * (1 if rests else 2)
        for i in range(3):
            self._settled[i] = mean[i]
        effects.append(("set", s["mag"], "baseline", mean))
        effects.append(("set", s["mag"], "threshold_ut", threshold))

    def _doubtful(self):
        """True the first time that an arrival shows no more than a tram or a neighbour would: such a field is seen twice."""
        arrival = self._base.known and self._state != _OCCUPIED and self._peak[0] < self._set["peak_ut"]
        self._doubt = arrival and not self._doubt
        return self._doubt

    def _threshold(self, mean):
        """uT on any axis: half of what the car adds, so that less traffic wakes the node while it stands there."""
        wake = self._set["wake_ut"]
        if self._state != _OCCUPIED or not self._base.known:
            return wake
        return max(wake, max([abs(mean[i] - self._empty[i]) for i in range(3)]) / 2)

    # -- judgement ------------------------------------------------------------------------------------------------

    def _decide(self, mean):
        """(state, sure) for a steady field."""
        s, state = self._set, self._state
        on, off = s["on_ut"], s["off_ut"]
        if not self._base.known:
            return self._first(mean)
        d = distance(mean, self._empty)  # from the empty bay
        e = distance(mean, self._settled)  # from what was settled before
        if state != _OCCUPIED:
            weak = d >= off and e >= off and self._peak[0] >= s["peak_ut"]
            if d >= on or weak:
                self._nominate(mean)
                return _OCCUPIED, d >= on
            return (_UNSURE, False) if state == _UNSURE and d > off else (_FREE, True)
        if (d <= off and (e >= d or d <= off / 2)) or (e >= _CLEARER * d and d < 2 * on):
            return _FREE, d < on
        if e >= on and self._vote(mean):
            return _FREE, False
        return (_UNSURE, False) if d < on and e >= off else (_OCCUPIED, True)

    def _first(self, mean):
        """No empty field is known yet; `mean` becomes it by assumption, or because what stood there has gone."""
        size = distance(mean, _NOWHERE)
        earthly = _EARTH_MIN_UT <= size <= _EARTH_MAX_UT
        if self._state == _NONE:
            if self._set["assume"] == "occupied":
                return _OCCUPIED, False
            return (_FREE, True) if earthly else (_UNSURE, False)
        changed = distance(mean, self._settled) >= self._set["on_ut"]
        return (_FREE, True) if changed and earthly else (self._state, False)

    def _nominate(self, mean):
        for i in range(3):
            self._candidate[i] = mean[i]
        self._votes = 1

    def _vote(self, mean):
        """True when a field seen while "occupied" must be the empty bay's.

        If a car stood there when the baseline was taken, the bay never looks free again; but then the field keeps coming
        back to one value between cars that all differ. A visit to "free" ends the vote, so a resident's car cannot win it.
        """
        if distance(mean, self._candidate) < self._set["off_ut"]:
            self._votes += 2
        elif self._votes:
            self._votes -= 1
        else:
            self._nominate(mean)
        if self._votes < _ELECTED:
            return False
        self._base.known = False
        return True

    # -- telling --------------------------------------------------------------------------------------------------

    def _miss(self, sample, effects):
        """Something did not answer; the magnetometer alone is asked again, so what fails then is the magnetometer."""
        self._burst.restart()
        if self._faults < _PATIENCE:
            self._faults += 1
        if self._faults < _PATIENCE:
            effects.append(("again", self._set["mag"], self._set["burst_ms"]))
        elif self._shown != _FAULT:
            self._tell(effects, FAULT, _FAULT)

    def _tell(self, effects, quality, state=_NONE):
        """The state changed, or is told for the first time."""
        first = self._shown == _NONE
        self._shown = self._state if state == _NONE else state
        if first:
            self._report(effects, "full", 1, "boot", quality)
        else:
            self._report(effects, "state", 1, "event", quality)

    def _report(self, effects, record, priority, cause, quality):
        values = {"state": _STATES[self._shown], "cause": cause, "quality": quality}
        if record == "full":
            self._beat = self._mono
            values["battery_v"] = self._battery_mv / 1000 if self._battery_mv else None
            values["temperature"] = self._temp10 / 10
        effects.append(("report", record, priority, values))
