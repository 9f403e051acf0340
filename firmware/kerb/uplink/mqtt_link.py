"""One TCP connection that carries MQTT packets, every wait with an end.

Reads never block: a blocking read that times out halfway loses what it had (`readinto` raises and forgets), and a server
that sends a byte now and then would hold it for ever. So the socket is non-blocking and `poll` waits for the rest of the deadline.
"""

import errno
import select
import socket
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from kerb.errors import UplinkError
from kerb.uplink import mqtt_packets as packets

_SKIP_MAX = const(65536)  # a longer packet is not worth its reception


class Link:
    """`room`: longest packet body kept. `limit_ms`: for the TCP handshake, for the send buffer to take a packet, and from the first byte
    of a packet to its last. `wrap(sock, host)` makes the stream of it that is used, e.g. TLS; None: plain TCP.

    Every method raises OSError when the connection is lost (it must be closed then) and UplinkError when the server breaks MQTT.
    """

    def __init__(self, room, limit_ms, wrap=None):
        self._body = bytearray(room)
        self._view = memoryview(self._body)
        self._head = bytearray(packets.HEAD_MAX)
        self._head_view = memoryview(self._head)
        self._packet = packets.Packet()
        self._limit_ms = limit_ms
        self._wrap = wrap
        self._sock = None  # the stream: the socket, or TLS over it
        self._raw = None  # the socket, which alone has a timeout
        self._poll = None
        self.sent_at = 0  # tick of the last packet we sent

    @property
    def is_open(self):
        return self._sock is not None

    def open(self, host, port):
        """Connects within the limit; the resolver of the port adds its own limit."""
        address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._sock = self._raw = sock
        sock.settimeout(self._limit_ms / 1000)
        sock.connect(address)
        if self._wrap:
            self._sock = self._wrap(sock, host)
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)

    def close(self):
        sock = self._sock
        self._sock = self._raw = self._poll = None
        if sock:
            try:
                sock.close()
            except OSError:
                pass  # lost already

    def write(self, buf, size):
        """Sends the first `size` bytes of `buf` as one segment: two would wait for each other's acknowledgement."""
        sock = self._sock
        if sock is None:
            raise OSError(errno.ENOTCONN)
        self._raw.settimeout(self._limit_ms / 1000)
        if sock.write(memoryview(buf)[:size]) != size:
            raise OSError(errno.ETIMEDOUT)
        self.sent_at = ticks_ms()

    def read(self, wait_ms):
        """The next packet (valid until the next call), or None when none begins within `wait_ms`."""
        if self._sock is None:
            raise OSError(errno.ENOTCONN)
        self._raw.settimeout(0)
        head = self._head
        # No packet is shorter than two bytes.
        have = self._fill(self._head_view, 0, 2, ticks_add(ticks_ms(), wait_ms), True)
        if not have:
            return None
        end = ticks_add(ticks_ms(), self._limit_ms)
        if have == 1:
            self._fill(self._head_view, 1, 2, end)
        have = 2
        while not packets.head_size(head, have):
            self._fill(self._head_view, have, have + 1, end)
            have += 1
        size = packets.remaining(head)
        packets.check(head[0], size)
        if size > _SKIP_MAX:
            raise UplinkError("the server announced a command of %d bytes: send shorter ones" % size)
        kept = min(size, len(self._body))
        self._fill(self._view, 0, kept, end)
        self._packet.read(head[0], self._view[:kept], size)
        while kept < size:
            # The beginning is kept apart already; the rest only has to leave the stream.
            step = min(size - kept, len(self._body))
            self._fill(self._view, 0, step, end)
            kept += step
        return self._packet

    def _fill(self, view, at, stop, end, optional=False):
        """Fills view[at:stop] until the tick `end`; returns how many bytes came, fewer only if `optional`."""
        start = at
        while at < stop:
            got = self._sock.readinto(view[at:stop])
            if got:
                at += got
                continue
            if got == 0:
                raise OSError(errno.ECONNRESET)  # the server closed the connection
            if optional and at > start:
                break
            left = ticks_diff(end, ticks_ms())
            if left <= 0:
                if optional:
                    break
                raise OSError(errno.ETIMEDOUT)
            self._poll.poll(left)
        return at - start
