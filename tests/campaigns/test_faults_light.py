"""A light pole in trouble: whatever is lost, clock, command, network or a part, no minute of the night is dark."""

import pytest
from lived import changed, live

from kerbstone.emulator.faults import fault
from kerbstone.emulator.score import score_node

SECONDS = 10 * 60  # from nightfall on


def night(tmp_path, name, *orders, edits=()):
    """The life of a node whose first minute is the first of the night."""
    life = live(changed(name, tmp_path, (r"(?m)^report_s = \d+", "report_s = 120"), *edits), SECONDS, orders)
    assert not life.of("crash") and not life.account.errors, "the lamp must not burn because the firmware is dead"
    return life, score_node(life.result, SECONDS * 1_000_000)


LOSSES = [
    ("wifi_away", "0s", {}), ("clock_step", "0s", {"by_s": 43_200}), ("rtc_slip", "1m", {"ppm": 200_000}), ("power_cut", "3m", {}),
    ("brown_out", "3m", {"times": 3}), ("i2c_stuck", "2m", {"part": "sky"}), ("sensor_frozen", "2m", {"part": "people"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "at", "options"), LOSSES, ids=lambda v: str(v) if isinstance(v, str) else "")
def test_no_minute_of_the_night_is_dark_on_dali(tmp_path, name, at, options):
    # A clock twelve hours wrong is overruled by the daylight sensor.
    life, score = night(tmp_path, "light_dali", fault(name, "light_dali", at, **options))
    assert life.of("fault_begins")
    assert score["dark_minutes_unlit"] == 0, score


@pytest.mark.parametrize(("name", "at", "options"), [("wifi_away", "0s", {}), ("power_cut", "3m", {}),
                                                     ("uart_noise", "2m", {"part": "meter", "how": "garbage"})])  # fmt: skip
def test_no_minute_of_the_night_is_dark_on_0_10_volts(tmp_path, name, at, options):
    _, score = night(tmp_path, "light", fault(name, "light", at, **options))
    assert score["dark_minutes_unlit"] == 0, score


def test_a_daylight_sensor_that_fails_is_one_event_and_the_node_goes_on(tmp_path):
    life, _ = night(tmp_path, "light_dali", fault("i2c_nack", "light_dali", "3m", "3m", part="sky"))
    assert [line.split()[1] for line in life.account.faults if line.startswith("fault")] == ["sky"]
    assert "recovered sky" in life.account.faults
    assert any(r["quality"] == "fault" for r in life.between(0.05, 0.1)) and life.result.records[-1]["quality"] == "good"
    assert all(r["values"]["faults"] == [] for r in life.result.records[1:])
    assert (life.result.lost, life.result.duplicates) == (0, 0)
