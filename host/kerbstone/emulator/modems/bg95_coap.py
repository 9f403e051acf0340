"""The CoAP client of BG95 as field drivers use it; the meaning of the last number of +QCOAPACK is not documented (0 here)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerbstone.emulator.modems import at
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.coap import CoapClient, Response
from kerbstone.emulator.modems.modem import Handler, Work
from kerbstone.emulator.modems.terminal import Prompt

if TYPE_CHECKING:
    from kerbstone.emulator.modems.bg95 import Bg95

_URI_PATH, _CONTENT, _URI_QUERY = 11, 12, 15


def _qcoapcfg(m: Bg95, c: Command) -> None:
    if c.kind == "set":
        c.text(0, 20)


def _qcoapopen(m: Bg95, c: Command) -> Work:
    if c.kind == "read":
        for i in sorted(m.coap):
            m.info(at.line("+QCOAPOPEN", i, *m.coap_state[i]["place"], 3))
        return None
    i, host, port = c.number(0, 0, 5), c.text(1, 150), c.number(2, 1, 65_535)
    address = m.internet.resolve(host)
    if i in m.coap or not m.context:
        raise Failed
    m.info(at.OK)
    yield 200_000
    if address is None:
        m.urc(at.line("+QCOAPOPEN", i, 4))
        return ""
    m.coap[i] = CoapClient(m.radio, m.internet)
    m.coap_state[i] = {"place": (address, port), "options": {}, "header": None}
    m.urc(at.line("+QCOAPOPEN", i, 0))
    return ""


def _state(m: Bg95, i: int) -> dict[str, object]:
    if i not in m.coap:
        raise Failed
    return m.coap_state[i]


def _qcoapheader(m: Bg95, c: Command) -> None:
    """id, message id, mode, token length, token."""
    i = c.number(0, 0, 5)
    token = c.text(4, 8, "").encode()
    if len(token) != c.number(3, 0, 8, 0):
        raise Failed
    _state(m, i)["header"] = (c.number(1, 0, 65_535), token)


def _qcoapoption(m: Bg95, c: Command) -> None:
    """id, index, 0, number, value; index 0 begins a new set."""
    i, index = c.number(0, 0, 5), c.number(1, 0, 10)
    options = _state(m, i)["options"]
    assert isinstance(options, dict)
    if index == 0 and c.number(2, 0, 1, 0) == 0:
        options.clear()
    options[index] = (c.number(3, 1, 65_535), str(c.args[4]) if c.given(4) else "")


def _qcoapsend(m: Bg95, c: Command) -> Work:
    """id, type, method, length; the payload after `>`, up to Ctrl-Z."""
    i, kind, method, count = c.number(0, 0, 5), c.number(1, 0, 1), c.number(2, 1, 4), c.number(3, 0, 1024, 0)
    state = m.coap_state[i] if i in m.coap else None
    if state is None:
        raise Failed
    data = (yield Prompt(b"\r\n> ", 0, escape=True)) if method in (2, 3) else b""
    if data is None or (count and len(data) != count):
        raise Failed
    options = list(state["options"].values())
    path = [p for number, value in options if number == _URI_PATH for p in value.split("/") if p]
    query = [value for number, value in options if number == _URI_QUERY]
    content = next((int(value) for number, value in options if number == _CONTENT and value.isdigit()), None)
    address, port = state["place"]
    mid, token = state["header"] or (None, None)
    m.coap[i].request(
        address, port, method, path, query, data, lambda r: _answered(m, i, r), kind == 0, content, token=token, mid=mid,
    )  # fmt: skip
    return None


def _answered(m: Bg95, i: int, response: Response | None) -> None:
    if i not in m.coap:
        return
    if response is None:
        m.urc(at.line("+QCOAPACK", i, -1, m.coap[i].mid, 1))
        return
    m.urc(at.line("+QCOAPACK", i, response.code, response.mid, 0))
    if response.payload:
        m.raw(f"\r\n+QCOAPDATA: {i},{len(response.payload)},".encode() + response.payload + b"\r\n")


def _qcoapclose(m: Bg95, c: Command) -> Work:
    i = c.number(0, 0, 5)
    _state(m, i)
    m.info(at.OK)
    yield 50_000
    m.coap.pop(i).close()
    m.coap_state.pop(i)
    m.urc(at.line("+QCOAPCLOSE", i, 0))
    return ""


COMMANDS: dict[str, Handler] = {
    "+QCOAPCFG": _qcoapcfg, "+QCOAPOPEN": _qcoapopen, "+QCOAPHEADER": _qcoapheader, "+QCOAPOPTION": _qcoapoption,
    "+QCOAPSEND": _qcoapsend, "+QCOAPCLOSE": _qcoapclose,
}  # fmt: skip
