"""Commands about the network all modems have (3GPP TS 27.007, chapters 7 and 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, grants
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.modem import Handler, Until, Work

if TYPE_CHECKING:
    from kerbstone.emulator.modems.modem import Modem


def _cgdcont(m: Modem, c: Command) -> None:
    contexts = m.saved.setdefault("contexts", {})
    if c.kind == "read":
        for cid in sorted(contexts):
            m.info(at.line("+CGDCONT", cid, *contexts[cid], m.address() if m.radio.registered else "0.0.0.0", 0, 0, 0, 0))
    elif c.kind == "set":
        cid = c.number(0, 0, 15)
        if len(c.args) == 1:
            contexts.pop(cid, None)
        else:
            contexts[cid] = (c.text(1).upper(), c.text(2, 99, ""))


def _cgatt(m: Modem, c: Command) -> Work:
    if c.kind == "read":
        m.info(at.line("+CGATT", int(m.radio.registered and m.radio.attached)))
        return None
    if c.kind != "set":
        return None
    if c.number(0, 0, 1):
        if not m.radio.registered:
            if m.radio.phase == "off" or m.radio.stat == 0:
                m.radio.start()
            yield Until(lambda: m.radio.registered, m.CGATT_US)
        if not m.radio.registered:
            raise Failed(30)
    else:
        yield SECOND_US
        m.radio.detach()
    return None


def _cgact(m: Modem, c: Command) -> Work:
    if c.kind == "read":
        m.info(at.line("+CGACT", 1, int(m.radio.registered)))
        return None
    if c.kind == "set" and c.number(0, 0, 1):
        yield 300_000
        if not m.radio.registered:
            raise Failed(148)
    return None


def _cgpaddr(m: Modem, c: Command) -> None:
    if c.kind != "test":
        m.info(at.line("+CGPADDR", c.number(0, 0, 15, 1), m.address() if m.radio.registered else "0.0.0.0"))


def creg(name: str, nb: bool) -> Handler:
    """+CREG and +CGREG of a modem on NB-IoT never register: circuit and GPRS domain have nothing to register with."""
    key = name[1:].lower()

    def handle(m: Modem, c: Command) -> None:
        if c.kind == "read":
            m.info(at.line(name, m.live.get(key, 0), m.radio.stat if nb else 0))
        elif c.kind == "set":
            m.live[key] = c.number(0, 0, 2)

    return handle


def _cereg(m: Modem, c: Command) -> None:
    if c.kind == "read":
        m.info(f"+CEREG: {m.live.get('cereg', 0)},{m.cereg_fields()}")
    elif c.kind == "test":
        m.info("+CEREG: (0-5)")
    else:
        m.keep("cereg", c.number(0, 0, 5, 0))


def _cops(m: Modem, c: Command) -> Work:
    if c.kind == "read":
        if m.radio.registered:
            form = m.live.get("cops_format", 0)
            m.info(at.line("+COPS", m.live.get("cops", 0), form, m.cell.plmn if form == 2 else m.cell.operator, m.ACT))
        else:
            m.info(at.line("+COPS", m.live.get("cops", 0)))
        return None
    if c.kind == "test":
        yield 40 * SECOND_US
        m.info(f'+COPS: (1,"{m.cell.operator}","{m.cell.operator}","{m.cell.plmn}",{m.ACT}),,(0,1,2,3,4),(0,1,2)')
        return None
    mode = c.number(0, 0, 4)
    if mode == 3:
        m.live["cops_format"] = c.number(1, 0, 2)
        return None
    m.live["cops"] = mode
    if mode == 2:
        yield SECOND_US
        m.radio.stop()
        return None
    if not m.radio.registered:
        m.radio.start()
        yield Until(lambda: m.radio.registered or bool(m.radio.cause), 180 * SECOND_US)
    if not m.radio.registered:
        raise Failed(30)
    return None


def csq(lowest_dbm: int = -113, step_db: int = 2, ber: int = 99) -> Handler:
    """+CSQ: 99 until a cell is heard (logs of the field: LilyGo-T-SIM7080G 90, 172); 0 stands for `lowest_dbm` in the modem's manual."""

    def handle(m: Modem, c: Command) -> None:
        if c.kind == "run":
            level = m.cell.level if m.radio.camps else None
            rssi = 99 if level is None else max(0, min(31, (level.rsrp_dbm + 12 - lowest_dbm) // step_db))
            m.info(f"+CSQ: {rssi},{ber}")

    return handle


def _cesq(m: Modem, c: Command) -> None:
    level = m.cell.level if m.radio.registered else None
    rsrq, rsrp = (255, 255) if level is None else (2 * (level.rsrq_db + 20), level.rsrp_dbm + 141)
    m.info(f"+CESQ: 99,99,255,255,{rsrq},{rsrp}")


def cpsms(m: Modem, c: Command) -> None:
    """+CPSMS=[mode][,,,T3412[,T3324]]: asks the network for power saving."""
    if c.kind == "read":
        t3412, t3324 = m.saved.get("psm_timers", (grants.OFF, grants.OFF))
        m.info(f'+CPSMS: {m.live.get("cpsms", 0)},,,"{t3412}","{t3324}"')
    elif c.kind == "set":
        mode = c.number(0, 0, 2)
        old = m.saved.get("psm_timers", ("00100110", "00100010"))
        t3412, t3324 = (c.text(i, 8, old[i - 3]) for i in (3, 4))
        if not (grants.valid(t3412) and grants.valid(t3324)):
            raise Failed(at.INVALID_PARAMETERS)
        m.saved["psm_timers"] = (t3412, t3324)
        m.keep("cpsms", int(mode == 1))
        m.psm_asked()


def cedrxs(acts: tuple[int, ...] = (4, 5)) -> Handler:
    def handle(m: Modem, c: Command) -> None:
        if c.kind == "read":
            if m.live.get("edrx"):
                m.info(at.line("+CEDRXS", 5, m.live["edrx"]))
        elif c.kind == "set":
            mode = c.number(0, 0, 3)
            if mode in (1, 2):
                act, bits = c.number(1, 1, 5), c.text(2, 4, "0101")
                if act not in acts or bits not in grants.EDRX_US:
                    raise Failed(at.INVALID_PARAMETERS)
                m.keep("edrx", bits)
            else:
                m.keep("edrx", "")
            m.radio.edrx_us = grants.EDRX_US[m.live["edrx"]] if m.live["edrx"] and m.cell.edrx else 0
            m.charge()

    return handle


def _cedrxrdp(m: Modem, _c: Command) -> None:
    asked = m.live.get("edrx")
    if asked and m.radio.registered and m.cell.edrx:
        m.info(at.line("+CEDRXRDP", 5, asked, asked, "0011"))
    else:
        m.info("+CEDRXRDP: 0")


def _cscon(m: Modem, c: Command) -> None:
    if c.kind == "read":
        m.info(at.line("+CSCON", m.live.get("cscon", 0), int(m.radio.connected)))
    elif c.kind == "set":
        m.live["cscon"] = c.number(0, 0, 1)


COMMANDS: dict[str, Handler] = {
    "+CGDCONT": _cgdcont, "+CGATT": _cgatt, "+CGACT": _cgact, "+CGPADDR": _cgpaddr, "+CEREG": _cereg,
    "+CREG": creg("+CREG", False), "+CGREG": creg("+CGREG", False), "+COPS": _cops, "+CSQ": csq(), "+CESQ": _cesq, "+CPSMS": cpsms,
    "+CEDRXS": cedrxs(), "+CEDRXRDP": _cedrxrdp, "+CSCON": _cscon,
}  # fmt: skip
