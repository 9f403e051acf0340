"""One UDP socket inside a modem: a datagram out, a datagram in, whatever the dialect calls it."""

from binascii import hexlify, unhexlify

from micropython import const

from kerb.errors import ModemError
from kerb.modem.cells import fields

_MOST = const(512)  # bytes asked for at once
_NAME_S = const(30)  # for a question to the name server


class Udp:
    """`modem`: one that is attached. Every method raises ModemError when the modem does not go along; the socket must be closed then."""

    def __init__(self, modem):
        self._modem = modem
        self._d = modem.dialect["udp"]
        self._host = modem.words["host"]
        self.address = ""  # of the host; a question to the name server a wake would cost as much as a report
        self.is_open = False
        self._more = False  # what was read last may not have been all

    @property
    def largest(self):
        """Bytes of a datagram."""
        return self._d["largest"]

    def open(self):
        """A socket to the host of the modem's words; one that an earlier life left open is closed first."""
        modem = self._modem
        try:
            modem.run(self._d["close"])
        except ModemError as error:
            if error.cause != "refused":
                raise
        while modem.at.take(self._d["incoming"] + self._d["lost"]):
            pass  # of another socket
        modem.words["host"] = self._host
        if not self.address:
            self.address = self._resolve()
        modem.words["host"] = self.address or self._host
        modem.run_all(self._d["open"])
        self.is_open = True
        self._more = False

    def _resolve(self):
        """The address of the host; "" where it is not to be had, then the modem may find it itself."""
        if is_address(self._host):
            return self._host
        command, want = self._d["resolve"]
        try:
            found = fields(self._modem.run((command, _NAME_S, want))[-1])[-1]
        except ModemError as error:
            if error.cause == "restarted":
                raise
            return ""
        return found if is_address(found) else ""

    def close(self):
        if self.is_open:
            self.is_open = False
            self._modem.run(self._d["close"])

    def send(self, data, more=False):
        """Hands a datagram to the modem, which wants one answer to it before the network lets go of the connection, or `more`."""
        command, raw, want, ok = self._d["send"]
        at = self._modem.at
        for step in () if more else self._d["release"]:
            self._modem.run(step)
        digits = "" if raw else str(hexlify(data), "ascii")
        text = command.format(n=len(data), n2=2 * len(data), hex=digits, rai=0 if more else 2, **self._modem.words)
        at.ask(text, limit_ms=20000, want=want, ok=ok, payload=data if raw else None)

    def done(self):
        """The exchange is over: a modem that cannot be told so beforehand is told now."""
        released = self._d.get("released")
        if released:
            self._modem.run(released)

    def receive(self, limit_ms):
        """The next datagram, or None. ModemError also when the modem says that the socket is gone."""
        d, at = self._d, self._modem.at
        if not self._more:
            line = at.wait(d["incoming"] + d["lost"], limit_ms)
            if line and line.startswith(d["lost"]):
                self.is_open = False
                self._modem.attached = False
                raise ModemError("the socket", "refused", line)
            if not d["read"]:
                return from_hex(line) if line else None
        # Also without a message: noise may have swallowed it, and some modems tell only once of several datagrams.
        command, prefix, count = d["read"]
        lines = at.ask(command.format(most=_MOST), prefix, count=count)
        got = at.data if count else from_hex(lines[-1]) if lines else None
        self._more = bool(got)
        return got or None


def is_address(text):
    """True for an IPv4 address in decimal."""
    parts = text.split(".")
    return len(parts) == 4 and not [part for part in parts if not part.isdigit() or len(part) > 3 or int(part) > 255]


def from_hex(line):
    """The last field of a line, in hexadecimal; None when it is not, or empty."""
    try:
        return unhexlify(line[line.rfind(",") + 1 :].strip('"')) or None
    except ValueError:
        return None
