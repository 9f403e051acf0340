"""What runs when the application cannot: a node without parts that reports its health every quarter of an hour and takes commands."""

from kerb.clock import mono_ms
from kerb.crashes import SAFE_AFTER, forgive

_PERIOD_MS = 900000
_END_MS = 21600000


class App:
    """An application that does nothing, so that the rest of the node need not know."""

    STATE_BYTES = 0

    def __init__(self, settings):
        pass

    def step(self, sample, now):
        return []

    def pack(self):
        return b""

    def unpack(self, data):
        pass


class Watch:
    """When a node in safe mode speaks next, and when it tries to be an ordinary one again."""

    def __init__(self, node):
        self._node = node
        now = mono_ms()
        self._next_ms = now
        self._end_ms = now + _END_MS

    def next_ms(self, now_ms):
        return max(min(self._next_ms, self._end_ms) - now_ms, 0)

    def tick(self):
        """True when it is time to try: one crash more, and it is safe mode again."""
        now = mono_ms()
        if now >= self._next_ms:
            self._next_ms = now + _PERIOD_MS
            self._node.far.tell_health()
        if now < self._end_ms:
            return False
        forgive(self._node.store, SAFE_AFTER - 1)
        return True
