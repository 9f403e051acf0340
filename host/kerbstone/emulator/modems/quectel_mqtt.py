"""The MQTT client of Quectel's modems (BC660K-GL MQTT note, BG95 MQTT note V1.1): OK first, the result by URC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.modem import Handler, Until, Work, awaited
from kerbstone.emulator.modems.mqtt import Login, MqttClient
from kerbstone.emulator.modems.terminal import Prompt

if TYPE_CHECKING:
    from kerbstone.emulator.modems.quectel import Quectel

_BAD, _USED, _NO_PDP, _NO_NAME, _NO_NETWORK = 1, 2, 3, 4, 5  # of +QMTOPEN
_WAIT_US = 75 * SECOND_US
_ACKNOWLEDGED, _FAILED = 0, 2  # of +QMTPUB
_LONGEST = 1460


def _qmtcfg(m: Quectel, c: Command) -> None:
    if c.kind != "set":
        return
    what, i = c.text(0, 20), c.number(1, 0, 5)
    if len(c.args) == 2:
        m.info(at.line("+QMTCFG", what, *m.live.get(f"qmt{i}.{what}", (0,))))
        return
    m.live[f"qmt{i}.{what}"] = tuple(c.number(n, 0, 1 << 16) if not c.args[n].quoted else str(c.args[n]) for n in range(2, len(c.args)))


def _setting(m: Quectel, i: int, what: str, default: int) -> int:
    return int(m.live.get(f"qmt{i}.{what}", (default,))[0])


def _qmtopen(m: Quectel, c: Command) -> Work:
    if c.kind == "read":
        for i in sorted(m.mqtt_place):
            m.info(at.line("+QMTOPEN", i, *m.mqtt_place[i]))
        return None
    i, host, port = c.number(0, 0, 5), c.text(1, 150), c.number(2, 1, 65_535)
    m.info(at.OK)
    yield 50_000
    address = m.internet.resolve(host)
    result, done = 0, list[bool]()
    if i in m.mqtt:
        result = _USED
    elif not m.context:
        yield 2 * SECOND_US
        result = _NO_PDP
    elif address is None:
        yield 5 * SECOND_US
        result = _NO_NAME
    else:
        client = MqttClient(m.radio, m.internet, lambda topic, payload: _message(m, i, topic, payload), lambda: _lost(m, i))
        m.mqtt[i], m.mqtt_place[i] = client, (host, port)
        client.reach(address, port, done.append)
        yield Until(lambda: bool(done), _WAIT_US)
        if not (done and done[0]):
            _remove(m, i)
            result = m.MQTT_UNREACHABLE
    m.urc(at.line("+QMTOPEN", i, result))
    return ""


def _remove(m: Quectel, i: int) -> None:
    client = m.mqtt.pop(i, None)
    m.mqtt_place.pop(i, None)
    if client:
        client.drop()


def _lost(m: Quectel, i: int) -> None:
    if i in m.mqtt:
        _remove(m, i)
        m.urc(f"+QMTSTAT: {i},1")


def _message(m: Quectel, i: int, topic: str, payload: bytes) -> None:
    size = (len(payload),) if m.live.get(f"qmt{i}.showrecvlen", (0,))[0] else ()
    m.urc(at.line("+QMTRECV", i, 0, topic, *size, payload.decode("latin-1")))


def _client(m: Quectel, i: int) -> MqttClient:
    if i not in m.mqtt:
        raise Failed(None if m.PULLS else 8504)
    return m.mqtt[i]


def _qmtconn(m: Quectel, c: Command) -> Work:
    if c.kind == "read":
        for i, client in sorted(m.mqtt.items()):
            client.poll()
            m.info(at.line("+QMTCONN", i, 3 if client.connected else 1))
        return None
    i, name = c.number(0, 0, 5), c.text(1, 128)
    client = _client(m, i)
    host, port = m.mqtt_place[i]
    m.info(at.OK)
    login = Login(
        name, c.text(2, 256, ""), c.text(3, 512, ""), _setting(m, i, "keepalive", 120), bool(_setting(m, i, "session", 1)),
        _setting(m, i, "version", m.MQTT_V311) == m.MQTT_V311,
    )  # fmt: skip
    result = yield from awaited(lambda done: client.login(m.internet.resolve(host) or "", port, login, done), _WAIT_US)
    code = -1 if result is None else result
    if code < 0:
        # A carrier that resets the connection shows as this, without a +QMTCONN.
        _remove(m, i)
        m.urc(f"+QMTSTAT: {i},1")
    else:
        m.urc(f"+QMTCONN: {i},0,{code}")
        if code:
            _remove(m, i)
    return ""


def _qmtsub(m: Quectel, c: Command) -> Work:
    i, message, topic, qos = c.number(0, 0, 5), c.number(1, 1, 65_535), c.text(2, 256), c.number(3, 0, 2)
    client = _client(m, i)
    m.info(at.OK)
    result = yield from awaited(lambda done: client.subscribe(topic, qos, done), _WAIT_US)
    good = result is not None and result >= 0
    m.urc(at.line("+QMTSUB", i, message, 0, result) if good else at.line("+QMTSUB", i, message, _FAILED))
    return ""


def _qmtuns(m: Quectel, c: Command) -> Work:
    i, message, topic = c.number(0, 0, 5), c.number(1, 1, 65_535), c.text(2, 256)
    client = _client(m, i)
    m.info(at.OK)
    result = yield from awaited(lambda done: client.unsubscribe(topic, done), _WAIT_US)
    m.urc(at.line("+QMTUNS", i, message, _ACKNOWLEDGED if result is True else _FAILED))
    return ""


def _qmtpub(m: Quectel, c: Command) -> Work:
    """id, message, QoS, retain, topic, length, payload; without a payload after `>`, without a length up to Ctrl-Z."""
    i, message, qos, retain, topic = c.number(0, 0, 5), c.number(1, 0, 65_535), c.number(2, 0, 2), c.number(3, 0, 1), c.text(4, 256)
    client = _client(m, i)
    if (message == 0) != (qos == 0):
        raise Failed(None if m.PULLS else 8503)
    count = c.number(5, 1, _LONGEST, 0)
    if c.given(6):
        data = str(c.args[6]).encode("latin-1")
        if len(data) != count:
            raise Failed(None if m.PULLS else 8503)
    else:
        data = yield Prompt(b"\r\n> ", count, escape=not count, deaf_us=m.PROMPT_DEAF_US)
        if not data:
            return at.ERROR
    m.info(at.OK)
    result = yield from awaited(lambda done: client.publish(topic, data, qos, bool(retain), done), _WAIT_US)
    m.urc(at.line("+QMTPUB", i, message, _ACKNOWLEDGED if result is True else _FAILED))
    return ""


def _qmtdisc(m: Quectel, c: Command) -> Work:
    i = c.number(0, 0, 5)
    client, done = _client(m, i), list[bool]()
    m.info(at.OK)
    client.disconnect(done.append)
    yield Until(lambda: bool(done), _WAIT_US)
    _remove(m, i)
    m.urc(f"+QMTDISC: {i},0")
    return ""


def _qmtclose(m: Quectel, c: Command) -> Work:
    i = c.number(0, 0, 5)
    _client(m, i)
    m.info(at.OK)
    yield 100_000
    _remove(m, i)
    m.urc(f"+QMTCLOSE: {i},0")
    return ""


COMMANDS: dict[str, Handler] = {
    "+QMTCFG": _qmtcfg, "+QMTOPEN": _qmtopen, "+QMTCONN": _qmtconn, "+QMTSUB": _qmtsub, "+QMTUNS": _qmtuns, "+QMTPUB": _qmtpub,
    "+QMTPUBEX": _qmtpub, "+QMTDISC": _qmtdisc, "+QMTCLOSE": _qmtclose,
}  # fmt: skip
