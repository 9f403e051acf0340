"""How soon a node on a cellular modem speaks again when its network is back, and what a network that is away costs it.

By default one short outage; KERBSTONE_CAMPAIGN=full has four lengths in every dialect, and prints each figure.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kerbstone.build.modems import DIALECTS
from kerbstone.build.node import Node, load_node
from kerbstone.emulator.faults import fault
from kerbstone.emulator.run import run
from kerbstone.paths import boards_dir

FULL = os.environ.get("KERBSTONE_CAMPAIGN") == "full"
HOUR_S = 3600
BEGIN_S = 5 * HOUR_S
BOUND_S = 3 * HOUR_S
SEARCH_MAH_DAY = 2.0
OUTAGES_S = {"25 min": 1500, "6 h": 6 * HOUR_S, "3 days": 72 * HOUR_S, "30 days": 720 * HOUR_S}
SEEDS = {"25 min": (1, 2, 3), "6 h": (1, 2, 3), "3 days": (1,), "30 days": (1,)} if FULL else {"25 min": (1,)}
MODEMS = {dialect: chip for chip, dialect in reversed(DIALECTS.items())}


def node_of(folder: Path, chip: str, world: str = "") -> Node:
    """The ready bin with another modem; it measures and reports once an hour."""
    text = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text().replace("report_s = 14400", "report_s = 3600")
    text = text.replace("period_s = 600", "period_s = 3600").replace('kind = "nbiot"', f'kind = "nbiot"\nmodem = "{chip}"')
    path = folder / "bins_nbiot.toml"
    path.write_text(text + world)
    return load_node(str(path))


def empty_after_s(node: Node, outage_s: int, seed: int) -> float:
    """Seconds from the return of the network until the outbox is empty."""
    back_us = (BEGIN_S + outage_s) * 1_000_000
    order = fault("cell_away", at=f"{BEGIN_S}s", lasts=f"{outage_s}s")
    (result,) = run([node], seed, back_us + 12 * HOUR_S * 1_000_000, faults=[order]).nodes
    assert result.lost == 0 and result.readings == result.decoded + result.waiting + result.gap and result.waiting <= 1, result.notes
    late = [r["t_us"] for r in result.records if r["sample_us"] < back_us < r["t_us"]]
    assert late, "the outage held no record up"
    return (max(late) - back_us) / 1e6


@pytest.mark.parametrize("outage", OUTAGES_S if FULL else ["25 min"])
@pytest.mark.parametrize("dialect", sorted(MODEMS) if FULL else ["sim7080"])
def test_a_node_whose_network_is_back_has_an_empty_outbox_within_three_hours(tmp_path: Path, dialect: str, outage: str) -> None:
    took = [empty_after_s(node_of(tmp_path, MODEMS[dialect]), OUTAGES_S[outage], seed) for seed in SEEDS[outage]]
    print(f"{dialect}: {outage} without a network, outbox empty after at most {max(took) / 60:.0f} min")
    assert max(took) <= BOUND_S


if FULL:  # a shorter one is in test_nbiot_month.py

    @pytest.mark.parametrize("dialect", sorted(MODEMS))
    def test_a_month_without_coverage_costs_what_the_node_file_says(tmp_path: Path, dialect: str) -> None:
        dark = node_of(tmp_path, MODEMS[dialect], "\n[world.parts.modem]\ncoverage = -1\n")
        (result,) = run([dark], 1, 720 * HOUR_S * 1_000_000).nodes
        drawn = {state: uas / 3.6e6 / 30 for state, uas in result.charge_uas["modem"].items()}
        rests = sum(drawn.get(state, 0.0) for state in ("off", "sleep"))  # a BC660K has no key to be switched on by: it is left asleep
        searched = sum(drawn.values()) - rests
        print(f"{dialect}: searches take {searched:.2f} mAh a day in a month without coverage, the modem at rest {rests:.2f}")
        assert searched <= SEARCH_MAH_DAY
        assert result.decoded == result.lost == 0 and result.readings == result.waiting + result.gap
