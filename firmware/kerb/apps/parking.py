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

from kerb.apps.algo import baseline, burst, witness
from kerb.apps.algo.burst import distance
from kerb.apps.algo.settings import LONG_AGO, due, merged
from kerb.quality import FAULT, GOOD, SUSPECT, worst

DEFAULTS = {
    "mag": "mag",  # name of the magnetometer in the node file
    "assume": "free",  # what power-on finds: "free" or "occupied"
    "empty_ut": [],  # uT, three axes: the field of the empty bay as measured when it was commissioned
    "empty_c": 20.0,  # degC then
    "on_ut": 8.0,  # uT from the empty field that make the bay occupied: twice a neighbour's 0.7..4 uT (dipole model, 2.5 m)
    "off_ut": 5.0,  # uT below which it is free again
    "peak_ut": 13.0,  # uT that only what rolls over the sensor reaches: a lorry beside it has 2..8 uT, seldom 12
    "weak_ut": 0.8,  # uT that a weak car leaves at least; below, what rolled over the sensor went on
    "still_ut": 1.5,  # uT of a peak that is none: a car in the next bay comes nearer only, one in this bay rolls past the sensor
    "left_ut": 2.4,  # uT left behind, more than a neighbour as a rule, that make up for a peak missed while the node woke:
    "faint_ut": 18.0,  # uT of the peak and three times what is left together, which a lorry and a neighbour seldom make
    "steady_ut": 1.0,  # uT between the means of two blocks at rest: three times their noise for 0.3 uT an axis, and slow creeping
    "block": 8,  # samples in a block
    "burst_ms": 50,  # ms between the samples of a burst
    "confirm_ms": 45000,  # ms to the second look when unsure: most tram fields, 10..60 s long, are gone; told within a minute
    "burst_max": 240,  # samples after which an unsteady field (a tram) is left alone until the next wake; at most 255
    "wake_ut": 5.0,  # uT on any axis that wake the node: five times the noise
    "heartbeat_s": 21600,  # s between full reports
}

_STATES = ("free", "occupied", "unsure", "fault")
_FREE = const(0)
_OCCUPIED = const(1)
_UNSURE = const(2)
_FAULT = const(3)
_NONE = const(255)

# 22..67 uT on the ground (World Magnetic Model 2025), and the sensor's own: 6 uT of offset, 0.5 uT/K an axis over 30 K.
_EARTH_MIN_UT = const(12)
_EARTH_MAX_UT = const(90)
_PATIENCE = const(3)  # failed measurements in a row that are a fault
_CLEARER = const(2)  # how many times nearer to the empty field than to the car's counts as gone, whatever the drift
_BESIDE = 1.5  # times on_ut: what a neighbour can bring, at most one in a thousand
_CLEAR = 1.25  # times on_ut in one step: more than a neighbour and a tram together
_WEAK_S = const(43200)  # s after which a weak car is believed no more: hardly one stays longer, and what never was there never leaves
_ELECTED = const(4)  # votes: the same field came back three times

_HEAD = "<BBBHIIhHhI"
_KNOWN = const(4)  # flags, above two bits of faults: there is an empty field
_DOUBT = const(8)
_WEAK = const(16)
_ANSWERED = const(32)
_OPEN = const(64)
_WOKEN = const(128)
_CREPT = const(256)
_VECTORS_AT = const(23)  # settled, candidate, before and farthest
_BURST_AT = const(71)
_BASE_AT = const(109)
_WITNESS_AT = const(141)
_FOLLOW_QUIET = 0.3  # share of an empty reading that nothing happened before
_FOLLOW_LEFT = 0.8  # and of the first one after a car, which leaves 1..3 uT behind
_NOWHERE = (0, 0, 0)


