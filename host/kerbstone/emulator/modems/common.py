"""Commands all modems have: V.250 and 3GPP TS 27.007; those about the network are in network.py. A dialect takes the table and replaces
what it does otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kerbstone.emulator.kernel import SECOND_US
from kerbstone.emulator.modems import at, network
from kerbstone.emulator.modems.at import Command, Failed
from kerbstone.emulator.modems.life import PIN_TRIES
from kerbstone.emulator.modems.modem import Handler, Work

if TYPE_CHECKING:
    from kerbstone.emulator.modems.modem import Modem

_UNSET = datetime(1980, 1, 6, tzinfo=UTC)  # every modem's clock before it knows better


def on_off(name: str, high: int = 1) -> Handler:
    """A setting from 0 to `high` with its read and test forms, kept under `name` without + in small letters."""
    key = name.lstrip("+*").lower()

    def handle(m: Modem, c: Command) -> None:
        if c.kind == "read":
            m.info(at.line(name, m.live.get(key, 0)))
        elif c.kind == "test":
            m.info(f"{name}: (0-{high})" if high > 1 else f"{name}: (0,1)")
        else:
            m.keep(key, c.number(0, 0, high))

    return handle


def stored(name: str) -> Handler:
    """A setting the modem takes as it is and reads back, without effect on what this emulation shows."""
    key = name.lstrip("+*").lower()

    def handle(m: Modem, c: Command) -> None:
        if c.kind == "set":
            m.keep(key, at.ints([f'"{a}"' if a.quoted else a for a in c.args]))
        elif c.kind == "read":
            m.info(f"{name}: {m.live.get(key, '')}")

    return handle


def identity(name: str) -> Handler:
    def handle(m: Modem, c: Command) -> None:
        if c.kind != "run" or name not in m.IDENTITY:
            raise Failed
        m.info(m.IDENTITY[name].format(imei=m.imei))

    return handle


def _echo(m: Modem, c: Command) -> None:
    m.keep("echo", c.number(0, 0, 1, 0))


def _basic(_m: Modem, _c: Command) -> None:
    """Result code format and the like: accepted, verbose codes stay."""


def _s_register(name: str, lowest: int) -> Handler:
    def handle(m: Modem, c: Command) -> None:
        if c.kind == "read":
            m.info(f"{m.live[name]:03d}")
        else:
            m.live[name] = c.number(0, lowest, 127)

    return handle


def _factory(m: Modem, _c: Command) -> None:
    rate = m.saved["ipr"]
    m.live = {**m.DEFAULTS, "ipr": rate, "cfun": m.live.get("cfun", 1)}
    m.saved = {k: v for k, v in m.saved.items() if k == "ipr"}


def _cmee(m: Modem, c: Command) -> None:
    on_off("+CMEE", 2)(m, c)


def _ipr(m: Modem, c: Command) -> Work:
    if c.kind == "read":
        m.info(at.line("+IPR", m.saved["ipr"]))
        return None
    rate = c.number(0, 0, 4_000_000)
    m.info(at.OK)
    yield m.terminal.busy_us() + 2000
    m.saved["ipr"] = m.live["ipr"] = rate
    m.terminal.auto = rate == 0
    m.baud = rate or m.baud
    yield 0
    return ""


def _cpin(m: Modem, c: Command) -> None:
    if c.kind == "read":
        if m.live.get("cfun", 1) == 0 or m.sim_missing():
            raise Failed(10 if m.sim_missing() else None)
        m.info(f"+CPIN: {m.pin_state()}")
    elif c.kind == "set":
        _enter_pin(m, c.text(0, 8))


def _enter_pin(m: Modem, pin: str) -> None:
    """The card counts what was wrong; CME ERROR 16 is a wrong PIN, 12 a card that wants its PUK, 3 one that is not locked."""
    if not m.radio.barred:
        raise Failed(at.NOT_ALLOWED)
    if m.pin_left and pin == str(m.ctx.options["sim_pin"]):
        m.pin_left = PIN_TRIES
        m.log("pin", right=True)
        m.unlock()
        return
    m.pin_left = max(m.pin_left - 1, 0)
    m.log("pin", right=False, left=m.pin_left)
    raise Failed(16 if m.pin_left else 12)


def cfun(reset_modes: tuple[int, ...] = (), modes: tuple[int, ...] = (0, 1, 4), us: int = 600_000) -> Handler:
    """+CFUN; `reset_modes` restart the modem, as does a second argument 1."""

    def handle(m: Modem, c: Command) -> Work:
        if c.kind == "read":
            m.info(at.line("+CFUN", m.live.get("cfun", 1)))
            return None
        if c.kind != "set":
            return None
        mode = c.number(0, 0, 127)
        if mode in reset_modes or (mode == 1 and c.number(1, 0, 1, 0)):
            return (yield from restart(m, c))
        if mode not in modes:
            raise Failed(at.NOT_ALLOWED)
        yield us
        was, m.live["cfun"] = m.live.get("cfun", 1), mode
        if mode != 1 and was == 1:
            m.forget()
            m.radio.stop()
            if mode == 0:
                m.lock()
                m.urc("+CPIN: NOT READY")
        elif mode == 1 and was != 1:
            if was == 0:
                m.urc(f"+CPIN: {m.pin_state()}")
            m.radio.start()
        return None

    return handle


def restart(m: Modem, _c: Command) -> Work:
    """OK, and then the modem starts anew."""
    m.info(at.OK)
    yield m.terminal.busy_us() + 50_000
    m.reboot("command")
    return ""


def cpowd(m: Modem, c: Command) -> str:
    """SIMCom's +CPOWD: 1 says a word, 0 goes in haste."""
    if c.number(0, 0, 1):
        m.info("NORMAL POWER DOWN")
    m.shut_down()
    return ""


