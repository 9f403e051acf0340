"""Sensirion's Gas Index Algorithm 3.2 for the SGP40 and SGP41: raw ticks in, index 0..500 out.

Written after the description and constants that Sensirion publishes ("VOC Index for experts", "NOx Index", and the names of
the constants in its package of version 3.2). The stages, in the order of a sample:

  scale      (sraw - mean) / deviation, through a sigmoid: 100 (VOC) or 1 (NOx) is the usual air of the place
  smooth     a low-pass that is fast while the index moves and slow while it rests
  learn      mean and deviation of sraw over `_LEARN_H` hours; fast at first, and halted while the index stands high (gating)

Sensirion tested sampling every 1 s and every 10 s. The state lies in one array of 32-bit floats, so it packs without loss and
a 64-bit interpreter keeps what a board keeps.
"""

from array import array
from math import exp, sqrt
from struct import pack_into, unpack_from

from micropython import const

STATE_BYTES = const(52)

_BLACKOUT_S = const(45)  # the sensor heats up: index 0
_RANGE = const(32767)  # ticks above the minimum that count
_INVALID = const(65000)  # sraw from here on, or 0, is no measurement
_GAIN = 230
_STD_INITIAL = 50
_STD_BONUS = 220  # VOC: added to the learned deviation
_STD_NOX = 2000  # NOx: the deviation is fixed
_TOP = 500  # the sigmoid's limit
_TAU_FAST_S = 20
_TAU_SLOW_S = 500
_SMOOTHING = -0.2  # per index point between the two low-passes
_LEARN_H = 12  # time constant of mean and deviation
_TAU_STD_INITIAL_S = 2500
_LEARN_SLOPE = 0.01  # per second: how sharply the initial phase ends
_GATE_SLOPE = 0.09  # per index point
_GATE_INITIAL = 510
_GATE_RATIO = 0.3
_RESUME_S = const(10800)  # a resumed state counts as three hours old
_UPTIME_MAX = const(32767)
_RECENTRE = 100  # ticks the mean may run away from the offset before it is moved

# minimum sraw, tau of the initial mean s, end of the initial mean s, of the initial deviation s, gate, gate's longest min,
# sigmoid slope, sigmoid centre, index of usual air
VOC = (20000, 20, 2700, 5220, 340, 180, -0.0065, 213, 100)
NOX = (10000, 1200, 17100, 20520, 30, 720, -0.0101, 614, 1)

_UPTIME = const(0)  # s, up to the end of the blackout
_SRAW = const(1)  # last valid ticks above the minimum
_INDEX = const(2)
_OFFSET = const(3)  # mean = _OFFSET + _MEAN, split to keep the digits of slow learning
_MEAN = const(4)
_STD = const(5)
_AGE = const(6)  # s of learning
_GATE_AGE = const(7)  # s since the gate was last forced open
_GATE_MIN = const(8)  # minutes the gate has been closed
_FAST = const(9)
_SLOW = const(10)
_SMOOTH = const(11)  # negative: the low-pass has not begun
_LEARNING = const(12)  # 1 once the estimator has a first sample
_COUNT = const(13)


def _step(slope, centre, x):
    """Logistic step from 1 down to 0 around `centre`."""
    e = slope * (x - centre)
    return 1.0 if e < -50 else 0.0 if e > 50 else 1 / (1 + exp(e))


