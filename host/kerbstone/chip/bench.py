"""Moves a node onto a bare RP2040: same parts, buses, application and uplink, other pins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kerbstone.build.board import Battery, BoardFile, Current, Filesystem, I2CBus, Radio, Rail, Times, UartBus
from kerbstone.build.board_extras import Modem
from kerbstone.build.node import LoRaWanTable, Node, PartTable
from kerbstone.chip.uf2 import PICO_FLASH_MB
from kerbstone.errors import ChipError

# Pins by function, RP2040 data sheet 2.19.2. No pin stands twice.
_I2C = (I2CBus(id=0, sda=4, scl=5), I2CBus(id=1, sda=6, scl=7))
_UART = (UartBus(id=0, tx=0, rx=1), UartBus(id=1, tx=8, rx=9))
_RADIO_PINS = {"spi": 1, "sck": 10, "mosi": 11, "miso": 12, "cs": 13, "reset": 14, "busy": 15, "dio1": 2, "rxen": 3, "dio0": 16}
_BATTERY_PIN, _GATE_PIN = 26, 22
_ADC_PINS = (27, 28)
_ADC_REFERENCE_V = 3.3
_FREE_PINS = (17, 18, 19, 20, 21, 23, 24, 25, 29)


def transplant(node: Node) -> Node:
    """The node as it is when its board has an RP2040; else on the bench board. Raises ChipError when the buses do not suffice.

    A wake pin goes: none can end the deep sleep of an RP2040. So does deep sleep: the chip keeps too little over it (docs/decisions/0005).
    A part's own pins get free ones.
    """
    if node.board.mcu == "rp2040":
        return node
    board = node.board
    cellular = board.modem if node.spec.uplink.kind == "nbiot" else None
    uarts = len(board.uart) + (cellular is not None)
    for what, wanted, has in (("I2C", len(board.i2c), len(_I2C)), ("UART", uarts, len(_UART))):
        if wanted > has:
            raise ChipError(f"{node.file.path.name} needs {wanted} {what} buses, an RP2040 has {has}: try a node with fewer.")
    free = iter(_FREE_PINS)
    bench = BoardFile(
        title="RP2040 bench", mcu="rp2040", firmware="RPI_PICO", flash_mb=PICO_FLASH_MB, heap_kb=192,
        filesystem=Filesystem(offset=0xA0000, size=0x160000), times=Times(boot_ms=178, wake_ms=178),
        current_ua=Current(boot=20_000, active=20_000, light_sleep=1_500, deep_sleep=1_500),
        i2c=dict(zip(board.i2c, _I2C, strict=False)), uart=dict(zip(board.uart, _UART, strict=False)),
        rail={name: Rail(pin=next(free), on_level=rail.on_level) for name, rail in board.rail.items()},
        radio=_radio(board.radio), battery=_battery(board.battery), wifi=board.wifi,
        modem=_modem(cellular, free),
        source={"*": "P"},
    )  # fmt: skip
    adc = iter(_ADC_PINS)
    parts = {name: _part(part, free, adc) for name, part in node.spec.parts.items()}
    policy = node.spec.policy.model_copy(update={"deep_sleep": False})
    uplink = node.spec.uplink
    if isinstance(uplink, LoRaWanTable) and uplink.module_reset_pin is not None:
        uplink = uplink.model_copy(update={"module_reset_pin": next(free)})
    return replace(node, board=bench, spec=node.spec.model_copy(update={"parts": parts, "policy": policy, "uplink": uplink}))


def _radio(radio: Radio | None) -> Radio | None:
    if radio is None:
        return None
    own = ("rxen", "busy", "dio0", "dio1")  # pins not every radio has
    pins = {key: pin for key, pin in _RADIO_PINS.items() if key not in own or getattr(radio, key) is not None}
    return radio.model_copy(update={**pins, "pmu_rail": None})


def _modem(modem: Modem | None, free: Iterator[int]) -> Modem | None:
    """On the last UART, with its power key alone: what else a board has switches or watches its own supply."""
    if modem is None:
        return None
    uart = _UART[-1]
    pins = {"tx": uart.tx, "rx": uart.rx, "pwrkey": None if modem.pwrkey is None else next(free)}
    return modem.model_copy(update={**pins, **dict.fromkeys(("dtr", "ring", "reset", "enable", "pmu_rail", "solar_adc"))})


def _battery(battery: Battery | None) -> Battery | None:
    if battery is None:
        return None
    pins = {"pin": _BATTERY_PIN, "gate_pin": None if battery.gate_pin is None else _GATE_PIN}
    # The RP2040's ADC has no attenuator and no calibration: its reference is the 3.3 V supply.
    return battery.model_copy(update={**pins, "attenuation": None, "full_scale_v": _ADC_REFERENCE_V})


def _part(part: PartTable, free: Iterator[int], adc: Iterator[int]) -> PartTable:
    pins = {key: next(adc if key == "pin" and part.driver == "battery" else free) for key in part.options if _is_pin(key)}
    kept = {key: value for key, value in part.model_dump().items() if key != "watch"}  # the RP2040 has no coprocessor
    return PartTable.model_validate({**kept, **pins, "wake_pin": None})


def _is_pin(key: str) -> bool:
    return key == "pin" or key.endswith("_pin")
