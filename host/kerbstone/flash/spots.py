"""Where boards are: the ports and drives of this computer, or those a user names. What is on them is asked of the boards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from kerbstone.errors import FlashError
from kerbstone.flash import drive

# USB vendor and product of what such boards carry: Raspberry Pi, Espressif, and the serial bridges of ESP32 boards. As seen by the Linux
# drivers cp210x, ch341, cdc_acm and ftdi_sio (2026-10); a hint for people, never the reason to take a board for one.
USB = {
    (0x2E8A, 0x0003): "RP2040 in its boot loader", (0x2E8A, 0x0005): "RP2040 with MicroPython", (0x303A, None): "Espressif, native USB",
    (0x10C4, 0xEA60): "CP210x bridge", (0x1A86, 0x7523): "CH340 bridge", (0x1A86, 0x55D4): "CH9102 bridge",
    (0x0403, 0x6001): "FT232 bridge",
}


@dataclass(frozen=True)
class Spot:
    """A place a board is at: its port, the folder its boot loader's drive appears at, or both."""

    port: str | None
    drive: Path | None = None

    @property
    def name(self) -> str:
        return self.port if self.port else str(self.drive)


def usb_name(vid: int | None, pid: int | None) -> str | None:
    """What the numbers stand for, or None."""
    if vid is None:
        return None
    return USB.get((vid, pid or 0)) or USB.get((vid, None))


def named(word: str) -> Spot:
    """PORT, PORT=DRIVE, a drive's folder, or the state folder of a virtual RP2040. Raises FlashError."""
    port, equals, folder = word.partition("=")
    if equals and "://" not in port:
        return Spot(port, Path(folder))
    path = Path(word)
    if not path.is_dir():
        return Spot(word)
    if drive.is_drive(path):
        return Spot(None, path)
    if (path / "port").is_symlink() or drive.is_drive(path / "RPI-RP2"):
        return Spot(str(path / "port"), path / "RPI-RP2")
    raise FlashError(f"{word} is a folder without INFO_UF2.TXT, so no drive of a boot loader: name a serial port, or the drive's folder.")


def all_spots(drives: Iterable[Path] = ()) -> list[Spot]:
    """Every USB serial port whose numbers are known, and every drive."""
    ports = [found.device for found in list_ports.comports() if usb_name(found.vid, found.pid)]
    return [*(Spot(port) for port in sorted(ports)), *(Spot(None, path) for path in drive.mounted(drives))]
