"""The emulated chip: flash, console, time; runs a script through the raw REPL or whatever main.py the file system has."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kerbstone.chip.clock import ChipKernel
from kerbstone.chip.console import Console
from kerbstone.chip.library import Library, load
from kerbstone.chip.uf2 import FLASH_START, Uf2
from kerbstone.errors import ChipError

BLOCK = 4096
_PERIPHERAL_HZ = 48_000_000
_PROMPT = b">>> "
_BOOT_S = 5.0  # chip time; formatting an empty file system included
_RAW, _END = b"\x01", b"\x04"
_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"


@dataclass(frozen=True)
class Output:
    """What a script printed, the traceback it died of (or ""), and what it cost."""

    stdout: str
    stderr: str
    chip_s: float
    wall_s: float


class Chip:
    """An RP2040 with the image `uf2` in its flash, switched on by `boot()`."""

    def __init__(self, uf2: Uf2, library: Library | None = None):
        self._library = library or load()
        self._simulator = self._library.simulator(rp2040=self._library.rp2040())
        self.mcu = self._simulator.rp2040
        self.mcu.logger = self._library.logger
        # MicroPython feeds UART and SPI from the USB clock; the library does not follow the clock registers.
        self.mcu.clk_peri = _PERIPHERAL_HZ
        self.mcu.load_bootrom(self._library.bootrom)
        for address, data in uf2.blocks:
            offset = address - FLASH_START
            self.mcu.flash[offset : offset + len(data)] = data
        self.uf2 = uf2
        self.kernel = ChipKernel(self.mcu.clock)
        self.console = Console(self._library, self.mcu)
        self.resets = 0
        self.on_reset: list[Callable[[], None]] = []  # pins let go
        self._deadline = self.mcu.clock.create_alarm(self._simulator.stop)
        self.mcu.watchdog.on_watchdog_trigger = self._watchdog

    @property
    def seconds(self) -> float:
        """Chip time since it was switched on."""
        return float(self.mcu.clock.nanos) / 1e9

    # -- time ---------------------------------------------------------------------------------------------

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Lets chip time pass until `until()` holds (looked at whenever the console says something); False: time is up."""
        self.console.on_data = lambda: self._simulator.stop() if until and until() else None
        self._deadline.schedule(seconds * 1e9)
        end = self.mcu.clock.nanos + seconds * 1e9
        while not (until and until()) and self.mcu.clock.nanos < end:
            self._simulator.stopped = False
            while not self._simulator.stopped:
                self._library.execute_batch(self._simulator, 1)
        self._deadline.cancel()
        self.kernel.sync()
        return bool(until and until())

    # -- power --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Releases the reset; nothing is awaited."""
        self.mcu.leave_reset()

    def reset(self) -> None:
        """As the RUN pin does: RAM and registers are gone, flash stays."""
        self._reset(False)

    def _watchdog(self) -> None:
        """`machine.reset()`, the end of deep sleep, or a watchdog nobody fed."""
        self.resets += 1
        self.kernel.sync()
        self.kernel.log.write("chip", "reset")
        self._reset(True)

    def _reset(self, from_watchdog: bool) -> None:
        self.mcu.enter_reset(from_watchdog=from_watchdog)
        self.console.forget()
        for fn in self.on_reset:
            fn()
        self.mcu.leave_reset()

    def to_prompt(self) -> None:
        """Waits for the chip to appear on USB and for its prompt. Raises ChipError when it does not come."""
        seen = self.console.connected
        if not self.run(_BOOT_S, lambda: self.console.connected > seen):
            raise ChipError(f"{self.uf2.path} does not appear on USB within {_BOOT_S:.0f} s: is it a MicroPython image for the RP2040?")
        self.console.text.clear()
        self.console.send(b"\r\n")
        if not self.run(_BOOT_S, lambda: self.console.text.endswith(_PROMPT)):
            raise ChipError(f"{self.uf2.path} shows no prompt within {_BOOT_S:.0f} s: is it a MicroPython image for the RP2040?")

    def find_filesystem(self) -> tuple[int, int]:
        """(offset in flash, blocks) of the file system the image has just formatted. Raises ChipError when it has none."""
        flash = self.mcu.flash
        for offset in range((self.uf2.end - FLASH_START) // BLOCK * BLOCK, len(flash), BLOCK):
            if flash[offset + 8 : offset + 16] == b"littlefs":
                blocks = int(self.execute("import os\nprint(os.statvfs('/')[2])", 2.0).stdout)
                return offset, blocks
        raise ChipError(f"{self.uf2.path} makes no littlefs in flash: take a stock image of a board without FAT.")

    def write_filesystem(self, offset: int, image: bytes) -> None:
        """Puts a file-system image into the flash; a reset mounts it."""
        self.mcu.flash[offset : offset + len(image)] = image

    # -- scripts ------------------------------------------------------------------------------------------

    def soft_reset(self, seconds: float) -> None:
        """As Ctrl-D does at the raw prompt: a fresh interpreter, boot.py and no main.py. Raises ChipError when it does not come back."""
        text = self.console.text
        text.clear()
        self.console.send(_RAW + _END)
        if not self.run(seconds, lambda: text.count(_RAW_BANNER) == 2 and text.endswith(b">")):
            raise ChipError(f"The chip did not come back from a soft reset within {seconds:g} s of chip time: look at boot.py.")

    def execute(self, source: str, seconds: float) -> Output:
        """Runs source text in the raw REPL. Raises ChipError when it does not end within `seconds` of chip time."""
        began, wall = self.seconds, time.monotonic()
        text = self.console.text
        text.clear()
        self.console.send(_RAW + source.encode() + _END)
        if not self.run(seconds, lambda: text.count(_END, text.find(b">OK") + 3) >= 2 and text.endswith(b">")):
            last = bytes(text[-200:]).decode(errors="replace").strip().splitlines()
            raise ChipError(f"The script on the chip did not end within {seconds:g} s of chip time; last line: {last[-1] if last else '-'}")
        stdout, stderr = bytes(text[text.find(b">OK") + 3 :]).split(_END)[:2]
        return Output(_plain(stdout), _plain(stderr), self.seconds - began, time.monotonic() - wall)


def _plain(data: bytes) -> str:
    return data.decode(errors="replace").replace("\r\n", "\n")
