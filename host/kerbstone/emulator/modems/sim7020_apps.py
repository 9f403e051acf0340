"""SIM7020: MQTT (one client, payload in hex) and CoAP by whole messages in hex (AT Manual V1.05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.internet import Socket
from kerbstone.emulator.modems.modem import Handler, Until, Work, awaited
from kerbstone.emulator.modems.mqtt import Login, MqttClient

if TYPE_CHECKING:
    from kerbstone.emulator.modems.sim7020 import Sim7020

_WAIT_US = 75 * SECOND_US
_COAP_LONGEST = 512


def _cmqnew(m: Sim7020, c: Command) -> Work:
    host, port = c.text(0, 50), c.text(1, 5)
    timeout_ms = c.number(2, 0, 60_000)
    c.number(3, 20, 1132)
    if m.mqtt or not port.isdigit() or not m.radio.registered:
        raise Failed
    address = m.internet.resolve(host)
    if address is None:
        yield timeout_ms * 1000
        raise Failed
    client = MqttClient(m.radio, m.internet, lambda topic, payload: _message(m, topic, payload), lambda: _lost(m))
    result = yield from awaited(lambda done: client.reach(address, int(port), done), timeout_ms * 1000)
    if not result:
        raise Failed
    m.mqtt, m.broker = client, (address, int(port))
    m.info(at.line("+CMQNEW", 0))
    return None


def _message(m: Sim7020, topic: str, payload: bytes) -> None:
    shown = at.hexed(payload) if m.live["crevhex"] else payload.decode("latin-1")
    m.urc(at.line("+CMQPUB", 0, topic, 1, 0, 0, len(shown), shown))


def _lost(m: Sim7020) -> None:
    m.mqtt = None
    m.urc("+CMQDISCON: 0")


def _client(m: Sim7020, c: Command) -> MqttClient:
    c.number(0, 0, 0)
    if m.mqtt is None:
        raise Failed
    return m.mqtt


def _cmqcon(m: Sim7020, c: Command) -> Work:
    """id, version (3 or 4), client id, keep-alive, clean, will flag, user, password."""
    client = _client(m, c)
    version, name, keepalive = c.number(1, 3, 4), c.text(2, 120), c.number(3, 0, 64_800)
    clean, will = c.number(4, 0, 1), c.number(5, 0, 1, 0)
    if will:
        raise Failed
    login = Login(name, c.text(6, 100, ""), c.text(7, 100, ""), keepalive, bool(clean), version == 4)
    result = yield from awaited(lambda done: client.login(m.broker[0], m.broker[1], login, done), _WAIT_US)
    if result != 0:
        m.mqtt = None
        m.urc("+CMQDISCON: 0")
        raise Failed
    return None


def _cmqsub(m: Sim7020, c: Command) -> Work:
    client = _client(m, c)
    result = yield from awaited(lambda done: client.subscribe(c.text(1, 128), c.number(2, 0, 2), done), _WAIT_US)
    if result not in (0, 1, 2):
        raise Failed
    return None


def _cmqunsub(m: Sim7020, c: Command) -> Work:
    client = _client(m, c)
    result = yield from awaited(lambda done: client.unsubscribe(c.text(1, 128), done), _WAIT_US)
    if result is not True:
        raise Failed
    return None


def _cmqpub(m: Sim7020, c: Command) -> Work:
    """id, topic, QoS, retained, dup, length in hex characters, payload."""
    client = _client(m, c)
    topic, qos, retain, _dup, count = c.text(1, 128), c.number(2, 0, 2), c.number(3, 0, 1), c.number(4, 0, 1), c.number(5, 2, 1000)
    payload = c.hexed(6, 500)
    if 2 * len(payload) != count:
        raise Failed
    result = yield from awaited(lambda done: client.publish(topic, payload, qos, bool(retain), done), _WAIT_US)
    if result is not True:
        raise Failed
    return None


def _cmqdiscon(m: Sim7020, c: Command) -> Work:
    client, done = _client(m, c), list[bool]()
    client.disconnect(done.append)
    yield Until(lambda: bool(done), _WAIT_US)
    m.mqtt = None
    return None


# -- CoAP: the host writes the messages itself ---------------------------------------------------------------


def _ccoapnew(m: Sim7020, c: Command) -> None:
    address = m.internet.resolve(c.text(0, 64))
    port = c.number(1, 1, 65_535)
    c.number(2, 1, 2)
    if m.raw_coap or address is None or not m.radio.registered:
        raise Failed
    m.raw_coap = Socket(
        m.radio, m.internet, True, lambda data: m.urc(f"+CCOAPNMI: 1,{len(data)},{at.hexed(data)}"), lambda: None
    )
    m.raw_coap.connect(address, port, lambda ok: None)
    m.info("+CCOAPNEW: 1")


def _coap(m: Sim7020, c: Command) -> Socket:
    c.number(0, 1, 1)
    if m.raw_coap is None:
        raise Failed
    return m.raw_coap


def _ccoapsend(m: Sim7020, c: Command) -> None:
    socket = _coap(m, c)
    data = c.hexed(2, _COAP_LONGEST)
    if len(data) != c.number(1, 1, _COAP_LONGEST):
        raise Failed
    socket.send(data, lambda ok: None)


def _ccoapdel(m: Sim7020, c: Command) -> None:
    _coap(m, c).close()
    m.raw_coap = None


COMMANDS: dict[str, Handler] = {
    "+CMQNEW": _cmqnew, "+CMQCON": _cmqcon, "+CMQSUB": _cmqsub, "+CMQUNSUB": _cmqunsub, "+CMQPUB": _cmqpub, "+CMQDISCON": _cmqdiscon,
    "+CCOAPNEW": _ccoapnew, "+CCOAPSEND": _ccoapsend, "+CCOAPDEL": _ccoapdel,
}  # fmt: skip
