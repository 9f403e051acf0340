"""Every firmware file is imported by the interpreter at the heap of its board, from the board's own file system."""

import pytest

from bare_board import BareBoard
from kerbstone.paths import firmware_dir

SCRIPT = """
import gc, sys
for name in {names!r}:
    try:
        __import__(name)
        print("ok", name)
    except MemoryError:
        print("memory", name)
    for m in list(sys.modules):
        if m.startswith("kerb"):
            del sys.modules[m]
    gc.collect()
"""

NAMES = sorted(
    ".".join(p.relative_to(firmware_dir()).with_suffix("").parts).removesuffix(".__init__") for p in (firmware_dir() / "kerb").rglob("*.py")
)

# Files for hardware that only one port has; the drivers choose between them.
PORT = {"kerb.dali.pio": "rp2040", "kerb.dali.rmt": "esp32s3", "kerb.drivers.lis2mdl_ulp": "esp32s3"}


@pytest.mark.parametrize("mcu", ["esp32s3", "rp2040"])
def test_every_firmware_file_imports_on_the_board(mcu):
    names = [name for name in NAMES if PORT.get(name, mcu) == mcu]
    with BareBoard(SCRIPT.format(names=names), mcu, firmware=True) as board:
        lines = board.run(60)
    assert lines == [f"ok {name}" for name in names]
    assert len(NAMES) > 40
