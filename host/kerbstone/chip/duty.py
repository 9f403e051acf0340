"""One duty cycle of a built node on the chip: what it reported, how much heap each stage left, how long it took."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerbstone.build.compile import board_files
from kerbstone.build.node import LoRaWanTable, Node
from kerbstone.chip.bench import transplant
from kerbstone.chip.engine import Chip, Output
from kerbstone.chip.prepare import prepare
from kerbstone.chip.wiring import Wired, wire
from kerbstone.codec import decode, load_profile
from kerbstone.emulator.identity import mint
from kerbstone.emulator.run import START_UTC
from kerbstone.errors import ChipError

# Chip time a cycle may take: the slowest is a LoRaWAN join that misses its first windows.
_LIMIT_S = 90
_MARGIN_S = 30.0  # for what comes after the limit: the sensors' sleep, saving
_REPORT_S = 30  # an application that reports every ten minutes is asked to do so after this long


@dataclass(frozen=True)
class Stage:
    """The heap at one point, bytes."""

    name: str
    chip_ms: int  # since the script began
    free: int  # after a collection
    live: int  # what lives then: the size of the heap less `free`
    touched: int  # in use just before the collection, garbage included


@dataclass(frozen=True)
class Duty:
    """The result of `run_duty`. `delivered`: the network server had them; empty without a radio."""

    node: str
    build: str
    pins: str  # the board whose pins were used
    stages: list[Stage]
    frames: list[str]
    decoded: list[dict[str, Any]]
    delivered: list[str]
    console: list[str]  # the node's own lines
    charge_uas: dict[str, float]  # of the parts; the chip's own current is not modelled
    truth: dict[str, float]
    chip_s: float
    wall_s: float

    @property
    def high_water(self) -> Stage:
        """The stage at which most of the heap was alive."""
        return max(self.stages, key=lambda s: s.live)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"heap_high_water": asdict(self.high_water)}


def run_duty(node: Node, uf2: Path, seed: int = 1, start_utc: int = START_UTC, send: bool = True) -> Duty:
    """Wakes the node, lets it measure until its application reports, and sends over its radio if it has one.

    Wi-Fi is not bridged: a node with MQTT stops at its outbox. Raises NodeFileError, ChipError or EngineError.
    """
    node = transplant(_impatient(node))
    files = board_files(node)
    files["/identity.json"] = json.dumps(mint(seed, node.name).values()).encode()
    hung: list[Wired] = []
    prepared = prepare(uf2, files, ["duty"], lambda chip: hung.append(wire(chip, node, seed, start_utc)), flash_mb=node.board.flash_mb)
    with hung[0] as wired:
        radio = isinstance(node.spec.uplink, LoRaWanTable)
        done = prepared.chip.execute(f"import duty\nduty.run({_LIMIT_S}, {send and radio})", _LIMIT_S + _MARGIN_S)
        if done.stderr:
            raise ChipError(f"Node {node.name} failed on the chip: {done.stderr.strip().splitlines()[-1]}")
        return _result(node, prepared.build, prepared.chip, wired, done)


def _impatient(node: Node) -> Node:
    """The node with its report period cut short, so that a cycle takes seconds and not minutes of chip time."""
    if int(node.spec.app.get("report_s", 0)) <= _REPORT_S:
        return node
    return Node(node.name, node.file, node.spec.model_copy(update={"app": {**node.spec.app, "report_s": _REPORT_S}}), node.board)


def _result(node: Node, build: str, chip: Chip, wired: Wired, done: Output) -> Duty:
    lines = done.stdout.splitlines()
    own = [line for line in lines if line.startswith("kerb ")]
    frames = [line.split()[3] for line in own if line.startswith("kerb put ")]
    profile = load_profile(node.profile)
    wired.ledger.settle()
    return Duty(
        node.name, build, node.board.title, _stages(lines), frames, [decode(profile, frame).data() for frame in frames],
        [a.payload.hex() for a in wired.arrivals()], own, {name: m.total_uas for name, m in wired.ledger.meters.items()},
        _truth(wired, chip.kernel.now), done.chip_s, done.wall_s,
    )


def _stages(lines: list[str]) -> list[Stage]:
    rows = [line.split() for line in lines if line.startswith("chip ")]
    times = {row[2]: int(row[3]) for row in rows if row[1] == "stage"}
    heap = [row[2:] for row in rows if row[1] == "heap"]
    return [Stage(name, times[name], int(free), int(live), int(touched)) for name, free, live, touched in heap]


_QUANTITIES = ("temp_c", "rh_pct", "pressure_hpa", "distance_mm", "tilt_deg", "pm25_ug", "mains_v", "lamp_power_w", "battery_v")


def _truth(wired: Wired, t_us: int) -> dict[str, float]:
    """What the site knows of the quantities at the end of the cycle."""
    found = {}
    for quantity in _QUANTITIES:
        try:
            found[quantity] = wired.site.read(quantity, t_us)
        except KeyError:
            continue
    return found
