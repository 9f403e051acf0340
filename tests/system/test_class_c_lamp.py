"""A light pole on LoRaWAN class C: an order of the operator reaches the lamp within seconds, all the way from the network server."""

import pytest

NODE = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "light"

[parts.lamp]
driver = "dimmer"
period_s = 0
pin = 4
relay_pin = 5
stay = true

[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 300

[app]
lat = 36.1
lon = -79.95

[uplink]
kind = "lorawan"
class = "C"

[policy]
deep_sleep = false
"""


@pytest.fixture
def lamp(kerb_node, tmp_path):
    path = tmp_path / "lamp.toml"
    path.write_text(NODE)
    node = kerb_node(str(path))
    node.run("10m")
    return node


def test_an_order_reaches_the_lamp_within_seconds_and_is_told_back(lamp):
    before = lamp.clock
    lamp.enqueue(10, b"\x1e", confirmed=True)
    lamp.run("5s")
    assert any("kerb downlink 10 1" in line for line in lamp.console), lamp.console[-5:]
    lamp.run("30s")
    assert lamp.values["level"] == 30 and lamp.values["lamp_state"] == "override", lamp.values
    assert lamp.records[-1]["t_us"] / 1e6 - before < 20
    lamp.enqueue(10, b"\xff")
    lamp.run("35s")
    assert lamp.values["lamp_state"] != "override"
