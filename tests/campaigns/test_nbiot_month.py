"""A month on a cellular modem with everything going wrong, in every dialect: the ledger balances, and the node comes back.

By default the month is squeezed into hours; KERBSTONE_CAMPAIGN=full lets it last as long as it says.
"""

import os

import pytest

from kerbstone.build.modems import DIALECTS
from kerbstone.build.node import load_node
from kerbstone.emulator.faults import fault
from kerbstone.emulator.run import run
from kerbstone.paths import boards_dir

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
HOUR_US = 3_600_000_000
HOURS = 720 if FULL else 9
BUDGET_MAH_DAY = 12  # of the ready node, in cover or not

# (fault, day it begins, days it lasts or None, parameters): sources in the catalogue of faults.
TROUBLES = (
    ("cell_coverage", 1.0, 1.0, {"level": 2}), ("cell_loss", 3.0, 2.0, {"share": 0.3}), ("cell_away", 6.0, 1.5, {}),
    ("psm_refused", 8.0, 1.5, {}), ("psm_timers", 10.0, 1.0, {}), ("sockets_lost", 11.5, 1.0, {"cure": "reopen"}),
    ("sockets_lost", 13.0, 0.5, {"cure": "restart"}), ("modem_stuck", 14.0, 0.5, {"cure": "power"}), ("modem_reboot", 15.0, 1.0, {}),
    ("modem_hang", 17.0, None, {}), ("modem_noise", 18.0, 1.0, {"share": 0.002}), ("cell_reject", 20.0, 1.0, {}),
    ("cell_server", 21.5, 0.5, {"how": "half_open"}), ("cell_change", 23.0, None, {}), ("modem_hang", 24.0, None, {}),
    ("power_cut", 25.0, None, {}), ("watchdog", 26.0, None, {}),
)  # fmt: skip
MODEMS = {dialect: chip for chip, dialect in reversed(DIALECTS.items())}


def orders():
    scale = HOURS / 720 * 86400
    made = []
    for name, day, days, more in TROUBLES:
        lasts = {} if days is None else {"lasts": f"{int(days * scale)}s"}
        made.append(fault(name, at=f"{int(day * scale)}s", **lasts, **more))
    return made


def node_of(folder, chip, report_s=14400 if FULL else 600, world=""):
    """The ready bin with another modem, and reports often enough for each trouble to meet some."""
    text = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text().replace("report_s = 14400", f"report_s = {report_s}")
    text = text.replace('kind = "nbiot"', f'kind = "nbiot"\nmodem = "{chip}"') + world
    path = folder / "bins_nbiot.toml"
    path.write_text(text)
    return load_node(str(path))


@pytest.mark.parametrize("dialect", sorted(MODEMS) if FULL else ["bg95", "sim7080"])
def test_a_month_of_troubles_loses_nothing_in_any_dialect(tmp_path, dialect):
    (result,) = run([node_of(tmp_path, MODEMS[dialect])], 11, HOURS * HOUR_US, faults=orders()).nodes
    kept = f"{result.decoded} acknowledged + {result.waiting} queued + {result.gap} given up and counted"
    print(f"{dialect}: {HOURS} h of troubles, {result.readings} produced = {kept}, {result.mah_per_day:.1f} mAh a day")
    assert result.lost == 0, result.notes
    assert result.readings == result.decoded + result.waiting + result.gap
    assert result.decoded > result.readings * (0.8 if FULL else 0.5)
    assert result.waiting <= 2, "after a quiet spell nothing waits any more"


def test_a_month_without_coverage_stays_within_the_budget(tmp_path):
    days = 30 if FULL else 3
    node = node_of(tmp_path, "SIM7080G", 14400, "\n[world.parts.modem]\ncoverage = -1\n")
    (result,) = run([node], 11, days * 24 * HOUR_US).nodes
    searched = sum(result.charge_uas["modem"].values()) / 3.6e6
    print(f"{days} days without coverage: the modem takes {searched / days:.2f} mAh a day, the node {result.mah_per_day:.1f}")
    assert result.lost == 0 and result.decoded == 0 and result.readings == result.waiting + result.gap
    assert result.mah_per_day < BUDGET_MAH_DAY
    # Thirty times the ceiling in thirty days; in fewer, what the node may spend at once. Switched off, the modem draws 15 uA.
    assert searched <= 2.0 * 30 / 32 * (days + 2) + 0.36 * days + 0.1
