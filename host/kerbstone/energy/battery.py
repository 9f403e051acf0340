"""How long a battery lasts under a mean current.

The charge left, Q, falls by what the node draws and by a share k of itself a year: dQ/dt = -k Q - I, so it is gone after
ln(1 + C k / I) / k years. The bare formula promises 40 to 56 years for a LoRaWAN node; nothing built of seals, electrolyte and
solder is sold for that long, hence the usable share, the ageing and the ceiling, which are all said with every answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kerbstone.build.cells import Cell
from kerbstone.build.node import BatteryTable
from kerbstone.build.sources import source_texts

LONGEST_YEARS = 15.0  # makers warrant 10 to 15 years for bobbin cells in the field
DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class Battery:
    """Cells in series and parallel. Series cells give voltage, not charge: their capacity counts once."""

    name: str
    cell: Cell
    table: BatteryTable

    @property
    def capacity_mah(self) -> float:
        return self.cell.capacity_mah * self.table.parallel

    @property
    def usable_mah(self) -> float:
        return self.capacity_mah * self.table.usable_pct / 100

    @property
    def loss_pct_year(self) -> float:
        """Self-discharge and ageing together, of what is left."""
        return self.cell.self_discharge_pct_year + self.table.ageing_pct_year

    def life(self, mah_per_day: float) -> Life:
        """How long it lasts under this load."""
        bare = years(self.usable_mah, mah_per_day, self.loss_pct_year)
        return Life(min(bare, LONGEST_YEARS), bare)

    def assumptions(self) -> list[str]:
        """Every figure that goes into `life` beside the load, one sentence each."""
        cell, t = self.cell, self.table
        origin = "; ".join(source_texts()[tag] for tag in cell.source.split())
        count = f"{t.series} in series, {t.parallel} in parallel: " if t.series * t.parallel > 1 else ""
        return [
            f"Cell {cell.title}, {cell.chemistry}: {count}{self.capacity_mah:g} mAh, {t.series * cell.volt:g} V ({origin}).",
            f"{t.usable_pct:g} % of it is usable: cold, pulses and the voltage at which the board gives up take the rest (assumed).",
            f"Self-discharge {cell.self_discharge_pct_year:g} % a year of what is left (boards/cells.toml).",
            f"Ageing another {t.ageing_pct_year:g} % a year: leakage of board and seals, passivation, warm summers (assumed).",
            f"Never more than {LONGEST_YEARS:g} years, whatever the formula says.",
        ]


@dataclass(frozen=True)
class Life:
    """Years until the usable charge is gone; `bare_years` is what the formula gives before the ceiling."""

    years: float
    bare_years: float

    @property
    def capped(self) -> bool:
        return self.bare_years > self.years


def years(usable_mah: float, mah_per_day: float, loss_pct_year: float) -> float:
    """ln(1 + C k / I) / k; infinite without load and loss."""
    a_year = mah_per_day * DAYS_A_YEAR
    if a_year <= 0:
        return math.inf
    k = -math.log1p(-loss_pct_year / 100)
    return usable_mah / a_year if k == 0 else math.log1p(usable_mah * k / a_year) / k
