"""The tables [second] and [delivery] of a node file: what they become on the board, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerbstone.build.check import check
from kerbstone.build.checks.power import peak_ma
from kerbstone.build.compile import node_json
from kerbstone.build.node import Node, load_node
from kerbstone.errors import NodeFileError

TEXT = """
[node]
board = "{board}"
app = "bins"
[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 600
[uplink]
kind = "mqtt"
{more}
"""


def node(folder: Path, more: str = "", board: str = "heltec_wifi_lora_32_v3") -> Node:
    path = folder / "node.toml"
    path.write_text(TEXT.format(board=board, more=more))
    loaded = load_node(str(path))
    check(loaded)
    return loaded


def test_the_board_gets_both_bearers_and_the_policy(tmp_path: Path) -> None:
    more = '[second]\nkind = "lorawan"\n[delivery]\nquiet = ["22:30", "06:00"]\nsearch_mah_day = 2\nspread_s = 60\nbatch = true'
    loaded = node(tmp_path, more)
    table = node_json(loaded)
    assert [table[key]["kind"] for key in ("uplink", "second")] == ["mqtt", "lorawan"]
    assert table["delivery"] == {
        "batch": True, "gather_s": 0, "escalate_s": 300, "second_after_s": 3600, "quiet": [1350, 360], "spread_s": 60,
    }  # fmt: skip
    # The ceiling in seconds at the peak current: 2 mAh at 340 mA of Wi-Fi.
    assert table["uplink"]["ceiling_s"] == int(2 * 3600 / peak_ma(loaded, loaded.spec.uplink)[0]) == 21
    assert table["uplink"]["ceiling_s"] < table["second"]["ceiling_s"] and table["second"]["spread_s"] == 60
    assert table["uplink"]["port"] == 1883 and "region" in table["second"] and "radio" in table["second"]
    assert table["policy"]["slip_ppm"] == 60_000


def test_without_a_word_nothing_waits_and_nothing_is_limited(tmp_path: Path) -> None:
    table = node_json(node(tmp_path, 'tls = "server"'))
    assert "second" not in table and "ceiling_s" not in table["uplink"] and table["delivery"]["quiet"] is None
    assert table["uplink"]["port"] == 8883, "the port of MQTT over TLS"


AWAKE = "[policy]\ndeep_sleep = false\n"


@pytest.mark.parametrize(("more", "spread_s"), [(AWAKE, 60), ("", 0), (AWAKE + "[delivery]\nspread_s = 0", 0)])
def test_a_node_that_stays_awake_waits_up_to_a_minute_after_power_on(tmp_path: Path, more: str, spread_s: int) -> None:
    table = node_json(node(tmp_path, more))
    assert table["delivery"]["spread_s"] == table["uplink"].get("spread_s", 0) == spread_s


def test_a_node_that_stays_awake_keeps_time_by_its_crystal(tmp_path: Path) -> None:
    assert node_json(node(tmp_path, "[policy]\ndeep_sleep = false"))["policy"]["slip_ppm"] == 50


@pytest.mark.parametrize(
    ("more", "board", "words"),
    [
        ('[second]\nkind = "mqtt"', "heltec_wifi_lora_32_v3", "the second bearer is mqtt as the first"),
        ('[second]\nkind = "lorawan"', "firebeetle2_esp32e", "has no LoRa radio"),
        ('[delivery]\nquiet = ["22:00"]', "heltec_wifi_lora_32_v3", "a beginning and an end"),
        ('[delivery]\nquiet = ["22:00", "24:00"]', "heltec_wifi_lora_32_v3", "quiet"),
        ('[delivery]\nquiet = ["22:00", "22:00"]', "heltec_wifi_lora_32_v3", "a beginning and an end"),
        ("[delivery]\nspread_s = -1", "heltec_wifi_lora_32_v3", "spread_s"),
        ("[delivery]\nsearch_mah_day = 0", "heltec_wifi_lora_32_v3", "search_mah_day"),
        ("[delivery]\nspred_s = 1", "heltec_wifi_lora_32_v3", "spread_s"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, more: str, board: str, words: str) -> None:
    with pytest.raises(NodeFileError, match=words) as caught:
        node(tmp_path, more, board)
    assert "node.toml:" in str(caught.value) and "\n" not in str(caught.value)
