"""Batteries: the rows of boards/cells.toml, and what a pack of them can give."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from pydantic import Field

from kerbstone.build.board_tables import Table
from kerbstone.build.files import load, nearest
from kerbstone.build.node import BatteryTable
from kerbstone.paths import boards_dir


class Cell(Table):
    """One cell. `pulse_ma`: where the maker states none, the continuous current is all that counts."""

    title: str
    chemistry: str
    volt: float = Field(gt=0, le=5)
    capacity_mah: float = Field(gt=0)
    continuous_ma: float = Field(gt=0)
    pulse_ma: float | None = Field(default=None, gt=0)
    self_discharge_pct_year: float = Field(ge=0, lt=100)  # of what is left
    rechargeable: bool = False
    temperature_c: list[int] | None = None
    curve_v: list[float] | None = Field(default=None, min_length=3)  # at rest and 20 C, from full to empty in even steps of charge
    source: str


class Buffer(Table):
    """A capacitor beside the cells."""

    title: str
    pulse_ma: float = Field(gt=0)
    source: str


class CellFile(Table):
    cell: dict[str, Cell]
    buffer: dict[str, Buffer]


@cache
def cells() -> CellFile:
    """The table. Raises NodeFileError when it is wrong."""
    return load(boards_dir() / "cells.toml", CellFile)[0]


@dataclass(frozen=True)
class Pack:
    """Cells as a node file combines them. `problems`: (key of [battery], sentence)."""

    name: str
    title: str = ""
    capacity_mah: float = 0.0
    pulse_ma: float = 0.0
    rechargeable: bool = False
    problems: tuple[tuple[str, str], ...] = field(default=())


def pack_of(table: BatteryTable) -> Pack:
    """What the stated cells give together: parallel ones add their currents, a buffer carries the peaks instead."""
    known = cells()
    wanted = (("cell", table.cell, list(known.cell)), ("buffer", table.buffer, list(known.buffer)))
    problems = [
        (key, f"there is no {key} {name!r} in boards/cells.toml; {nearest(name, names)}")
        for key, name, names in wanted if name and name not in names
    ]
    if problems:
        return Pack(table.cell, problems=tuple(problems))
    cell = known.cell[table.cell]
    pulse = (cell.pulse_ma or cell.continuous_ma) * table.parallel
    title = cell.title if table.parallel == 1 else f"{table.parallel} x {cell.title}"
    if table.buffer:
        pulse = max(pulse, known.buffer[table.buffer].pulse_ma)
        title += f" with {known.buffer[table.buffer].title}"
    return Pack(table.cell, title, cell.capacity_mah * table.parallel, pulse, cell.rechargeable)
