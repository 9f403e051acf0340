"""What a node may draw: its battery, its budget, and whether a run kept to it."""

from __future__ import annotations

from kerbstone.build.cells import cells
from kerbstone.build.node import Node
from kerbstone.energy.battery import Battery
from kerbstone.errors import BudgetError

DAY_US = 86_400_000_000


def battery_of(node: Node) -> Battery | None:
    """The node's battery; None for a node that names none (mains)."""
    table = node.spec.battery
    return Battery(table.cell, cells().cell[table.cell], table) if table else None


def exceeded(node: Node, mah_per_day: float, duration_us: int) -> list[str]:
    """One sentence for each line of its budget that the node exceeds.

    A run of less than a day is not judged: a node's rhythm is the day, and a cold start would weigh too much in it.
    """
    budget, battery = node.spec.budget, battery_of(node)
    if budget is None or duration_us < DAY_US:
        return []
    found = []
    where = node.file.path.name
    if budget.mah_per_day is not None and mah_per_day > budget.mah_per_day:
        found.append(
            f"{node.name} draws {mah_per_day:.2f} mAh a day, more than the {budget.mah_per_day:g} of its budget: "
            f"look at its largest consumers, or change [budget] in {where}."
        )
    if budget.life_years is not None and battery is not None:
        life = battery.life(mah_per_day).years
        if life < budget.life_years:
            found.append(
                f"{node.name} empties {battery.cell.title} in {life:.1f} years, before the {budget.life_years:g} of its budget: "
                f"draw less, choose a larger cell, or change [budget] in {where}."
            )
    return found


def judge(node: Node, mah_per_day: float, duration_us: int) -> None:
    """Raises BudgetError with the first sentence of `exceeded`."""
    for sentence in exceeded(node, mah_per_day, duration_us):
        raise BudgetError(sentence)
