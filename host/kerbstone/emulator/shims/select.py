"""`select.poll` in virtual time over the emulated board's streams and sockets."""

import sys

import _link

_path = sys.path[:]
sys.path[:] = []
_self = sys.modules.pop("select", None)
import select as _real

sys.path[:] = _path
sys.modules["select"] = _self  # the frozen asyncio must find this one

POLLIN = 1
POLLOUT = 4
POLLERR = 8
POLLHUP = 16
_IOCTL_POLL = 3


class _Console:
    """The console (`sys.stdin`, `sys.stdout`), which only the interpreter itself can ask."""

    def __init__(self, stream):
        self._poll = _real.poll()
        self._poll.register(stream, POLLIN)

    def ioctl(self, op, flags):
        events = flags & POLLOUT
        for entry in self._poll.ipoll(0):
            events |= entry[1] & (flags | POLLERR | POLLHUP)
        return events


class Poll:
    def __init__(self):
        self._objects = []

    def register(self, obj, flags=POLLIN | POLLOUT):
        for entry in self._objects:
            if entry[0] is obj:
                entry[1] = flags
                return
        self._objects.append([obj, flags, obj if hasattr(obj, "ioctl") else _Console(obj)])

    def unregister(self, obj):
        self._objects = [e for e in self._objects if e[0] is not obj]

    def modify(self, obj, flags):
        for entry in self._objects:
            if entry[0] is obj:
                entry[1] = flags
                return
        raise OSError(2)

    def _ready(self):
        found = []
        for obj, flags, probe in self._objects:
            got = probe.ioctl(_IOCTL_POLL, flags)
            if got:
                found.append((obj, got))
        return found

    def poll(self, timeout=-1):
        """Waits up to `timeout` ms (-1: for ever) for an event; [(obj, event), ...]."""
        end = None if timeout is None or timeout < 0 else _link.now + int(timeout) * 1000
        while True:
            found = self._ready()
            if found:
                return found
            left = 1 << 40 if end is None else end - _link.now
            if left <= 0:
                return found
            _link.wait(left, 5)

    def ipoll(self, timeout=-1, flags=0):
        return iter(self.poll(timeout))


def poll():
    return Poll()
