"""Turns the result of a run into the account of one node's charge: a day, a consumer, a wake, a battery."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from kerbstone.build.node import Node
from kerbstone.emulator.board.ulp.figures import RUN_UA, START_US
from kerbstone.emulator.result import RunResult
from kerbstone.emulator.wakes import WakeSum
from kerbstone.energy.budget import DAY_US, battery_of

UAS_PER_MAH = 3.6e6
UAS_PER_MC = 1e3

_COPROCESSOR = (
    f"The coprocessor runs at {RUN_UA:g} uA above deep sleep and starts in {START_US / 1000:g} ms: this has not been measured, and one "
    "user reports chips that draw 10 to 40 uA more with one running (docs/decisions/0052).",
)


@dataclass(frozen=True)
class Draw:
    """What one consumer drew in one state."""

    consumer: str
    state: str
    mah_per_day: float
    share: float  # of all charge, 0..1
    time_share: float | None  # of the run, 0..1; None for pulses, which have no length of their own


@dataclass(frozen=True)
class Wake:
    """Wakes of one cause, or the sleep between them (`count`: how often)."""

    cause: str
    uplink: bool
    label: str
    count: int
    mc_each: float
    ms_each: float
    mah_per_day: float


@dataclass(frozen=True)
class Account:
    """Everything `kerbstone energy` says about a node."""

    name: str
    board: str
    seed: int
    duration_us: int
    mah_per_day: float
    draws: list[Draw]
    wakes: list[Wake]
    battery: str | None = None
    usable_mah: float | None = None
    life_years: float | None = None
    formula_years: float | None = None
    mean_ua: float = 0.0
    assumptions: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def account(node: Node, result: RunResult) -> Account:
    """The account of `node`, which must be in the run."""
    found = next(n for n in result.nodes if n.name == node.name)
    days = result.duration_us / DAY_US
    whole = sum(sum(states.values()) for states in found.charge_uas.values())
    draws = [
        Draw(consumer, state, uas / UAS_PER_MAH / days, uas / whole if whole else 0.0, _share(found.time_us, consumer, state, result))
        for consumer, states in found.charge_uas.items()
        for state, uas in states.items()
        if uas > 0
    ]
    wakes = [_wake(WakeSum(**row), days) for row in found.wake_sums]
    battery = battery_of(node)
    life = battery.life(found.mah_per_day) if battery else None
    return Account(
        node.name, found.board, result.seed, result.duration_us, found.mah_per_day, sorted(draws, key=lambda d: -d.mah_per_day), wakes,
        battery=battery.cell.title if battery else None, usable_mah=battery.usable_mah if battery else None,
        life_years=life.years if life else None, formula_years=life.bare_years if life else None,
        mean_ua=found.mah_per_day / 24 * 1000,
        assumptions=[*assumptions(node, result), *(battery.assumptions() if battery else [])],
    )


def _share(times: dict[str, dict[str, int]], consumer: str, state: str, result: RunResult) -> float | None:
    us = times.get(consumer, {}).get(state)
    return None if us is None else us / result.duration_us


def _wake(s: WakeSum, days: float) -> Wake:
    each_mc, each_ms = s.charge_uas / s.count / UAS_PER_MC, s.time_us / s.count / 1e3
    return Wake(s.cause, s.uplink, s.label, s.count, each_mc, each_ms, s.charge_uas / UAS_PER_MAH / days)


def assumptions(node: Node, result: RunResult) -> list[str]:
    """What the daily figure rests on."""
    board = node.spec.node.board
    hours = result.duration_us / 3_600_000_000
    return [
        f"Every day is like the {hours:g} h of this run (seed {result.seed}), its cold start and its search for the network included.",
        f"Currents of the board at its battery connector from boards/{board}.toml, of parts and radio from their data sheets.",
        f"A cold start takes {node.board.times.boot_ms} ms, a wake {node.board.times.wake_ms} ms to boot.py.",
        "Computing is charged by the module imported and by the call into the port, not by the instruction (docs/energy.md).",
        *(_COPROCESSOR if any("ulp" in n.charge_uas for n in result.nodes if n.name == node.name) else ()),
    ]
