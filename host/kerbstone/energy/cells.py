"""The cells a node file may name; boards/cells.toml."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict, Field

from kerbstone.build.files import load
from kerbstone.paths import boards_dir


class Cell(BaseModel):
    """One cell. Keys beyond these are for other checks."""

    model_config = ConfigDict(extra="allow")

    title: str
    chemistry: str
    capacity_mah: float = Field(gt=0)
    nominal_v: float = Field(gt=0, le=5)
    continuous_ma: float = Field(gt=0)
    pulse_ma: float | None = Field(default=None, gt=0)
    self_discharge_pct_year: float = Field(ge=0, lt=100)  # of what is left
    source: str


class _CellsFile(BaseModel):
    model_config = ConfigDict(extra="allow")

    cell: dict[str, Cell]


@cache
def cells() -> dict[str, Cell]:
    """All cells by name. Raises NodeFileError when the table is wrong."""
    return load(boards_dir() / "cells.toml", _CellsFile)[0].cell
