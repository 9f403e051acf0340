"""Contradictions inside a board file: a pin the chip does not have, a pin with two owners, a bus on pins its controller cannot reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel

from kerbstone.build import pmu
from kerbstone.build.chips import CHIPS, RP2_SPI, RP2_UART, rp2_i2c_id, rp2_spi_id, rp2_uart_id

if TYPE_CHECKING:
    from kerbstone.build.board import BoardFile

_RADIO = ("sck", "mosi", "miso", "cs", "reset", "busy", "dio0", "dio1", "dio2", "rxen")
_MODEM = ("tx", "rx", "pwrkey", "dtr", "ring", "reset", "solar_adc")
_ETHERNET = ("mdc", "mdio", "ref_clk", "power")
_OUTPUTS = ("sck", "mosi", "cs", "scl", "sda", "tx", "rxen", "power", "mdc", "mdio", "pwrkey", "dtr", "gate_pin", "power_pin")


def fixed_pins(board: BoardFile) -> Iterator[tuple[str, int]]:
    """(dotted key, pin) of everything the board wires, reserved and shared pins apart."""
    single: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("radio", _RADIO), ("modem", _MODEM), ("ethernet", _ETHERNET), ("battery", ("pin", "gate_pin")),
    )
    for table, keys in single:
        yield from _of(getattr(board, table), table, keys)
    for table in ("radio", "modem"):
        owner = getattr(board, table)
        for i, enable in enumerate((owner.enable if owner else None) or ()):
            yield f"{table}.enable.{i}.pin", enable.pin
    named: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("i2c", ("sda", "scl")), ("uart", ("tx", "rx")), ("spi", ("sck", "mosi", "miso", "cs")), ("rail", ("pin",)),
        ("lights", ("pin", "power_pin")), ("pmu", ("irq",)),
    )
    for table, keys in named:
        for name, row in getattr(board, table).items():
            yield from _of(row, f"{table}.{name}", keys)
    for table in ("buttons", "dac"):
        for name, pin in getattr(board, table).items():
            yield f"{table}.{name}", pin


def _of(row: BaseModel | None, key: str, names: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    for name in names:
        pin = getattr(row, name, None)
        if pin is not None:
            yield f"{key}.{name}", pin


def mistakes(board: BoardFile) -> Iterator[tuple[str, str]]:
    """(dotted key, sentence) for each contradiction."""
    yield from _outside(board)
    yield from _twice(board)
    yield from _outputs(board)
    if board.mcu == "rp2040":
        yield from _rp2(board)
    yield from pmu.mistakes(board)
    if board.filesystem.offset + board.filesystem.size > board.flash_mb << 20:
        yield "filesystem.size", f"the file system ends beyond the {board.flash_mb} MB of flash: correct offset and size."


def _outside(board: BoardFile) -> Iterator[tuple[str, str]]:
    chip = CHIPS[board.mcu]
    lists = [(f"{t}.{k}", pin) for t in ("reserved", "shared") for k, pins in getattr(board, t).items() for pin in pins]
    for key, pin in [*fixed_pins(board), *(("pin_names." + k, p) for k, p in board.pin_names.items()), *lists]:
        if pin not in chip.pins:
            yield key, f"{key}: the {board.mcu} has no GPIO{pin}; correct the pin or the mcu."
        elif pin in chip.memory:
            yield key, f"{key}: GPIO{pin} of the {board.mcu} belongs to its flash; correct the pin."


def _twice(board: BoardFile) -> Iterator[tuple[str, str]]:
    # Issues of a board carry different power chips on the same line: only one of them is ever there.
    shared = {pin for pins in board.shared.values() for pin in pins}
    reserved = {pin: why for why, pins in board.reserved.items() for pin in pins}
    owner: dict[int, str] = {}
    for key, pin in fixed_pins(board):
        if pin in shared or key.startswith("ethernet."):
            continue
        if pin in owner and not (key.startswith("pmu.") and owner[pin].startswith("pmu.")):
            yield key, f"{key}: GPIO{pin} is {owner[pin]} already; correct one, or list the pin in [shared] with the reason."
        elif pin in reserved:
            yield key, f"{key}: GPIO{pin} is reserved ({reserved[pin]}); correct one of them."
        owner[pin] = key


def _outputs(board: BoardFile) -> Iterator[tuple[str, str]]:
    chip = CHIPS[board.mcu]
    for key, pin in fixed_pins(board):
        if pin in chip.input_only and (key.rsplit(".", 1)[-1] in _OUTPUTS or key.startswith(("rail", "lights"))):
            yield key, f"{key}: GPIO{pin} of the {board.mcu} is an input only; correct the pin."


def _rp2(board: BoardFile) -> Iterator[tuple[str, str]]:
    for name, i2c in board.i2c.items():
        if {rp2_i2c_id(i2c.sda), rp2_i2c_id(i2c.scl)} != {i2c.id} or i2c.sda % 2 or not i2c.scl % 2:
            words = f"I2C {i2c.id} of the RP2040 does not reach sda {i2c.sda} and scl {i2c.scl}; correct id or pins."
            yield f"i2c.{name}", f"i2c.{name}: {words}"
    for name, uart in board.uart.items():
        yield from _rp2_bus(f"uart.{name}", uart, uart.id, RP2_UART, rp2_uart_id)
    for name, spi in board.spi.items():
        yield from _rp2_bus(f"spi.{name}", spi, spi.id, RP2_SPI, rp2_spi_id)
    if board.radio:
        yield from _rp2_bus("radio", board.radio, board.radio.spi, RP2_SPI, rp2_spi_id)
    if board.modem and {(board.modem.tx % 4, board.modem.rx % 4)} != {(0, 1)}:
        yield "modem.tx", "modem: no UART of the RP2040 reaches these tx and rx; correct the pins."


def _rp2_bus(key: str, bus: BaseModel, wanted: int, roles: dict[str, int], id_of: Callable[[int], int]) -> Iterator[tuple[str, str]]:
    for role, remainder in roles.items():
        pin = getattr(bus, role)
        if pin % 4 != remainder or id_of(pin) != wanted:
            yield f"{key}.{role}", f"{key}: controller {wanted} of the RP2040 does not reach GPIO{pin} as {role}; correct id or pin."
