"""Into an RP2040's flash and out again: files through its boot loader, and a look at what is there from its prompt."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from base64 import b64encode
from pathlib import Path

from serial.tools import list_ports

from kerbstone.bench.uf2 import PAGE
from kerbstone.emulator.board.nvs import XIP_BASE
from kerbstone.flash import drive
from kerbstone.flash.images import MicroPython
from kerbstone.flash.link import Link

_USB = (0x2E8A, 0x0005)  # MicroPython's serial port
_ONE = threading.Lock()  # boards whose drives cannot be told apart take turns
_WORDS = PAGE // 4
_READ_BACK_S = 120.0
_PAGES = 512  # a script looks at
_LOOK = """import machine
from hashlib import sha256
from binascii import a2b_base64
h = sha256()
k = a2b_base64({picks!r})
i = 0
for a, n in {runs!r}:
    for a in range(a, a + {page} * n, {page}):
        h.update((machine.mem32[a + 4 * k[i]] & 0xffffffff).to_bytes(4, 'little'))
        i += 1
print('"%s"' % h.digest().hex())
"""
_READ_BACK = """import machine
from hashlib import sha256
h = sha256()
b = bytearray({page})
for a, n in {runs!r}:
    for a in range(a, a + {page} * n, {page}):
        for i in range(0, {page}, 4):
            b[i:i + 4] = (machine.mem32[a + i] & 0xffffffff).to_bytes(4, 'little')
        h.update(b)
print('"%s"' % h.digest().hex())
"""


def holds(link: Link, image: MicroPython) -> bool:
    """Whether the image seems to be on the board: a word picked at random in every page of it. Raises LinkError.

    Another image differs nearly everywhere; a single bit in the rest of a page is not found.
    """
    pages = sorted(image.pieces.items())
    for first in range(0, len(pages), _PAGES):
        part = pages[first : first + _PAGES]
        picks = bytes(byte % _WORDS for byte in os.urandom(len(part)))
        words = b"".join(data[4 * pick : 4 * pick + 4] for pick, (_, data) in zip(picks, part, strict=True))
        script = _LOOK.format(picks=b64encode(picks), runs=_runs([at for at, _ in part]), page=PAGE)
        if link.ask(script) != hashlib.sha256(words).hexdigest():
            return False
    return True


def reads_back(link: Link, image: MicroPython) -> bool:
    """Whether every byte of the image is in the board's flash. Raises LinkError."""
    pages = sorted(image.pieces.items())
    script = _READ_BACK.format(runs=_runs([at for at, _ in pages]), page=PAGE)
    digest: str = link.ask(script, _READ_BACK_S)
    return digest == hashlib.sha256(b"".join(data for _, data in pages)).hexdigest()


def _runs(offsets: list[int]) -> list[tuple[int, int]]:
    """Pages that follow each other as (address, how many): a board has little room for a list of them all."""
    found: list[tuple[int, int]] = []
    for at in offsets:
        if found and at == found[-1][0] - XIP_BASE + PAGE * found[-1][1]:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((XIP_BASE + at, 1))
    return found


def install(link: Link | None, port: str | None, folder: Path | None, name: str, data: bytes) -> str:
    """Sends a board to its boot loader (`link`, unless it is there), copies a UF2 to its drive, waits for its port.

    Returns the port it came back at. Raises LinkError.
    """
    where = port or str(folder)
    ports = _ports()
    with contextlib.nullcontext() if folder else _ONE:
        before = drive.mounted()
        if link:
            link.leave("import machine\nmachine.bootloader()")
        shown = drive.appears(folder, before if link else (), where)
        # The boot ROM takes the blocks as they come: the file lies nowhere but in the board.
        drive.put(shown, name, data, where)
        sentence = f"{where}: it did not come back from its boot loader; unplug it and plug it in again."
        if port:
            drive.wait(lambda: Path(port).exists(), sentence)
            return port
        found: list[str] = []

        def look() -> bool:
            found[:] = sorted(_ports() - ports)
            return bool(found)

        drive.wait(look, sentence)
        return found[0]


def _ports() -> set[str]:
    return {found.device for found in list_ports.comports() if (found.vid, found.pid) == _USB}
