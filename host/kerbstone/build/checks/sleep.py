"""Rules on deep sleep: what ends it, how long it may last, what survives it."""

from __future__ import annotations

from collections.abc import Iterator

from kerbstone.build.checks.rule import Finding, board_row
from kerbstone.build.checks.sources import find_source, literal
from kerbstone.build.node import LoRaWanTable, MqttTable, NbIotTable, Node
from kerbstone.emulator.board.limits import LIMITS

# What kerb/retained.py and kerb/node.py put into the record beside the application's state, bytes. A test packs the firmware's
# own objects and compares.
HEAD = 4
SECTION = 5
CLOCK, BOX, POLICY, WAY, DUE, FAILING = 40, 12, 8, 22, 4, 1  # WAY: a bearer; DUE, FAILING: a part
WEAR, HEALTH = 4, 4  # HEALTH: when the next report is due
IN_RAM = 0  # records the flash refused: none while it works
SESSION = {"lorawan": 355, "lorawan_at": 6, "mqtt": 19, "nbiot": 31}


def wake_pins(node: Node) -> Iterator[Finding]:
    if not node.spec.policy.deep_sleep:
        return
    able = sorted(LIMITS[node.board.mcu].ext0_pins)
    for name, part in node.spec.parts.items():
        if part.wake_pin is not None and part.wake_pin not in able:
            can = f"use one of {', '.join(map(str, able))}" if able else "no pin of this chip can"
            words = f"GPIO{part.wake_pin} of {node.spec.node.board} cannot end deep sleep: {can}."
            yield Finding(("parts", name, "wake_pin"), words, board_row(node, "mcu"))


def wake_levels(node: Node) -> Iterator[Finding]:
    sources = [(n, p) for n, p in node.spec.parts.items() if p.wake_pin is not None]
    if not node.spec.policy.deep_sleep or len(sources) < 2:
        return
    first, level = sources[0][0], sources[0][1].wake_level
    for name, part in sources[1:]:
        if part.wake_level != level:
            words = f"the chip can wait for one level only, and parts.{first} wakes it by {level}: give all wake pins one level."
            yield Finding(("parts", name, "wake_level"), words, board_row(node, "mcu"))
    if node.board.mcu == "esp32" and level == 0:
        words = f"the ESP32 wakes by level 0 only when all wake pins are low: parts.{first} and parts.{sources[1][0]} must wake it by 1."
        yield Finding(("parts", sources[1][0], "wake_level"), words, board_row(node, "mcu"))


def watches(node: Node) -> Iterator[Finding]:
    """A coprocessor's program moves the bus of its sensor itself; where it is deaf, the sensor's own pin wakes the node."""
    able = sorted(LIMITS[node.board.mcu].ulp_pins)
    for name, part in node.spec.parts.items():
        if "watch" not in part.options:
            continue
        here, board = ("parts", name, "watch"), node.spec.node.board
        if part.options["watch"] != "ulp":
            yield Finding(here, f"the only watch is \"ulp\", not {part.options['watch']!r}: write that, or take the key away.")
        elif not able:
            chips = ", ".join(mcu for mcu, limits in LIMITS.items() if limits.ulp_pins)
            words = f"{board} has no coprocessor this firmware has a program for: take watch away, or choose a board with one of: {chips}."
            yield Finding(here, words, board_row(node, "mcu"))
        elif not node.spec.policy.deep_sleep:
            yield Finding(here, "the coprocessor watches in deep sleep, and deep_sleep = false: take watch away.")
        elif part.wake_pin is None:
            yield Finding(here, "a node whose coprocessor is deaf is woken by the sensor: give parts." + name + " a wake_pin, too.")
        else:
            bus = node.board.i2c[(part.bus or "").partition(".")[2]]
            for line in ("scl", "sda"):
                if (pin := getattr(bus, line)) not in able:
                    words = f"the coprocessor cannot move GPIO{pin}: put parts.{name} on a bus of GPIO{able[0]} to {able[-1]}."
                    yield Finding(here, words, board_row(node, f"{part.bus}.{line}"))


def longest(node: Node) -> Iterator[Finding]:
    """A warning: the firmware sleeps such a time in pieces, each of which costs a start of the chip."""
    limit_s = LIMITS[node.board.mcu].max_sleep_ms / 1000
    periods = {name: part.period_s for name, part in node.spec.parts.items() if part.period_s}
    if not node.spec.policy.deep_sleep or not limit_s or not periods:
        return
    name = min(periods, key=lambda n: periods[n])
    if periods[name] > limit_s:
        words = f"{node.spec.node.board} can time {limit_s:.0f} s of sleep: it will start in between, every {limit_s / 60:.0f} minutes."
        yield Finding(("parts", name, "period_s"), words, board_row(node, "mcu"), warning=True)


def retained_bytes(node: Node) -> int | None:
    """Size of the record that must survive deep sleep; None when the application does not say what it keeps."""
    source = find_source(node, "apps", node.spec.node.app)
    state = literal(source, "STATE_BYTES", "App") if source else None
    if not isinstance(state, int):
        return None
    parts = len(node.spec.parts)
    kept = _kept_bytes(node)
    sessions = [SESSION[_session(table)] for table in node.bearers.values()]
    delivery = POLICY + WAY * len(sessions)
    sections = (*((kept,) if kept else ()), state, CLOCK, DUE * parts, FAILING * parts, *sessions, BOX, delivery, IN_RAM, WEAR)
    if node.spec.health.period_h:
        sections += (HEALTH,)
    return HEAD + sum(SECTION + size for size in sections)


def _session(table: LoRaWanTable | MqttTable | NbIotTable) -> str:
    return "lorawan_at" if isinstance(table, LoRaWanTable) and table.module else table.kind


def _kept_bytes(node: Node) -> int:
    """What the parts' drivers remember: a time, and a length and state for each part; 0 when none has anything."""
    states = []
    for part in node.spec.parts.values():
        source = find_source(node, "drivers", part.driver)
        size = literal(source, "STATE_BYTES", part.driver.upper()) if source else None
        states.append(size if isinstance(size, int) else 0)
    return 4 + sum(1 + size for size in states) if any(states) else 0


def counters(node: Node) -> Iterator[Finding]:
    """A counter waits for the level that is news, in turn; any other wake pin would have to follow."""
    wakes = [name for name, part in node.spec.parts.items() if part.wake_pin is not None]
    if not node.spec.policy.deep_sleep or len(wakes) < 2:
        return
    for name in wakes:
        if (source := find_source(node, "drivers", node.spec.parts[name].driver)) and literal(
            source, "STATE_BYTES", node.spec.parts[name].driver.upper()
        ):
            words = f"parts.{name} counts through deep sleep and must be the only part that wakes the node: take the others' wake_pin away."
            yield Finding(("parts", name, "wake_pin"), words, board_row(node, "mcu"))


def memory(node: Node) -> Iterator[Finding]:
    """A refusal for every node that sleeps deeply: see docs/decisions/0005."""
    limits = LIMITS[node.board.mcu]
    room = max(limits.rtc_bytes, limits.backup_bytes)
    needed = retained_bytes(node)
    if node.spec.policy.deep_sleep and needed is not None and needed > room:
        words = (
            f"{node.spec.node.board} keeps {room} bytes over deep sleep and this node needs {needed}, so each wake would be a cold start "
            "without clock and schedule: choose an ESP32 board, or set deep_sleep = false on mains."
        )
        yield Finding(("policy", "deep_sleep"), words, board_row(node, "mcu"))
