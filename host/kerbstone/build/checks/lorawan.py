"""Rules on what a LoRaWAN node does beside sending: class C, application packages."""

from __future__ import annotations

from collections.abc import Iterator

from kerbstone.build.checks.rule import Finding, board_row
from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.paths import firmware_dir


def device_class(node: Node) -> Iterator[Finding]:
    for bearer, table in _tables(node):
        place = (bearer, "class")
        if table.device_class == "A":
            continue
        if node.spec.policy.deep_sleep:
            yield Finding(place, "a node that sleeps deeply hears nothing: set deep_sleep = false in [policy], or take class A.")
        elif node.spec.battery:
            words = "receiving without end takes 5 mA and more: feed the node from the mains without [battery], or take class A."
            yield Finding(place, words)
        yield from _radio(node, table, place)


def packages(node: Node) -> Iterator[Finding]:
    for bearer, table in _tables(node):
        place = (bearer, "packages")
        if not table.packages:
            continue
        if node.spec.policy.deep_sleep:
            yield Finding(place, "application packages forget in deep sleep what they were told: set deep_sleep = false in [policy].")
        yield from _radio(node, table, place)


def laboratory(node: Node) -> Iterator[Finding]:
    for bearer, table in _tables(node):
        if "certification" in table.packages and node.spec.node.production:
            words = "whoever holds the network's keys could reset this node: take certification away, or set production = false in [node]."
            yield Finding((bearer, "packages"), words)


def _tables(node: Node) -> Iterator[tuple[str, LoRaWanTable]]:
    return ((bearer, table) for bearer, table in node.bearers.items() if isinstance(table, LoRaWanTable))


def _radio(node: Node, table: LoRaWanTable, place: tuple[str, str]) -> Iterator[Finding]:
    chip = node.board.radio
    if table.module:
        yield Finding(place, f"the module {table.module} has a stack of its own: class C and packages are those of a radio on the board.")
        return
    able = sorted(p.stem.removesuffix("_modes") for p in (firmware_dir() / "kerb" / "radio").glob("*_modes.py"))
    if chip and chip.driver not in able:
        board = node.spec.node.board
        words = f"the firmware cannot receive without end with the {chip.chip} of {board}: choose a board with {' or '.join(able)}."
        yield Finding(place, words, board_row(node, "radio.chip"))
