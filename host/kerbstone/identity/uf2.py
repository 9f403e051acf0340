"""A UF2 file that writes an identity into the flash of an RP2040, beside everything else. Layout: microsoft/uf2."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from kerbstone.bench.uf2 import PAGE, RP2040

_HEAD = struct.Struct("<IIIIIIII")
_FAMILY_PRESENT = 0x2000
_DATA_BYTES = 476


def pages(content: Mapping[int, bytes]) -> bytes:
    """The file for {address: bytes}: each padded to whole pages with 0xFF."""
    blocks = [
        (address + at, data[at : at + PAGE].ljust(PAGE, b"\xff"))
        for address, data in sorted(content.items())
        for at in range(0, len(data), PAGE)
    ]
    return b"".join(
        _HEAD.pack(0x0A324655, 0x9E5D5157, _FAMILY_PRESENT, address, PAGE, number, len(blocks), RP2040)
        + data.ljust(_DATA_BYTES, b"\0") + struct.pack("<I", 0x0AB16F30)
        for number, (address, data) in enumerate(blocks)
    )
