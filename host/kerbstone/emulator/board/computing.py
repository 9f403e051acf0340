"""How long a board computes where the emulator cannot see it compute: while it imports, and while it verifies a signature.

Measured on a whole emulated RP2040 at 125 MHz (rp2040py 0.3.6, stock MicroPython 1.28, littlefs on flash): all 68 modules of the firmware
one by one, 14.2 ms a module and 5.7 us a byte of .mpy, 4.4 ms rms around that line. Finding a file takes longer than reading it.
That emulator reaches boot.py in 24 ms where a real Pico takes 47 (micropython issue 8420), so the figures are on the low side.

The ESP32 has no such measurement: it gets the same work at its own speed, which one and the same benchmark gives (scruss.com,
"Parallel MicroPython Benchmarking": RP2040 at 125 MHz 19.8 s, ESP32 at 160 MHz 15.4 s, ESP32-C3 at 160 MHz 13.2 s, ESP32-S3 at 240 MHz
8.9 s, so 13.4 s at 160). Unconfirmed on a board.
"""

from __future__ import annotations

from dataclasses import dataclass

_MODULE_US = 14_200
_BYTE_NS = 5_700


@dataclass(frozen=True)
class Import:
    """Cost of one import from the file system."""

    module_us: int
    byte_ns: int


_SECONDS = {"rp2040": 19.8, "esp32": 15.4, "esp32s3": 13.4, "esp32c3": 13.2}  # of that benchmark, at 125 and 160 MHz

# A verification, measured on the same emulated RP2040 (tests/bench/verification.py, 2026-11-21), charged where its module is loaded: a
# start that installs loads one, once.
_VERIFY_MS = {"kerb/update/p256.mpy": 880, "kerb/update/ed25519.mpy": 1201, "kerb/update/lms.mpy": 86}


def _scaled(seconds: float) -> Import:
    share = seconds / _SECONDS["rp2040"]
    return Import(round(_MODULE_US * share), round(_BYTE_NS * share))


IMPORT = {mcu: _scaled(seconds) for mcu, seconds in _SECONDS.items()}


def work_us(mcu: str) -> dict[str, int]:
    """{file of the firmware: what it computes each time it is loaded, us}."""
    return {path: round(ms * 1000 * _SECONDS[mcu] / _SECONDS["rp2040"]) for path, ms in _VERIFY_MS.items()}
