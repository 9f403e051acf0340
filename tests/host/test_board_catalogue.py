"""The board files: all are there, none contradicts its chip or itself, every value says where it was seen."""

import pytest

from kerbstone.build.board import board_names, load_board, read_board
from kerbstone.build.cells import cells
from kerbstone.build.chips import CHIPS
from kerbstone.build.pinmap import pin_map
from kerbstone.build.sources import source_texts
from kerbstone.build.wiring import fixed_pins
from kerbstone.emulator.board.limits import LIMITS
from kerbstone.errors import NodeFileError
from kerbstone.paths import boards_dir

# (MCU, radio, modem) of every board the catalogue promises.
GOLDEN = {
    "adafruit_feather_rp2040_rfm95": ("rp2040", "sx1276", None),
    "esp32_devkitc": ("esp32", None, None),
    "esp32_devkitc_ota": ("esp32", None, None),
    "esp32s3_devkitc_1": ("esp32s3", None, None),
    "firebeetle2_esp32e": ("esp32", None, None),
    "heltec_wifi_lora_32_v3": ("esp32s3", "sx1262", None),
    "heltec_wifi_lora_32_v4": ("esp32s3", "sx1262", None),
    "ilabs_challenger_rp2040_lora": ("rp2040", "sx1276", None),
    "kc868_a6": ("esp32", "sx1276", None),
    "kc868_e8t": ("esp32", None, None),
    "lilygo_t3_s3": ("esp32s3", "sx1262", None),
    "lilygo_t3_v2_1": ("esp32", "sx1276", None),
    "lilygo_t3_v2_1_tcxo": ("esp32", "sx1276", None),
    "lilygo_t3_v3_0": ("esp32", "sx1276", None),
    "lilygo_t_a7670": ("esp32", None, "A7670"),
    "lilygo_t_sim7000g": ("esp32", None, "SIM7000G"),
    "lilygo_t_sim7080g_s3": ("esp32s3", None, "SIM7080G"),
    "lilygo_t_sim7080g_s3_standard": ("esp32s3", None, "SIM7080G"),
    "lilygo_tbeam_s3_supreme": ("esp32s3", "sx1262", None),
    "lilygo_tbeam_sx1262": ("esp32", "sx1262", None),
    "lilygo_tbeam_sx1276": ("esp32", "sx1276", None),
    "m5stack_atom_dtu_nbiot": ("esp32", None, "SIM7020G"),
    "olimex_esp32_poe": ("esp32", None, None),
    "olimex_esp32_poe_iso": ("esp32", None, None),
    "pico": ("rp2040", None, None),
    "pico_w": ("rp2040", None, None),
    "rak11310": ("rp2040", "sx1262", None),
    "waveshare_pico_lora_sx1262": ("rp2040", "sx1262", None),
    "waveshare_pico_sim7080g": ("rp2040", None, "SIM7080G"),
    "waveshare_pico_w_lora_sx1262": ("rp2040", "sx1262", None),
    "waveshare_rp2040_lora": ("rp2040", "sx1262", None),
    "xiao_esp32c3_wio_sx1262_header": ("esp32c3", "sx1262", None),
    "xiao_esp32s3_wio_sx1262": ("esp32s3", "sx1262", None),
    "xiao_esp32s3_wio_sx1262_header": ("esp32s3", "sx1262", None),
    "xiao_rp2040": ("rp2040", None, None),
    "xiao_rp2040_wio_sx1262_header": ("rp2040", "sx1262", None),
}

