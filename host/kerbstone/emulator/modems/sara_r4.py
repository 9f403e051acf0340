"""u-blox SARA-R410M-02B: AT manual UBX-17003787, System Integration UBX-16029218; MQTT in its older syntax.

No URC tells of its start or of power saving mode: V_INT (line "vint") does.
"""

from __future__ import annotations

from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common, ublox
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.life import Keys
from kerbstone.emulator.modems.modem import Handler, Until, Work, awaited
from kerbstone.emulator.modems.mqtt import MqttClient
from kerbstone.emulator.modems.ublox import Sara

_WAIT_US = 120 * SECOND_US


class SaraR4(Sara):
    NAME = "SARA-R410M"
    KEYS = Keys(on_ms=150, off_ms=1500, ready_ms=5000, off_takes_ms=3000, reset_pin_ms=10_000)
    # PSM from the data sheet; the others unconfirmed.
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 5.0, "psm": 8.0, "sleep": 1_300.0, "edrx": 700.0, "idle": 10_000.0, "boot": 60_000.0, "search": 70_000.0,
        "connected": 60_000.0, "tx": 190_000.0,
    }  # fmt: skip
    PSM_GUARD_US = 6 * SECOND_US
    RESET_LEAVES_OFF = True
    IDENTITY: ClassVar[dict[str, str]] = {
        **Sara.IDENTITY, "CGMM": "SARA-R410M-02B", "CGMR": "L0.0.00.00.05.08 [Apr 17 2019 19:34:02]", "I9": "L0.0.00.00.05.08,A.02.04",
        "I": "Manufacturer: u-blox\r\nModel: SARA-R410M-02B\r\nRevision: L0.0.00.00.05.08 [Apr 17 2019]\r\nSVN: 02\r\nIMEI: {imei}",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, Any]] = ublox.defaults()
    SAVED = frozenset({"cpsms", "umnoprof", "urat", "ubandmask", "upsv"})

    def sim_lines(self) -> tuple[str, ...]:
        return ()

    def sleeping(self) -> bool:
        return self.live["upsv"] == 4 and not self._work

    def mqtt_message(self, topic: str, payload: bytes) -> None:
        super().mqtt_message(topic, payload)
        self.urc(f"+UUMQTTCM: 6,{len(self.messages)}")


def _umqtt(m: SaraR4, c: Command) -> None:
    """Each setting answers with 1 = taken."""
    m.info(at.line("+UMQTT", ublox.set_login(m, c), 1))


def _umqttc(m: SaraR4, c: Command) -> Work:
    what = c.number(0, 0, 8)
    if what == 1:
        return (yield from _login(m))
    if m.mqtt is None or not m.mqtt.connected:
        m.info(at.line("+UMQTTC", what, 0))
        return None
    done: list[Any] = []
    if what == 0:
        m.mqtt.disconnect(done.append)
    elif what == 2:
        qos, retain, hexed, topic = c.number(1, 0, 2), c.number(2, 0, 1), c.number(3, 0, 1), c.text(4, 256)
        payload = c.hexed(5, 1024) if hexed else c.text(5, 1024).encode("latin-1")
        m.mqtt.publish(topic, payload, qos, bool(retain), done.append)
    elif what == 4:
        topic = c.text(2, 256)
        m.mqtt.subscribe(topic, c.number(1, 0, 2), lambda granted: m.urc(f'+UUMQTTC: 4,{granted},1,"{topic}"'))
        done.append(True)
    elif what == 5:
        m.mqtt.unsubscribe(c.text(1, 256), done.append)
    elif what == 6:
        waiting, m.messages = m.messages, []
        m.info(at.line("+UMQTTC", 6, 1))
        m.info(at.OK)
        m.urc(f"+UUMQTTCM: 6,{len(waiting)}")
        for topic, payload in waiting:
            m.raw(f"\r\nTopic:{topic}\r\nLen:{len(payload)} QoS:1\r\nMsg:".encode() + payload + b"\r\n")
        return ""
    elif what == 8:
        m.mqtt.poll()
        done.append(m.mqtt.connected)
    else:
        raise Failed(at.NOT_ALLOWED)
    # The answer says that the packet was taken; whether a publish arrived nobody says.
    if what in (0, 5):
        yield Until(lambda: bool(done), _WAIT_US)
    m.info(at.line("+UMQTTC", what, 1))
    if what == 0:
        m.mqtt = None
    return None


def _login(m: SaraR4) -> Work:
    if m.broker is None:
        raise Failed(at.NOT_ALLOWED)
    m.info(at.line("+UMQTTC", 1, 1))
    m.info(at.OK)
    host, port = m.broker
    address = m.internet.resolve(host)
    # Its keep-alive does not work: the host has to ping.
    m.mqtt = client = MqttClient(m.radio, m.internet, m.mqtt_message, lambda: m.urc("+UUMQTTC: 0,101"), pings=False)
    result = None
    if address and m.context:
        result = yield from awaited(lambda done: client.login(address, port, m.login, done), _WAIT_US)
    else:
        yield 3 * SECOND_US
    m.urc(f"+UUMQTTC: 1,{0 if result == 0 else 1}")
    return ""


def _ucged(m: SaraR4, c: Command) -> None:
    if c.kind == "set":
        m.live["ucged"] = c.number(0, 0, 5)
        return
    level = m.cell.level if m.radio.registered else None
    if m.live.get("ucged") == 5 and level is not None:
        m.info(f'+RSRP: {m.cell.pci},{m.cell.earfcn},"{level.rsrp_dbm:07.2f}",')
        m.info(f'+RSRQ: {m.cell.pci},{m.cell.earfcn},"{level.rsrq_db:06.2f}",')


COMMANDS: dict[str, Handler] = {
    **ublox.COMMANDS,
    "+CFUN": common.cfun(reset_modes=(15,), modes=(0, 1, 4, 5), us=2 * SECOND_US), "+UMQTT": _umqtt, "+UMQTTC": _umqttc, "+UCGED": _ucged,
    "+CESQ": lambda m, c: m.info("+CESQ: 99,99,255,255,255,255"),
}  # fmt: skip
del COMMANDS["+CSCON"]
SaraR4.COMMANDS = COMMANDS
