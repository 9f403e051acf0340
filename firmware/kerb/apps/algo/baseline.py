"""The field of the empty bay, and how it moves with temperature.

A magnetometer in the road drifts by 0.1 to 0.5 uT a kelvin and axis, so over a hot day as far as a weak car. The drift is
learned from the differences between one moment and the next of a state that lasted, with a car or without (differences, because
cars leave small permanent shifts behind), and predicts the empty field while a car hides it.
"""

from array import array
from struct import pack_into, unpack_from

from micropython import const

STATE_BYTES = const(32)

_MEMORY = 0.98  # of the drift's statistics, per reading: some 50 readings
_PRIOR_K2 = 25  # K2 of evidence that hold the drift at zero: as much as 1 uT of noise on 0.2 uT/K
_STEEPEST = 1.0  # uT/K; nothing real drifts more

_TEMP = const(3)  # after the field's three axes
_SXX = const(4)  # sum of squared temperature differences, K2
_SXY = const(5)  # three sums of temperature difference times field difference
_COUNT = const(8)


class Baseline:
    """The empty field as a function of temperature; `known` is False until it was set."""

    def __init__(self):
        self._s = array("f", [0.0] * _COUNT)
        self.known = False

    def set(self, field, temp_c):
        """The bay is empty and reads `field` (three uT) at temp_c."""
        for i in range(3):
            self._s[i] = field[i]
        self._s[_TEMP] = temp_c
        self.known = True

    def at(self, temp_c, out):
        """Fills out[0..2] with the empty field expected at temp_c."""
        s = self._s
        warmer = temp_c - s[_TEMP]
        for i in range(3):
            drift = s[_SXY + i] / (s[_SXX] + _PRIOR_K2)
            out[i] = s[i] + min(max(drift, -_STEEPEST), _STEEPEST) * warmer
        return out

    def observe(self, changes, warmer):
        """The field of a state that lasted moved by `changes` (three uT) while it became warmer by that many K."""
        s = self._s
        s[_SXX] = _MEMORY * s[_SXX] + warmer * warmer
        for i in range(3):
            s[_SXY + i] = _MEMORY * s[_SXY + i] + warmer * changes[i]

    def follow(self, field, temp_c, out, share):
        """Takes one more empty reading: the field follows `share` of the way. Overwrites `out`."""
        s = self._s
        self.at(temp_c, out)
        for i in range(3):
            s[i] = out[i] + share * (field[i] - out[i])
        s[_TEMP] = temp_c

    def pack_into(self, buf, at):
        """Writes STATE_BYTES bytes; `known` is the caller's to keep."""
        pack_into("<8f", buf, at, *self._s)

    def unpack_from(self, buf, at):
        for i in range(_COUNT):
            self._s[i] = unpack_from("<f", buf, at + 4 * i)[0]
