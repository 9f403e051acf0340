"""The parts of a node, wired to a virtual board, in the surroundings the emulator would give them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from kerbstone.build.node import Node
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.pathloss import PathLoss
from kerbstone.emulator.board.device import Device
from kerbstone.emulator.board.pins import Pins
from kerbstone.emulator.engine import interpreter
from kerbstone.emulator.engine.process import Zygote
from kerbstone.emulator.engine.shimset import shim_folder
from kerbstone.emulator.identity import mint
from kerbstone.emulator.net.wifi import Wifi
from kerbstone.emulator.parts.base import Part
from kerbstone.emulator.runtime import Runtime, Surroundings, Wiring, site_of
from kerbstone.errors import BenchError


def same_board(node: Node | None, board: str) -> None:
    """Raises BenchError when the node is made for another board."""
    if node and node.spec.node.board != board:
        raise BenchError(f"The node {node.name} is wired for {node.spec.node.board}, not for {board}: name that board, or another node.")


def fit(device: Device, pins: Pins, zygote: Zygote, node: Node) -> dict[str, Part]:
    """Hangs buses, parts, radio and Wi-Fi on the device: an air without a gateway, an access point in reach."""
    seed = device.spec.seed
    air = Channel(device.kernel, PathLoss(seed), lambda sender, t_us: 0.0)
    around = Surroundings(
        device.kernel, zygote, interpreter.find(), shim_folder(), Path(os.devnull), seed, int(time.time()), {}, None, channel=air
    )
    runtime = Runtime(node, mint(seed, node.name), device, site_of(around, node), pins, Path(os.devnull))
    Wiring(around, runtime).connect()
    if table := node.board.wifi:
        device.spec.wifi_current_ua = table.model_dump(exclude_none=True)
        device.spec.wifi_connect_ms, device.spec.wifi_dhcp_ms = table.connect_ms, table.dhcp_ms
        Wifi(device, runtime.identity.wifi_ssid, runtime.identity.wifi_password)
    return runtime.parts
