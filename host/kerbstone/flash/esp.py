"""MicroPython onto an ESP32, by esptool: a process a port, since its logger is one for the whole program."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import cast

from kerbstone.errors import FlashError
from kerbstone.flash.images import MicroPython
from kerbstone.flash.troubles import Refused

BAUDS = (921_600, 460_800, 115_200)  # what a short cable carries, a longer one, and anything
_LONGEST_S = 300.0
_PERCENT = re.compile(rb"(\d+(?:\.\d+)?)%")
_CHIP = re.compile(r"Connected to (ESP32[-\w]*)")
_READ_BYTES = 256

Tell = Callable[[str], None]


def chip_on(port: str) -> str:
    """The chip on a port that has no prompt, as board files name it. Raises Refused."""
    said = _run(port, BAUDS[-1], ["chip-id"], "auto", lambda text: None)
    found = _CHIP.search(said)
    if not found:
        raise Refused(said)
    return found[1].lower().replace("-", "")


def write(port: str, image: MicroPython, tell: Tell) -> bool:
    """Writes the pieces that the board does not have, compared by MD5 before and after; True when there was one.

    Goes down the baud rates when bytes are lost. Raises Refused.
    """
    with tempfile.TemporaryDirectory(prefix="kerbstone-") as folder:
        pieces: list[str] = []
        for at, data in sorted(image.pieces.items()):
            path = Path(folder) / f"{at:#x}"
            path.write_bytes(data)
            pieces += [f"{at:#x}", str(path)]
        lost = False
        for baud in BAUDS:
            try:
                said = _run(port, baud, ["write-flash", "--skip-flashed", *pieces], image.mcu, tell)
                return "Wrote " in said
            except Refused as refused:
                kind = refused.trouble.kind if refused.trouble else ""
                if lost and kind == "no-answer":
                    raise Refused("disconnected") from refused  # it answered before, and no rate brings it back
                if refused.trouble is None or not refused.trouble.again or baud == BAUDS[-1]:
                    raise
                lost = lost or kind != "no-answer"
                tell(f"{kind} at {baud} baud, slower")
    raise AssertionError("the ladder ends with a result")


def erase(port: str, mcu: str, tell: Tell) -> None:
    """Erases the whole chip. Raises Refused."""
    tell("erasing")
    _run(port, BAUDS[-1], ["erase-flash"], mcu, tell)


def _run(port: str, baud: int, words: list[str], mcu: str, tell: Tell) -> str:
    """What esptool said. Raises Refused with the reason when it failed."""
    command = [sys.executable, "-m", "esptool", "--chip", mcu, "--port", port, "--baud", str(baud), "--connect-attempts", "3", *words]
    said = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL) as tool:
        watch = _Watch(tool)
        output = cast(BufferedReader, tool.stdout)
        try:
            while chunk := output.read1(_READ_BYTES):
                said += chunk
                if percents := _PERCENT.findall(chunk):
                    tell(f"MicroPython {float(percents[-1]):.0f} % at {baud} baud")
        finally:
            watch.cancel()
            if tool.poll() is None and not said:
                tool.kill()
    text = said.decode("utf-8", "replace")
    if watch.fired:
        raise Refused(f"{text}\ntimed out waiting")
    if tool.returncode:
        if "No module named esptool" in text:
            raise FlashError("esptool is not installed: run `pip install 'esptool>=5,<6'`.")
        raise Refused(_end_of(text))
    return text


def _end_of(text: str) -> str:
    """From its fatal error on: what it printed before may hold words of other troubles."""
    at = max(text.rfind("A fatal error occurred"), text.rfind("Error:"), text.rfind("Traceback"))
    return text[at:] if at >= 0 else text[-2000:]


class _Watch:
    """Ends a tool that hangs."""

    def __init__(self, tool: subprocess.Popen[bytes]):
        self.fired = False
        self._tool = tool
        self._timer = threading.Timer(_LONGEST_S, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def _fire(self) -> None:
        self.fired = True
        self._tool.kill()

    def cancel(self) -> None:
        self._timer.cancel()
