"""Faults of the board itself: supply, clock, flash."""

import pytest
from cuts import record_problems
from lived import changed, live

from kerbstone.emulator.faults import fault

HOURS = 3600
NODES = ("parking", "bins", "air", "light")


def often(name, tmp_path, *more):
    return changed(name, tmp_path, (r"(?m)^(report_s|heartbeat_s|period_s) = [1-9]\d{2,}", r"\1 = 600"), *more)


def sound(life):
    assert not life.account.errors and not any(n.startswith("crash") for n in life.account.notes), life.account.errors
    assert (life.result.lost, life.result.duplicates) == (0, 0), life.result.notes
    return True


@pytest.mark.parametrize("name", NODES)
def test_a_power_cut_for_an_hour(tmp_path, name):
    life = live(often(name, tmp_path), 5 * HOURS, [fault("power_cut", name, "90m", off="1h")])
    assert sound(life) and life.of("fault_ends")[0][0] == 2.5 * 3600e6
    assert not life.between(1.51, 2.5) and len(life.between(2.5, 5)) >= 10


def test_a_power_cut_takes_the_parts_and_the_radio_along(tmp_path):
    life = live(often("bins", tmp_path), 2 * HOURS, [fault("power_cut", "bins", "1h", off="30m")])
    off = {consumer: states.get("off", 0) for consumer, states in life.result.time_us.items()}
    assert all(us >= 1795e6 for consumer, us in off.items() if consumer != "battery"), off


@pytest.mark.parametrize("name", NODES)
def test_a_supply_that_dips_ten_times(tmp_path, name):
    life = live(often(name, tmp_path), 5 * HOURS, [fault("brown_out", name, "1h", times=10, every="1500ms")])
    # Each start reports, and equal reports within a minute look like copies from afar: the records are judged by their names.
    assert record_problems(life.node, life.account, life.arrivals) == [] and not life.account.errors
    assert life.result.waiting <= 2
    assert len(life.between(1.1, 5)) >= 15


@pytest.mark.parametrize("name", NODES)
def test_a_watchdog_that_bites_now_and_then(tmp_path, name):
    life = live(often(name, tmp_path), 5 * HOURS, [fault("watchdog_op", name, op=20, times=4, step=3)])
    # Equal reports within a minute look like copies from afar, so the records are judged by their names.
    assert record_problems(life.node, life.account, life.arrivals) == [] and not life.account.errors
    assert len(life.of("fault_begins")) == 4 and len(life.between(2, 5)) >= 10


@pytest.mark.parametrize("ppm", [-50_000, 50_000])
def test_a_clock_that_slips_by_three_minutes_an_hour_is_set_right_again(tmp_path, ppm):
    """The slip found on some boards; with a resync every two hours the stamps stay within it."""
    node = often("bins", tmp_path, (r"(?m)^\[world\]", "[policy]\nresync_s = 7200\n[world]"))
    orders = [fault("rtc_slip", "bins", ppm=ppm), fault("gateway_away", at="5h", lasts="1h")]
    life = live(node, 9 * HOURS, orders)
    assert sound(life)
    late = [r for r in life.result.records if r["trust"] in ("stamped", "unsure")]
    assert late, life.result.records
    truth = [t for t, e in life.of("wake")]
    assert all(min(abs(r["sample_us"] - t) for t in truth) < 400e6 for r in late)


def test_a_slip_that_begins_while_the_node_is_awake_reaches_its_clock(tmp_path):
    steady = live(often("light", tmp_path), 5 * HOURS)
    fast = live(often("light", tmp_path), 5 * HOURS, [fault("rtc_slip", "light", "1h", ppm=100_000)])
    # Its ten minutes are shorter by a tenth from then on.
    assert len(fast.between(2, 5)) > len(steady.between(2, 5))
    assert sound(fast)


@pytest.mark.parametrize(("name", "by_s"), [("bins", 7200), ("air", -7200)])
def test_a_network_time_that_jumps_goes_into_stamps_not_into_the_rhythm(tmp_path, name, by_s):
    policy = "[policy]\nresync_s = 3600"
    node = often(name, tmp_path, (r"(?m)^\[policy\]", policy), (r"(?m)^\[world\]", policy + "\n[world]"))
    life = live(node, 6 * HOURS, [fault("clock_step", name, "150m", "2h", by_s=by_s)])
    assert not life.account.errors and len(life.of("fault_ends")) == 1
    # Every record still arrives: one about every ten minutes throughout.
    gaps = [b.t_us - a.t_us for a, b in zip(life.arrivals, life.arrivals[1:], strict=False)]
    assert max(gaps) < 1300e6 and life.result.readings - len(life.arrivals) <= 2


def test_a_full_flash_keeps_records_in_ram_and_says_so(tmp_path):
    """Two days without a gateway fill a flash of six free blocks; what does not fit any more gives up the least urgent, in words."""
    node = changed("bins", tmp_path, (r"(?m)^(report_s) = \d+", r"\1 = 600"))
    life = live(node, 40 * HOURS, [fault("flash_full", "bins", blocks=4), fault("gateway_away", at="2h", lasts="34h")])
    assert not life.account.errors and not any(n.startswith("crash") for n in life.account.notes), life.account.errors
    assert any(line.startswith("fault flash") for line in life.account.faults), life.account.faults
    gone = len(life.account.dropped)
    assert 0 < gone < life.result.readings / 2
    assert (life.result.lost, life.result.duplicates) == (0, 0) and life.result.gap == gone  # all that was given up is counted
    assert record_problems(life.node, life.account, life.arrivals) == []
    assert len(life.between(36, 40)) >= 20


@pytest.mark.parametrize("name", NODES)
def test_a_block_that_goes_bad_ends_no_node(tmp_path, name):
    life = live(often(name, tmp_path), 6 * HOURS, [fault("bad_block", name, "2h", "2h")])
    assert sound(life)
    assert any(line.startswith("fault flash") for line in life.account.faults), life.account.faults
    assert len(life.between(2.2, 4)) >= 6 and len(life.between(4.5, 6)) >= 6
    assert life.result.waiting <= 2