class GasIndex:
    """One pixel: `GasIndex(VOC)` or `GasIndex(NOX)`, called every `interval_s` seconds."""

    def __init__(self, kind, interval_s=10):
        self._kind = kind
        self._voc = kind[0] == VOC[0]
        self._dt = interval_s
        hours = interval_s / 3600
        self._rate = hours / (_LEARN_H + hours)
        self._rate_mean_0 = interval_s / (kind[1] + interval_s)
        self._rate_std_0 = interval_s / (_TAU_STD_INITIAL_S + interval_s)
        self._s = array("f", [0.0] * _COUNT)
        self.reset()

    def reset(self):
        """Back to the state after power-on."""
        for i in range(_COUNT):
            self._s[i] = 0
        self._s[_STD] = _STD_INITIAL
        self._s[_SMOOTH] = -1

    @property
    def index(self):
        """The latest index; 0 = not known yet."""
        return int(self._s[_INDEX] + 0.5)

    @property
    def learned(self):
        """True once the initial phase of the mean is over (45 min for VOC, 4.75 h for NOx)."""
        return self._s[_AGE] >= self._kind[2]

    @property
    def resumable(self):
        """True when mean and deviation are worth keeping over an interruption of up to ten minutes."""
        return self._voc and self._s[_AGE] >= _RESUME_S

    def resume(self):
        """Restarts after an interruption with the mean and deviation learned before; see `resumable`."""
        mean, std = self._s[_OFFSET] + self._s[_MEAN], self._s[_STD]
        self.reset()
        self._s[_SRAW] = self._s[_MEAN] = mean
        self._s[_STD] = std
        self._s[_AGE] = _RESUME_S
        self._s[_LEARNING] = 1

    def pack_into(self, buf, at):
        """Writes STATE_BYTES bytes."""
        pack_into("<13f", buf, at, *self._s)

    def unpack_from(self, buf, at):
        for i in range(_COUNT):
            self._s[i] = unpack_from("<f", buf, at + 4 * i)[0]

    def process(self, sraw):
        """Takes the ticks of one sample; returns the index 0..500."""
        s = self._s
        if s[_UPTIME] <= _BLACKOUT_S:
            s[_UPTIME] += self._dt
            return self.index
        if 0 < sraw < _INVALID:
            s[_SRAW] = min(max(sraw - self._kind[0], 1), _RANGE)
        # Until it has learned something NOx shows usual air; VOC computes with the initial values.
        known = self._voc or s[_LEARNING]
        s[_INDEX] = max(self._smooth(self._scale() if known else self._kind[8]), 0.5)
        if s[_SRAW] > 0:
            self._learn(s[_SRAW])
        return self.index

    def _scale(self):
        s, usual = self._s, self._kind[8]
        deviation = -(s[_STD] + _STD_BONUS) if self._voc else _STD_NOX
        x = (s[_SRAW] - (s[_OFFSET] + s[_MEAN])) / deviation * _GAIN
        y = _step(self._kind[6], self._kind[7], x)
        if x < 0:
            return _TOP * y
        # Above usual air the curve is stretched to start at the index of usual air. NOx starts at 1 by itself.
        stretch = (_TOP - 5 * usual) / 4 if self._voc else 0
        return (_TOP + stretch) * y - stretch if 0 < y < 1 else _TOP * y

    def _smooth(self, x):
        s, dt = self._s, self._dt
        if s[_SMOOTH] < 0:
            s[_FAST] = s[_SLOW] = s[_SMOOTH] = x
        a = dt / (_TAU_FAST_S + dt)
        s[_FAST] = (1 - a) * s[_FAST] + a * x
        a = dt / (_TAU_SLOW_S + dt)
        s[_SLOW] = (1 - a) * s[_SLOW] + a * x
        tau = (_TAU_SLOW_S - _TAU_FAST_S) * exp(_SMOOTHING * abs(s[_FAST] - s[_SLOW])) + _TAU_FAST_S
        a = dt / (tau + dt)
        s[_SMOOTH] = (1 - a) * s[_SMOOTH] + a * x
        return s[_SMOOTH]

    def _learn(self, sraw):
        s = self._s
        if not s[_LEARNING]:
            s[_LEARNING] = 1
            s[_OFFSET] = sraw
            s[_MEAN] = 0
            return
        if abs(s[_MEAN]) >= _RECENTRE:
            s[_OFFSET] += s[_MEAN]
            s[_MEAN] = 0
        rate_mean, rate_var = self._rates()
        delta = sraw - s[_OFFSET] - s[_MEAN]
        s[_STD] = sqrt((1 - rate_var) * (s[_STD] * s[_STD] + rate_var * delta * delta))
        s[_MEAN] += rate_mean * delta

    def _rates(self):
        """Learning rates of mean and variance for this sample: share of the new value, 0..1."""
        s, kind, dt = self._s, self._kind, self._dt
        if s[_AGE] < _UPTIME_MAX - dt:
            s[_AGE] += dt
        if s[_GATE_AGE] < _UPTIME_MAX - dt:
            s[_GATE_AGE] += dt
        index, gate = s[_INDEX], kind[4]
        young = _step(_LEARN_SLOPE, kind[2], s[_AGE])
        limit = gate + (_GATE_INITIAL - gate) * _step(_LEARN_SLOPE, kind[2], s[_GATE_AGE])
        opened = _step(_GATE_SLOPE, limit, index)
        rate_mean = opened * (self._rate + (self._rate_mean_0 - self._rate) * young)
        youth = _step(_LEARN_SLOPE, kind[3], s[_AGE]) - young
        limit = gate + (_GATE_INITIAL - gate) * _step(_LEARN_SLOPE, kind[3], s[_GATE_AGE])
        rate_var = _step(_GATE_SLOPE, limit, index) * (self._rate + (self._rate_std_0 - self._rate) * youth)
        # A gate closed for too long means the air of the place has changed for good: learn again.
        closed = s[_GATE_MIN] + dt / 60 * ((1 - opened) * (1 + _GATE_RATIO) - _GATE_RATIO)
        s[_GATE_MIN] = max(closed, 0)
        if closed > kind[5]:
            s[_GATE_AGE] = 0
        return rate_mean, rate_var
