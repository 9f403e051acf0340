"""SIM7080G: data contexts, sockets, names, network time (TCPUDP note V1.03, AT Command Manual V1.05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, common
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.internet import Socket
from kerbstone.emulator.modems.modem import Handler, Until, Work, awaited
from kerbstone.emulator.modems.terminal import Prompt

if TYPE_CHECKING:
    from kerbstone.emulator.modems.sim7080 import Sim7080

_LONGEST = 1460
_LIMIT, _PARAMETERS, _NO_NAME, _NO_CONTEXT, _REFUSED = 3, 4, 20, 21, 27  # codes of +CAOPEN
_CONNECT_US = 75 * SECOND_US


def _cncfg(m: Sim7080, c: Command) -> None:
    if c.kind == "set":
        m.live[f"cncfg{c.number(0, 0, 3)}"] = (c.number(1, 0, 4), c.text(2, 99, ""))
    elif c.kind == "read":
        for i in range(4):
            kind, apn = m.live.get(f"cncfg{i}", (0, ""))
            m.info(at.line("+CNCFG", i, kind, apn, "", "", 0))


def _apn(m: Sim7080, pdp: int) -> str:
    """The access point a context asks for: its own, else that of the first attach."""
    own = m.live.get(f"cncfg{pdp}", (0, ""))[1]
    return str(own or m.saved.get("contexts", {}).get(1, ("IP", ""))[1])


def _cnact(m: Sim7080, c: Command) -> Work:
    if c.kind == "read":
        for i, up in enumerate(m.contexts):
            m.info(at.line("+CNACT", i, int(up), m.address() if up else "0.0.0.0"))
        return None
    if c.kind != "set":
        return None
    pdp, action = c.number(0, 0, 3), c.number(1, 0, 2)
    if bool(action) == m.contexts[pdp]:
        raise Failed
    if not action:
        m.contexts[pdp] = False
        yield 200_000
        m.info(at.OK)
        m.urc(f"+APP PDP: {pdp},DEACTIVE")
        return ""
    if not m.radio.registered:
        raise Failed
    m.info(at.OK)
    result = yield from awaited(lambda done: m.radio.send(60, done), 150 * SECOND_US)
    good = bool(result) and m.cell.apn in ("", _apn(m, pdp))
    m.contexts[pdp] = good
    m.urc(f"+APP PDP: {pdp},{'ACTIVE' if good else 'DEACTIVE'}")
    return ""


def _cgnapn(m: Sim7080, c: Command) -> None:
    if c.kind == "run":
        m.info(at.line("+CGNAPN", 1, m.cell.apn) if m.radio.registered and m.cell.apn else "+CGNAPN: 0")


def _caopen(m: Sim7080, c: Command) -> Work:
    if c.kind == "read":
        for cid in sorted(m.sockets):
            s = m.sockets[cid]
            m.info(at.line("+CAOPEN", cid, "UDP" if s.datagram else "TCP", s.address, s.port))
        return None
    cid, pdp, kind, host, port = c.number(0, 0, 12), c.number(1, 0, 3), c.text(2).upper(), c.text(3, 64), c.number(4, 1, 65_535)
    push = c.number(5, 0, 1, 0)
    if kind not in ("UDP", "TCP"):
        raise Failed

    def failed(code: int) -> None:
        m.info(at.line("+CAOPEN", cid, code))

    if cid in m.sockets:
        failed(_LIMIT)
        return None
    if not m.contexts[pdp]:
        failed(_NO_CONTEXT)
        return None
    address = m.internet.resolve(host)
    if address is None:
        yield 2 * SECOND_US
        failed(_NO_NAME)
        return None
    if address != host:
        yield from _ask_dns(m)
    socket = Socket(m.radio, m.internet, kind == "UDP", lambda data: _received(m, cid, data), lambda: _closed(m, cid))
    result = yield from awaited(lambda done: socket.connect(address, port, done), _CONNECT_US)
    if result:
        m.sockets[cid], m.inbox[cid] = socket, bytearray()
        m.live[f"push{cid}"] = push
        failed(0)
    else:
        socket.close()
        failed(_REFUSED)
    return None


def _ask_dns(m: Sim7080) -> Work:
    """A question to the name server of the network and its answer."""
    yield from awaited(lambda done: m.radio.send(60, done), 20 * SECOND_US)
    yield m.cell.latency_ms * 1000
    return None


def _received(m: Sim7080, cid: int, data: bytes) -> None:
    socket, inbox = m.sockets[cid], m.inbox[cid]
    if m.live.get(f"push{cid}"):
        peer = f",{socket.address},{socket.port}" if m.live["casrip"] else ""
        m.raw(f'\r\n+CAURC: "recv",{cid},{len(data)}{peer}\r\n'.encode() + data + b"\r\n")
        return
    told = bool(inbox)
    inbox += data
    if not told:
        m.urc(f"+CADATAIND: {cid}")


def _closed(m: Sim7080, cid: int) -> None:
    m.sockets.pop(cid, None)
    m.urc(f"+CASTATE: {cid},0")


def _opened(m: Sim7080, c: Command) -> tuple[int, Socket]:
    cid = c.number(0, 0, 12)
    if cid not in m.sockets:
        raise Failed
    return cid, m.sockets[cid]


def _casend(m: Sim7080, c: Command) -> Work:
    if c.kind == "read":
        for cid in sorted(m.sockets):
            m.info(f"+CASEND: {cid},{_LONGEST}")
        return None
    cid, socket = _opened(m, c)
    count, timeout_ms = c.number(1, 1, _LONGEST), c.number(2, 100, 10_000, 5000)
    data = yield Prompt(b"\r\n> ", count, timeout_us=timeout_ms * 1000)
    if not data:
        raise Failed
    done: list[bool] = []
    socket.send(data[:count], done.append)
    if not socket.datagram:
        yield Until(lambda: bool(done), 60 * SECOND_US)
        if not (done and done[0]):
            raise Failed
    return None


def _carecv(m: Sim7080, c: Command) -> None:
    cid, socket = _opened(m, c)
    count = c.number(1, 1, _LONGEST)
    socket.poll()
    inbox = m.inbox[cid]
    data = bytes(inbox[:count])
    del inbox[:count]
    if not data:
        m.info("+CARECV: 0")
        return
    peer = f"{socket.address},{socket.port}," if m.live["casrip"] else ""
    m.raw(f"\r\n+CARECV: {len(data)},{peer}".encode() + data + b"\r\n")


def _caclose(m: Sim7080, c: Command) -> None:
    cid, socket = _opened(m, c)
    socket.close()
    del m.sockets[cid]


def _castate(m: Sim7080, c: Command) -> None:
    for cid in sorted(m.sockets):
        m.info(f"+CASTATE: {cid},1")


def _cdnsgip(m: Sim7080, c: Command) -> Work:
    name = c.text(0, 254)
    if not m.radio.registered:
        raise Failed
    m.info(at.OK)
    yield from _ask_dns(m)
    address = m.internet.resolve(name)
    m.urc(at.line("+CDNSGIP", 1, name, address) if address else "+CDNSGIP: 0,8")
    return ""


def _cntp(m: Sim7080, c: Command) -> Work:
    if c.kind == "set":
        m.live["cntp"] = (c.text(0, 64), c.number(1, -48, 56, 0))
        return None
    host, quarters = m.live.get("cntp", ("", 0))
    m.info(at.OK)
    yield from _ask_dns(m)
    address = m.internet.resolve(host)
    if not any(m.contexts) or not m.radio.registered:
        m.urc("+CNTP: 61")
    elif address is None:
        m.urc("+CNTP: 62")
    elif m.internet.resolve("pool.ntp.org") != address:
        yield 10 * SECOND_US
        m.urc("+CNTP: 65")
    else:
        m.clock_us, m.tz_quarters = m.cell.utc_us - m.kernel.now, quarters
        when, _ = common.local_time(m)
        m.urc(f'+CNTP: 1,"{when.strftime("%Y/%m/%d,%H:%M:%S")}"')
    return ""


COMMANDS: dict[str, Handler] = {
    "+CNCFG": _cncfg, "+CNACT": _cnact, "+CGNAPN": _cgnapn, "+CAOPEN": _caopen, "+CASEND": _casend, "+CARECV": _carecv,
    "+CACLOSE": _caclose, "+CASTATE": _castate, "+CASRIP": common.on_off("+CASRIP"), "+CACFG": common.stored("+CACFG"),
    "+CDNSGIP": _cdnsgip, "+CNTP": _cntp, "+CNTPCID": common.on_off("+CNTPCID", 3),
}  # fmt: skip
