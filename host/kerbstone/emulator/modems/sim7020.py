"""SIMCom SIM7020C/E/G (NB-IoT only): AT Manual V1.05, Low Power note V1.03, Hardware Design V1.02."""

from __future__ import annotations

from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common, network, sim7020_apps
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.internet import Socket
from kerbstone.emulator.modems.life import Keys
from kerbstone.emulator.modems.modem import Handler, Modem, Until, Work, awaited
from kerbstone.emulator.modems.mqtt import MqttClient
from kerbstone.emulator.modems.terminal import Prompt
from kerbstone.emulator.parts.base import PartContext

_LONGEST = 512
_SOCKETS = 5
_ROUTE, _RESET = 1, 3  # of +CSOERR; -1: gone


class Sim7020(Modem):
    """Line "wake" is RTC_EINT."""

    NAME = "SIM7020"
    KEYS = Keys(on_ms=1000, off_ms=800, ready_ms=3000, off_takes_ms=500, reset_pin_ms=100, wake_ms=800)
    # Hardware Design V1.02 and Low Power note, 3.3 V; connected, search, boot and tx (23 dBm) unconfirmed.
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 3.0, "psm": 3.4, "sleep": 460.0, "edrx": 377.0, "idle": 5_600.0, "boot": 30_000.0, "search": 50_000.0,
        "connected": 46_000.0, "tx": 220_000.0,
    }  # fmt: skip
    BAUD = 0
    PSM_GUARD_US = 5 * SECOND_US
    LOCK_US = 100_000
    IDENTITY: ClassVar[dict[str, str]] = {
        "I": "SIM7020 R1752", "CGMI": "SIMCOM_Ltd", "CGMM": "SIM7020C", "CGMR": "1752B04SIM7020C", "CIMI": "262011234567890",
        "CCID": "89490200001234567890",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, Any]] = {
        **common.DEFAULTS, "cpsmstatus": 0, "clts": 0, "csclk": 0, "retention": 0, "curtc": 1, "crevhex": 1, "csorcvflag": 0,
    }  # fmt: skip
    SAVED = frozenset({"cmee", "cpsms", "edrx", "csclk", "clts", "cpsmstatus", "retention", "cband", "cbandsl"})

    def __init__(self, ctx: PartContext):
        self.sockets: dict[int, tuple[bool, Socket | None]] = {}
        self.mqtt: MqttClient | None = None
        self.broker: tuple[str, int] = ("", 0)
        self.raw_coap: Socket | None = None
        super().__init__(ctx)

    def boot_lines(self, woken: bool) -> tuple[str, ...]:
        lines = ("*MATREADY: 1", "+CFUN: 1")
        return (*lines, '+CPSMSTATUS: "EXIT PSM"') if woken and self.live["cpsmstatus"] else lines

    def before_psm(self) -> None:
        if self.live["cpsmstatus"]:
            self.urc('+CPSMSTATUS: "ENTER PSM"')

    def psm_wait_us(self) -> int | None:
        """An open TCP connection prevents it."""
        if not self.saved["ipr"] or any(not datagram and socket for datagram, socket in self.sockets.values()):
            return 5 * SECOND_US
        return super().psm_wait_us()

    def sleeping(self) -> bool:
        dtr = self.line("dtr")
        return (self.live["csclk"] == 1 and dtr is not None and dtr.level == 1 and not self._work) or (
            self.live["csclk"] == 2 and self.quiet()
        )

    def cereg_fields(self) -> str:
        """With a rac field before the timers."""
        parts = super().cereg_fields().split(",")
        return ",".join([*parts[:4], '"00"', *parts[4:]]) if len(parts) > 4 and parts[1] else ",".join(parts)

    def forget(self) -> None:
        kept: dict[int, tuple[bool, Socket | None]] = {}
        for i, (datagram, socket) in self.sockets.items():
            # AT+RETENTION=1 keeps a UDP socket over power saving mode.
            if self.live.get("retention") and datagram and self.mode == "stopping":
                kept[i] = (datagram, socket)
            elif socket:
                socket.close()
        self.sockets = kept
        if self.mqtt:
            self.mqtt.drop()
            self.mqtt = None
        if self.raw_coap:
            self.raw_coap.close()
            self.raw_coap = None

    def connections(self) -> list[Any]:
        return [s for s in (*(s for _, s in self.sockets.values()), self.mqtt, self.raw_coap) if s]

    def context_lost(self) -> None:
        for i in sorted(self.sockets):
            self.urc(f"+CSOERR: {i},-1")
        if self.mqtt:
            self.urc("+CMQDISCON: 0")
        self.forget()

    def network_time(self) -> None:
        super().network_time()
        if self.live["clts"]:
            self.urc(f'+CLTS: {common.stamp(*common.local_time(self))},""')

    def received(self, i: int, data: bytes) -> None:
        if self.live["csorcvflag"]:
            self.raw(f"\r\n+CSONMI: {i},{len(data)},".encode() + data + b"\r\n")
        else:
            self.urc(f"+CSONMI: {i},{2 * len(data)},{at.hexed(data)}")