class App:
    LINK = True
    STATE_BYTES = 145  # head, four vectors, burst, baseline, witness

    def __init__(self, settings):
        self._set = merged("parking", DEFAULTS, settings)
        self._base = baseline.Baseline()
        if self._set["empty_ut"]:
            self._base.set(self._set["empty_ut"], self._set["empty_c"])
        self._witness = witness.Witness()
        self._burst = burst.Burst(self._set["steady_ut"], self._set["block"])
        self._settled = array("f", _NOWHERE)  # uT above the empty field, what the last burst ended with
        self._candidate = array("f", _NOWHERE)  # uT, stands for election as the empty field
        self._empty = array("f", _NOWHERE)  # uT, the empty field expected now
        self._past = array("f", _NOWHERE)  # uT above the empty field, just before this burst or else what was settled
        self._far = array("f", _NOWHERE)  # uT above the empty field, farthest from that in this burst
        self._vectors = (self._settled, self._candidate, self._past, self._far)
        self._state = self._shown = _NONE
        self._votes = self._faults = 0
        self._doubt = False  # the field was not sure: a second look or the witness decides
        self._answered = False  # the witness decided: the second look does not ask again
        self._open = False  # the second look was not sure either: the answer to its report may still overturn it
        self._weak = False  # the car that stands there shows little of itself
        self._woken = True  # this burst: something changed fast,
        self._crept = False  # and what changed before that is known
        self._mono = self._beat = self._doubted = 0
        self._temp10 = self._then10 = 200  # 0.1 degC, now and when the field settled
        self._battery_mv = 0

    def pack(self):
        out = bytearray(self.STATE_BYTES)
        flags = self._faults
        told = (self._base.known, self._doubt, self._weak, self._answered, self._open, self._woken, self._crept)
        for bit, on in zip((_KNOWN, _DOUBT, _WEAK, _ANSWERED, _OPEN, _WOKEN, _CREPT), told):
            flags |= bit if on else 0
        pack_into(
            _HEAD, out, 0, self._state, self._shown, self._votes, flags,
            self._mono, self._beat, self._temp10, self._battery_mv, self._then10, self._doubted,
        )  # fmt: skip
        pack_into("<12f", out, _VECTORS_AT, *self._settled, *self._candidate, *self._past, *self._far)
        self._burst.pack_into(out, _BURST_AT)
        self._base.pack_into(out, _BASE_AT)
        self._witness.pack_into(out, _WITNESS_AT)
        return bytes(out)

    def unpack(self, data):
        (
            self._state, self._shown, self._votes, flags,
            self._mono, self._beat, self._temp10, self._battery_mv, self._then10, self._doubted,
        ) = unpack_from(_HEAD, data, 0)  # fmt: skip
        self._faults = flags & 3
        self._doubt = bool(flags & _DOUBT)
        self._weak = bool(flags & _WEAK)
        self._answered = bool(flags & _ANSWERED)
        self._open = bool(flags & _OPEN)
        self._woken = bool(flags & _WOKEN)
        self._crept = bool(flags & _CREPT)
        for i in range(12):
            self._vectors[i // 3][i % 3] = unpack_from("<f", data, _VECTORS_AT + 4 * i)[0]
        self._burst.unpack_from(data, _BURST_AT)
        self._base.unpack_from(data, _BASE_AT)
        self._witness.unpack_from(data, _WITNESS_AT)
        self._base.known = bool(flags & _KNOWN)

    def ask(self):
        """The next measurement is reported whole."""
        self._beat = LONG_AGO

    def calibrate(self):
        """Forgets the empty bay: what is measured next is one. For a bay somebody has seen empty."""
        self._base.known = False
        self._state = self._shown = _NONE

    def step(self, sample, now):
        effects = []
        pause = now.mono - self._mono
        self._mono = now.mono
        if pause < 0:  # a power cycle: the past is a memory, not a measurement
            self._shown = _NONE
        if pause < 0 or pause > 5 + self._set["burst_ms"] // 200:
            self._burst.restart()  # it was cut off
        self._remember(sample)
        rssi = sample.get("rssi_db")
        if sample.get("bx_ut") is not None:
            self._faults = 0
            self._sense(sample, rssi, effects)
        elif sample.get("quality") == FAULT:
            self._miss(sample, effects)
        elif rssi is not None:
            self._hear(rssi, effects)
        # Not in the middle of a burst: its end may be news, and says what the sensor is worth.
        if self._shown != _NONE and not self._burst.samples and due(now.mono, self._beat, self._set["heartbeat_s"]):
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

    def _sense(self, sample, rssi, effects):
        s, samples = self._set, self._burst
        field = (sample["bx_ut"], sample["by_ut"], sample["bz_ut"])
        begins = not samples.samples
        if begins:
            self._woken = bool(sample.get("wake_pin"))
        samples.add(field)
        if self._base.known:
            self._base.at(self._temp10 / 10, self._empty)
            if begins:
                before = sample.get("before")
                self._crept = bool(before)
                self._copy(self._above(before) if before else self._settled, self._past)
                self._copy(self._past, self._far)
            for seen in sample.get("earlier", ()):
                self._reach(seen)
            self._reach(field)
        if samples.rests or samples.samples >= s["burst_max"]:
            if not samples.alive:
                sample["quality"] = worst(sample["quality"], SUSPECT)
            self._settle(samples.mean(), sample["quality"], rssi, effects)
            samples.restart()
        else:
            effects.append(("again", s["mag"], s["burst_ms"]))

    def _reach(self, field):
        """Keeps the sample that lies farthest from what was before."""
        above = self._above(field)
        if distance(above, self._past) > distance(self._far, self._past):
            self._copy(above, self._far)

    def _copy(self, vector, out):
        for i in range(3):
            out[i] = vector[i]

    def _above(self, field):
        """What the field holds beside the empty bay's."""
        e = self._empty
        return (field[0] - e[0], field[1] - e[1], field[2] - e[2])

    def _settle(self, mean, quality, rssi, effects):
        """The burst is over: decide, tell, and arm the comparator around what it sees now."""
        s, rests = self._set, self._burst.rests
        before = self._state
        above = self._above(mean)
        moved = distance(above, self._settled)
        # From both ends: a step alone, or what changed unseen since the last burst, is no peak.
        peak = min(distance(self._far, self._past), distance(self._far, above))
        if rests:
            # A wake before that is no second look: a tram is still there.
            second = (self._doubt or self._answered) and self._mono - self._doubted >= s["confirm_ms"] // 1000 - 1
            self._answered = False
            state, sure = self._decide(mean, distance(above, self._past), peak)
            self._doubt = self._base.known and not sure and not second
            self._open = self._base.known and not sure and second
            if self._doubt and rssi is not None:
                seen = self._witness.opinion(rssi)
                if seen is not None:
                    state, self._doubt = _OCCUPIED if seen else _FREE, False
            self._become(state, mean, _NONE if second else before)
            if self._doubt:
                self._doubted = self._mono
                effects.append(("again", s["mag"], s["confirm_ms"]))
                state = _UNSURE
            elif sure and rssi is not None and state != _UNSURE:
                self._witness.learn(rssi, state == _OCCUPIED)
            if state != self._shown:
                self._tell(effects, quality if sure else worst(quality, SUSPECT), state)
        else:
            effects.append(("note", "field not steady after %d samples; keeping the state" % self._burst.samples))
        # A field that never rests must not wake the node for ever: it is watched less closely until it does.
        threshold = self._threshold(mean) * (1 if rests else 2)
        if rests:
            # What crept up while nobody was woken is drift, however far it came.
            drifted = moved < s["off_ut"] or (not self._woken and peak < s["still_ut"])
            self._learn(mean, drifted and not self._doubt and self._state == before)
        effects.append(("set", s["mag"], "baseline", mean))
        effects.append(("set", s["mag"], "threshold_ut", threshold))

    def _become(self, state, mean, before):
        """A steady field makes the bay this; the empty field learns nothing from a guess."""
        if state == _FREE:
            self._votes = 0
            if not self._base.known:
                self._base.set(mean, self._temp10 / 10)
            elif before != _FREE and not self._doubt:
                self._base.follow(mean, self._temp10 / 10, self._empty, _FOLLOW_LEFT)
        elif state == _OCCUPIED and before != _OCCUPIED and self._base.known:
            self._weak = distance(mean, self._empty) < self._set["on_ut"]
            self._doubted = self._mono
            self._nominate(mean)
        self._state = state

    def _learn(self, mean, drifted):
        """Drift from a state that lasted; then this is what the next burst is compared with."""
        now = self._temp10 / 10
        if self._base.known and (drifted or self._crept):
            reached = mean
            if self._crept:
                self._base.at(now, self._empty)
                reached = [self._past[i] + self._empty[i] for i in range(3)]
            self._base.at(self._then10 / 10, self._empty)
            changes = [reached[i] - self._settled[i] - self._empty[i] for i in range(3)]
            self._base.observe(changes, (self._temp10 - self._then10) / 10)
            if drifted and self._state == _FREE:
                self._base.follow(mean, now, self._empty, _FOLLOW_QUIET)
        self._then10 = self._temp10
        if self._base.known:
            self._base.at(now, self._empty)
        else:
            for i in range(3):
                self._empty[i] = 0
        self._copy(self._above(mean), self._settled)

    def _hear(self, rssi, effects):
        """A downlink came: it decides when the field was unsure, and is learnt from when it was not."""
        if self._doubt or self._open:
            seen = self._witness.opinion(rssi)
            if seen is None:
                return
            self._answered = self._doubt
            self._doubt = self._open = False
            if seen and self._state != _OCCUPIED:
                self._weak = distance(self._settled, _NOWHERE) < self._set["on_ut"]
            self._state = _OCCUPIED if seen else _FREE
            if self._state != self._shown:
                self._tell(effects, GOOD, self._state)
        elif self._state == _OCCUPIED and self._weak and self._witness.opinion(rssi) is False:
            # Its departure went unseen: the field of a weak car tells nothing afterwards.
            self._state = _FREE
            self._tell(effects, SUSPECT, _FREE)
        elif self._state in (_FREE, _OCCUPIED) and self._state == self._shown:
            self._witness.learn(rssi, self._state == _OCCUPIED)

    def _threshold(self, mean):
        """uT on any axis: half of what the car adds, so that less traffic wakes the node while it stands there."""
        wake = self._set["wake_ut"]
        if self._state != _OCCUPIED or not self._base.known:
            return wake
        return max(wake, max([abs(mean[i] - self._empty[i]) for i in range(3)]) / 2)

    # -- judgement ------------------------------------------------------------------------------------------------

    def _decide(self, mean, e, peak):
        """(state, sure) for a steady field that lies `e` from what was before, after it lay `peak` from both."""
        s, state = self._set, self._state
        on, off = s["on_ut"], s["off_ut"]
        if not self._base.known:
            return self._first(mean)
        d = distance(mean, self._empty)
        rolled = peak >= s["peak_ut"]
        likely = e >= s["left_ut"] and peak >= s["wake_ut"] and peak + 3 * e >= s["faint_ut"]
        alone = not self._witness.known  # with a witness there is somebody to ask
        nothing = alone or e < 2 * s["weak_ut"] or (peak < on and e < s["left_ut"])
        if state != _OCCUPIED:
            # Drift, and a neighbour told apart before, are not a car for being looked at again.
            if d >= on and e >= s["left_ut"]:
                at_once = self._burst.samples <= 2 * s["block"]  # who parks here still rolls when the node has woken
                if at_once and peak < s["still_ut"] and max(d, e) < _BESIDE * on:
                    return _FREE, alone
                return _OCCUPIED, rolled or e >= _CLEAR * on
            if rolled:  # no lorry, no tram: something rolled over the sensor
                return (_OCCUPIED, alone) if e >= s["weak_ut"] else (_FREE, False)
            return (_OCCUPIED, False) if likely else (_FREE, nothing)
        if self._weak:
            # It hides in the drift, so only what rolls over the sensor can have been this car, or a step larger than any drift.
            if d >= on and (rolled or e >= _CLEAR * on):
                self._weak = False  # its departure went unseen: this is another one
                return _OCCUPIED, True
            if rolled:
                return _FREE, alone
            if likely or e >= max(off, 1.2 * d) or self._mono - self._doubted >= _WEAK_S:
                return _FREE, False
            return _OCCUPIED, nothing
        if (d <= off and (e >= d or d <= off / 2)) or (e >= _CLEARER * d and d < 2 * on):
            return _FREE, True
        if e >= on and self._vote(mean):
            return _FREE, True
        if e >= off and (d < on or (rolled and d < _CLEAR * on and d < e)):
            return _FREE, False
        return _OCCUPIED, True

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
        self._copy(mean, self._candidate)
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

    def _tell(self, effects, quality, state):
        """The state changed, or is told for the first time."""
        first = self._shown == _NONE
        self._shown = state
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
