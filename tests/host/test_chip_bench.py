"""A node moved onto the bench RP2040 keeps what it is and gets pins that this chip has for it."""

import pytest

from kerbstone.build.check import check, used_pins
from kerbstone.build.compile import node_json
from kerbstone.build.node import load_node, ready_nodes
from kerbstone.chip.bench import transplant

# RP2040 data sheet 2.19.2, table of GPIO functions: which pins each controller's signal comes out on.
I2C_SDA = {0: range(0, 30, 4), 1: range(2, 30, 4)}
UART_TX = {0: (0, 12, 16, 28), 1: (4, 8, 20, 24)}
SPI_SCK = {0: (2, 6, 18, 22), 1: (10, 14, 26)}


@pytest.mark.parametrize("name", ready_nodes())
def test_a_moved_node_passes_every_check_of_a_board(name):
    check(transplant(load_node(name)))


@pytest.mark.parametrize("name", ready_nodes())
def test_a_moved_node_keeps_parts_application_and_uplink(name):
    node = load_node(name)
    before, after = node_json(node), node_json(transplant(node))
    assert after["order"] == before["order"] and after["app"] == before["app"] and after["profile"] == before["profile"]
    assert after["uplink"]["kind"] == before["uplink"]["kind"]
    for part in before["order"]:
        assert after["parts"][part]["driver"] == before["parts"][part]["driver"]
        assert after["parts"][part]["period_s"] == before["parts"][part]["period_s"]


@pytest.mark.parametrize("name", ready_nodes())
def test_every_bus_comes_out_on_pins_the_chip_has_for_it(name):
    node = transplant(load_node(name))
    for i2c in node.board.i2c.values():
        assert i2c.sda in I2C_SDA[i2c.id] and i2c.scl == i2c.sda + 1
    for uart in node.board.uart.values():
        assert uart.tx in UART_TX[uart.id] and uart.rx == uart.tx + 1
    radio = node.board.radio
    if radio:
        assert radio.sck in SPI_SCK[radio.spi] and radio.mosi == radio.sck + 1
    assert all(pin <= 29 for pin, _, _, _ in used_pins(node))


def test_a_battery_is_read_on_an_adc_pin_against_the_supply():
    options = node_json(transplant(load_node("parking")))["parts"]["battery"]["options"]
    assert 26 <= options["pin"] <= 29 and options["full_scale_v"] == 3.3 and "attenuation" not in options


def test_a_node_whose_board_is_an_rp2040_stays_as_it_is():
    node = load_node("light")
    assert transplant(node) is node