# sck mosi miso cs reset busy irq and the crystal, from the makers' own code and drawings, typed a second time.
RADIO_WIRING = {
    "adafruit_feather_rp2040_rfm95": (14, 15, 8, 16, 17, None, 21, None),
    "heltec_wifi_lora_32_v3": (9, 10, 11, 8, 12, 13, 14, 1800),
    "heltec_wifi_lora_32_v4": (9, 10, 11, 8, 12, 13, 14, 1800),
    "ilabs_challenger_rp2040_lora": (10, 11, 12, 9, 13, None, 14, None),
    "kc868_a6": (18, 23, 19, 5, 21, None, 2, None),
    "lilygo_t3_s3": (5, 6, 3, 7, 8, 34, 33, 1800),
    "lilygo_t3_v2_1": (5, 27, 19, 18, 23, None, 26, None),
    "lilygo_t3_v2_1_tcxo": (5, 27, 19, 18, 23, None, 26, None),
    "lilygo_t3_v3_0": (5, 27, 19, 18, 23, None, 26, None),
    "lilygo_tbeam_s3_supreme": (12, 11, 13, 10, 5, 4, 1, 1800),
    "lilygo_tbeam_sx1262": (5, 27, 19, 18, 23, 32, 33, 1800),
    "lilygo_tbeam_sx1276": (5, 27, 19, 18, 23, None, 26, None),
    "rak11310": (10, 11, 12, 13, 14, 15, 29, 1800),
    "waveshare_pico_lora_sx1262": (10, 11, 12, 3, 15, 2, 20, 1800),
    "waveshare_pico_w_lora_sx1262": (10, 11, 12, 3, 15, 2, 20, 1800),
    "waveshare_rp2040_lora": (14, 15, 24, 13, 23, 18, 16, None),
    "xiao_esp32c3_wio_sx1262_header": (8, 10, 9, 6, 4, 5, 3, 1800),
    "xiao_esp32s3_wio_sx1262": (7, 9, 8, 41, 42, 40, 39, 1800),
    "xiao_esp32s3_wio_sx1262_header": (7, 9, 8, 5, 3, 4, 2, 1800),
    "xiao_rp2040_wio_sx1262_header": (2, 3, 4, 6, 28, 29, 27, 1800),
}
# Whether the radio's interrupt could end deep sleep, as the port's list of wake pins says (micropython ports/esp32/modesp32.h).
IRQ_WAKES = {
    "heltec_wifi_lora_32_v3": True, "lilygo_tbeam_sx1262": True, "lilygo_t3_v2_1": True, "xiao_esp32s3_wio_sx1262_header": True,
    "xiao_esp32c3_wio_sx1262_header": True, "lilygo_t3_s3": False, "xiao_esp32s3_wio_sx1262": False, "rak11310": False,
}
WIO_HEADER = {"rxen": "D5", "cs": "D4", "busy": "D3", "reset": "D2", "dio1": "D1", "sck": "D8", "miso": "D9", "mosi": "D10"}


def test_the_catalogue_holds_exactly_the_promised_boards():
    found = {n: load_board(n) for n in board_names()}
    assert {n: (b.mcu, b.radio and b.radio.chip, b.modem and b.modem.chip) for n, b in found.items()} == GOLDEN


@pytest.mark.parametrize("name", GOLDEN)
def test_every_pin_is_one_of_the_chip_and_none_is_taken_by_its_flash(name):
    board = load_board(name)
    chip = CHIPS[board.mcu]
    pins = [p for _, p in fixed_pins(board)] + [*board.pin_names.values()] + [p for r in board.reserved.values() for p in r]
    assert pins and set(pins) <= chip.pins - chip.memory


@pytest.mark.parametrize("name", GOLDEN)
def test_every_value_has_a_source_that_is_spelt_out(name):
    values = list(load_board(name).sources)
    assert len(values) > 15
    assert all(v.tags and set(v.tags) <= set(source_texts()) for v in values)


@pytest.mark.parametrize("name", RADIO_WIRING)
def test_the_radio_is_wired_as_its_maker_wires_it(name):
    r = load_board(name).radio
    assert (r.sck, r.mosi, r.miso, r.cs, r.reset, r.busy, r.irq, r.dio3_tcxo_millivolts) == RADIO_WIRING[name]


