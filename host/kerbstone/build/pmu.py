"""Power chips that feed a radio: how a rail is set and switched on (X-Powers AXP192 data sheet V1.1, AXP2101 data sheet V1.0).

As the firmware reads it: [chip id, enable register, bit, voltage register, mask, code].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kerbstone.build.board import BoardFile

ID_REGISTER = 0x03
IDS = {"axp192": 0x03, "axp2101": 0x4A}


class Rail(NamedTuple):
    """`mask` is where the voltage stands: `low_mv` and so many steps of 100 mV."""

    enable: int
    bit: int
    voltage: int
    mask: int
    low_mv: int
    high_mv: int

    def code(self, mv: int) -> int:
        return (mv - self.low_mv) // 100 * (self.mask & -self.mask)


RAILS = {
    "axp192": {"ldo2": Rail(0x12, 0x04, 0x28, 0xF0, 1800, 3300), "ldo3": Rail(0x12, 0x08, 0x28, 0x0F, 1800, 3300)},
    "axp2101": {
        "aldo1": Rail(0x90, 0x01, 0x92, 0x1F, 500, 3500), "aldo2": Rail(0x90, 0x02, 0x93, 0x1F, 500, 3500),
        "aldo3": Rail(0x90, 0x04, 0x94, 0x1F, 500, 3500), "aldo4": Rail(0x90, 0x08, 0x95, 0x1F, 500, 3500),
        "bldo1": Rail(0x90, 0x10, 0x96, 0x1F, 500, 3500), "bldo2": Rail(0x90, 0x20, 0x97, 0x1F, 500, 3500),
    },
}  # fmt: skip


def radio_supply(board: BoardFile) -> dict[str, Any]:
    """The bus and, for each issue of the board, the rail that feeds the radio; {} when it has a supply of its own.

    All issues of a board have their chip on the same bus and address (build/wiring.py).
    """
    if board.radio is None or board.radio.pmu_rail is None:
        return {}
    rows = []
    for pmu in board.pmu.values():
        for name, rail in pmu.rail.items():
            how = RAILS[pmu.chip].get(name)
            if how and rail.feeds == "radio" and rail.mv:
                rows.append([IDS[pmu.chip], how.enable, how.bit, how.voltage, how.mask, how.code(rail.mv)])
    first = next(iter(board.pmu.values()))
    return {**board.i2c[first.i2c].model_dump(), "addr": first.addr, "rails": rows}


def mistakes(board: BoardFile) -> list[tuple[str, str]]:
    """(key, sentence) for a rail that feeds the radio and could not be switched."""
    given = board.radio.pmu_rail if board.radio else None
    if given is None:
        return []
    issue, _, name = given.partition(".")
    found = board.pmu.get(issue)
    rail = found.rail.get(name) if found else None
    if found is None or rail is None or rail.feeds != "radio" or rail.mv is None:
        return [("radio.pmu_rail", f"radio.pmu_rail: [pmu] has no rail {given} with feeds = \"radio\" and mv; correct one of them.")]
    how = RAILS[found.chip].get(name)
    if how is None or not how.low_mv <= rail.mv <= how.high_mv:
        words = f"radio.pmu_rail: the firmware cannot set {name} of the {found.chip} to {rail.mv} mV; see build/pmu.py."
        return [("radio.pmu_rail", words)]
    if len({(pmu.i2c, pmu.addr) for pmu in board.pmu.values()}) > 1:
        return [("pmu", "pmu: the issues have their power chips on different buses or addresses; make them boards of their own.")]
    return []
