"""The CoAP client inside a modem (RFC 7252): confirmable requests are repeated after 2 s and then twice as long, four times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiocoap import ACK, CON, NON, RST, Message
from aiocoap.error import UnparsableMessage
from aiocoap.numbers.codes import Code

from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.modems.internet import Internet, Socket
from kerbstone.emulator.modems.radio import Radio

_ACK_TIMEOUT_S = 2.0
_MAX_RETRANSMIT = 4


def split_uri(uri: str) -> tuple[str, int, list[str], list[str]]:
    """Host, port, path segments and queries of a coap:// URI. ValueError."""
    scheme, _, rest = uri.partition("://")
    host_port, _, path_query = rest.partition("/")
    path, _, query = path_query.partition("?")
    host, colon, port = host_port.partition(":")
    if scheme != "coap" or not host:
        raise ValueError(uri)
    return host, int(port) if colon else 5683, [s for s in path.split("/") if s], [q for q in query.split("&") if q]


@dataclass(frozen=True)
class Response:
    """What a server answered; `size`: bytes of the whole message."""

    code: int
    mid: int
    token: bytes
    payload: bytes
    size: int

    @property
    def dotted(self) -> str:
        """Class and detail: 2.04."""
        return f"{self.code >> 5}.{self.code & 31:02d}"


class CoapClient:
    """One request at a time."""

    def __init__(self, radio: Radio, internet: Internet):
        self.radio, self.internet = radio, internet
        self.mid = radio.rng.randrange(1 << 16)
        self._socket: Socket | None = None
        self.dead = False  # fault: the network forgot it and nobody said so
        self._again: Event | None = None
        self._request: Message | None = None
        self._left = 0
        self._wait_us = 0
        self._done: Callable[[Response | None], None] = lambda message: None

    def request(self, address: str, port: int, code: int, path: list[str], query: list[str], payload: bytes,
                done: Callable[[Response | None], None], confirmable: bool = True, content: int | None = None,
                token: bytes | None = None, mid: int | None = None) -> int:
        """Sends; `done(response)` with None when none came. Returns the message id."""
        self.close()
        self.mid = (self.mid + 1) % (1 << 16) if mid is None else mid
        token = self.radio.rng.randbytes(4) if token is None else token
        message = Message(code=Code(code), payload=payload, _mtype=CON if confirmable else NON, _mid=self.mid, _token=token)
        message.opt.uri_path, message.opt.uri_query = tuple(path), tuple(query)
        if content is not None:
            message.opt.content_format = content
        self._request, self._done = message, done
        self._left = _MAX_RETRANSMIT if confirmable else 0
        self._wait_us = int(_ACK_TIMEOUT_S * SECOND_US * self.radio.rng.uniform(1, 1.5))
        self._socket = Socket(self.radio, self.internet, True, self._heard, lambda: None)
        self._socket.dead = self.dead
        self._socket.connect(address, port, lambda ok: self._send())
        return self.mid

    def _send(self) -> None:
        if self._socket and self._request:
            self._socket.send(self._request.encode(), self._sent)

    def _sent(self, ok: bool) -> None:
        if self._request is None:
            return
        if not ok:
            self._finish(None)
            return
        self._again = self.radio.kernel.after(self._wait_us, self._repeat)

    def _repeat(self) -> None:
        self._again = None
        if not self._left:
            self._finish(None)
            return
        self._left -= 1
        self._wait_us *= 2
        self._send()

    def _heard(self, data: bytes) -> None:
        request = self._request
        try:
            message = Message.decode(data)
        except UnparsableMessage:
            return
        if request is None or self._socket is None:
            return
        if message.mtype == RST and message.mid == request.mid:
            self._finish(None)
            return
        if message.mtype == CON:
            self._socket.send(Message(_mtype=ACK, _mid=message.mid, code=Code.EMPTY).encode(), lambda ok: None)
        if message.code.is_response() and message.token == request.token:
            self._finish(Response(int(message.code), message.mid, message.token, bytes(message.payload), len(data)))
        elif message.mtype == ACK and message.mid == request.mid and self._again:
            self._again.cancel()  # the answer itself comes apart
            self._left = 0
            self._again = self.radio.kernel.after(60 * SECOND_US, self._repeat)

    def _finish(self, response: Response | None) -> None:
        done = self._done
        self.close()
        done(response)

    def close(self) -> None:
        """Gives up what is under way, without a word."""
        self._request = None
        if self._again:
            self._again.cancel()
            self._again = None
        if self._socket:
            self._socket.close()
            self._socket = None
