"""The cell a modem is on, the modem itself, and the wire between it and the chip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerbstone.emulator.faults.model import End, Target
from kerbstone.emulator.kernel import Event
from kerbstone.emulator.modems.modem import Modem


def _modem(target: Target) -> Modem:
    modem = target.node.parts["modem"]
    assert isinstance(modem, Modem)  # checked: the node uses NB-IoT
    return modem


def _cell(target: Target, **values: Any) -> End:
    """Sets fields of the cell; the end puts back what was there."""
    cell = _modem(target).cell
    before = {key: getattr(cell, key) for key in values}
    cell.set(**values)
    return lambda: cell.set(**before)


def away(target: Target) -> End:
    """cell_away"""
    return _cell(target, coverage=-1)


def coverage(target: Target) -> End:
    """cell_coverage"""
    return _cell(target, coverage=target.number("level"))


def loss(target: Target) -> End:
    """cell_loss"""
    return _cell(target, loss=float(target.values["share"]))


def change(target: Target) -> None:
    """cell_change: the modem finds itself on a neighbour."""
    target.begins()
    cell = _modem(target).cell
    cell.set(tac=cell.tac + 1 & 0xFFFF, cell_id=cell.cell_id + 257 & 0xFFFFFFF, pci=(cell.pci + 3) % 504)
    target.ends()


def reject(target: Target) -> End:
    """cell_reject: the network puts the modem out and lets it in no more."""
    end = _cell(target, cause=target.number("cause"))
    _modem(target).radio.put_out()
    return end


def psm_refused(target: Target) -> End:
    """psm_refused"""
    return _cell(target, psm=False)


def timers(target: Target) -> End:
    """psm_timers: in seconds, other than asked for."""
    return _cell(target, active_s=target.number("active") // 1_000_000, tau_s=target.number("tau") // 1_000_000)


def _again(target: Target, strike: Callable[[], None]) -> End:
    """Strikes now and `every` so often, if that is not 0."""
    every = target.number("every")
    due: list[Event] = []

    def happen() -> None:
        strike()
        due[:] = [target.kernel.after(every, happen)] if every else []

    happen()
    def end() -> None:
        for event in due:
            event.cancel()

    return end


def sockets_lost(target: Target) -> End:
    """sockets_lost: everything looks connected, nothing passes."""
    modem, restart = _modem(target), target.values["cure"] == "restart"

    def strike() -> None:
        modem.sockets_die()
        modem.internet.dead = modem.internet.dead or restart

    return _again(target, strike)


def stuck(target: Target) -> End:
    """modem_stuck: the next data mode does not end by itself."""
    modem = _modem(target)
    modem.stuck = str(target.values["cure"])

    def end() -> None:
        modem.stuck = ""

    return end


def reboot(target: Target) -> End:
    """modem_reboot: a dip of its supply."""
    modem = _modem(target)

    def strike() -> None:
        if modem.mode in ("on", "boot"):
            modem.reboot("fault")

    return _again(target, strike)


def hang(target: Target) -> None:
    """modem_hang: until it is switched off or reset."""
    target.begins()
    _modem(target).hung = True
    target.ends()


def noise(target: Target) -> End:
    """modem_noise: characters changed, lost or added, both ways."""
    modem, rng, share = _modem(target), target.rng, float(target.values["share"])

    def disturb(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if rng.random() >= share:
                out.append(byte)
                continue
            what = rng.randrange(3)
            if what == 0:
                out.append(byte ^ 1 << rng.randrange(8))
            elif what == 1:
                out += bytes((byte, rng.randrange(256)))
        return bytes(out)

    modem.line_noise = disturb

    def end() -> None:
        modem.line_noise = None

    return end


def server(target: Target) -> End:
    """cell_server: what lies behind the network does not answer."""
    internet = _modem(target).internet
    internet.trouble = str(target.values["how"])

    def end() -> None:
        internet.trouble = ""

    return end
