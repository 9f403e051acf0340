"""A parking node whose magnetometer is absent, another chip, stuck, or lies: told once, in the quality as well, and the node goes on."""

import pytest
from lived import changed, live

from kerbstone.emulator.faults import fault

HOURS = 3600
HOURLY = (r"(?m)^(heartbeat_s|period_s) = [1-9]\d{2,}", r"\1 = 3600")


def with_a_bad_chip(how, folder):
    return changed("parking", folder, HOURLY, (r"(?m)^\[battery\]", f'[world.parts.mag]\nfault = "{how}"\n\n[battery]'))


@pytest.mark.parametrize(
    ("how", "said"), [("nack", "no answer at 0x1e"), ("id", "WHO_AM_I is 0x3d"), ("stuck", "no new sample within 250 ms")]
)
def test_a_chip_that_never_was_right_is_a_fault_from_the_first_report_on(tmp_path, how, said):
    life = live(with_a_bad_chip(how, tmp_path), 5 * HOURS)
    told = [line for line in life.account.faults if line.startswith("fault mag")]
    assert len(told) == 1 and said in told[0], told
    states = [(r["values"]["state"], r["quality"], r["values"]["cause"]) for r in life.result.records]
    assert states[0] == ("fault", "fault", "boot")
    assert [cause for *_, cause in states].count("boot") == 1 and all(s == ("fault", "fault", "heartbeat") for s in states[1:])
    assert len(states) >= 4, "the battery is still reported"
    assert all(r["values"].get("battery_v", 3) > 2 for r in life.result.records)
    assert life.result.wakes < 5 * 8 and (life.result.lost, life.result.duplicates) == (0, 0) and not life.account.errors


def test_a_chip_that_falls_silent_is_told_once_and_its_return_too(tmp_path):
    life = live(changed("parking", tmp_path, HOURLY), 8 * HOURS, [fault("i2c_nack", "parking", "2h", "3h", part="mag")])
    during, after = life.between(2, 5), life.between(5.3, 8)
    events = [r for r in during if r["values"]["cause"] == "event" and r["values"]["state"] == "fault"]
    assert len(events) == 1
    assert after[-1]["quality"] == "good" and after[-1]["values"]["state"] in ("free", "occupied")
    assert len([line for line in life.account.faults if line.startswith("fault mag")]) == 1
    assert (life.result.lost, life.result.duplicates) == (0, 0) and not life.account.errors


def test_a_chip_that_repeats_itself_to_the_last_bit_is_suspected(tmp_path):
    life = live(changed("parking", tmp_path, HOURLY), 6 * HOURS, [fault("sensor_frozen", "parking", "1h", "2h", part="mag")])
    beats = {round(r["sample_us"] / 3.6e9): r["quality"] for r in life.result.records if r["values"]["cause"] == "heartbeat"}
    assert beats[2] == "suspect"
    assert beats[5] == "good"
    assert not life.account.errors
