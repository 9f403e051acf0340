"""The CoAP client of SARA-R5, and as far as known of R410M: a profile, then a request (internet applications guide UBX-20032566)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerbstone.emulator.modems import at
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.coap import CoapClient, Response, split_uri
from kerbstone.emulator.modems.modem import Handler, Work

if TYPE_CHECKING:
    from kerbstone.emulator.modems.ublox import Sara


def _ucoap(m: Sara, c: Command) -> None:
    profile = m.live.setdefault("ucoap", {"options": {}})
    what = c.number(0, 0, 9)
    if what == 1:
        try:
            profile["uri"] = split_uri(c.text(1, 512))
        except ValueError:
            raise Failed(at.NOT_ALLOWED) from None
    elif what == 2:
        profile["options"][c.number(1, 0, 9)] = c.number(2, 0, 1)
    elif what == 4:
        profile["valid"] = c.number(1, 0, 1)


def _ucoapc(m: Sara, c: Command) -> Work:
    """1 GET, 2 DELETE, 3 PUT, 4 POST with hex data; the second argument after the data: its format."""
    profile = m.live.get("ucoap", {})
    what = c.number(0, 1, 4)
    if "uri" not in profile or not profile.get("valid") or not m.context:
        raise Failed(at.NOT_ALLOWED)
    data = c.hexed(1, 512) if what >= 3 else b""
    host, port, path, query = profile["uri"]
    address = m.internet.resolve(host)
    m.info(at.OK)
    yield 50_000
    if address is None:
        m.urc(f"+UCOAPCR: {what},0")
        return ""
    m.coap = CoapClient(m.radio, m.internet)
    method = {1: 1, 2: 4, 3: 3, 4: 2}[what]
    confirmable = not profile["options"].get(5, 0)
    m.coap.request(address, port, method, path, query, data, lambda r: _answered(m, what, r), confirmable)
    return ""


def _answered(m: Sara, what: int, response: Response | None) -> None:
    if response is None:
        m.urc(f"+UCOAPCR: {what},0")
        return
    # The class of the answer as UCOAPCD gives it: 2 for 2.xx.
    m.urc(f'+UCOAPCD: {response.code >> 5},0,"{at.hexed(response.payload)}",0')
    m.urc(f"+UCOAPCR: {what},{int(response.code >> 5 == 2)}")


COMMANDS: dict[str, Handler] = {"+UCOAP": _ucoap, "+UCOAPC": _ucoapc}
