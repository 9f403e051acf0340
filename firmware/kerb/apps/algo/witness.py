"""The radio as a second witness: a car on top takes 10 to 15 dB from the link (PNI PlacePod manual, p. 8).

Levels are learnt while the field is sure of the state; the witness is heard only when it is not.
"""

from struct import pack_into, unpack_from

from micropython import const

STATE_BYTES = const(4)

_UNKNOWN = const(-32768)
_CAR = const(120)  # 0.1 dB that a car takes, as long as one level is unknown
_CLOSE = const(15)  # 0.1 dB around the middle where it has no opinion
_SHARE = const(4)  # a new reading counts a quarter


class Witness:
    """Levels in 0.1 dB, index 0 free, 1 occupied."""

    def __init__(self):
        self._level = [_UNKNOWN, _UNKNOWN]

    @property
    def known(self):
        """Both levels were learnt: somebody does hear it."""
        return _UNKNOWN not in self._level

    def learn(self, rssi_db, occupied):
        """A reading while the state is known."""
        tenths, old = round(rssi_db * 10), self._level[occupied]
        self._level[occupied] = tenths if old == _UNKNOWN else old + (tenths - old) // _SHARE

    def opinion(self, rssi_db):
        """True: a car stands there; False: none; None: cannot tell."""
        free, car = self._level
        if free == _UNKNOWN and car == _UNKNOWN:
            return None
        middle = (free - _CAR // 2) if car == _UNKNOWN else (car + _CAR // 2) if free == _UNKNOWN else (free + car) // 2
        off = round(rssi_db * 10) - middle
        return None if abs(off) < _CLOSE else off < 0

    def pack_into(self, buf, at):
        """Writes STATE_BYTES bytes."""
        pack_into("<hh", buf, at, *self._level)

    def unpack_from(self, buf, at):
        self._level = list(unpack_from("<hh", buf, at))
