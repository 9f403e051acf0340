"""The supply: cuts at a time, at a flash operation, in a row."""

from __future__ import annotations

from collections.abc import Callable

from kerbstone.emulator.board.device import WATCHDOG
from kerbstone.emulator.faults.model import Target
from kerbstone.emulator.flash import PowerLost
from kerbstone.emulator.parts.base import Part
from kerbstone.emulator.runtime import Runtime


def cut(target: Target, off_us: int, **fields: int | bool) -> None:
    """Takes the supply of the whole node away for `off_us`: chip, parts, radio. Nothing but the flash is remembered."""
    node = target.node
    if node.device.mcu.state == "off":
        return
    target.begins(**fields)
    node.pins.held.clear()
    node.device.power_off()
    # The rails have fallen with the pins that switch them: what still has power hangs on the supply itself.
    fed = [part for part in node.parts.values() if part.powered]
    for part in fed:
        part.set_power(False)
    target.kernel.after(off_us, _restore, target, node, fed)


def _restore(target: Target, node: Runtime, fed: list[Part]) -> None:
    target.ends()
    for part in fed:
        part.set_power(True)
    node.device.power_on()


def cut_now(target: Target) -> None:
    """power_cut"""
    cut(target, target.number("off"))


def brown_out(target: Target) -> None:
    """brown_out: the chip's detector resets it, the parts ride it out with their registers."""
    node, left = target.node, target.number("times")
    target.begins(times=left)

    def dip() -> None:
        nonlocal left
        left -= 1
        node.pins.held.clear()
        node.device.power_off()
        node.device.power_on()
        if left:
            target.kernel.after(target.number("every"), dip)
        else:
            target.ends()

    dip()


def bite(target: Target, **fields: int | bool) -> None:
    """The watchdog resets the chip: RAM ends, RTC memory and parts stay as they are."""
    target.begins(**fields)
    target.node.device.reset(WATCHDOG)
    target.ends()


def reset_now(target: Target) -> None:
    """watchdog"""
    if target.node.device.process:
        bite(target)


def cut_at_operation(target: Target) -> None:
    """power_cut_op: before flash operation `op`, or in the middle of it; again `step` operations after each return."""
    _at_operation(target, bool(target.values["torn"]), lambda **fields: cut(target, target.number("off"), **fields))


def reset_at_operation(target: Target) -> None:
    """watchdog_op: as power_cut_op, always between two operations: a reset does not stop what the flash chip has begun."""
    _at_operation(target, False, lambda **fields: bite(target, **fields))


def _at_operation(target: Target, torn: bool, happen: Callable[..., None]) -> None:
    flash = target.node.device.flash
    left, due = target.number("times"), target.number("op")
    begun = flash.operations

    def strike(block: int, offset: int, data: bytes | None) -> int:
        nonlocal left, due, begun
        if not left or flash.operations - begun < due - 1:
            return 0
        if torn and data is None:
            flash.erase_part(block, target.rng.randrange(1, flash.block_size))
        elif torn and data and len(data) > 1:
            flash.program(block, offset, data[: target.rng.randrange(1, len(data))])
        left -= 1
        begun, at = flash.operations, due
        due += target.number("step")
        # Which block it is does not repeat: littlefs starts its search for free ones anywhere.
        happen(op=at, torn=torn, erase=data is None)
        raise PowerLost

    flash.faults.append(strike)
