"""Quectel BC66 (NB-IoT only, MT2625): what differs from the BC660K. Sources: logs and field drivers; the sister BC65's hardware design."""

from __future__ import annotations

from typing import Any, ClassVar

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, bc660k, common, quectel
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.bc660k import Bc660k
from kerbstone.emulator.modems.coap import CoapClient, Response
from kerbstone.emulator.modems.life import Keys
from kerbstone.emulator.modems.modem import Handler, Work
from kerbstone.emulator.parts.base import PartContext

_BROM = (
    "F1: 0000 0000", "V0: 0000 0000 [0001]", "00: 0006 000C", "01: 0000 0000", "U0: 0000 0001 [0000]", "T0: 0000 00B4",
    "Leaving the BROM",
)  # fmt: skip


class Bc66(Bc660k):
    """Line "wake" is PSM_EINT (falling edge); PWRKEY ends deep sleep too, an AT does not."""

    NAME = "BC66"
    CID = 1
    # PSM from the field; the others unconfirmed.
    CURRENT_UA: ClassVar[dict[str, float]] = {**Bc660k.CURRENT_UA, "psm": 3.5, "sleep": 250.0}
    KEYS = Keys(on_ms=500, off_ms=1 << 30, ready_ms=2000, reset_pin_ms=50, wake_ms=100, wake_ready_ms=1000)
    STARTS_WITH_SUPPLY = False
    UART_WAKES = False
    DNS_BY_URC = True
    CGATT_US = 85 * SECOND_US
    IDENTITY: ClassVar[dict[str, str]] = {
        **Bc660k.IDENTITY, "I": "Quectel_Ltd\r\nQuectel_BC66\r\nRevision: MTK_2625", "CGMM": "BC66", "CGMR": "Revision: BC66NBR01A10",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, Any]] = {**Bc660k.DEFAULTS, "qatwakeup": 0}

    def __init__(self, ctx: PartContext):
        self.coap: CoapClient | None = None
        self.coap_options: list[tuple[int, str]] = []
        self._lock_until = 0
        super().__init__(ctx)

    def boot_lines(self, woken: bool) -> tuple[str, ...]:
        if woken:
            return ("+QATWAKEUP",) if self.live["qatwakeup"] else super().boot_lines(True)
        return (*_BROM, "+CFUN: 1")

    def sim_lines(self) -> tuple[str, ...]:
        return () if self.sim_missing() else ("+CPIN: READY",)

    def forget(self) -> None:
        super().forget()
        if self.coap:
            self.coap.close()
            self.coap = None
        self.coap_options.clear()

    def connections(self) -> list[Any]:
        return [*super().connections(), *([self.coap] if self.coap else [])]

    def psm_wait_us(self) -> int | None:
        wait = super().psm_wait_us()
        return 0 if wait and self.live.get("unlocked") and self.live["qsclk"] == 1 and self.quiet_since_unlock() else wait

    def quiet_since_unlock(self) -> bool:
        """QRELLOCK was the last that was heard."""
        return bool(self.live["unlocked"] == self.terminal.heard_us) and not self._work and bool(self.live.get("cpsms"))


def _qrellock(m: Bc66, _c: Command) -> None:
    m.live["unlocked"] = m.terminal.heard_us


def _qcoapcreate(m: Bc66, c: Command) -> None:
    c.number(0, 0, 65_535)
    if m.coap or not m.radio.registered:
        raise Failed
    m.coap = CoapClient(m.radio, m.internet)


def _qcoapdel(m: Bc66, _c: Command) -> None:
    if m.coap is None:
        raise Failed
    m.coap.close()
    m.coap = None
    m.coap_options.clear()


def _qcoapoption(m: Bc66, c: Command) -> None:
    """count, then as many pairs of number and value."""
    count = c.number(0, 1, 8)
    if m.coap is None or len(c.args) != 1 + 2 * count:
        raise Failed
    m.coap_options = [(c.number(1 + 2 * n, 1, 65_535), str(c.args[2 + 2 * n])) for n in range(count)]


def _qcoapsend(m: Bc66, c: Command) -> Work:
    """type, method, address, port, length, hex payload."""
    kind, method, address, port = c.number(0, 0, 1), c.number(1, 1, 4), str(c.args[2]) if c.given(2) else "", c.number(3, 1, 65_535)
    data = c.hexed(5, 512) if c.given(4) else b""
    if m.coap is None or len(data) != c.number(4, 0, 512, 0) or m.internet.resolve(address) is None:
        raise Failed
    m.info(at.OK)
    yield 50_000
    path = [p for number, value in m.coap_options if number == 11 for p in value.split("/") if p]
    query = [value for number, value in m.coap_options if number == 15]
    content = next((int(value) for number, value in m.coap_options if number == 12 and value.isdigit()), None)
    m.coap.request(
        m.internet.resolve(address) or "", port, method, path, query, data, lambda r: _answered(m, r), kind == 0, content,
    )  # fmt: skip
    return ""


def _answered(m: Bc66, response: Response | None) -> None:
    if response is None:
        m.urc(at.line("+QCOAPURC", "timeout"))
        return
    body = (len(response.payload), at.Bare(at.hexed(response.payload))) if response.payload else ()
    m.urc(at.line("+QCOAPURC", "rsp", 2, at.Bare(response.dotted), response.mid, *body))


COMMANDS: dict[str, Handler] = {
    **bc660k.COMMANDS,
    "+QNBIOTRAI": quectel.rai("+QNBIOTRAI", connected_only=False), "+QRELLOCK": _qrellock, "+QATWAKEUP": common.on_off("+QATWAKEUP"),
    "+QSPCHSC": common.on_off("+QSPCHSC"), "*MCGDEFCONT": bc660k.COMMANDS["+QCGDEFCONT"], "+QCOAPCREATE": _qcoapcreate,
    "+QCOAPDEL": _qcoapdel, "+QCOAPOPTION": _qcoapoption, "+QCOAPSEND": _qcoapsend, "+QCOAPHEAD": common.stored("+QCOAPHEAD"),
}  # fmt: skip
del COMMANDS["+QCFG"], COMMANDS["+QNTP"]
Bc66.COMMANDS = COMMANDS
