"""What a lamp should draw at each level: its rating at first, then what it drew while it was sound."""

from micropython import const

_BINS = const(11)  # 0, 10 .. 100 %
_ONE = const(128)  # a ratio of 1 as it is stored
_ENOUGH = const(60)  # samples of a level until it counts as known; then it is frozen, so that ageing is not learned
_PLAUSIBLE = (0.5, 1.5)  # of the rating: anything else is a fault, or a wrong rating


class LampPower:
    """expected() in W. Packs into STATE_BYTES."""

    STATE_BYTES = 2 * _BINS

    def __init__(self, rated_w, curve):
        self._rated = rated_w
        self._curve = curve
        self._ratio = bytearray([_ONE] * _BINS)
        self._count = bytearray(_BINS)

    def rated(self, level):
        """W by the rating at `level` percent."""
        return self._rated * interpolate(self._curve, level)

    def known(self, level):
        """Whether the lamp's own figure for this level has been learned."""
        return self._count[(level + 5) // 10] >= _ENOUGH

    def expected(self, level):
        """W at `level` percent."""
        i = (level + 5) // 10
        return self.rated(level) * (self._ratio[i] / _ONE if self._count[i] >= _ENOUGH else 1)

    def learn(self, level, watt):
        """Takes a sample of a lamp that nothing is wrong with."""
        i = (level + 5) // 10
        rated = self.rated(level)
        if self._count[i] >= _ENOUGH or not rated or not _PLAUSIBLE[0] <= watt / rated <= _PLAUSIBLE[1]:
            return
        self._count[i] += 1
        # A running mean, kept to 1/128: the first samples move it far, the later ones little.
        step = (watt / rated * _ONE - self._ratio[i]) / min(self._count[i], 8)
        self._ratio[i] = max(min(int(self._ratio[i] + step + 0.5), 255), 1)

    def pack_into(self, buf, at):
        buf[at : at + _BINS] = self._ratio
        buf[at + _BINS : at + 2 * _BINS] = self._count

    def unpack_from(self, buf, at):
        self._ratio[:] = buf[at : at + _BINS]
        self._count[:] = buf[at + _BINS : at + 2 * _BINS]


def interpolate(rows, x):
    """Straight lines between rows of [x, y] in order of x."""
    x0, y0 = rows[0]
    for x1, y1 in rows:
        if x < x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x > x0 else y0
        x0, y0 = x1, y1
    return y0
