"""A wipe erases every block of what holds identity, state and records."""

import sys
import types

import pytest

from kerb import wipe

KEY = bytes(range(200, 232))


class Device:
    """Blocks with a key scattered over them; erasing is ioctl 6, as for every block device of MicroPython."""

    def __init__(self, blocks):
        self.blocks = [bytearray(KEY * 128) for _ in range(blocks)]

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.blocks)
        if op == 6:
            self.blocks[arg][:] = b"\xff" * 4096
        return 0


@pytest.fixture
def machine(monkeypatch):
    memory = []
    module = types.ModuleType("machine")
    module.RTC = lambda: types.SimpleNamespace(memory=memory.append)
    monkeypatch.setitem(sys.modules, "machine", module)
    return memory


@pytest.mark.security("12")
def test_no_byte_of_a_key_is_left_on_an_esp32(machine, monkeypatch):
    parts = {"nvs": Device(6), "vfs": Device(30), "phy_init": Device(1)}
    esp32 = types.ModuleType("esp32")
    esp32.Partition = types.SimpleNamespace(find=lambda kind, label: [parts[label]] if label in parts and kind == 1 else [])
    monkeypatch.setitem(sys.modules, "esp32", esp32)
    wipe.wipe()
    for label in ("nvs", "vfs"):
        assert set(b"".join(parts[label].blocks)) == {0xFF}, label
    assert machine == [b""] and KEY in bytes(parts["phy_init"].blocks[0])


@pytest.mark.security("12")
def test_on_an_rp2040_the_whole_file_system_goes(machine, monkeypatch):
    flash = Device(40)
    monkeypatch.setitem(sys.modules, "esp32", None)
    rp2 = types.ModuleType("rp2")
    rp2.Flash = lambda: flash
    monkeypatch.setitem(sys.modules, "rp2", rp2)
    wipe.wipe()
    assert set(b"".join(flash.blocks)) == {0xFF}
