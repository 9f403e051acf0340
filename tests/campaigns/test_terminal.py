"""The pumping station lives: right values, nothing lost, a failing part leaves the others alone, counts outlive sleep and power."""

import pytest
from lived import changed, live

from kerbstone.build.node import load_node
from kerbstone.emulator.faults import fault
from kerbstone.emulator.score import line_at

HOUR = 3600
# Half a step of the message and the error of the part.
LIMITS = {
    "power_w": 1.1, "mains_v": 0.3, "energy_kwh": 0.06, "level_m": 0.006, "water_c": 0.06, "soil_pct": 0.11, "water_l": 10.0,
    "pressure_bar": 0.025,
}  # fmt: skip
MEASURED_US = {"level_m": 310e6, "water_c": 310e6, "soil_pct": 310e6}  # how long ago at most; else a minute


def true_range(series, name, t_us):
    """Least and greatest true value since the channel may have been measured; the series is one of every minute."""
    since = t_us - MEASURED_US.get(name, 65e6) - 60e6
    values = [v for t, v in series if since <= t <= t_us + 60e6]
    return min(values), max(values)


def test_what_arrives_is_what_was_there():
    life = live(load_node("terminal"), 4 * HOUR)
    assert (life.result.lost, life.result.duplicates) == (0, 0) and life.account.faults == [] and not life.account.errors
    assert len(life.result.records) >= 4 * 4
    for record in life.result.records:
        assert record["quality"] == "good"
        for name, limit in LIMITS.items():
            low, high = true_range(life.result.truth["series"][name], name, record["sample_us"])
            assert low - limit <= record["values"][name] <= high + limit, (name, record["sample_us"])


@pytest.mark.parametrize(
    ("part", "order", "channels"),
    [
        ("meter", fault("uart_noise", "terminal", "1h", "1h", part="meter", how="silence"), ("power_w", "mains_v", "energy_kwh")),
        ("well", fault("uart_noise", "terminal", "1h", "1h", part="well", how="garbage"), ("level_m", "water_c", "soil_pct")),
        ("pipe", fault("i2c_nack", "terminal", "1h", "1h", part="pipe"), ("pressure_bar",)),
    ],
)
def test_a_failing_part_is_told_once_and_the_rest_goes_on(tmp_path, part, order, channels):
    node = changed("terminal", tmp_path, (r"report_s = 900", "report_s = 600\nstale_s = 900"))
    life = live(node, 3 * HOUR, [order])
    told = [line for line in life.account.faults if line.startswith(f"fault {part}")]
    assert len(told) == 1 and f"recovered {part}" in life.account.faults, life.account.faults
    during, after = life.between(1.4, 2), life.between(2.5, 3)
    assert during and after
    for record in during:
        assert record["quality"] == "fault" and all(record["values"][name] is None for name in channels)
        assert all(record["values"][name] is not None for name in LIMITS if name not in channels)
    assert after[-1]["quality"] == "good" and all(after[-1]["values"][name] is not None for name in LIMITS)
    assert (life.result.lost, life.result.duplicates) == (0, 0) and not life.account.errors


def test_the_count_outlives_a_power_cut_up_to_what_was_not_yet_saved(tmp_path):
    node = changed("terminal", tmp_path, (r"deep_sleep = false", "deep_sleep = false\nsave_s = 600"))
    life = live(node, 3 * HOUR, [fault("power_cut", "terminal", "2h")])
    after = life.between(2.3, 3)[-1]
    true = line_at(life.result.truth["series"]["water_l"], after["sample_us"])
    at_cut = life.result.truth["series"]["water_l"]
    unsaved = line_at(at_cut, 7.2e9 + 20e6) - line_at(at_cut, 7.2e9 - 660e6)
    assert true - unsaved - 40 <= after["values"]["water_l"] <= true + 10
    assert life.result.lost == 0


SLEEPER = """[node]
board = "esp32_devkitc"
app = "terminal"
[parts.water]
driver = "pulse"
pulse_pin = 26
wake_pin = 26
wake_level = 0
per_pulse = 10
period_s = 900
[app.channels.water_l]
source = "water.total"
unit = "L"
max = 40000000
step = 10
[uplink]
kind = "mqtt"
link = "burst"
[world.parts.water]
quantity = "water_l"
step = 10
width_ms = {}
"""


@pytest.mark.parametrize("width_ms", [200, 3000, 9000])
def test_pulses_are_counted_through_deep_sleep_however_long_the_contact_stays_closed(tmp_path, width_ms):
    path = tmp_path / "sleeper.toml"
    path.write_text(SLEEPER.format(width_ms))
    life = live(load_node(str(path)), 2 * HOUR)
    last = life.result.records[-1]
    true = line_at(life.result.truth["series"]["water_l"], last["sample_us"])
    assert true > 500 and life.result.wakes > true / 10
    assert last["values"]["water_l"] == pytest.approx(true, abs=20)
    assert life.result.lost == 0 and not life.account.errors
