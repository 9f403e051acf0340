"""Conditions that must last before they count."""

from struct import pack_into, unpack_from

from micropython import const

_LONGEST_S = const(65535)


class Persistence:
    """One flag for each of at most eight names: raised when its condition has held for `hold_s` seconds, dropped after as long
    without it. Packs into 1 byte and 2 more a name.

    Time with the condition counts up, time without it down, so a flag neither flickers nor needs an unbroken run.
    """

    def __init__(self, names, hold_s):
        self._names = names
        self._hold = max(min(hold_s, _LONGEST_S), 1)
        self._seconds = [0] * len(names)
        self.bits = 0  # of the raised flags, first name = bit 0

    def update(self, name, holds, elapsed):
        """`holds`: True, False or None = cannot tell now; `elapsed` seconds since the last update."""
        if holds is None:
            return
        i = self._names.index(name)
        s = self._seconds[i] = min(max(self._seconds[i] + (elapsed if holds else -elapsed), 0), self._hold)
        if s >= self._hold:
            self.bits |= 1 << i
        elif s == 0:
            self.bits &= ~(1 << i)

    def raised(self):
        """Names of the raised flags, a new list."""
        return [name for i, name in enumerate(self._names) if self.bits >> i & 1]

    def pack_into(self, buf, at):
        buf[at] = self.bits
        for i, s in enumerate(self._seconds):
            pack_into("<H", buf, at + 1 + 2 * i, s)

    def unpack_from(self, buf, at):
        self.bits = buf[at]
        for i in range(len(self._seconds)):
            self._seconds[i] = unpack_from("<H", buf, at + 1 + 2 * i)[0]
