"""The MAC stays as small as it is: a board holds all of it in RAM while it sends."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
import lorawan

MPY_BYTES = 16_384
REGION_BYTES = 1100
ALLOCATED = 2600  # 64-bit words; about half on a board


def test_mac_region_and_one_uplink_keep_to_their_budgets():
    figures = lorawan.figures()
    assert figures["mac_mpy_bytes"] <= MPY_BYTES and figures["largest_region_bytes"] <= REGION_BYTES
    assert 0 < figures["uplink_alloc_bytes"] <= ALLOCATED
