"""What an update costs by the device's own reckoning, and when a battery should not pay it."""

import pytest

from kerb import log
from kerb.update import energy
from kerb.update.envelope import Refused
from kerbstone.build.cells import cells
from kerbstone.build.node import load_node
from kerbstone.emulator.flash import ERASE_US, PROGRAM_US
from kerbstone.update.trust import energy_table

TABLE = {"ua": 40_000, "boot_uc": 26_000, "work_ms": 1300, "mv": 3600, "mah": 1000, "uah_day": 1000, "reserve_d": 30}
DAY = 86_400


@pytest.fixture(autouse=True)
def told(monkeypatch):
    lines = []
    monkeypatch.setattr(log, "event", lambda *words: lines.append(words))
    return lines


def test_flash_and_time_cost_what_the_data_sheet_and_the_board_say():
    assert (energy._ERASE_MS * 1000, energy._PROGRAM_US) == (ERASE_US, PROGRAM_US), "the virtual flash takes as long"
    idle = energy.cost_mj(TABLE, [])
    one = energy.cost_mj(TABLE, [4096])
    # A sector erased, sixteen pages and a name: at 40 mA and 3.6 V.
    assert one - idle == pytest.approx((45 + 18 * 0.7) * 40e-3 * 3.6, abs=1)
    assert energy.cost_mj(TABLE, [1_500_000], 5860) > 200 * (one - idle)


def test_what_is_above_the_reserve_falls_by_the_budget_day_by_day():
    assert energy.above_reserve_mj({**TABLE, "mah": 0}, 0) is None
    full = energy.above_reserve_mj(TABLE, 0)
    assert full == (1000 - 30) * 3600 * 3.6, "mAh to mJ"
    assert full - energy.above_reserve_mj(TABLE, 10 * DAY) == pytest.approx(10 * 1 * 3600 * 3.6)
    assert energy.above_reserve_mj(TABLE, 1_609_459_200 + 10 * DAY) == energy.above_reserve_mj(TABLE, 10 * DAY), "an RP2040's clock"


def test_it_is_refused_when_it_would_be_taken_from_the_reserve(told):
    sizes = [3000] * 80
    energy.check(TABLE, sizes, 900 * DAY)
    with pytest.raises(Refused) as refusal:
        energy.check(TABLE, sizes, 970 * DAY)
    assert refusal.value.reason == "battery" and "mJ wanted" in str(refusal.value)
    assert [words[:2] for words in told] == [("cost", "update")] * 2


def test_the_table_comes_from_board_and_battery():
    node = load_node("bins")
    spec = node.spec.update
    assert spec is None
    from kerbstone.build.node import UpdateTable

    table = energy_table(node, UpdateTable.model_validate({"vendor": "example.org", "class": "bin", "keys": "x", "reserve_days": 60}))
    cell = cells().cell["ls33600"]
    assert table["mah"] == round(cell.capacity_mah * 0.75) and table["mv"] == 3600 and table["reserve_d"] == 60
    assert table["ua"] == node.board.current_ua.active and table["uah_day"] == round(1000 * (node.spec.budget.mah_per_day or 0))
