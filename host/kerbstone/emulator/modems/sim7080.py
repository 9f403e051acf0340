"""SIMCom SIM7080G and SIM7070G: AT Command Manual V1.05, Hardware Design V1.03, Low Power Mode note V1.02."""

from __future__ import annotations

from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common, grants, network, sim7080_apps, sim7080_net
from kerbstone.emulator.modems.at import Bare, Command
from kerbstone.emulator.modems.coap import CoapClient
from kerbstone.emulator.modems.internet import Socket
from kerbstone.emulator.modems.life import Keys
from kerbstone.emulator.modems.modem import Handler, Modem
from kerbstone.emulator.modems.mqtt import MqttClient


class Sim7080(Modem):
    """NB-IoT and LTE-M. `contexts[n]`: PDP context of CNACT is up."""

    NAME = "SIM7080G"
    # Hardware Design V1.03, 3.8 V; connected, search and boot unconfirmed (idle current with the receiver on).
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 15.0, "psm": 3.0, "sleep": 1200.0, "edrx": 590.0, "idle": 14_000.0, "boot": 60_000.0, "search": 60_000.0,
        "connected": 45_000.0, "tx": 125_000.0,
    }  # fmt: skip
    KEYS = Keys(on_ms=1000, off_ms=1200, ready_ms=2500, off_takes_ms=1800, reset_ms=12_000, wake_ms=1000)
    BAUD = 0
    CELL_FORMAT = "{:X}"
    IDENTITY: ClassVar[dict[str, str]] = {
        "I": "R1951.01", "CGMI": "SIMCOM_Ltd", "CGMM": "SIMCOM_SIM7080", "CGMR": "Revision:1951B16SIM7080",
        "CIMI": "262011234567890", "CCID": "89490200001234567890",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, Any]] = {
        **common.DEFAULTS, "cnmp": 2, "cmnb": 3, "cpsmstatus": 0, "crrcstate": 0, "clts": 0, "csclk": 0, "cpsmcfg": 20, "cntpcid": 0,
        "casrip": 0,
    }  # fmt: skip
    SAVED = frozenset({
        "cmee", "cnmp", "cmnb", "cpsms", "edrx", "csclk", "clts", "cpsmstatus", "cpsmcfg", "cpsmcfgext", "cbandcfg", "cnbs", "nbsc",
    })  # fmt: skip

    def __init__(self, ctx: Any):
        self.contexts = [False] * 4
        self.sockets: dict[int, Socket] = {}
        self.inbox: dict[int, bytearray] = {}
        self.mqtt: MqttClient | None = None
        self.coap: CoapClient | None = None
        super().__init__(ctx)

    # -- what it says --------------------------------------------------------------------------------------

    def boot_lines(self, woken: bool) -> tuple[str, ...]:
        lines = ("RDY", "+CFUN: 1")
        return (*lines, '+CPSMSTATUS: "EXIT PSM"') if woken and self.live["cpsmstatus"] else lines

    def sim_lines(self) -> tuple[str, ...]:
        return ("+CPIN: NOT INSERTED",) if self.sim_missing() else ("+CPIN: READY", "SMS Ready")

    def before_psm(self) -> None:
        if self.live["cpsmstatus"]:
            self.urc('+CPSMSTATUS: "ENTER PSM"')

    def connection(self, up: bool) -> None:
        if self.live.get("crrcstate"):
            self.urc(f"+CRRCSTATE: {int(up)}")
        super().connection(up)

    def network_time(self) -> None:
        super().network_time()
        if self.live["clts"]:
            utc = common.stamp(common.local_time(self)[0].replace(), 0, "%y/%m/%d,%H:%M:%S")[:-3]
            self.urc(f'*PSUTTZ: {utc}","{self.tz_quarters:+03d}",0')
            self.urc("DST: 0")

    # -- power saving --------------------------------------------------------------------------------------

    def psm_wait_us(self) -> int | None:
        """A fixed rate is demanded; a granted cycle below the threshold of CPSMCFG is not used."""
        tau = grants.t3412_s(self.radio.granted[0]) or 0
        if not self.saved["ipr"] or tau < self.live["cpsmcfg"] or self.ctx.options.get("sim_pin"):
            return 5 * SECOND_US
        return super().psm_wait_us()

    def sleeping(self) -> bool:
        dtr = self.line("dtr")
        return bool(self.live.get("csclk")) and dtr is not None and dtr.level == 1 and not self._work

    def uart_write(self, data: bytes) -> None:
        if not (self.mode == "on" and self.sleeping()):
            super().uart_write(data)

    def forget(self) -> None:
        self.context_gone()
        for socket in self.sockets.values():
            socket.close()
        self.sockets.clear()
        self.inbox.clear()

    def connections(self) -> list[Any]:
        return [*self.sockets.values(), *(c for c in (self.mqtt, self.coap) if c)]

    def context_gone(self) -> None:
        """MQTT and CoAP end with the context; so do the sockets, which say so."""
        self.contexts = [False] * 4
        if self.mqtt:
            self.mqtt.drop()
            self.mqtt = None
        if self.coap:
            self.coap.close()
            self.coap = None

    def context_lost(self) -> None:
        for i, up in enumerate(self.contexts):
            if up:
                self.urc(f"+APP PDP: {i},DEACTIVE")
        for cid in sorted(self.sockets):
            self.urc(f"+CASTATE: {cid},0")
        self.forget()


