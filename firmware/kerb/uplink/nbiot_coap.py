"""Frames as confirmable CoAP messages over a modem's UDP socket (RFC 7252).

POST coap://HOST:PORT/<path>/<device id> with the frame as payload; its receipt is the acknowledgement with 2.04 (or 2.01), whether it
comes with it or in a message of its own. What a 2.04 carries as payload is a command for the device: the only moment at which
a device in PSM can be reached without waiting.
"""

from os import urandom
from struct import pack
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from kerb.errors import UplinkError
from kerb.modem.udp import Udp
from kerb.uplink import coap

_TIMEOUT_MS = const(6000)  # ACK_TIMEOUT; RFC 7252 4.8 has 2 s, but a way over 2048 repetitions takes as long as this
_RANDOM_MS = const(3000)  # ACK_RANDOM_FACTOR 1.5
_TRIES = const(3)  # 6 to 9, 12 to 18, 24 to 36 s; a brief question is one of the second kind
_LATE_MS = const(20000)  # for the answer after an acknowledgement without one
_COMMANDS = const(4)
_SZX = const(4)  # of blocks: 256 bytes


class Carrier:
    """`number`: the last message id. `address` of the server as last resolved; "": not, or no longer believed."""

    def __init__(self, modem, config, identity):
        self._udp = Udp(modem)
        self._path = (config["path"].encode(), identity.get("device_id").encode())
        self.number = urandom(1)[0] << 8 | urandom(1)[0]
        self.mtu = self._udp.largest - len(coap.post(0, b"\0\0", self._path, b""))
        self._commands: list = []

    @property
    def address(self):
        return self._udp.address

    @address.setter
    def address(self, address):
        self._udp.address = address

    @property
    def is_open(self):
        return self._udp.is_open

    def open(self):
        self._udp.open()

    def close(self):
        self._udp.close()

    def drop(self):
        """The modem or its socket is gone."""
        self._udp.is_open = False

    def deliver(self, frame, brief=False):
        """True when the server has the frame; False when it did not say so. ModemError when the modem fails, UplinkError when the
        server refuses. `brief`: asked once, since nobody answered the last time.
        """
        number, token = self._next()
        answer = self._ask(coap.post(number, token, self._path, frame), token, brief=brief)
        return bool(answer) and self._judge(answer)

    def fetch(self, name, number, more):
        """Block `number` (256 bytes, the last may have fewer) of what the server keeps under `name` for this device; None when it gives
        none. `more`: another is asked for at once. ModemError when the modem fails.
        """
        mid, token = self._next()
        answer = self._ask(coap.get(mid, token, self._path + (name.encode(),), number, _SZX), token, more)
        good = answer and answer.code == coap.CONTENT and answer.block is not None and answer.block & ~8 == number << 4 | _SZX
        return answer.payload if good else None

    def _next(self):
        """(id, token) of another message."""
        self.number = (self.number + 1) & 0xFFFF
        return self.number, pack(">H", self.number)

    def _ask(self, message, token, more=False, brief=False):
        """The answer to a request, which is repeated as long as none comes; None without."""
        wait_ms = _TIMEOUT_MS + urandom(1)[0] * _RANDOM_MS // 255
        if brief:
            wait_ms *= 2
        for _ in range(1 if brief else _TRIES):
            self._udp.send(message, more)
            answer = self._await(token, wait_ms)
            if answer:
                if not more:
                    self._udp.done()
                return answer
            wait_ms *= 2
        return None

    def _await(self, token, wait_ms):
        """The answer to the message of this number and token, acknowledged where it asks for it; None when none comes."""
        end = ticks_add(ticks_ms(), wait_ms)
        late = False
        while True:
            left = ticks_diff(end, ticks_ms())
            if left <= 0:
                return None
            got = self._udp.receive(left)
            message = coap.parse(got) if got else None
            if message is None:
                continue
            if message.mid == self.number and message.kind == coap.RESET:
                return message
            if message.mid == self.number and message.kind == coap.ACK and message.code == coap.EMPTY:
                if not late:
                    late = True
                    end = ticks_add(ticks_ms(), _LATE_MS)
                continue
            ours = message.token == token and message.code >= 0x40
            if message.kind == coap.CON:
                # An answer of its own; anything else has no business here.
                self._udp.send(coap.empty(coap.ACK if ours else coap.RESET, message.mid))
            if ours and (message.kind != coap.ACK or message.mid == self.number):
                return message

    def _judge(self, answer):
        if answer.code in (coap.CHANGED, coap.CREATED):
            if answer.payload and len(self._commands) < _COMMANDS:
                self._commands.append(answer.payload)
            return True
        if answer.code == coap.BAD:
            return False  # it was damaged on its way to the modem
        if answer.code == coap.BUSY:
            raise UplinkError("CoAP server is busy for the next %d s" % answer.max_age_s)
        what = "resets the connection" if answer.kind == coap.RESET else "refuses the message with " + answer.words
        raise UplinkError("CoAP server %s: check path and device in its list" % what)

    def take(self):
        """The oldest command, or None."""
        return ("/".join([part.decode() for part in self._path]), self._commands.pop(0)) if self._commands else None