def _csoc(m: Sim7020, c: Command) -> None:
    c.number(0, 1, 2)
    kind = c.number(1, 1, 3)
    free = [i for i in range(_SOCKETS) if i not in m.sockets]
    if not free or kind == 3 or not m.radio.registered:
        raise Failed
    m.sockets[free[0]] = (kind == 2, None)
    m.info(at.line("+CSOC", free[0]))


def _number(m: Sim7020, c: Command) -> int:
    i = c.number(0, 0, _SOCKETS - 1)
    if i not in m.sockets:
        raise Failed
    return i


def _csocon(m: Sim7020, c: Command) -> Work:
    i, port, host = _number(m, c), c.number(1, 1, 65_535), c.text(2, 64)
    address = m.internet.resolve(host)
    datagram, socket = m.sockets[i]
    if address is None or socket is not None:
        raise Failed
    done: list[bool] = []
    socket = Socket(m.radio, m.internet, datagram, lambda data: m.received(i, data), lambda: _gone(m, i, _RESET))
    socket.connect(address, port, done.append)
    if not done:
        yield Until(lambda: bool(done), 75 * SECOND_US)
    if not (done and done[0]):
        socket.close()
        m.sockets.pop(i)
        m.urc(f"+CSOERR: {i},{_ROUTE}")
        raise Failed
    m.sockets[i] = (datagram, socket)
    return None


def _gone(m: Sim7020, i: int, why: int) -> None:
    if m.sockets.pop(i, None):
        m.urc(f"+CSOERR: {i},{why}")


def _connected(m: Sim7020, i: int) -> Socket:
    socket = m.sockets[i][1]
    if socket is None:
        raise Failed
    return socket


def _csosend(m: Sim7020, c: Command) -> None:
    """Length in hex characters, or 0 and the text in quotes."""
    socket = _connected(m, _number(m, c))
    count = c.number(1, 0, 2 * _LONGEST)
    data = c.hexed(2, _LONGEST) if count else c.text(2, _LONGEST).encode("latin-1")
    if not data or (count and 2 * len(data) != count):
        raise Failed
    socket.send(data, lambda ok: None)


def _csodsend(m: Sim7020, c: Command) -> Work:
    socket = _connected(m, _number(m, c))
    count = c.number(1, 1, _LONGEST)
    data = yield Prompt(b"\r\n>", count, timeout_us=10 * SECOND_US)
    if len(data) < count:
        raise Failed
    socket.send(data, lambda ok: None)
    return f"DATA ACCEPT: {count}"


def _csocl(m: Sim7020, c: Command) -> None:
    socket = m.sockets.pop(_number(m, c))[1]
    if socket:
        socket.close()


def _csostatus(m: Sim7020, c: Command) -> None:
    i = _number(m, c)
    m.info(at.line("+CSOSTATUS", i, 2 if m.sockets[i][1] else 0))


def _cdnsgip(m: Sim7020, c: Command) -> Work:
    name = c.text(0, 254)
    m.info(at.OK)
    result = yield from awaited(lambda done: m.radio.send(60, done), 60 * SECOND_US)
    address = m.internet.resolve(name) if result else None
    m.urc(at.line("+CDNSGIP", 1, name, address) if address else "+CDNSGIP: 0,8")
    return ""


