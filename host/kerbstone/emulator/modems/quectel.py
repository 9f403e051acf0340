"""What Quectel's modems share: power, contexts, sockets (QI*), names, time. BC660K, BC66 and BG95 each replace a few answers.

AT Command Manuals BC660K-GL V1.3 and BG95 V2.0; TCP/IP notes; Hardware Designs.
"""

from __future__ import annotations

from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common, grants, quectel_mqtt
from kerbstone.emulator.modems.at import Bare, Command, Failed
from kerbstone.emulator.modems.internet import Socket
from kerbstone.emulator.modems.modem import Handler, Modem, Until, Work, awaited
from kerbstone.emulator.modems.mqtt import MqttClient
from kerbstone.emulator.modems.terminal import Prompt
from kerbstone.emulator.parts.base import PartContext

NO_MEMORY, BAD, BUSY_ID, NO_DNS, CONNECT_FAILED = 553, 552, 563, 565, 566  # numbers of QIGETERROR and of QIOPEN's URC


class Quectel(Modem):
    """`CID`: the data context everything runs on. `PULLS`: received data are fetched with QIRD, else pushed."""

    CID: ClassVar[int] = 1
    PULLS: ClassVar[bool] = False
    OK_BEFORE_SENT: ClassVar[bool] = True  # "OK" then "SEND OK"; BG95 says only the second
    LONGEST: ClassVar[int] = 1460
    PROMPT_DEAF_US: ClassVar[int] = 0
    DNS_BY_URC: ClassVar[bool] = False  # "+QIURC: "dnsgip"" in place of "+QIDNSGIP:"
    MQTT_V311: ClassVar[int] = 1  # what QMTCFG "version" calls MQTT 3.1.1
    MQTT_UNREACHABLE: ClassVar[int] = -1  # of +QMTOPEN

    def __init__(self, ctx: PartContext):
        self.sockets: dict[int, Socket] = {}
        self.inbox: dict[int, bytearray] = {}
        self.mqtt: dict[int, MqttClient] = {}
        self.mqtt_place: dict[int, tuple[str, int]] = {}
        self.error = 0
        super().__init__(ctx)

    @property
    def context(self) -> bool:
        """Data can flow."""
        return self.radio.registered

    def forget(self) -> None:
        for socket in self.sockets.values():
            socket.close()
        for client in self.mqtt.values():
            client.drop()
        self.sockets.clear()
        self.inbox.clear()
        self.mqtt.clear()
        self.mqtt_place.clear()

    def connections(self) -> list[Any]:
        return [*self.sockets.values(), *self.mqtt.values()]

    def context_lost(self) -> None:
        for i in sorted(self.sockets):
            self.urc(at.line("+QIURC", "closed", i))
        for i in sorted(self.mqtt):
            self.urc(f"+QMTSTAT: {i},1")
        self.forget()

    def received(self, i: int, data: bytes) -> None:
        """Data of socket i: pushed, in hex or text as QICFG says."""
        if self.live.get("dataformat", (0, 0))[1]:
            self.urc(at.line("+QIURC", "recv", i, len(data), at.hexed(data)))
        else:
            self.raw(f'\r\n+QIURC: "recv",{i},{len(data)},"'.encode() + data + b'"\r\n')

    def closed(self, i: int) -> None:
        if self.sockets.pop(i, None):
            self.urc(at.line("+QIURC", "closed", i))


def failed(m: Quectel, number: int) -> Failed:
    """A failure QIGETERROR can tell more of."""
    m.error = number
    return Failed(number)


