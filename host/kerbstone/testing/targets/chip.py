"""The whole emulated RP2040 as a target, where `kerbstone.chip` and a stock image are installed."""

from __future__ import annotations

import importlib
import os
from typing import Any

from kerbstone.build.node import Node
from kerbstone.testing.targets import Missing, Target


def chip_target(node: Node) -> Target:
    """What `kerbstone.chip.target.open_target(node, uf2)` gives. Raises Missing when chip or image are not there."""
    try:
        chip: Any = importlib.import_module("kerbstone.chip.target")
    except ModuleNotFoundError as error:
        raise Missing("The chip target is not installed: run `pip install 'kerbstone[chip]'`.") from error
    uf2 = os.environ.get("KERBSTONE_UF2")
    if not uf2:
        raise Missing("The chip target needs a stock MicroPython image: set KERBSTONE_UF2 to the path of a UF2 for the RPI_PICO.")
    target: Target = chip.open_target(node, uf2)
    return target
