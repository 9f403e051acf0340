"""An air node with a Plantower sensor and a CO2 sensor: its day, and what faults on the wire make of it."""

import pytest
from lived import live

from kerbstone.build.node import load_node
from kerbstone.emulator.faults import fault

HOURS = 3_600
NODE = """
[node]
board = "olimex_esp32_poe"
app = "air"

[parts.climate]
driver = "bme280"
bus = "i2c.uext"
period_s = 300

[parts.dust]
driver = "pms5003"
bus = "uart.uext"
period_s = 600

[parts.co2]
driver = "scd4x"
bus = "i2c.uext"
period_s = 600

[app]
report_s = 600
index = "us_2024"
correction = "epa_2021"
record = "gas"

[uplink]
kind = "mqtt"

[policy]
deep_sleep = false
"""


@pytest.fixture
def node(tmp_path):
    path = tmp_path / "air_pm.toml"
    path.write_text(NODE)
    return load_node(str(path))


def test_a_morning_of_dust_co2_and_index(node):
    life = live(node, 5 * HOURS)
    assert (life.result.lost, life.result.duplicates) == (0, 0)
    late = life.between(3, 5)
    assert len(late) >= 11
    for record in late:
        values = record["values"]
        assert values["air_index_rule"] == "us_2024" and 0 < values["air_index"] < 200
        assert 400 <= values["co2"] <= 600 and values["pm2_5"] > 0 and values["no2"] is None
        assert record["quality"] == "good"


@pytest.mark.parametrize("how", ["garbage", "silence"])
def test_noise_or_silence_on_the_wire_is_one_event_and_the_node_goes_on(node, how):
    life = live(node, 4 * HOURS, [fault("uart_noise", None, "1h", "1h", part="dust", how=how)])
    inside, after = life.between(1.2, 1.9), life.between(2.4, 4)
    assert inside and all(r["values"]["pm2_5"] is None and r["quality"] == "fault" for r in inside)
    assert all(r["values"]["co2"] is not None for r in inside)
    assert after and all(r["values"]["pm2_5"] is not None and r["quality"] == "good" for r in after)
    assert [line.split(" ")[:2] for line in life.account.faults] == [["fault", "dust"], ["recovered", "dust"]]


def test_split_frames_cost_nothing(node):
    life = live(node, 2 * HOURS, [fault("uart_noise", None, "20m", "1h", part="dust", how="split")])
    assert all(r["values"]["pm2_5"] is not None for r in life.between(0.4, 2))