def _cpsmrdp(m: Sim7080, _c: Command) -> None:
    asked = m.saved.get("psm_timers", (grants.OFF, grants.OFF))
    granted = m.radio.granted
    seconds = (grants.t3324_s(granted[1]) or 0, grants.t3412_s(granted[0]) or 0)
    m.info(at.line("+CPSMRDP", m.live.get("cpsms", 0), grants.t3412_s(asked[0]) or 0, grants.t3324_s(asked[1]) or 0, *reversed(seconds)))


def _crai(m: Sim7080, c: Command) -> None:
    if c.kind == "read":
        m.info(at.line("+CRAI", m.radio.rai, 0))
    elif c.kind == "set":
        m.radio.rai = c.number(0, 0, 2)
        c.number(1, 0, 1, 0)


def _cpsi(m: Sim7080, c: Command) -> None:
    if c.kind != "read":
        return
    cell, level = m.cell, m.cell.level
    if not m.radio.registered or level is None:
        m.info("+CPSI: NO SERVICE,Online" if m.live["cfun"] else "+CPSI: NO SERVICE,Offline")
        return
    plmn = f"{cell.plmn[:3]}-{cell.plmn[3:]}"
    m.info(at.line(
        "+CPSI", Bare("LTE NB-IOT"), Bare("Online"), Bare(plmn), Bare(f"0x{cell.tac:04X}"), cell.cell_id, cell.pci,
        Bare(f"EUTRAN-BAND{cell.band}"), cell.earfcn, 0, 0, level.rsrq_db, level.rsrp_dbm, level.rsrp_dbm + 12,
        (level.sinr_db + 20) // 2,
    ))  # fmt: skip


COMMANDS: dict[str, Handler] = {
    **common.COMMANDS,
    **sim7080_net.COMMANDS,
    **sim7080_apps.COMMANDS,
    "+CFUN": common.cfun(reset_modes=(6,), us=2 * SECOND_US), "+CSQ": network.csq(-115),
    "+CNMP": common.on_off("+CNMP", 51), "+CMNB": common.on_off("+CMNB", 3), "+CBANDCFG": common.stored("+CBANDCFG"),
    "+CNBS": common.on_off("+CNBS", 5), "+NBSC": common.on_off("+NBSC"), "+CURCCFG": common.stored("+CURCCFG"),
    "+CPSMSTATUS": common.on_off("+CPSMSTATUS"), "+CPSMRDP": _cpsmrdp, "+CPSMCFG": common.on_off("+CPSMCFG", 1 << 20),
    "+CPSMCFGEXT": common.stored("+CPSMCFGEXT"), "+CRAI": _crai, "+CRRCSTATE": common.on_off("+CRRCSTATE"),
    "+CSCLK": common.on_off("+CSCLK", 2), "+CLTS": common.on_off("+CLTS"), "+CPSI": _cpsi, "+CPOWD": common.cpowd,
    "+CREBOOT": common.restart,
}  # fmt: skip
del COMMANDS["+CSCON"]  # it has CRRCSTATE
Sim7080.COMMANDS = COMMANDS
