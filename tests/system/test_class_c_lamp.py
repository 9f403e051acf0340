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


ALL = 'packages = ["clock", "groups", "blocks"]'


@pytest.mark.parametrize("packages", ['packages = ["clock", "blocks"]', ALL])
def test_a_lamp_with_packages_has_the_heap_to_carry_out_commands_and_to_answer_them(kerb_node, tmp_path, packages):
    path = tmp_path / "lamp.toml"
    path.write_text(NODE.replace('packages = ["clock", "blocks"]', packages))
    node = kerb_node(str(path)).run("10m")
    assert node._runtime.node.board.heap_kb == 128
    orders = [("dim", [40, 60]), ("configure", [1, {"report_s": 1800}]), ("health", None), ("dim", [50, 60])]
    if packages == ALL:
        orders.remove(("health", None))  # for which three packages leave no room: docs/commands.md
    for name, body in orders:
        node.command(name, body)
        node.run("2m")
    said = [(r["values"]["command"], r["values"]["result"]) for r in node.service if r["profile"] == "answer"]
    assert said[0] == ("dim", "done") and ("configure", "trial") in said and said.count(("dim", "done")) == 2, said
    assert packages == ALL or [r for r in node.service if r["profile"] == "health"]
    assert node.values["level"] == 50 and not [line for line in node.console if "MemoryError" in line or "failed" in line]
    assert node.result.lost == 0 and node.wakes == 1, "it never started anew"


def test_a_reset_before_the_first_save_of_a_lamp_that_never_sleeps_is_an_ordinary_start(kerb_node, tmp_path):
    path = tmp_path / "lamp.toml"
    path.write_text(NODE)
    node = kerb_node(str(path)).run("5m")
    node.command("configure", [1, {"report_s": 600}])
    node.run("10s")
    assert any(line.startswith("kerb command configure trial") for line in node.console)
    kerb_node.strike("watchdog")
    node.run("5m")
    assert node.wakes == 2 and not [line for line in node.console if line.startswith("kerb crash")], node.console[-10:]


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
