"""What u-blox SARA-R4 and SARA-R5 share: power, sockets (USO*), names, CoAP, certificates.

AT manuals UBX-17003787 and UBX-19047455, application guides UBX-20009652 (R5) and UBX-20032566 (internet applications).
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5
from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common, ublox_coap
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.coap import CoapClient
from kerbstone.emulator.modems.internet import Socket
from kerbstone.emulator.modems.modem import Handler, Modem, Until, Work, awaited
from kerbstone.emulator.modems.mqtt import Login, MqttClient
from kerbstone.emulator.modems.terminal import Prompt
from kerbstone.emulator.parts.base import PartContext

_PROMPT_DEAF_US = 20_000  # the manual wants 50 ms between @ and data
_UDP, _TCP = 17, 6
_SOCKETS = 7
_WAIT_US = 120 * SECOND_US


class Sara(Modem):
    """`DATA_URC`: what tells that a datagram has come."""

    DATA_URC: ClassVar[str] = "+UUSORF"
    IDENTITY: ClassVar[dict[str, str]] = {"CGMI": "u-blox", "CIMI": "262011234567890", "CCID": "+CCID: 89490200001234567890"}

    def __init__(self, ctx: PartContext):
        self.sockets: dict[int, tuple[bool, Socket | None]] = {}  # datagram; made at the first address
        self.inbox: dict[int, list[bytes]] = {}
        self.mqtt: MqttClient | None = None
        self.login = Login()
        self.broker: tuple[str, int] | None = None
        self.messages: list[tuple[str, bytes]] = []
        self.coap: CoapClient | None = None
        super().__init__(ctx)

    @property
    def context(self) -> bool:
        """Data can flow."""
        return self.radio.registered

    def forget(self) -> None:
        for _, socket in self.sockets.values():
            if socket:
                socket.close()
        self.sockets.clear()
        self.inbox.clear()
        if self.mqtt:
            self.mqtt.drop()
            self.mqtt = None
        if self.coap:
            self.coap.close()
            self.coap = None
        self.messages.clear()
        self.login, self.broker = Login(), None

    def connections(self) -> list[Any]:
        return [s for s in (*(s for _, s in self.sockets.values()), self.mqtt, self.coap) if s]

    def context_lost(self) -> None:
        for i in sorted(self.sockets):
            self.urc(f"+UUSOCL: {i}")
        self.forget()

    def mqtt_message(self, topic: str, payload: bytes) -> None:
        self.messages.append((topic, payload))

    def unknown(self) -> int | None:
        return at.UNKNOWN_COMMAND if self.live.get("cmee") else None


def set_login(m: Sara, c: Command) -> int:
    """+UMQTT=<what>,...: takes one setting and returns its number. Raises Failed."""
    what = c.number(0, 0, 12)
    if what == 0:
        m.login = replace(m.login, client_id=c.text(1, 256))
    elif what in (2, 3):
        m.broker = (c.text(1, 256), c.number(2, 1, 65_535, 1883))
    elif what == 4:
        m.login = replace(m.login, user=c.text(1, 256), password=c.text(2, 256, ""))
    elif what == 10:
        m.login = replace(m.login, keepalive_s=c.number(1, 0, 65_535))
    elif what == 11 and c.number(1, 0, 1):
        raise Failed(at.NOT_ALLOWED)  # TLS is not emulated
    elif what == 12:
        m.login = replace(m.login, clean=bool(c.number(1, 0, 1)))
    return what


def _usocr(m: Sara, c: Command) -> None:
    kind = c.number(0, 0, 255)
    if kind not in (_UDP, _TCP):
        raise Failed(at.NOT_ALLOWED)
    free = [i for i in range(_SOCKETS) if i not in m.sockets]
    if not free or not m.context:
        raise Failed(at.NOT_ALLOWED)
    m.sockets[free[0]] = (kind == _UDP, None)
    m.inbox[free[0]] = []
    m.info(at.line("+USOCR", free[0]))


def _number(m: Sara, c: Command) -> int:
    i = c.number(0, 0, _SOCKETS - 1)
    if i not in m.sockets:
        raise Failed(at.NOT_ALLOWED)
    return i


def _connected(m: Sara, i: int, host: str, port: int) -> Work:
    """Makes socket i one with this other end; raises when there is none."""
    datagram, socket = m.sockets[i]
    address = m.internet.resolve(host)
    if address is None or not m.context:
        yield SECOND_US
        raise Failed(at.NOT_ALLOWED)
    if socket and (socket.address, socket.port) == (address, port) and socket.open:
        return None
    if socket:
        socket.close()
    done: list[bool] = []
    socket = Socket(m.radio, m.internet, datagram, lambda data: _received(m, i, data), lambda: _closed(m, i))
    socket.connect(address, port, done.append)
    m.sockets[i] = (datagram, socket)
    if not done:
        yield Until(lambda: bool(done), _WAIT_US)
    if not (done and done[0]):
        raise Failed(at.NOT_ALLOWED)
    return None


def _received(m: Sara, i: int, data: bytes) -> None:
    if i not in m.inbox:
        return
    waiting = m.inbox[i]
    waiting.append(data)
    name = m.DATA_URC if m.sockets[i][0] else "+UUSORD"
    if m.DATA_URC == "+UUSORF" or len(waiting) == 1:
        m.urc(at.line(name, i, sum(len(d) for d in waiting)))


def _closed(m: Sara, i: int) -> None:
    if m.sockets.pop(i, None):
        m.inbox.pop(i, None)
        m.urc(f"+UUSOCL: {i}")


def _usoco(m: Sara, c: Command) -> Work:
    i = _number(m, c)
    yield from _connected(m, i, c.text(1, 128), c.number(2, 1, 65_535))
    return None


def _usost(m: Sara, c: Command) -> Work:
    """socket, address, port, length; data after `@`, or as a fifth argument."""
    i = _number(m, c)
    yield from _connected(m, i, c.text(1, 128), c.number(2, 1, 65_535))
    return (yield from _write(m, c, i, "+USOST", 3))


def _usowr(m: Sara, c: Command) -> Work:
    return (yield from _write(m, c, _number(m, c), "+USOWR", 1))


def _write(m: Sara, c: Command, i: int, name: str, first: int) -> Work:
    hexed = bool(m.live.get("udconf1"))
    count = c.number(first, 1, 512 if hexed else 1024)
    if c.given(first + 1):
        data = c.hexed(first + 1) if hexed else c.text(first + 1).encode("latin-1")
        if len(data) != count:
            raise Failed(at.NOT_ALLOWED)
    else:
        data = yield Prompt(b"\r\n@", count, timeout_us=10 * SECOND_US, deaf_us=_PROMPT_DEAF_US)
    socket = m.sockets.get(i, (True, None))[1]
    if socket is None or len(data) < count:
        raise Failed(at.NOT_ALLOWED)
    m.live["used"] = True
    done: list[bool] = []
    socket.send(data, done.append)
    if not socket.datagram:
        yield Until(lambda: bool(done), _WAIT_US)
        if not (done and done[0]):
            raise Failed(at.NOT_ALLOWED)
    m.info(at.line(name, i, count))
    return None


def _usorf(m: Sara, c: Command) -> None:
    i = _number(m, c)
    count = c.number(1, 0, 1024)
    _, socket = m.sockets[i]
    if socket:
        socket.poll()
    waiting = m.inbox[i]
    if count == 0:
        m.info(at.line("+USORF", i, sum(len(d) for d in waiting)))
        return
    if not waiting or socket is None:
        m.info(f'+USORF: {i},""')
        return
    data, rest = waiting[0][:count], waiting[0][count:]
    waiting[:1] = [rest] if rest else []
    _hand_over(m, f'+USORF: {i},"{socket.address}",{socket.port},', data)
    if waiting:
        m.urc(at.line(m.DATA_URC, i, sum(len(d) for d in waiting)))


def _usord(m: Sara, c: Command) -> None:
    i = _number(m, c)
    count = c.number(1, 0, 1024)
    stream = b"".join(m.inbox[i])
    if count == 0:
        m.info(at.line("+USORD", i, len(stream)))
        return
    m.inbox[i] = [stream[count:]] if len(stream) > count else []
    if stream:
        _hand_over(m, f"+USORD: {i},", stream[:count])
    else:
        m.info(f'+USORD: {i},""')


def _hand_over(m: Sara, head: str, data: bytes) -> None:
    if m.live.get("udconf1"):
        m.info(f'{head}{len(data)},"{at.hexed(data)}"')
    else:
        m.raw(f'\r\n{head}{len(data)},"'.encode() + data + b'"\r\n')


def _usocl(m: Sara, c: Command) -> None:
    i = _number(m, c)
    socket = m.sockets.pop(i)[1]
    m.inbox.pop(i, None)
    if socket:
        socket.close()


def _usoctl(m: Sara, c: Command) -> None:
    i, what = c.number(0, 0, _SOCKETS - 1), c.number(1, 0, 11)
    m.info(at.line("+USOCTL", i, what, 0 if i in m.sockets else 9))


def _udnsrn(m: Sara, c: Command) -> Work:
    c.number(0, 0, 1)
    result = yield from awaited(lambda done: m.radio.send(60, done), 70 * SECOND_US)
    address = m.internet.resolve(c.text(1, 255))
    if address is None or not result:
        raise Failed(at.NOT_ALLOWED)
    yield m.cell.latency_ms * 1000
    m.info(at.line("+UDNSRN", address))
    return None


def _udconf(m: Sara, c: Command) -> None:
    what = c.number(0, 0, 99)
    if c.given(1):
        m.live[f"udconf{what}"] = c.number(1, 0, 2)
        if what == 89 and m.live.get("rai_works", True):
            m.radio.rai = c.number(1, 0, 2)
    else:
        m.info(at.line("+UDCONF", what, m.live.get(f"udconf{what}", 0)))


def _usecmng(m: Sara, c: Command) -> Work:
    what = c.number(0, 0, 4)
    if what == 0:
        name, size = c.text(2, 200), c.number(3, 1, 16_384)
        data = yield Prompt(b"\r\n>", size, timeout_us=20 * SECOND_US)
        if len(data) < size:
            raise Failed(at.NOT_ALLOWED)
        m.saved.setdefault("files", {})[name] = bytes(data)
        m.info(at.line("+USECMNG", 1, c.number(1, 0, 4), name, md5(data, usedforsecurity=False).hexdigest()))
    elif what == 3:
        for name in sorted(m.saved.get("files", {})):
            m.info(at.line("CA", name))
    return None


def _cpwroff(m: Sara, _c: Command) -> Work:
    yield 2 * SECOND_US
    m.info(at.OK)
    m.shut_down()
    return ""


def _ati(m: Sara, c: Command) -> None:
    m.info(m.IDENTITY["I9" if c.kind == "set" and c.number(0, 0, 9) == 9 else "I"].format(imei=m.imei))


COMMANDS: dict[str, Handler] = {
    **common.COMMANDS, **ublox_coap.COMMANDS,
    "I": _ati, "+USOCR": _usocr, "+USOCO": _usoco, "+USOST": _usost, "+USOWR": _usowr, "+USORF": _usorf, "+USORD": _usord,
    "+USOCL": _usocl, "+USOCTL": _usoctl, "+UDNSRN": _udnsrn, "+UDCONF": _udconf,
    "+USECMNG": _usecmng, "+USECPRF": common.stored("+USECPRF"), "+CPWROFF": _cpwroff, "+UMNOPROF": common.stored("+UMNOPROF"),
    "+URAT": common.stored("+URAT"), "+UBANDMASK": common.stored("+UBANDMASK"), "+UPSV": common.on_off("+UPSV", 4),
    "+CTZU": common.on_off("+CTZU"), "+CTZR": common.on_off("+CTZR", 3), "+UCFGCIOT": common.stored("+UCFGCIOT"),
}  # fmt: skip


def defaults(**more: Any) -> dict[str, Any]:
    return {**common.DEFAULTS, "upsv": 0, "ctzu": 1, **more}
