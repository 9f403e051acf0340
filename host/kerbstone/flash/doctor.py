"""Looks at this computer and its boards, and says what is wrong and how to cure it."""

from __future__ import annotations

import contextlib
import grp
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerbstone.errors import KerbstoneError
from kerbstone.flash import console, drive, esp
from kerbstone.flash.link import Link
from kerbstone.flash.spots import Spot, usb_name
from kerbstone.flash.troubles import TROUBLES, Refused, Trouble, recognise

_LABEL = "dev/disk/by-label/RPI-RP2"
_USB = "sys/bus/usb/devices"
_CURES = {row.kind: row for row in TROUBLES}


@dataclass(frozen=True)
class Finding:
    """`kind`: "ok", or a row of the table of troubles, or one of those below; `cure` is empty when nothing is wrong."""

    where: str
    kind: str
    seen: str
    cure: str = ""

    @property
    def well(self) -> bool:
        return self.kind == "ok"


def examine(spots: Sequence[Spot], root: Path = Path("/")) -> list[Finding]:
    """What is found at each spot, then what the computer shows of boards that have no port. `root`: where /dev and /sys are."""
    found = [finding for spot in spots for finding in _at(spot)]
    found += list(_unmounted(root, [spot.drive for spot in spots if spot.drive]))
    found += list(_without_port(root))
    if not found:
        found.append(Finding("this computer", "nothing", "no board, and nothing that looks like one on USB",
                             "use a cable that carries data (many only charge), another USB port, and no hub; then press reset"))
    return found


def _at(spot: Spot) -> Iterator[Finding]:
    if spot.drive and drive.is_drive(spot.drive):
        yield Finding(spot.name, "ok", f"an RP2040 in its boot loader, drive {spot.drive}")
        return
    if not spot.port:
        yield Finding(spot.name, "missing", "the drive has gone", "hold BOOTSEL while you plug the board in")
        return
    try:
        state, heard = console.peek(spot.port)
        if state == console.PROMPT:
            yield _prompt(spot.port)
        elif state == console.ROM:
            yield _rom(spot.port, heard)
        else:
            yield _silent(spot.port)
    except KerbstoneError as error:
        yield _failure(spot.port, str(error))


def _prompt(port: str) -> Finding:
    try:
        with Link(port) as link:
            facts = link.facts()
    except KerbstoneError as error:
        return _failure(port, str(error))
    version = ".".join(map(str, facts.version))
    return Finding(port, "ok", f"{facts.machine}, MicroPython {version}, chip {facts.chip_id}")


def _rom(port: str, heard: str) -> Finding:
    if "waiting for download" in heard:
        return Finding(port, "download", "an ESP32 in download mode", "press EN or RESET with BOOT let go, or flash it now")
    if "invalid header" in heard:
        return Finding(port, "blank", "an ESP32 without firmware", "flash it: `kerbstone flash NODE --micropython IMAGE`")
    return Finding(port, "boot-loop", "an ESP32 that starts again and again", "flash it anew: `kerbstone flash NODE --micropython IMAGE`")


def _silent(port: str) -> Finding:
    """No words: an ESP32 answers its loader even when it sleeps; what does not, is none or is held back."""
    try:
        return Finding(port, "ok", f"an {esp.chip_on(port).upper()} that says nothing: it sleeps, or runs a program of its own")
    except Refused as refused:
        if refused.trouble and refused.trouble.kind != "no-answer":
            return _row(port, refused.trouble)
    return Finding(port, "no-answer", "the port opens and nothing answers",
                   "ESP32: hold BOOT, press and release EN or RESET; RP2040: hold BOOTSEL while plugging in; or it is another device")


def _failure(port: str, words: str) -> Finding:
    row = recognise(words)
    finding = _row(port, row) if row else Finding(port, "other", words.removeprefix(f"{port}: "), "press reset and try again")
    if row and row.kind == "busy" and (who := holders(port)):
        return Finding(port, "busy", f"{finding.seen}: {', '.join(who)}", f"end {who[0]}, and run the command again")
    if row and row.kind == "permission" and (group := _group(port)):
        return Finding(port, "permission", finding.seen, f"`sudo usermod -aG {group} $USER`, then log in again")
    return finding


def _row(port: str, row: Trouble) -> Finding:
    return Finding(port, row.kind, row.reason, row.cure)


def holders(port: str) -> list[str]:
    """Programs of this user that have the port open, as "name (pid)"."""
    target = os.path.realpath(port)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and any(os.path.realpath(fd) == target for fd in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
    return sorted(found)


def _group(port: str) -> str:
    try:
        return grp.getgrgid(os.stat(port).st_gid).gr_name
    except (OSError, KeyError):
        return ""


def _unmounted(root: Path, drives: Iterable[Path]) -> Iterator[Finding]:
    """A boot loader's drive that the computer sees and nobody has mounted."""
    label = root / _LABEL
    if label.exists() and not [*drives, *drive.mounted(root=root)]:
        yield Finding(str(label), "drive-not-mounted", "an RP2040's drive is there and not mounted",
                      f"`udisksctl mount -b {label}`, or mount it and name its folder with --drive")


def _without_port(root: Path) -> Iterator[Finding]:
    """USB devices that carry boards, and have neither a serial port nor a drive."""
    for device in sorted((root / _USB).glob("*")):
        try:
            vid, pid = (int((device / name).read_text(), 16) for name in ("idVendor", "idProduct"))
        except (OSError, ValueError):
            continue
        name = usb_name(vid, pid)
        if name and not any(device.glob("*:*/tty*")) and not any(device.glob("*:*/host*")):
            cure = "remove brltty, which takes CH340 bridges for its own (`sudo apt remove brltty`)" if vid == 0x1A86 else \
                   "load its driver (`sudo modprobe cp210x ftdi_sio cdc_acm usb_storage`), and plug it in again"
            yield Finding(f"USB {device.name}", "no-driver", f"{name} without a serial port", cure)
