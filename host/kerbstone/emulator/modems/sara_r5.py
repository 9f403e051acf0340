"""u-blox SARA-R510S and R500S (x1B, NB-IoT): data sheet UBX-19016638 R16, application guide UBX-20009652, MQTT in its newer syntax."""

from __future__ import annotations

from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common, ublox
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.life import Keys
from kerbstone.emulator.modems.modem import Handler, Until, Work, awaited
from kerbstone.emulator.modems.mqtt import MqttClient
from kerbstone.emulator.modems.terminal import Prompt
from kerbstone.emulator.modems.ublox import Sara

_WAIT_US = 120 * SECOND_US
_PSM_US = 6 * SECOND_US


class SaraR5(Sara):
    NAME = "SARA-R510S"
    KEYS = Keys(on_ms=1000, off_ms=1500, ready_ms=2000, off_takes_ms=2000, reset_pin_ms=50)
    # Data sheet R16, 3.8 V; search and boot unconfirmed.
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.5, "psm": 0.5, "sleep": 1_100.0, "edrx": 180.0, "idle": 25_000.0, "boot": 60_000.0, "search": 80_000.0,
        "connected": 88_000.0, "tx": 135_000.0,
    }  # fmt: skip
    BAUD = 0
    PSM_GUARD_US = _PSM_US
    LOCK_US = SECOND_US
    DATA_URC = "+UUSORD"
    ACT = 8  # the application guide prints it for NB-IoT
    IDENTITY: ClassVar[dict[str, str]] = {
        **Sara.IDENTITY, "CGMM": "SARA-R510S-01B", "CGMR": "03.15", "I9": "03.15,A00.01", "I": "SARA-R510S-01B-00",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, Any]] = ublox.defaults(upsmr=0)
    SAVED = frozenset({"cpsms", "edrx", "umnoprof", "urat", "ubandmask", "upsmver", "ctzu", "ucfgciot"})

    def __init__(self, ctx: Any):
        self.active = False  # UPSDA
        super().__init__(ctx)

    @property
    def context(self) -> bool:
        return self.active and self.radio.registered

    def sim_lines(self) -> tuple[str, ...]:
        return ()

    def forget(self) -> None:
        super().forget()
        self.active = False

    def context_lost(self) -> None:
        if self.active:
            self.urc("+UUPSDD: 0")
        super().context_lost()

    def psm_wait_us(self) -> int | None:
        """UPSV=1, which it forgets; one that woke by itself and heard nothing goes down again all the same (UPSMVER 8)."""
        allowed = self.live["upsv"] == 1 or not self.terminal.heard
        return super().psm_wait_us() if allowed else 5 * SECOND_US

    def before_psm(self) -> None:
        if self.live["upsmr"]:
            self.urc("+UUPSMR: 1")

    def cereg_fields(self) -> str:
        """With a field more before the access technology, as the guide prints it."""
        text = super().cereg_fields()
        parts = text.split(",")
        return ",".join([*parts[:3], '"00"', *parts[3:]]) if len(parts) >= 4 and parts[1] else text

    def sleeping(self) -> bool:
        return self.live["upsv"] == 1 and self.quiet()

    def mqtt_message(self, topic: str, payload: bytes) -> None:
        super().mqtt_message(topic, payload)
        self.urc(f"+UUMQTTC: 6,{len(self.messages)}")


def _upsd(m: SaraR5, c: Command) -> None:
    c.number(0, 0, 6)
    c.number(1, 0, 100)


def _upsda(m: SaraR5, c: Command) -> Work:
    c.number(0, 0, 6)
    action = c.number(1, 0, 4)
    if action == 4:
        m.forget()
        return None
    if action != 3:
        return None
    if not m.radio.registered:
        raise Failed(at.NOT_ALLOWED)
    m.info(at.OK)
    result = yield from awaited(lambda done: m.radio.send(60, done), _WAIT_US)
    apn = str(m.saved.get("contexts", {}).get(1, ("IP", ""))[1])
    m.active = bool(result) and m.cell.apn in ("", apn)
    m.urc(at.line("+UUPSDA", 0, m.address()) if m.active else "+UUPSDA: 1")
    return ""


def _umqtt(m: SaraR5, c: Command) -> None:
    if c.kind == "read":
        for what, value in ((0, m.login.client_id), (2, m.broker[0] if m.broker else "")):
            m.info(at.line("+UMQTT", what, value))
        return
    ublox.set_login(m, c)


