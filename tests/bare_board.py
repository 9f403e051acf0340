"""A bare emulated board for tests: any main.py, no firmware, parts hung on by the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from kerbstone.build.firmware import compile_tree
from kerbstone.build.image import write_image
from kerbstone.emulator.board.analog import Analog
from kerbstone.emulator.board.buses import I2CBuses, SpiBuses
from kerbstone.emulator.board.device import Device
from kerbstone.emulator.board.limits import LIMITS
from kerbstone.emulator.board.nvs import Nvs, NvsMemory
from kerbstone.emulator.board.onewire import OneWires
from kerbstone.emulator.board.pins import Pins
from kerbstone.emulator.board.pio import Pio
from kerbstone.emulator.board.pulses import Counters, Rmt
from kerbstone.emulator.board.spec import DeviceSpec
from kerbstone.emulator.board.storage import Storage
from kerbstone.emulator.board.timing import Timing
from kerbstone.emulator.board.uart import Uarts
from kerbstone.emulator.engine.interpreter import find
from kerbstone.emulator.engine.process import Zygote
from kerbstone.emulator.engine.shimset import shim_folder
from kerbstone.emulator.flash import Flash
from kerbstone.emulator.kernel import Kernel
from kerbstone.paths import firmware_dir

BLOCKS = 320  # of 4 KB: the whole firmware, a block a file at the least
CURRENT_UA = {"boot": 40_000.0, "active": 40_000.0, "light_sleep": 2_000.0, "deep_sleep": 14.0}


class BareBoard:
    """Runs `main` on an emulated `mcu`; `lines` is what it printed."""

    def __init__(self, main: str, mcu: str = "esp32s3", setup: Callable[[BareBoard], None] | None = None, rtc_ppm: float = 0.0,
                 firmware: bool = False):
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        interpreter = find()
        files = {"/main.py": main.encode()}
        if firmware:
            files = compile_tree(firmware_dir()) | files
        write_image(interpreter, folder / "flash", BLOCKS, files)
        self.kernel = Kernel()
        self._zygote = Zygote(interpreter)
        spec = DeviceSpec("board", "Test board", LIMITS[mcu], 128, 635, 418, CURRENT_UA, "0123456789ab", "020000000001", 1, rtc_ppm)
        self.flash = Flash(folder / "flash", BLOCKS)
        self._console = folder / "console"
        self.device = Device(self.kernel, self._zygote, spec, self.flash, shim_folder(), self._console)
        self.pins = Pins(self.device, {})
        self.i2c = I2CBuses(self.device)
        self.spi = SpiBuses(self.device, self.pins)
        self.uarts = Uarts(self.device)
        self.onewires = OneWires(self.device)
        self.analog = Analog(self.device)
        self.timing = Timing(self.device)
        Storage(self.device)
        self.nvs = NvsMemory()
        Nvs(self.device, self.nvs)
        Pio(self.device, self.pins)
        Rmt(self.device, self.pins)
        self.counters = Counters(self.device)
        if setup:
            setup(self)
        self.device.power_on()

    def run(self, seconds: float) -> list[str]:
        self.kernel.run(self.kernel.now + int(seconds * 1e6))
        return self.lines

    @property
    def lines(self) -> list[str]:
        return self._console.read_text().splitlines()

    def kinds(self) -> list[str]:
        return [e[2] for e in self.kernel.log.events]

    def close(self) -> None:
        self.device.close()
        self.flash.close()
        self._zygote.close()
        self._folder.cleanup()

    def __enter__(self) -> BareBoard:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
