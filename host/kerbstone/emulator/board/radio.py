"""The radio of a board file as a virtual chip on its wires, and a LoRaWAN module of a node file as one on its UART."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.parts.base import PartContext, SpiPart, UartPart

_LINES = ("cs", "reset", "busy", "dio0", "dio1", "rxen")
_Context = Callable[[str, dict[str, Any], dict[str, int]], PartContext]


class _Pins(Protocol):
    rest: dict[int, int]


def virtual_radio(
    table: dict[str, Any], channel: Channel, gateway_m: float, pins: _Pins, context: _Context
) -> SpiPart:
    """The chip of the radio table of node.json, without supply yet. `context(name, options, wires)` gives it its place."""
    # Modules pull select and reset up, so a sleeping MCU neither wakes nor resets the radio.
    pins.rest |= {table["cs"]: 1, table["reset"]: 1}
    options: dict[str, Any] = {
        "air": channel, "gateway_m": gateway_m, "board_tcxo": bool(table.get("dio3_tcxo_millivolts") or table.get("tcxo")),
        **{key: table[key] for key in ("model", "pa_boost") if key in table},
    }  # fmt: skip
    wires = {key: table[key] for key in _LINES if key in table}
    part = importlib.import_module(f"kerbstone.emulator.parts.{table['chip']}").PART(context("radio", options, wires))
    assert isinstance(part, SpiPart)
    return part


def virtual_module(
    table: dict[str, Any], channel: Channel, gateway_m: float, pins: _Pins, extra: dict[str, Any],
    context: _Context,
) -> UartPart:  # fmt: skip
    """The module of the uplink table of node.json. `extra`: options of the virtual one alone."""
    wires = {"reset": table["reset"]} if "reset" in table else {}
    pins.rest |= dict.fromkeys(wires.values(), 1)  # it pulls its reset up
    options = {"air": channel, "gateway_m": gateway_m, **extra}
    part = importlib.import_module(f"kerbstone.emulator.parts.{table['dialect']}").PART(context("radio", options, wires))
    assert isinstance(part, UartPart)
    return part
