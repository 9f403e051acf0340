"""Quectel BG95 and BG77: AT Command Manual V2.0, TCP/IP note V1.1, MQTT note V1.1, Hardware Design V1.2; bench logs of a BG95-M2."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, bg95_coap, common, grants, network, quectel
from kerbstone.emulator.modems.at import Bare, Command, Failed
from kerbstone.emulator.modems.coap import CoapClient
from kerbstone.emulator.modems.life import Keys
from kerbstone.emulator.modems.modem import Handler, Work, awaited
from kerbstone.emulator.modems.quectel import Quectel
from kerbstone.emulator.modems.terminal import Prompt
from kerbstone.emulator.parts.base import PartContext


class Bg95(Quectel):
    """LTE-M and NB-IoT; here it is on NB-IoT. Line "wake" is PON_TRIG (rising edge)."""

    NAME = "BG95"
    PULLS = True
    OK_BEFORE_SENT = False
    DNS_BY_URC = True
    MQTT_V311 = 4
    MQTT_UNREACHABLE = 5
    CGATT_US = 140 * SECOND_US
    WAKE_RISES = True
    KEY_OFF_LINE = "NORMAL POWER DOWN"
    CELL_FORMAT = "{:X}"
    # PSM 3.9 uA; the others unconfirmed (power class 5, 21 dBm).
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 15.0, "psm": 3.9, "sleep": 1_000.0, "edrx": 500.0, "idle": 15_000.0, "boot": 60_000.0, "search": 60_000.0,
        "connected": 45_000.0, "tx": 160_000.0,
    }  # fmt: skip
    KEYS = Keys(on_ms=500, off_ms=650, ready_ms=2500, off_takes_ms=1300, reset_pin_ms=2000, wake_ms=500)
    IDENTITY: ClassVar[dict[str, str]] = {
        "I": "Quectel\r\nBG95-M3\r\nRevision: BG95M3LAR02A04", "CGMI": "Quectel", "CGMM": "BG95-M3", "CGMR": "BG95M3LAR02A04",
        "CIMI": "262011234567890", "QCCID": "+QCCID: 89490200001234567890",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, Any]] = {**common.DEFAULTS, "qsclk": 0}
    SAVED = frozenset({
        "cpsms", "edrx", "qsclk", "ctzu", "qcfg.psm/urc", "qcfg.iotopmode", "qcfg.nwscanmode", "qcfg.nwscanseq", "qcfg.band",
        "qcfg.servicedomain",
    })  # fmt: skip

    def __init__(self, ctx: PartContext):
        self.active = False  # QIACT
        self.coap: dict[int, CoapClient] = {}
        self.coap_state: dict[int, dict[str, Any]] = {}
        super().__init__(ctx)

    @property
    def context(self) -> bool:
        return self.active and self.radio.registered

    def boot_lines(self, woken: bool) -> tuple[str, ...]:
        return ("RDY", "APP RDY", "+CFUN: 1")

    def sim_lines(self) -> tuple[str, ...]:
        return () if self.sim_missing() else ("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE")

    def forget(self) -> None:
        super().forget()
        self.active = False
        for client in self.coap.values():
            client.close()
        self.coap.clear()
        self.coap_state.clear()

    def connections(self) -> list[Any]:
        return [*super().connections(), *self.coap.values()]

    def context_lost(self) -> None:
        if self.active:
            self.urc(at.line("+QIURC", "pdpdeact", 1))
        super().context_lost()

    def received(self, i: int, data: bytes) -> None:
        if self.live.get(f"push{i}"):
            self.raw(f'\r\n+QIURC: "recv",{i},{len(data)}\r\n'.encode() + data + b"\r\n")
            return
        told = bool(self.inbox[i])
        self.inbox[i] += data
        if not told:
            self.urc(at.line("+QIURC", "recv", i))

    def before_psm(self) -> None:
        if str(self.live.get("qcfg.psm/urc", ("0",))[0]) == "1":
            t3412, t3324 = self.radio.granted
            self.urc(f"+QPSMTIMER: {grants.t3412_s(t3412) or 0},{grants.t3324_s(t3324) or 0}")
            self.urc("PSM POWER DOWN")

    def connection(self, up: bool) -> None:
        if self.live.get("qcscon"):
            self.urc(f"+QCSCON: {int(up)}")
        super().connection(up)
        if not up and self.live.get("psm_now") and grants.t3324_s(self.radio.granted[1]) is not None:
            self.kernel.after(0, self.active_time_over)

    def sleeping(self) -> bool:
        dtr = self.line("dtr")
        return bool(self.live["qsclk"]) and dtr is not None and dtr.level == 1 and not self._work

    def network_time(self) -> None:
        super().network_time()
        mode = self.live.get("ctzr")
        when, quarters = common.local_time(self)
        if mode == 1:
            self.urc(f'+CTZV: "{quarters:+03d}"')
        elif mode == 2:
            self.urc(f'+CTZE: "{quarters:+03d}",0,"{when.strftime("%Y/%m/%d,%H:%M:%S")}"')


def _qicsgp(m: Bg95, c: Command) -> None:
    cid = c.number(0, 1, 16)
    if len(c.args) == 1:
        m.info(at.line("+QICSGP", *m.saved.get(f"csgp{cid}", (1, "", "", "", 0))))
    else:
        m.saved[f"csgp{cid}"] = (c.number(1, 1, 4), c.text(2, 99, ""), "", "", 0)


def _qiact(m: Bg95, c: Command) -> Work:
    if c.kind == "read":
        if m.active:
            m.info(at.line("+QIACT", 1, 1, 1, m.address()))
        return None
    cid = c.number(0, 1, 16)
    if m.active:
        return None
    result = None
    if m.radio.registered:
        result = yield from awaited(lambda done: m.radio.send(60, done), 150 * SECOND_US)
    apn = str(m.saved.get(f"csgp{cid}", (1, ""))[1] or m.saved.get("contexts", {}).get(cid, ("IP", ""))[1])
    if not result or m.cell.apn not in ("", apn):
        yield 2 * SECOND_US
        raise Failed
    m.active = True
    return None


def _qideact(m: Bg95, c: Command) -> Work:
    c.number(0, 1, 16)
    yield 500_000
    m.forget()
    return None


def _qird(m: Bg95, c: Command) -> None:
    i, socket = quectel.socket_of(m, c)
    count = c.number(1, 0, 1500, 1500)
    socket.poll()
    data = bytes(m.inbox[i][:count])
    del m.inbox[i][:count]
    m.raw(f"\r\n+QIRD: {len(data)}\r\n".encode() + (data + b"\r\n" if data else b""))


def _qnwinfo(m: Bg95, _c: Command) -> None:
    cell = m.cell
    registered = m.radio.registered
    m.info(at.line("+QNWINFO", "NBIoT", cell.plmn, f"LTE BAND {cell.band}", cell.earfcn) if registered else "+QNWINFO: No Service")


def _qcsq(m: Bg95, _c: Command) -> None:
    level = m.cell.level if m.radio.registered else None
    if level is None:
        m.info('+QCSQ: "NOSERVICE"')
    else:
        m.info(at.line("+QCSQ", "NBIoT", level.rsrp_dbm + 12, level.rsrp_dbm, 5 * (level.sinr_db + 20), level.rsrq_db))


def _qeng(m: Bg95, c: Command) -> None:
    if c.text(0) != "servingcell":
        raise Failed
    cell, level = m.cell, m.cell.level
    if not m.radio.registered or level is None:
        m.info(at.line("+QENG", "servingcell", "SEARCH"))
        return
    m.info(at.line(
        "+QENG", "servingcell", "CONNECT" if m.radio.connected else "NOCONN", "NBIoT", "FDD", Bare(cell.plmn[:3]), Bare(cell.plmn[3:]),
        Bare(f"{cell.cell_id:X}"), cell.pci, cell.earfcn, cell.band, 0, 0, Bare(f"{cell.tac:X}"), level.rsrp_dbm, level.rsrq_db,
        level.rsrp_dbm + 12, level.sinr_db, 20,
    ))  # fmt: skip


_qcfg_other = quectel.mapped("+QCFG", iotopmode=(1,), nwscanmode=(3,), psm_urc=(0,))


def _qcfg(m: Bg95, c: Command) -> None:
    what = c.text(0, 30) if c.kind == "set" else ""
    if what == "celevel" and len(c.args) == 1:
        if not m.radio.registered:
            raise Failed
        m.info(at.line("+QCFG", "celevel", max(m.cell.coverage, 0)))
    elif what == "psm/enter" and len(c.args) == 2:
        # Down as soon as the connection is over, without the active time.
        m.live["psm_now"] = bool(c.number(1, 0, 1))
        m.radio.release_soon()
    else:
        _qcfg_other(m, c)


def _qlts(m: Bg95, c: Command) -> None:
    if m.clock_us is None or not m.cell.nitz:
        m.info('+QLTS: ""')
        return
    when, quarters = common.local_time(m)
    if c.number(0, 0, 2, 0) == 1:  # GMT, with the zone behind it all the same
        when -= timedelta(minutes=15 * quarters)
    m.info(f'+QLTS: "{common.stamp(when, quarters, "%Y/%m/%d,%H:%M:%S")},0"')


def _qfupl(m: Bg95, c: Command) -> Work:
    name, size = c.text(0, 80), c.number(1, 1, 1 << 20)
    data = yield Prompt(b"\r\nCONNECT\r\n", size, timeout_us=c.number(2, 1, 65_535, 5) * SECOND_US)
    check = 0
    for i in range(0, len(data) - 1, 2):
        check ^= data[i] << 8 | data[i + 1]
    if len(data) % 2:
        check ^= data[-1] << 8
    m.saved.setdefault("files", {})[name] = bytes(data)
    m.info(f"+QFUPL: {len(data)},{check:x}")
    return None


COMMANDS: dict[str, Handler] = {
    **quectel.COMMANDS, **bg95_coap.COMMANDS,
    "+CFUN": common.cfun(us=2 * SECOND_US), "+CSQ": network.csq(-113), "+QICSGP": _qicsgp, "+QIACT": _qiact, "+QIDEACT": _qideact,
    "+QIRD": _qird, "+QNWINFO": _qnwinfo, "+QCSQ": _qcsq, "+QENG": _qeng, "+QCFG": _qcfg, "+QLTS": _qlts, "+QFUPL": _qfupl,
    "+QSSLCFG": quectel.mapped("+QSSLCFG"), "+QCSCON": common.on_off("+QCSCON"), "+QSCLK": common.on_off("+QSCLK", 1),
    "+QPSMCFG": common.stored("+QPSMCFG"), "+QPSMEXTCFG": common.stored("+QPSMEXTCFG"), "+QCCID": common.identity("QCCID"),
    "+QINISTAT": lambda m, c: m.info("+QINISTAT: 3"), "+QPTWEDRXS": common.stored("+QPTWEDRXS"),
}  # fmt: skip
for _missing in ("+CESQ", "+CSCON", "+QRST"):
    del COMMANDS[_missing]
Bg95.COMMANDS = COMMANDS