def test_every_radio_is_in_the_table_above():
    assert {n for n in GOLDEN if GOLDEN[n][1]} == set(RADIO_WIRING)


@pytest.mark.parametrize(("name", "wakes"), IRQ_WAKES.items())
def test_which_radio_could_end_deep_sleep(name, wakes):
    board = load_board(name)
    assert (board.radio.irq in LIMITS[board.mcu].ext0_pins) == wakes


@pytest.mark.parametrize("name", [n for n in GOLDEN if n.endswith("_wio_sx1262_header")])
def test_the_pin_header_radio_sits_on_the_same_labels_of_every_xiao(name):
    board = load_board(name)
    assert {key: getattr(board.radio, key) for key in WIO_HEADER} == {key: board.pin_names[d] for key, d in WIO_HEADER.items()}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_file_system_lies_inside_the_flash_and_behind_the_image(name):
    board = load_board(name)
    assert board.filesystem.offset >= (0x200000 if LIMITS[board.mcu].port == "esp32" else 0xA0000)
    assert board.filesystem.offset + board.filesystem.size <= board.flash_mb << 20


def test_octal_psram_pins_are_reserved_on_every_s3_that_has_it():
    octal = [b for b in map(load_board, GOLDEN) if b.psram_octal]
    assert len(octal) == 4
    assert all({35, 36, 37} <= {p for pins in b.reserved.values() for p in pins} for b in octal)


def test_the_pin_map_names_every_pin_of_the_chip_once():
    pins = pin_map(load_board("heltec_wifi_lora_32_v3"))
    assert [p.number for p in pins] == sorted(CHIPS["esp32s3"].pins)
    assert next(p for p in pins if p.number == 36).uses == ("rail.vext.pin",)
    assert "wake" in next(p for p in pins if p.number == 14).can and "wake" not in next(p for p in pins if p.number == 36).can


def test_every_cell_has_a_source_and_no_pulse_below_its_continuous_current():
    rows = [*cells().cell.values(), *cells().buffer.values()]
    assert len(rows) >= 13
    assert all(set(row.source.split()) <= set(source_texts()) for row in rows)
    assert all((c.pulse_ma or c.continuous_ma) >= c.continuous_ma for c in cells().cell.values())


XIAO = (boards_dir() / "xiao_rp2040.toml").read_text()
HELTEC = (boards_dir() / "heltec_wifi_lora_32_v3.toml").read_text()
DEVKIT = (boards_dir() / "esp32_devkitc.toml").read_text()


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (XIAO, "scl = 7", "scl = 9", "does not reach"),  # I2C 1 on a pin of I2C 0
        (XIAO, "sck = 2", "sck = 5", "does not reach GPIO5 as sck"),
        (XIAO, "tx = 0", "tx = 8", "does not reach GPIO8 as tx"),
        (XIAO, "sda = 6", "sda = 31", "has no GPIO31"),
        (DEVKIT, "sda = 21", "sda = 8", "belongs to its flash"),
        (DEVKIT, "sda = 21", "sda = 17", "is i2c.main.sda already"),
        (DEVKIT, "sda = 21", "sda = 34", "is an input only"),
        (HELTEC, "busy = 13", "busy = 17", "is reserved (OLED)"),
        (HELTEC, "size = 0x600000", "size = 0x700000", "beyond the 8 MB"),
        (HELTEC, '"current_ua.active" = "K"', '"current_ua.actif" = "K"', "current_ua.active"),
        (HELTEC, '"current_ua.active" = "K"', '"current_ua.active" = "S999"', "'S999'"),
        (HELTEC, '"*" = "S8 S9"\n', "", "comes from"),
    ],
)
def test_a_board_file_that_contradicts_itself_is_refused_in_one_sentence(tmp_path, text, old, new, said):
    assert old in text
    path = tmp_path / "board.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(NodeFileError) as caught:
        read_board(path)
    assert str(caught.value).startswith("board.toml") and said in str(caught.value) and "\n" not in str(caught.value)
