"""Quectel BC660K-GL: AT Command Manual V1.3, Hardware Design, MQTT note; logs of real modules. NB-IoT only.

It has no power key: it starts with its supply. In the node's `pwrkey` stands its PSM_EINT pin.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common, network, quectel
from kerbstone.emulator.modems.at import Command
from kerbstone.emulator.modems.life import Keys
from kerbstone.emulator.modems.modem import Handler
from kerbstone.emulator.modems.quectel import Quectel

_LOCK_US = 10 * SECOND_US  # QCFG "slplocktimes": awake so long after the last command


class Bc660k(Quectel):
    NAME = "BC660K"
    CID = 0
    # Deep sleep from the hardware design; the others unconfirmed (of the kind at 3.3 V).
    CURRENT_UA: ClassVar[dict[str, float]] = {
        "off": 0.0, "psm": 0.8, "sleep": 110.0, "edrx": 40.0, "idle": 5_600.0, "boot": 20_000.0, "search": 45_000.0,
        "connected": 35_000.0, "tx": 220_000.0,
    }  # fmt: skip
    KEYS = Keys(on_ms=1, off_ms=1 << 30, ready_ms=4000, reset_pin_ms=50, wake_ms=1, wake_ready_ms=1500)
    STARTS_WITH_SUPPLY = True
    UART_WAKES = True
    PSM_GUARD_US = _LOCK_US
    PROMPT_DEAF_US = 100_000  # its manual wants 500 ms before the data; how long it really is deaf is not known
    CGATT_US = 70 * SECOND_US
    LOCK_US = _LOCK_US
    IDENTITY: ClassVar[dict[str, str]] = {
        "I": "Quectel_Ltd\r\nQuectel_BC660K-GL\r\nRevision: BC660KGLAAR01A05", "CGMI": "Quectel_Ltd", "CGMM": "Quectel_BC660K-GL",
        "CGMR": "Revision: BC660KGLAAR01A05", "CIMI": "262011234567890", "QCCID": "+QCCID: 89490200001234567890",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, Any]] = {**common.DEFAULTS, "qsclk": 1, "qnbiotevent": 0}
    SAVED = frozenset({"echo", "cmee", "cpsms", "edrx", "cereg", "qnbiotevent", "qcfg.dsevent"})

    def boot_lines(self, woken: bool) -> tuple[str, ...]:
        events = ('+QNBIOTEVENT: "EXIT PSM"',) if woken and self.live["qnbiotevent"] else ()
        deep = ('+QNBIOTEVENT: "EXIT DEEPSLEEP"',) if woken and self._dsevent() else ()
        return (*deep, *events) if woken else ("RDY",)

    def sim_lines(self) -> tuple[str, ...]:
        return () if self.sim_missing() else ("+CFUN: 1", "+CPIN: READY")

    def _dsevent(self) -> bool:
        return str(self.live.get("qcfg.dsevent", ("0",))[0]) == "1"

    def registration(self) -> None:
        super().registration()
        if self.radio.registered and self.mode == "on" and not self.live.get("told_ip"):
            self.live["told_ip"] = True
            self.urc(f"+IP: {self.address()}")

    def psm_wait_us(self) -> int | None:
        if self.live["qsclk"] != 1:
            return 5 * SECOND_US
        return super().psm_wait_us()

    def before_psm(self) -> None:
        if self.live["qnbiotevent"]:
            self.urc('+QNBIOTEVENT: "ENTER PSM"')
        if self._dsevent():
            self.urc('+QNBIOTEVENT: "ENTER DEEPSLEEP"')

    def sleeping(self) -> bool:
        return bool(self.live["qsclk"]) and self.quiet()

    def unknown(self) -> int | None:
        return at.INVALID_PARAMETERS


def qnbiotevent(m: Quectel, c: Command) -> None:
    if c.kind == "read":
        m.info(at.line("+QNBIOTEVENT", m.live["qnbiotevent"], 1))
    elif c.kind == "set":
        on = c.number(0, 0, 1)
        c.number(1, 1, 1, 1)
        m.keep("qnbiotevent", on)


def qeng(m: Quectel, c: Command) -> None:
    """Cell (0), times of radio (2), states (3). ECL is the field before the power."""
    cell, level = m.cell, m.cell.level
    mode = c.number(0, 0, 3)
    if mode == 0 and m.radio.registered and level is not None:
        m.info(at.line(
            "+QENG", 0, cell.earfcn, 12, cell.pci, f"{cell.cell_id:08X}", level.rsrp_dbm, level.rsrq_db, level.rsrp_dbm + 5,
            level.sinr_db, cell.band, f"{cell.tac:04X}", cell.coverage, -128 if not m.radio.connected else 23, 2,
        ))  # fmt: skip
    elif mode == 3:
        state = "REG" if m.radio.registered else "NREG"
        m.info(at.line("+QENG", 4, state, "ACTIVE" if m.radio.connected else "IDLE", "SELECTED", "EHPLMN"))


def _qcgdefcont(m: Quectel, c: Command) -> None:
    if c.kind == "read":
        m.info(at.line("+QCGDEFCONT", "IP", m.saved.get("apn", "")))
    elif c.kind == "set":
        c.text(0, 8)
        m.saved["apn"] = c.text(1, 99, "")


def cgdcont(m: Quectel, c: Command) -> None:
    """The one context of the default bearer."""
    if c.kind == "read":
        m.info(at.line("+CGDCONT", m.CID, "IP", m.saved.get("apn", ""), m.address() if m.radio.registered else "", 0, 0, 0))
    elif c.kind == "set":
        c.number(0, 0, 15)
        c.text(1, 8)
        m.saved["apn"] = c.text(2, 99, "")


def _cgpaddr(m: Quectel, c: Command) -> None:
    if c.kind != "test":
        m.info(at.line("+CGPADDR", m.CID, m.address()) if m.radio.registered else f"+CGPADDR: {m.CID}")


def _qesmc(m: Quectel, c: Command) -> None:
    if c.kind == "read":
        m.info(at.line("+QESMC", 1, 0, 33 if m.radio.cause == 33 else 26))


def qcclk(m: Quectel, c: Command) -> None:
    """UTC, whatever the zone."""
    when, quarters = common.local_time(m)
    if c.kind == "read":
        utc = when - timedelta(minutes=15 * quarters)
        m.info(f"+QCCLK: {utc.strftime('%y/%m/%d,%H:%M:%S')}+00")


def _qedrxcfg(m: Quectel, c: Command) -> None:
    if c.kind == "set" and c.number(0, 0, 3) in (1, 2):
        network.cedrxs((5,))(m, Command("+CEDRXS", "set", c.args[:3]))


COMMANDS: dict[str, Handler] = {
    **quectel.COMMANDS,
    "+CCLK": common.cclk(False), "+QCCLK": qcclk, "+CFUN": common.cfun(us=1_200_000), "+CSQ": network.csq(-113, 2, 0),
    "+CGDCONT": cgdcont, "+CGPADDR": _cgpaddr, "+QCGDEFCONT": _qcgdefcont, "+QBAND": common.stored("+QBAND"),
    "+CIPCA": common.stored("+CIPCA"), "+QCFG": quectel.mapped("+QCFG"), "+QESMC": _qesmc, "+QSCLK": common.on_off("+QSCLK", 2),
    "+QNBIOTEVENT": qnbiotevent, "+QNBIOTRAI": quectel.rai("+QNBIOTRAI", connected_only=True), "+QENG": qeng,
    "+QCCID": common.identity("QCCID"), "+QEDRXCFG": _qedrxcfg, "+CEDRXS": network.cedrxs((5,)),
    "+QR14FEATURE": lambda m, c: m.info("+QR14FEATURE: 14,1\r\n\r\n+QR14FEATURE: 0\r\n\r\n+QR14FEATURE: 0,0,0,0,0"),
}  # fmt: skip
del COMMANDS["+CREG"], COMMANDS["+CGREG"]
Bc660k.COMMANDS = COMMANDS