def _mcgdefcont(m: Sim7020, c: Command) -> None:
    if c.kind == "read":
        m.info(at.line("*MCGDEFCONT", "IP", m.saved.get("apn", "")))
    else:
        c.text(0, 8)
        m.saved["apn"] = c.text(1, 99, "")


def _cgcontrdp(m: Sim7020, _c: Command) -> None:
    if m.radio.registered:
        m.info(at.line("+CGCONTRDP", 1, 5, m.cell.apn or m.saved.get("apn", ""), f"{m.address()}.255.255.255.0"))


def _cnbiotrai(m: Sim7020, c: Command) -> None:
    if c.kind == "read":
        m.info(at.line("+CNBIOTRAI", m.radio.rai))
    elif c.kind == "set":
        m.radio.rai = c.number(0, 0, 2)


def _ceng(m: Sim7020, c: Command) -> None:
    cell, level = m.cell, m.cell.level
    if c.kind == "read" and m.radio.registered and level is not None:
        m.info(at.line(
            "+CENG", cell.earfcn, 2, cell.pci, f"{cell.cell_id:08X}", level.rsrp_dbm, level.rsrq_db, level.rsrp_dbm + 5, level.sinr_db,
            cell.band, f"{cell.tac:04X}", cell.coverage, 0, level.rsrp_dbm,
        ))  # fmt: skip


def _csntpstart(m: Sim7020, c: Command) -> Work:
    host, zone = c.text(0, 64), c.text(1, 4, "+00")
    if not zone.lstrip("+-").isdigit():
        raise Failed
    quarters = int(zone)
    m.info(at.OK)
    result = yield from awaited(lambda done: m.radio.send(76, done), 60 * SECOND_US)
    if result and m.internet.resolve(host) == m.internet.resolve("pool.ntp.org"):
        m.clock_us, m.tz_quarters = m.cell.utc_us - m.kernel.now, quarters
        when, _ = common.local_time(m)
        m.urc(f"+CSNTP: {when.strftime('%y/%m/%d,%H:%M:%S')}:{when.microsecond // 10_000:02d},{quarters:+03d}")
    return ""


def _medrxcfg(m: Sim7020, c: Command) -> None:
    if c.kind == "set" and c.number(0, 0, 3) in (1, 2):
        network.cedrxs((5,))(m, Command("+CEDRXS", "set", c.args[:3]))


COMMANDS: dict[str, Handler] = {
    **common.COMMANDS, **sim7020_apps.COMMANDS,
    "+CCLK": common.cclk(False), "+CSQ": network.csq(-110, 2, 0), "+CEDRXS": network.cedrxs((5,)), "+CSOC": _csoc, "+CSOCON": _csocon,
    "+CSOSEND": _csosend, "+CSODSEND": _csodsend, "+CSOCL": _csocl, "+CSOSTATUS": _csostatus, "+CDNSGIP": _cdnsgip,
    "+CSORCVFLAG": common.on_off("+CSORCVFLAG"), "+CREVHEX": common.on_off("+CREVHEX"), "+CBAND": common.stored("+CBAND"),
    "+CBANDSL": common.stored("+CBANDSL"), "*MCGDEFCONT": _mcgdefcont, "+CGCONTRDP": _cgcontrdp, "+CNBIOTRAI": _cnbiotrai,
    "+CENG": _ceng, "+CSNTPSTART": _csntpstart, "+CSNTPSTOP": common.stored("+CSNTPSTOP"), "+CPSMSTATUS": common.on_off("+CPSMSTATUS"),
    "+RETENTION": common.on_off("+RETENTION"), "+CSCLK": common.on_off("+CSCLK", 2), "+CLTS": common.on_off("+CLTS"),
    "+CURTC": common.on_off("+CURTC"), "+CPOWD": common.cpowd, "+CRESET": common.restart, "*MEDRXCFG": _medrxcfg,
    "+CTZU": common.on_off("+CTZU"), "+CTZR": common.on_off("+CTZR", 3),
}  # fmt: skip
Sim7020.COMMANDS = COMMANDS
