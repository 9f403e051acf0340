"""A node file that cannot work is refused with one sentence: file, line, what is wrong, what to do."""

import pytest

from kerbstone.build.board import board_names, load_board
from kerbstone.build.check import check
from kerbstone.build.compile import node_json
from kerbstone.build.node import load_node, ready_nodes
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir

BINS = (boards_dir() / "nodes" / "bins.toml").read_text()
PARKING = (boards_dir() / "nodes" / "parking.toml").read_text()
LIGHT = (boards_dir() / "nodes" / "light.toml").read_text()


def refusal(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(NodeFileError) as caught:
        check(load_node(str(path)))
    message = str(caught.value)
    assert "\n" not in message
    return message


def line(text, words):
    return next(i for i, row in enumerate(text.splitlines(), 1) if words in row)


@pytest.mark.parametrize("name", ["parking", "bins", "air", "light"])
def test_every_ready_node_passes_its_checks_and_holds_no_secret(name):
    node = load_node(name)
    check(node)
    text = str(node_json(node)).lower()
    assert "password" not in text and "key" not in text.replace("keepalive", "")


def test_every_board_file_loads():
    for name in board_names():
        assert load_board(name).title
    assert set(ready_nodes()) >= {"parking", "bins", "air", "light"}


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (BINS, "period_s = 600\nburst", "perod_s = 600\nburst", ("mine.toml:{}", "perod_s")),
        (BINS, "burst = 5", "brust = 5", ("mine.toml:{}", "'brust'", "'burst'")),
        (BINS, "report_s = 3600", "reprot_s = 3600", ("mine.toml:{}", "'reprot_s'", "'report_s'")),
        (BINS, "report_s = 3600", 'report_s = "often"', ("mine.toml:{}", "report_s", "'often'")),
        (BINS, 'region = "EU868"', 'regoin = "EU868"', ("mine.toml:{}", "'regoin'", "'region'")),
        (BINS, 'region = "EU868"', 'region = "EU869"', ("mine.toml:{}", "EU869")),
        (BINS, 'driver = "sht4x"', 'driver = "sht4y"', ("mine.toml:{}", "'sht4y'", "'sht4x'")),
        (BINS, 'bus = "uart.main"', 'bus = "uart.mian"', ("mine.toml:{}", "'uart.mian'", "uart.main")),
        (BINS, 'rail = "vext"', 'rail = "vexd"', ("mine.toml:{}", "'vexd'", "'vext'")),
        (BINS, 'app = "bins"', 'app = "bin"', ("mine.toml:{}", "'bin'", "'bins'")),
        (BINS, 'board = "heltec_wifi_lora_32_v3"', 'board = "heltec_wifi_lora_v3"', ("mine.toml:{}", "heltec_wifi_lora_32_v3")),
        (LIGHT, 'board = "pico_w"', 'board = "pico"', ("mine.toml", "no Wi-Fi")),
        (BINS, "gateway_m = 900.0", "gateway_m = -1", ("mine.toml:{}", "gateway_m", "greater than 0")),
        (PARKING, "wake_pin = 1 ", "wake_pin = 39", ("mine.toml:{}", "GPIO39")),
        (PARKING, "wake_pin = 1 ", "wake_pin = 38", ("mine.toml", "GPIO38")),
        (PARKING, "wake_pin = 1 ", "wake_pin = 5 ", ("mine.toml:{}", "GPIO5 is used twice", "i2c.main sda", "mag.wake_pin")),
        (LIGHT, "relay_pin = 14", "relay_pin = 15", ("mine.toml:{}", "GPIO15 is used twice", "lamp.pin", "lamp.relay_pin")),
        (LIGHT, "relay_pin = 14", "relay_pin = 23", ("mine.toml:{}", "GPIO23", "Wi-Fi chip")),
        (LIGHT, "pin = 15\n", "pin = 77\n", ("mine.toml",)),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_nearest_valid_word(tmp_path, text, old, new, said):
    assert old in text
    changed = text.replace(old, new)
    message = refusal(tmp_path, changed)
    at = line(changed, new.splitlines()[0])
    for words in said:
        assert words.format(at) in message, message


def test_a_missing_key_names_its_table(tmp_path):
    message = refusal(tmp_path, BINS.replace('driver = "sht4x"\n', ""))
    assert "'driver'" in message and "parts.climate" in message


def test_a_file_that_is_not_toml_says_where(tmp_path):
    message = refusal(tmp_path, BINS.replace("[uplink]", "[uplink"))
    assert "mine.toml is not TOML" in message and "line" in message


def test_an_unknown_node_is_answered_with_the_nearest_one():
    with pytest.raises(NodeFileError, match="did you mean 'parking'"):
        load_node("parkin")


def test_a_path_that_does_not_exist_is_one_sentence(tmp_path):
    with pytest.raises(NodeFileError, match="cannot be read"):
        load_node(str(tmp_path / "none.toml"))
