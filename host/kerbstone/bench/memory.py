"""What firmware reaches of a chip's flash beside its file system."""

from __future__ import annotations

from pathlib import Path

from kerbstone.bench.esp import partitions
from kerbstone.bench.esp.nvs import NvsPartition
from kerbstone.emulator.board.device import Device
from kerbstone.emulator.board.nvs import Nvs, NvsMemory, Xip

_NVS = 0x02  # subtype of a data partition


def attach(device: Device, image: Path) -> None:
    """NVS in its partition of an ESP32's flash; an RP2040's whole chip at its addresses."""
    if device.spec.limits.port == "rp2":
        Xip(device, lambda at, count: _read(image, at, count))
        return
    try:
        table = partitions.parse(_read(image, partitions.TABLE_AT, partitions.TABLE_BYTES))
    except partitions.TableFault:
        table = []  # a bare file system image: nothing else is kept
    row = next((row for row in table if row.kind == partitions.DATA and row.subtype == _NVS), None)
    Nvs(device, NvsPartition(image, row.at, row.size) if row else NvsMemory())


def _read(image: Path, at: int, count: int) -> bytes:
    with image.open("rb") as f:
        f.seek(at)
        return f.read(count).ljust(count, b"\xff")
