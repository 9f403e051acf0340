"""SIM7080G: MQTT (note V1.03; every command waits for its end, failures are a bare ERROR), CoAP (note V1.03), certificates (SSL note)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.coap import CoapClient, Response, split_uri
from kerbstone.emulator.modems.modem import Handler, Until, Work, awaited
from kerbstone.emulator.modems.mqtt import Login, MqttClient
from kerbstone.emulator.modems.terminal import Prompt

if TYPE_CHECKING:
    from kerbstone.emulator.modems.sim7080 import Sim7080

_WAIT_US = 60 * SECOND_US
_TEXT = {"CLIENTID": 128, "USERNAME": 256, "PASSWORD": 512, "TOPIC": 128, "MESSAGE": 1024}
_NUMBERS = {"KEEPTIME": 65_535, "CLEANSS": 1, "QOS": 2, "RETAIN": 1, "SUBHEX": 1, "ASYNCMODE": 1}


def _smconf(m: Sim7080, c: Command) -> None:
    conf = m.live.setdefault("smconf", {})
    if c.kind == "read":
        for key in sorted(conf):
            # The modem shows its password; nobody needs it here.
            m.info(f'+SMCONF: {key}: "{"*" if key == "PASSWORD" else conf[key]}"')
        return
    key = c.text(0, 16).upper()
    if key == "URL":
        conf[key] = (c.text(1, 246), c.number(2, 1, 65_535, 1883))
    elif key in _TEXT:
        conf[key] = c.text(1, _TEXT[key], "")
    elif key in _NUMBERS:
        conf[key] = int(c.args[1]) if c.given(1) and c.args[1].isdigit() and int(c.args[1]) <= _NUMBERS[key] else _refuse()
    else:
        raise Failed


def _refuse() -> int:
    raise Failed


def _smconn(m: Sim7080, c: Command) -> Work:
    conf = m.live.get("smconf", {})
    if not any(m.contexts) or "URL" not in conf or m.live.get("smssl") or (m.mqtt and m.mqtt.connected):
        raise Failed
    host, port = conf["URL"]
    address = m.internet.resolve(host)
    if address is None:
        yield 5 * SECOND_US
        raise Failed
    m.mqtt = MqttClient(
        m.radio, m.internet, lambda topic, payload: _message(m, topic, payload), lambda: m.urc("+SMSTATE: 0"),
    )
    will = (conf["TOPIC"], conf.get("MESSAGE", "").encode(), conf.get("QOS", 0), bool(conf.get("RETAIN"))) if conf.get("TOPIC") else None
    done: list[int] = []
    m.mqtt.login(address, port, Login(
        conf.get("CLIENTID", ""), conf.get("USERNAME", ""), conf.get("PASSWORD", ""), conf.get("KEEPTIME", 60),
        bool(conf.get("CLEANSS", 0)), will=will,
    ), done.append)  # fmt: skip
    yield Until(lambda: bool(done), _WAIT_US)
    if done != [0]:
        raise Failed
    return None


def _message(m: Sim7080, topic: str, payload: bytes) -> None:
    shown = at.hexed(payload) if m.live.get("smconf", {}).get("SUBHEX") else payload.decode("latin-1")
    m.urc(f'+SMSUB: "{topic}","{shown}"')


def _client(m: Sim7080) -> MqttClient:
    if m.mqtt is None or not m.mqtt.connected:
        raise Failed
    return m.mqtt


def _smpub(m: Sim7080, c: Command) -> Work:
    client = _client(m)
    topic, count, qos, retain = c.text(0, 128), c.number(1, 1, 1024), c.number(2, 0, 2), c.number(3, 0, 1)
    data = yield Prompt(b"\r\n> ", count)
    if data is None or len(data) < count:
        raise Failed
    if m.live.get("smpubhex"):
        try:
            data = bytes.fromhex(data.decode("latin-1"))
        except ValueError:
            raise Failed from None
    result = yield from awaited(lambda done: client.publish(topic, data, qos, bool(retain), done), _WAIT_US)
    if result is not True:
        raise Failed
    return None


def _smsub(m: Sim7080, c: Command) -> Work:
    client = _client(m)
    result = yield from awaited(lambda done: client.subscribe(c.text(0, 128), c.number(1, 0, 2), done), _WAIT_US)
    if result not in (0, 1, 2):
        raise Failed
    return None


def _smunsub(m: Sim7080, c: Command) -> Work:
    client = _client(m)
    result = yield from awaited(lambda done: client.unsubscribe(c.text(0, 128), done), _WAIT_US)
    if result is not True:
        raise Failed
    return None


def _smstate(m: Sim7080, c: Command) -> None:
    if m.mqtt:
        m.mqtt.poll()
    m.info(at.line("+SMSTATE", int(bool(m.mqtt and m.mqtt.connected))))


def _smdisc(m: Sim7080, _c: Command) -> Work:
    client, done = _client(m), list[bool]()
    client.disconnect(done.append)
    yield Until(lambda: bool(done), _WAIT_US)
    m.mqtt = None
    return None


def _smssl(m: Sim7080, c: Command) -> None:
    if c.kind == "set":
        m.live["smssl"] = c.number(0, 0, 6)


# -- CoAP ----------------------------------------------------------------------------------------------------


def _ccoapinit(m: Sim7080, _c: Command) -> None:
    if not any(m.contexts):
        raise Failed
    m.coap = CoapClient(m.radio, m.internet)
    m.live["ccoap"] = {"answers": {}}


def _ccoapurl(m: Sim7080, c: Command) -> None:
    try:
        m.live["ccoap"]["url"] = split_uri(c.text(0, 256))
    except (KeyError, ValueError):
        raise Failed from None


def _ccoappara(m: Sim7080, c: Command) -> None:
    """Pairs: "CODE",n; the others with their form, 0 text or 1 hex."""
    if "ccoap" not in m.live:
        raise Failed
    para: dict[str, object] = {"uri-path": [], "uri-query": [], "payload": b""}
    i = 0
    while i < len(c.args):
        key = c.text(i, 16)
        if key.upper() == "CODE":
            para["code"] = c.number(i + 1, 1, 4)
            i += 2
            continue
        value = c.hexed(i + 2) if c.number(i + 1, 0, 1) else c.text(i + 2, 1024).encode()
        if key == "payload":
            para["payload"] = value
        elif key in ("uri-path", "uri-query"):
            pieces = value.decode("latin-1").split("/" if key == "uri-path" else "&")
            para[key] = [p for p in pieces if p]
        elif key == "content-format":
            para["content"] = int.from_bytes(value, "big") if c.number(i + 1) else int(value)
        else:
            raise Failed
        i += 3
    m.live["ccoap"]["para"] = para


def _ccoapaction(m: Sim7080, c: Command) -> Work:
    state = m.live.get("ccoap", {})
    if m.coap is None or "url" not in state or "para" not in state:
        raise Failed
    host, port, path, query = state["url"]
    para = state["para"]
    address = m.internet.resolve(host)
    if address is None or not m.radio.registered:
        m.info("+CCOAPACTION: 3,0")
        return None
    mid = m.coap.request(
        address, port, int(para.get("code", 1)), path + para["uri-path"], query + para["uri-query"], para["payload"],
        lambda answer: _answered(m, mid, answer), content=para.get("content"),
    )
    yield 100_000
    m.info(at.line("+CCOAPACTION", 0, mid))
    return None


def _answered(m: Sim7080, mid: int, answer: Response | None) -> None:
    if answer is None:
        m.urc(f"+CCOAPACTION: 2,{mid}")
        return
    m.live["ccoap"]["answers"][mid] = answer
    m.urc(at.line("+CCOAPRECV", mid, answer.size, len(answer.payload)))


def _answer(m: Sim7080, c: Command) -> Response:
    answers = m.live.get("ccoap", {}).get("answers", {})
    mid = c.number(0, 0, 65_535)
    if mid not in answers:
        raise Failed
    found: Response = answers[mid]
    return found


def _ccoaphead(m: Sim7080, c: Command) -> None:
    answer = _answer(m, c)
    m.info(at.line("+CCOAPHEAD", 1, 1, 2, len(answer.token), at.Bare(answer.dotted), answer.mid, at.Bare(at.hexed(answer.token))))


def _ccoapread(m: Sim7080, c: Command) -> None:
    payload = _answer(m, c).payload
    m.raw(f"\r\n+CCOAPREAD: {len(payload)},".encode() + payload + b"\r\n")


def _ccoapterm(m: Sim7080, _c: Command) -> None:
    if m.coap is None:
        raise Failed
    m.coap.close()
    m.coap = None
    m.live.pop("ccoap", None)


# -- files ---------------------------------------------------------------------------------------------------


def _cfswfile(m: Sim7080, c: Command) -> Work:
    folder, name, size = c.number(0, 0, 3), c.text(1, 64), c.number(3, 1, 10_240)
    data = yield Prompt(b"\r\nDOWNLOAD\r\n", size, timeout_us=c.number(4, 100, 10_000) * 1000)
    if not m.live.get("cfs") or len(data) < size:
        raise Failed
    m.saved.setdefault("files", {})[f"{folder}/{name}"] = bytes(data)
    return None


def _cfs(on: bool) -> Handler:
    def handle(m: Sim7080, _c: Command) -> None:
        if bool(m.live.get("cfs")) == on:
            raise Failed
        m.live["cfs"] = on

    return handle


def _csslcfg(m: Sim7080, c: Command) -> None:
    if c.kind != "set":
        return
    what = c.text(0, 20).upper()
    if what == "CONVERT" and f"3/{c.text(2, 20)}" not in m.saved.get("files", {}):
        raise Failed
    m.live.setdefault("csslcfg", {})[what] = c.args[1:]


COMMANDS: dict[str, Handler] = {
    "+SMCONF": _smconf, "+SMCONN": _smconn, "+SMPUB": _smpub, "+SMPUBHEX": common.on_off("+SMPUBHEX"), "+SMSUB": _smsub,
    "+SMUNSUB": _smunsub, "+SMSTATE": _smstate, "+SMDISC": _smdisc, "+SMSSL": _smssl, "+CCOAPINIT": _ccoapinit,
    "+CCOAPURL": _ccoapurl, "+CCOAPPARA": _ccoappara, "+CCOAPACTION": _ccoapaction, "+CCOAPHEAD": _ccoaphead,
    "+CCOAPREAD": _ccoapread, "+CCOAPTERM": _ccoapterm, "+CFSINIT": _cfs(True), "+CFSTERM": _cfs(False), "+CFSWFILE": _cfswfile,
    "+CSSLCFG": _csslcfg, "+CASSLCFG": common.stored("+CASSLCFG"),
}  # fmt: skip