def _qiopen(m: Quectel, c: Command) -> Work:
    if c.kind != "set":
        return None
    if c.number(0, 0, 16) != m.CID:
        raise failed(m, BAD)
    i, kind, host, port = c.number(1, 0, 11), c.text(2), c.text(3, 150), c.number(4, 1, 65_535)
    if kind not in ("UDP", "TCP"):
        raise failed(m, BAD)
    if i in m.sockets:
        raise failed(m, BUSY_ID)
    m.info(at.OK)
    yield 50_000

    def result(number: int) -> None:
        m.urc(at.line("+QIOPEN", i, number))

    address = m.internet.resolve(host)
    done: list[bool] = []
    if not m.context:
        yield 2 * SECOND_US
        result(CONNECT_FAILED)
    elif address is None:
        yield 3 * SECOND_US
        result(NO_DNS)
    else:
        socket = Socket(m.radio, m.internet, kind == "UDP", lambda data: m.received(i, data), lambda: m.closed(i))
        if address != host:
            m.radio.send(60, lambda ok: socket.connect(address, port, done.append) if ok else done.append(False))
        else:
            socket.connect(address, port, done.append)
        m.sockets[i], m.inbox[i] = socket, bytearray()
        m.live[f"push{i}"] = bool(c.number(6, 0, 2, 0) == 1)
        yield Until(lambda: bool(done), 60 * SECOND_US)
        good = bool(done and done[0])
        if not good:
            m.sockets.pop(i)
            socket.close()
        result(0 if good else CONNECT_FAILED)
    return ""


def socket_of(m: Quectel, c: Command) -> tuple[int, Socket]:
    i = c.number(0, 0, 11)
    if i not in m.sockets:
        raise failed(m, BAD)
    return i, m.sockets[i]


def _qisend(m: Quectel, c: Command) -> Work:
    _, socket = socket_of(m, c)
    hexed = bool(m.live.get("dataformat", (0, 0))[0])
    count = c.number(1, 0, m.LONGEST, 0)
    if c.given(2):
        data = c.hexed(2, m.LONGEST) if hexed else str(c.args[2]).encode("latin-1")
        if len(data) != count:
            raise failed(m, BAD)
    else:
        data = yield Prompt(b"\r\n> ", count * 2 if hexed else count, escape=not count, deaf_us=m.PROMPT_DEAF_US)
        if data is None:
            return at.OK
        if hexed:
            try:
                data = bytes.fromhex(data.decode("latin-1"))
            except ValueError:
                raise failed(m, BAD) from None
        if not data or (count and len(data) < count):
            raise failed(m, BAD)
    return (yield from send(m, socket, data))


def send(m: Quectel, socket: Socket, data: bytes) -> Work:
    """Takes the data and says what became of them."""
    if m.OK_BEFORE_SENT:
        m.info(at.OK)
        yield 30_000
    result = yield from awaited(lambda done: socket.send(data, done), 60 * SECOND_US)
    return "SEND OK" if result else "SEND FAIL"


def _qisendex(m: Quectel, c: Command) -> Work:
    """Hex data; the third argument of BG95 is release assistance (NB-IoT only)."""
    _, socket = socket_of(m, c)
    at_data = 1 if c.given(1) and c.args[1].quoted else 2
    data = c.hexed(at_data, 512)
    if at_data == 1:
        m.radio.rai = c.number(2, 0, 2, 0)
    elif len(data) != c.number(1, 1, 512):
        raise failed(m, BAD)
    return (yield from send(m, socket, data))


def _qiclose(m: Quectel, c: Command) -> Work:
    i = c.number(0, 0, 11)
    socket = m.sockets.pop(i, None)
    if socket is None:
        if m.OK_BEFORE_SENT:
            raise failed(m, BAD)
        return None
    socket.close()
    if m.OK_BEFORE_SENT:
        m.info(at.OK)
        yield 40_000
        return "CLOSE OK"
    yield 100_000
    return None


def _qistate(m: Quectel, c: Command) -> None:
    for i in sorted(m.sockets):
        if c.kind == "set" and c.given(1) and c.number(1, 0, 11) != i:
            continue
        s = m.sockets[i]
        m.info(at.line("+QISTATE", i, "UDP" if s.datagram else "TCP", s.address, s.port, 0, 2, m.CID, i, int(m.live[f"push{i}"])))


def _qidnsgip(m: Quectel, c: Command) -> Work:
    if c.number(0, 0, 16) != m.CID:
        raise failed(m, BAD)
    name = c.text(1, 255)
    m.info(at.OK)
    result = yield from awaited(lambda done: m.radio.send(60, done), 60 * SECOND_US)
    yield m.cell.latency_ms * 1000
    address = m.internet.resolve(name) if result else None
    head = "+QIURC: \"dnsgip\"," if m.DNS_BY_URC else "+QIDNSGIP: "
    m.urc(f"{head}0,1,300" if address else f"{head}{NO_DNS}")
    if address:
        m.urc(f'{head}"{address}"')
    return ""


