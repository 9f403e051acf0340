"""A light pole on LoRaWAN class C: an order of the operator reaches the lamp within seconds, all the way from the network server, and a
block of data its flash.
"""

import random

import pytest

from kerbstone.emulator.air import ns_crypto

NODE = """
[node]
board = "heltec_wifi_lora_32_v3"
app = "light"
production = false

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
packages = ["clock", "blocks"]

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


def fragment(n, data):
    """DataFragment of session 1 (TS004-2.0.0 section 3.6)."""
    return b"\x08" + (1 << 14 | n).to_bytes(2, "little") + data


def test_a_block_sent_in_fragments_lands_on_the_flash_of_the_node(lamp):
    """Version 2: the block's MIC is made here, from the node's own key, with another AES than the node's."""
    block = random.Random(4).randbytes(200)
    key = ns_crypto.open_accept(bytes.fromhex(lamp._runtime.identity.gen_app_key), b"\x30" + bytes(15))  # one block of AES
    head = b"\x49\x01\x00\x01" + b"v002" + bytes(4) + len(block).to_bytes(4, "little")
    mic = ns_crypto.mic(key, head + block)
    lamp.enqueue(201, b"\x02\x10" + (5).to_bytes(2, "little") + bytes((40, 0, 0)) + b"v002" + b"\x01\x00" + mic)
    lamp.run("20s")
    for n in range(5):
        lamp.enqueue(201, fragment(n + 1, block[40 * n : 40 * n + 40]))
        lamp.run("20s")
    assert f"kerb block 1 {b'v002'.hex()} 200" in lamp.console, lamp.console[-20:]