def local_time(m: Modem) -> tuple[datetime, int]:
    """What the modem's clock shows, and its zone in quarters of an hour."""
    if m.clock_us is None:
        return _UNSET + timedelta(microseconds=m.kernel.now - m.since_us), m.tz_quarters
    utc = datetime.fromtimestamp((m.clock_us + m.kernel.now) // SECOND_US, UTC)
    return utc + timedelta(minutes=15 * m.tz_quarters), m.tz_quarters


def stamp(when: datetime, quarters: int, form: str = "%y/%m/%d,%H:%M:%S") -> str:
    return f"{when.strftime(form)}{quarters:+03d}"


def cclk(quoted: bool) -> Handler:
    def handle(m: Modem, c: Command) -> None:
        if c.kind == "read":
            text = stamp(*local_time(m))
            m.info(f'+CCLK: "{text}"' if quoted else f"+CCLK: {text}")
        elif c.kind == "set":
            set_clock(m, ",".join(c.args))

    return handle


def set_clock(m: Modem, text: str) -> None:
    try:
        when = datetime.strptime(text[:17], "%y/%m/%d,%H:%M:%S").replace(tzinfo=UTC)
        quarters = int(text[17:] or 0)
    except ValueError:
        raise Failed(at.INVALID_PARAMETERS) from None
    m.tz_quarters = quarters
    m.clock_us = int((when - timedelta(minutes=15 * quarters)).timestamp()) * SECOND_US - m.kernel.now


def _imei(m: Modem, c: Command) -> None:
    if c.kind == "run":
        m.info(m.imei)
    elif c.kind == "set":
        m.info(f'+CGSN: "{m.imei}"' if m.QUOTES_IMEI else f"+CGSN: {m.imei}")


def _cbc(m: Modem, c: Command) -> None:
    if c.kind in ("run", "read"):
        m.info("+CBC: 0,78,3800")


COMMANDS: dict[str, Handler] = {
    "E": _echo, "V": _basic, "Q": _basic, "&F": _factory, "Z": _factory, "&W": _basic, "&D": _basic, "&C": _basic,
    "S3": _s_register("s3", 0), "S4": _s_register("s4", 0), "S5": _s_register("s5", 0), "I": identity("I"),
    "+CMEE": _cmee, "+IPR": _ipr, "+CGMI": identity("CGMI"), "+CGMM": identity("CGMM"), "+CGMR": identity("CGMR"),
    "+GMI": identity("CGMI"), "+GMM": identity("CGMM"), "+GMR": identity("CGMR"), "+CGSN": _imei, "+GSN": _imei,
    "+CIMI": identity("CIMI"), "+CCID": identity("CCID"), "+CPIN": _cpin, "+CFUN": cfun(), "+CCLK": cclk(True), "+CBC": _cbc,
    **network.COMMANDS,
}  # fmt: skip

DEFAULTS = {"echo": 1, "s3": 13, "s4": 10, "s5": 8, "cmee": 0, "cfun": 1, "cereg": 0}