def _qicfg(m: Quectel, c: Command) -> None:
    if c.kind == "set" and c.text(0) == "dataformat":
        m.live["dataformat"] = (c.number(1, 0, 1), c.number(2, 0, 1))


def _qigeterror(m: Quectel, _c: Command) -> None:
    words = {0: "operate successfully", BAD: "invalid parameters", BUSY_ID: "socket identity has been used", NO_DNS: "DNS parse failed"}
    m.info(at.line("+QIGETERROR", m.error, Bare(words.get(m.error, "unknown error"))))


def _qntp(m: Quectel, c: Command) -> Work:
    c.number(0, 0, 16)
    host = c.text(1, 150)
    m.info(at.OK)
    result = yield from awaited(lambda done: m.radio.send(76, done), 60 * SECOND_US)
    yield m.cell.latency_ms * 1000
    if not result or m.internet.resolve(host) != m.internet.resolve("pool.ntp.org"):
        yield 10 * SECOND_US
        m.urc("+QNTP: 550")
        return ""
    m.clock_us = m.cell.utc_us - m.kernel.now
    form = "%Y/%m/%d,%H:%M:%S" if m.PULLS else "%y/%m/%d,%H:%M:%S"
    m.urc(f'+QNTP: 0,"{common.stamp(*common.local_time(m), form)}"')
    return ""


def _qpowd(m: Quectel, c: Command) -> str:
    c.number(0, 0, 1, 1)
    m.info(at.OK)
    m.kernel.after(300_000, m.urc, "POWERED DOWN")
    m.shut_down()
    return ""


def _qrst(m: Quectel, c: Command) -> Work:
    c.number(0, 1, 1)
    return (yield from common.restart(m, c))


def _qpsms(m: Quectel, c: Command) -> None:
    """Granted seconds, in quotes."""
    t3412, t3324 = m.radio.granted
    on = int(m.live.get("cpsms", 0) and grants.t3324_s(t3324) is not None)
    m.info(f'+QPSMS: {on},,,"{grants.t3412_s(t3412) or 0}","{grants.t3324_s(t3324) or 0}"')


def rai(name: str, connected_only: bool) -> Handler:
    """Release assistance for the next datagram; some only take it while connected (CME 602)."""

    def handle(m: Quectel, c: Command) -> None:
        if c.kind == "read":
            m.info(at.line(name, m.radio.rai))
        elif c.kind == "set":
            mode = c.number(0, 0, 2)
            if connected_only and not m.radio.connected:
                raise Failed(602)
            m.radio.rai = mode
            if connected_only and mode == 1:
                m.radio.release_soon()

    return handle


def mapped(name: str, **known: Any) -> Handler:
    """A command of keys and values, as QCFG: `"key",values`; each key is read back alone."""
    key = name.lstrip("+").lower()

    def handle(m: Quectel, c: Command) -> None:
        if c.kind != "set":
            return
        what = c.text(0, 30)
        if len(c.args) == 1:
            values = m.live.get(f"{key}.{what}", known.get(what.replace("/", "_").lower(), (0,)))
            m.info(at.line(name, what, *values))
        else:
            m.keep(f"{key}.{what}", tuple(Bare(a) if not a.quoted else str(a) for a in c.args[1:]))

    return handle


COMMANDS: dict[str, Handler] = {
    **common.COMMANDS, **quectel_mqtt.COMMANDS,
    "+QIOPEN": _qiopen, "+QISEND": _qisend, "+QISENDEX": _qisendex, "+QICLOSE": _qiclose, "+QISTATE": _qistate, "+QIDNSGIP": _qidnsgip,
    "+QICFG": _qicfg, "+QIGETERROR": _qigeterror, "+QNTP": _qntp, "+QPOWD": _qpowd, "+QRST": _qrst, "+QPSMS": _qpsms,
    "+CTZU": common.on_off("+CTZU"), "+CTZR": common.on_off("+CTZR", 3),
}  # fmt: skip