def _umqttc(m: SaraR5, c: Command) -> Work:
    """Every one answers OK, then its result: 1 done, 0 failed."""
    what = c.number(0, 0, 9)
    if what == 1:
        return (yield from _login(m))
    client = m.mqtt
    if client is None or not client.connected:
        raise Failed(at.NOT_ALLOWED)
    done: list[Any] = []
    if what == 6:
        c.number(1, 1, 1, 1)
        for topic, payload in m.messages[:1]:
            head = f'\r\n+UMQTTC: 6,1,{len(topic) + len(payload)},{len(topic)},"{topic}",{len(payload)},"'
            m.raw(head.encode() + payload + b'"\r\n')
        del m.messages[:1]
        return None
    if what in (2, 9):
        qos, retain = c.number(1, 0, 2), c.number(2, 0, 1)
        if what == 2:
            topic, payload = c.text(4, 256), c.hexed(5, 512) if c.number(3, 0, 1) else c.text(5, 1024).encode("latin-1")
        else:
            topic = c.text(3, 256)
            payload = yield Prompt(b"\r\n>", c.number(4, 1, 1024), timeout_us=10 * SECOND_US)
        m.info(at.OK)
        client.publish(topic, payload, qos, bool(retain), done.append)
        yield Until(lambda: bool(done), _WAIT_US)
        m.urc(f"+UUMQTTC: 2,{int(done == [True])}")
    elif what == 4:
        topic = c.text(2, 256)
        m.info(at.OK)
        client.subscribe(topic, c.number(1, 0, 2), done.append)
        yield Until(lambda: bool(done), _WAIT_US)
        good = bool(done) and 0 <= done[0] <= 2
        m.urc(f'+UUMQTTC: 4,1,{done[0]},"{topic}"' if good else "+UUMQTTC: 4,0")
    elif what == 5:
        m.info(at.OK)
        client.unsubscribe(c.text(1, 256), done.append)
        yield Until(lambda: bool(done), _WAIT_US)
        m.urc(f"+UUMQTTC: 5,{int(done == [True])}")
    elif what == 0:
        m.info(at.OK)
        client.disconnect(done.append)
        yield Until(lambda: bool(done), _WAIT_US)
        m.mqtt = None
        m.urc("+UUMQTTC: 0,1")
    elif what == 8:
        c.number(1, 0, 1)
    else:
        raise Failed(at.NOT_ALLOWED)
    return None if what == 8 else ""


def _login(m: SaraR5) -> Work:
    if m.broker is None or not m.context:
        m.live["umqtter"] = (13, 50)
        raise Failed(at.NOT_ALLOWED)
    m.info(at.OK)
    host, port = m.broker
    address = m.internet.resolve(host)
    m.mqtt = client = MqttClient(m.radio, m.internet, m.mqtt_message, lambda: m.urc("+UUMQTTC: 0,101"))
    result = None
    if address:
        result = yield from awaited(lambda done: client.login(address, port, m.login, done), _WAIT_US)
    else:
        yield 3 * SECOND_US
    good = result == 0
    m.live["umqtter"] = (0, 0) if good else (13, result if result and result > 0 else 8)
    m.urc(f"+UUMQTTC: 1,{int(good)}")
    return ""


def _ucpsms(m: SaraR5, c: Command) -> None:
    if c.kind == "read":
        t3412, t3324 = m.radio.granted
        m.info(f'+UCPSMS: {m.live.get("cpsms", 0)},,,"{t3412}","{t3324}",1')


def _ucged(m: SaraR5, c: Command) -> None:
    if c.kind == "set":
        m.live["ucged"] = c.number(0, 0, 5)
        return
    cell, level = m.cell, m.cell.level if m.radio.registered else None
    m.info("+UCGED: 2")
    if level is None:
        m.info("6,2,fff,fff")
        m.info("65535,255,255,255,ffff,0000000,65535,00000000,ffff,ff,255,255,255,1,255,255,255,255,255,0,255,255,0")
        return
    m.info(f"6,4,{cell.plmn[:3]},{cell.plmn[3:]}")
    m.info(
        f"{cell.earfcn},{cell.band},50,50,{cell.tac:04x},{cell.cell_id:07x},{cell.pci},d60814d1,8001,01,{level.rsrp_dbm + 141},"
        f"{2 * (level.rsrq_db + 20)},{level.sinr_db:.2f},3,1,10,28,-50,-6,0,255,255,0"
    )


def _ceinfo(m: SaraR5, c: Command) -> None:
    if c.kind == "read":
        m.info(at.line("+CEINFO", 0, max(m.cell.coverage, 0), int(m.radio.connected), 0, 0))


def _upsv(m: SaraR5, c: Command) -> None:
    """Mode and, for some, a time-out."""
    common.on_off("+UPSV", 4)(m, Command(c.name, c.kind, c.args[:1]))
    m.charge()


COMMANDS: dict[str, Handler] = {
    **ublox.COMMANDS,
    "+CFUN": common.cfun(reset_modes=(16,), modes=(0, 1, 4), us=2 * SECOND_US), "+UPSD": _upsd, "+UPSDA": _upsda, "+UMQTT": _umqtt,
    "+UMQTTC": _umqttc, "+UMQTTER": lambda m, c: m.info(at.line("+UMQTTER", *m.live.get("umqtter", (0, 0)))), "+UCPSMS": _ucpsms,
    "+UPSMR": common.on_off("+UPSMR"), "+UPSMVER": common.on_off("+UPSMVER", 15), "+UCGED": _ucged, "+CEINFO": _ceinfo,
    "+UPSV": _upsv, "+CSGT": common.stored("+CSGT"),
}  # fmt: skip
SaraR5.COMMANDS = COMMANDS
