"""Register maps of Modbus slaves, from their makers' manuals. A row: function, register, kind, site quantity, counts a unit.

sdm230: Eastron SDM230-Modbus protocol V1.2, input registers, IEEE 754 with the high word first. Its meter code is not confirmed, so
identity is left to the node file.
"""

from __future__ import annotations

Row = tuple[int, int, str, str, float]

MAPS: dict[str, tuple[Row, ...]] = {
    "sdm230": (
        (4, 0x0000, "float32", "mains_v", 1),
        (4, 0x0006, "float32", "current_a", 1),
        (4, 0x000C, "float32", "power_w", 1),
        (4, 0x001E, "float32", "power_factor", 1),
        (4, 0x0046, "float32", "mains_hz", 1),
        (4, 0x0156, "float32", "energy_kwh", 1),
    ),
}
