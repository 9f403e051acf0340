"""`socket`: TCP and UDP through the emulated board's network."""

import io
from struct import pack

import _link

AF_INET = 2
AF_INET6 = 10
SOCK_STREAM = 1
SOCK_DGRAM = 2
IPPROTO_TCP = 6
IPPROTO_UDP = 17
SOL_SOCKET = 1
SO_REUSEADDR = 2
SO_KEEPALIVE = 9
TCP_NODELAY = 1


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    address = _link.ask("getaddrinfo", host)
    return [(AF_INET, type or SOCK_STREAM, proto, "", (address, port))]


class socket(io.IOBase):
    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=0, fileno=None):
        self._datagram = type == SOCK_DGRAM
        self._id = _link.ask("sock_open", self._datagram)
        self._timeout = -1  # ms; -1 = wait for ever
        self._closed = False

    def connect(self, address):
        _link.ask("sock_connect", self._id, address[0], address[1], self._timeout)

    def settimeout(self, seconds):
        self._timeout = -1 if seconds is None else int(seconds * 1000)

    def setblocking(self, flag):
        self._timeout = -1 if flag else 0

    def setsockopt(self, level, option, value):
        pass

    def send(self, buf):
        return _link.call(_link.SOCK_SEND, self._id, 0, memoryview(buf)[: _link.ROOM])

    def sendall(self, buf):
        view = memoryview(buf)
        done = 0
        while done < len(buf):
            done += self.send(view[done:])

    def write(self, buf, n=-1):
        data = memoryview(buf)[:n] if n >= 0 else buf
        self.sendall(data)
        return len(data)

    def sendto(self, buf, address):
        _link.ask("sock_to", self._id, address[0], address[1])
        return self.send(buf)

    def _receive(self, n):
        return _link.call(_link.SOCK_RECV, self._id, min(n, _link.ROOM), pack("<i", self._timeout))

    def recv(self, n):
        self._receive(n)
        return _link.data()

    def recvfrom(self, n):
        self._receive(n)
        return _link.data(), tuple(_link.ask("sock_peer", self._id))

    def recv_into(self, buf, n=0):
        got = self._receive(n or len(buf))
        buf[:got] = _link.payload[:got]
        return got

    def readinto(self, buf, n=-1):
        """As on the boards: fills the buffer, or returns what came before the end of the stream."""
        want = len(buf) if n < 0 else n
        view = memoryview(buf)
        done = 0
        while done < want:
            try:
                got = self._receive(want - done)
            except OSError as error:
                if done or error.errno == 11:
                    return done or None
                raise
            if not got:
                break
            view[done : done + got] = _link.payload[:got]
            done += got
            if self._timeout == 0:
                break
        return done

    def read(self, n=-1):
        if n < 0:
            out = b""
            while True:
                more = self.recv(_link.ROOM)
                if not more:
                    return out
                out += more
        buf = bytearray(n)
        got = self.readinto(buf)
        return None if got is None else bytes(buf[:got])

    def readline(self):
        out = b""
        while not out.endswith(b"\n"):
            c = self.recv(1)
            if not c:
                break
            out += c
        return out

    def makefile(self, mode="rwb", bufsize=0):
        return self

    def close(self):
        if not self._closed:
            self._closed = True
            _link.ask("sock_close", self._id)

    def ioctl(self, op, arg):
        if op == 3:
            return _link.ask("sock_poll", self._id, arg)
        if op == 4:
            self.close()
        return -22 if op == 10 else 0  # it has no file descriptor

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()
