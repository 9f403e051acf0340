"""When each part is due, warming up, or ready.

Parts that fall due together are measured together once the slowest is warm; a part that needs more than
`_SLOW_MS` goes alone, so that a 30 s fan does not hold up a 10 s gas sensor.
"""

import time
from struct import pack, unpack_from

from micropython import const

_SLOW_MS = const(5000)
_NEVER = const(0xFFFFFFFF)


class Sampler:
    def __init__(self, parts):
        self._parts = parts  # in the order of the node file
        self._due = {p.name: 0 for p in parts}
        self._batches = []  # [[ready tick, [parts]], ...]

    def pack(self):
        return b"".join([pack("<I", self._due[p.name]) for p in self._parts])

    def unpack(self, data):
        if data and len(data) == 4 * len(self._parts):
            for i, part in enumerate(self._parts):
                self._due[part.name] = unpack_from("<I", data, 4 * i)[0]

    def begin(self, mono, woken):
        """Starts every part that is due, and on a wake by pin those that can wake the node."""
        together = []
        for part in self._parts:
            if self.under_way(part) or not (self._due[part.name] <= mono or (woken and part.wake)):
                continue
            self._schedule(part, mono)
            part.start()
            ready = time.ticks_add(time.ticks_ms(), part.warm_up_ms)
            if part.warm_up_ms > _SLOW_MS:
                self._batches.append([ready, [part]])
            else:
                together.append((ready, part))
        if together:
            now = time.ticks_ms()
            wait = max([time.ticks_diff(ready, now) for ready, _ in together])
            self._batches.append([time.ticks_add(now, wait), [part for _, part in together]])

    def _schedule(self, part, mono):
        due = self._due[part.name]
        period = part.period_s
        if not period:
            due = _NEVER
        elif due <= mono:
            # One rhythm, counted from power-on: a part that was asked out of turn falls in step again, for applications that need two.
            due = (mono // period + 1) * period
        self._due[part.name] = due

    def hurry(self, name, mono):
        """Measures a part at `mono` if it would be later; False for a part that has no period."""
        if self._due[name] == _NEVER:
            return False
        self._due[name] = min(self._due[name], mono)
        return True

    def again(self, name, ms):
        """Measures a part once more in ms, beside its rhythm."""
        for part in self._parts:
            if part.name == name:
                part.start()
                self._batches.append([time.ticks_add(time.ticks_ms(), max(ms, part.warm_up_ms)), [part]])

    def ready(self):
        """The parts of a batch whose time has come, or None."""
        now = time.ticks_ms()
        for batch in self._batches:
            if time.ticks_diff(batch[0], now) <= 0:
                self._batches.remove(batch)
                return batch[1]
        return None

    def under_way(self, part):
        """It was started and not measured yet."""
        return any([part in batch[1] for batch in self._batches])

    @property
    def busy(self):
        """Something is warming up: RAM must live on."""
        return bool(self._batches)

    def next_ms(self, mono_ms):
        """ms until there is something to do."""
        wait = _NEVER * 1000 if self._parts else 3600000
        # A part that is under way is not due, however late it is: waiting 0 ms for it would keep the CPU spinning.
        for part in self._parts:
            if not self.under_way(part):
                wait = min(wait, self._due[part.name] * 1000 - mono_ms)
        now = time.ticks_ms()
        for batch in self._batches:
            wait = min(wait, time.ticks_diff(batch[0], now))
        return max(wait, 0)
