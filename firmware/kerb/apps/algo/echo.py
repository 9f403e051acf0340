"""Which of the echoes of a burst come from the surface."""

from struct import pack_into, unpack_from

from micropython import const

_SLOTS = const(3)
_HIT, _TOP, _SURE = const(4), const(60), const(24)  # a place that answers in one burst of five or more becomes sure
STATE_BYTES = const(9)  # of Clutter


def cluster(echoes, nearest, farthest, width, agree, clutter=None, last_mm=0, reach=0):
    """(mm, count): mean and size of the farthest group of `agree` echoes or more within `width` mm of each other.

    Echoes that are None or outside nearest..farthest do not count. What stands in the beam before the surface (rim, hinge, a
    hanging bag) sends echoes that are too near; what comes from twice as far as another group went up and down twice. A group at
    a place of `clutter` is the surface only if that was within `reach` of it before (last_mm) and two echoes in three agree.
    (None, size of the largest group) if there is none.
    """
    good = sorted([mm for mm in echoes if mm is not None and nearest <= mm <= farthest])
    groups, largest = [], 0
    last = len(good) - 1
    while last >= 0:
        # The best window whose far end lies within one width of the farthest echo left.
        top, best, first = last, 0, 0
        for end in range(last, -1, -1):
            if good[end] < good[top] - width:
                break
            start = end
            while start and good[end] - good[start - 1] <= width:
                start -= 1
            if end - start + 1 > best:
                best, first, last = end - start + 1, start, end
        largest = max(largest, best)
        mean = sum(good[first : last + 1]) / best
        if best >= agree:
            fixed = clutter is not None and clutter.knows(mean, width)
            if not fixed or (abs(mean - last_mm) <= reach and 3 * best >= 2 * len(good)):
                groups.append((mean, best))
        last = first - 1
    if not groups:
        return None, largest
    far = groups[0]
    for near in groups[1:]:
        if abs(far[0] - 2 * near[0]) <= width and not (clutter and clutter.knows(near[0], width)):
            return near
    return far


class Clutter:
    """Places in the beam that send echoes at a fixed distance, whatever the level: learned while the surface is farther away."""

    def __init__(self):
        self._mm = [0] * _SLOTS
        self._score = [0] * _SLOTS

    def knows(self, mm, width):
        """True when a place that is sure lies within half of `width` of mm."""
        return any([self._score[i] >= _SURE and 2 * abs(mm - self._mm[i]) <= width for i in range(_SLOTS)])

    def learn(self, echoes, nearest, surface, width):
        """Takes a burst whose surface is known."""
        hits = 0
        for mm in echoes:
            if mm is not None and nearest <= mm <= surface - 3 * width:
                i = self._slot(mm, width)
                if i < 0 or hits >> i & 1:
                    continue
                hits |= 1 << i
                # Follows slowly: the place is fixed, the echo wavers.
                self._mm[i] = int(mm if not self._score[i] else self._mm[i] + (mm - self._mm[i]) / 4 + 0.5)
                self._score[i] = min(self._score[i] + _HIT, _TOP)
        for i in range(_SLOTS):
            # Behind the surface nothing can answer, so nothing is unlearned there.
            if not hits >> i & 1 and self._score[i] and self._mm[i] <= surface - 3 * width:
                self._score[i] -= 1

    def _slot(self, mm, width):
        """The place this echo belongs to, else a free one, else -1."""
        free = -1
        for i in range(_SLOTS):
            if not self._score[i]:
                free = i
            elif 2 * abs(mm - self._mm[i]) <= width:
                return i
        return free

    def pack_into(self, buf, at):
        """Writes STATE_BYTES bytes."""
        pack_into("<HHHBBB", buf, at, *self._mm, *self._score)

    def unpack_from(self, buf, at):
        state = unpack_from("<HHHBBB", buf, at)
        self._mm, self._score = list(state[:_SLOTS]), list(state[_SLOTS:])
