"""Rules on what a LoRaWAN node does beside sending: class C, application packages."""

from __future__ import annotations

from collections.abc import Iterator

from kerbstone.build.checks.rule import Finding, board_row
from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.paths import firmware_dir

_CLASS, _PACKAGES = ("uplink", "class"), ("uplink", "packages")


def device_class(node: Node) -> Iterator[Finding]:
    uplink = node.spec.uplink
    if not isinstance(uplink, LoRaWanTable) or uplink.device_class == "A":
        return
    if node.spec.policy.deep_sleep:
        yield Finding(_CLASS, "a node that sleeps deeply hears nothing: set deep_sleep = false in [policy], or take class A.")
    elif node.spec.battery:
        yield Finding(_CLASS, "receiving without end takes 5 mA and more: feed the node from the mains without [battery], or take class A.")
    yield from _radio(node, _CLASS)


def _radio(node: Node, place: tuple[str, str]) -> Iterator[Finding]:
    uplink, chip = node.bearer(LoRaWanTable), node.board.radio
    if uplink and uplink.module:
        yield Finding(place, f"the module {uplink.module} has a stack of its own: class C and packages are those of a radio on the board.")
        return
    able = sorted(p.stem.removesuffix("_modes") for p in (firmware_dir() / "kerb" / "radio").glob("*_modes.py"))
    if chip and chip.driver not in able:
        board = node.spec.node.board
        words = f"the firmware cannot receive without end with the {chip.chip} of {board}: choose a board with {' or '.join(able)}."
        yield Finding(place, words, board_row(node, "radio.chip"))


def packages(node: Node) -> Iterator[Finding]:
    uplink = node.spec.uplink
    if not isinstance(uplink, LoRaWanTable) or not uplink.packages:
        return
    if node.spec.policy.deep_sleep:
        yield Finding(_PACKAGES, "application packages forget in deep sleep what they were told: set deep_sleep = false in [policy].")
    yield from _radio(node, _PACKAGES)


def laboratory(node: Node) -> Iterator[Finding]:
    uplink = node.spec.uplink
    if isinstance(uplink, LoRaWanTable) and "certification" in uplink.packages and node.spec.node.production:
        words = "whoever holds the network's keys could reset this node: take certification away, or set production = false in [node]."
        yield Finding(_PACKAGES, words)
