"""From reset to the application: what the ROM and the second-stage bootloader read, check and say."""

from __future__ import annotations

from dataclasses import dataclass

from kerbstone.bench.esp import image, partitions
from kerbstone.bench.esp.chips import Chip
from kerbstone.bench.esp.image import Image, ImageFault
from kerbstone.bench.esp.otadata import Nor, OtaData
from kerbstone.bench.esp.partitions import Partition, TableFault
from kerbstone.bench.nor import NorChip, OutOfRange

# What the bootloader says of an application it cannot run, by the fault's kind. [IDF]; wording of ESP-IDF 5, [K]
_APP_FAULTS = {
    "magic": "E (52) esp_image: image at {at:#x} has invalid magic byte (nothing flashed here?)",
    "segment": "E (52) esp_image: invalid segment length {found:#x}",
    "checksum": "E (52) esp_image: Checksum failed. Calculated {wanted:#x} read {found:#x}",
    "digest": "E (52) esp_image: Image hash failed - image is corrupt",
    "chip": "E (52) boot_comm: mismatch chip ID, expected {wanted}, found {found}",
}
_INVALID_HEADERS = 8  # the ROM repeats itself until its watchdog ends it; about so often [K]


@dataclass(frozen=True)
class Boot:
    """How a start went: the console's lines, and where the file system lies if an application runs."""

    lines: list[str]
    file_system: tuple[int, int] | None


def start(chip: Chip, flash: NorChip) -> Boot:
    """Follows the boot chain over what is in flash now."""
    lines: list[str] = []
    try:
        first = image.load(flash.read, chip.boot_offset, partitions.TABLE_AT - chip.boot_offset, digest=False)
    except ImageFault as fault:
        return Boot(_rom_complaint(fault), None)
    lines += _rom_load(first)
    try:
        table = partitions.parse(flash.read(partitions.TABLE_AT, partitions.TABLE_BYTES))
    except TableFault as fault:
        return Boot([*lines, *_table_complaint(fault)], None)
    app, said = _application(chip, flash, table)
    lines += said
    return Boot(lines, partitions.file_system(table, flash.size) if app else None)


def _rom_complaint(fault: ImageFault) -> list[str]:
    if fault.kind == "checksum":
        return [f"csum err:{fault.wanted:#x}!={fault.found:#x}", "ets_main.c 371 "]
    return [f"invalid header: {fault.found:#010x}"] * _INVALID_HEADERS


def _rom_load(first: Image) -> list[str]:
    loads = [f"load:{address:#010x},len:{length}" for address, length in first.segments]
    return ["configsip: 0, SPIWP:0xee", "mode:DIO, clock div:2", *loads, f"entry {first.entry:#010x}"]


def _table_complaint(fault: TableFault) -> list[str]:
    return [
        f"E (46) flash_parts: partition {fault.row} invalid magic number {fault.found:#x}",
        "E (46) boot: Failed to verify partition table",
        "E (46) boot: load partition table error!",
    ]


def _application(chip: Chip, flash: NorChip, table: list[Partition]) -> tuple[Partition | None, list[str]]:
    """The first application that passes every check, and what was said about those that did not."""
    said: list[str] = []
    ota = ota_data(flash, table)
    try:
        chosen = ota.start() if ota else None
    except OutOfRange:
        ota, chosen = None, None
    order = partitions.boot_order(table, chosen)
    for app in order:
        try:
            found = image.load(flash.read, app.at, app.size)
            if found.chip_id != chip.image_id:
                raise ImageFault("chip", found=found.chip_id, wanted=chip.image_id)
        except ImageFault as fault:
            said.append(_APP_FAULTS[fault.kind].format(at=app.at, found=fault.found, wanted=fault.wanted))
            said.append(f"E (52) boot: {app.label} app partition is not bootable")
        except OutOfRange:
            said.append(f"E (52) boot: {app.label} partition lies beyond the flash chip")
        else:
            if ota:
                ota.started(app.subtype - partitions.OTA_0 if app.subtype != partitions.FACTORY else None)
            return app, said
    return None, [*said, "E (52) boot: No bootable app partitions in the partition table"]


def ota_data(flash: Nor, table: list[Partition]) -> OtaData | None:
    """The OTA data of a chip; None when its table has none, or no slots."""
    where, slots = partitions.ota_data_of(table), partitions.ota_slots(table)
    return OtaData(flash, where.at, len(slots), partitions.factory_of(table) is not None) if where and slots else None
