"""The virtual `esp32.Partition`: the choice of the next start, its confirmation, the bootloader's way back, NOR flash below."""

import hashlib

import pytest

from bare_board import BareBoard
from kerbstone.bench.esp import image, otadata
from kerbstone.build.board import load_board
from kerbstone.emulator.board.ota import Partitions
from kerbstone.emulator.flash import PowerLost

OTA, PLAIN = "esp32_devkitc_ota", "esp32_devkitc"
NEW = image.build(0, bytes(range(256)) * 40)


def board(tmp_path, main, name=OTA, firmware=False):
    """A bare board with the partitions of `name`; `firmware`: boot.py and stage 0 are there, too."""

    def setup(bare):
        bare.partitions = Partitions(bare.device, tmp_path / "chip", load_board(name))

    return BareBoard(main, mcu="esp32", setup=setup, firmware=firmware)


FLASH = f"""
import machine, time
from esp32 import Partition
image = bytes.fromhex({NEW.hex()!r})
running = Partition(Partition.RUNNING)
print("runs", running.info()[4])
other = running.get_next_update()
def install():
    for i in range(0, len(image), 4096):
        block = image[i:i + 4096]
        other.ioctl(6, i // 4096)
        other.writeblocks(i // 4096, block, 0)
    other.set_boot()
    print("next", Partition(Partition.BOOT).info()[4])
"""


def test_a_new_image_is_on_trial_and_goes_back_unless_it_is_confirmed(tmp_path):
    main = FLASH + """
if running.info()[4] == "ota_0" and machine.reset_cause() == machine.PWRON_RESET:
    install()
    machine.reset()
time.sleep(1)
machine.reset()
"""
    with board(tmp_path, main) as bare:
        bare.run(4)
        assert bare.lines[:4] == ["runs ota_0", "next ota_1", "runs ota_1", "runs ota_0"], bare.lines
        states = [bare.partitions.data.state(i) for i in (0, 1)]
        assert states == [otadata.VALID, otadata.ABORTED]


def test_a_confirmed_image_stays(tmp_path):
    main = FLASH + """
if running.info()[4] == "ota_0":
    install()
    machine.reset()
Partition.mark_app_valid_cancel_rollback()
time.sleep(1)
machine.reset()
"""
    with board(tmp_path, main) as bare:
        bare.run(5)
        assert bare.lines[1:5] == ["next ota_1", "runs ota_1", "runs ota_1", "runs ota_1"], bare.lines
        assert bare.partitions.data.state(1) == otadata.VALID
        assert bare.partitions.digest(bare.partitions.running) == hashlib.sha256(NEW).digest()


def test_deep_sleep_after_set_boot_goes_on_in_the_old_image_and_so_does_a_trial_in_the_new(tmp_path):
    main = FLASH + """
if running.info()[4] == "ota_0" and machine.reset_cause() == machine.PWRON_RESET:
    install()
    machine.deepsleep(1000)
if running.info()[4] == "ota_0":
    machine.reset()
machine.deepsleep(1000)
"""
    with board(tmp_path, main) as bare:
        bare.run(8)
        assert bare.lines[:5] == ["runs ota_0", "next ota_1", "runs ota_0", "runs ota_1", "runs ota_1"], bare.lines
        assert bare.partitions.data.state(1) == otadata.PENDING_VERIFY
        bare.device.power_off()
        bare.device.power_on()
        bare.run(0.7)
        assert bare.lines[-1] == "runs ota_0", "an interpreter that is not confirmed does not outlive a change of battery"


def test_an_image_that_is_damaged_or_another_chips_is_not_chosen(tmp_path):
    damaged = bytes([*NEW[:300], NEW[300] ^ 1, *NEW[301:]])
    for wrong in (damaged, image.build(9, b"x" * 5000), b""):
        main = FLASH.replace(NEW.hex(), wrong.hex()) + """
try:
    install()
except OSError as error:
    print("refused", error.errno)
"""
        with board(tmp_path, main) as bare:
            bare.run(2)
            assert bare.lines[-1] == "refused -5379", bare.lines  # ESP_ERR_OTA_VALIDATE_FAILED
            assert bare.partitions.data.slot() == 0
        (tmp_path / "chip").unlink()


def test_a_board_with_one_application_has_no_next(tmp_path):
    main = """
from esp32 import Partition
print(Partition(Partition.RUNNING).info(), [p.info()[4] for p in Partition.find(Partition.TYPE_APP)], Partition.find(1, label="otadata"))
try:
    Partition(Partition.RUNNING).get_next_update()
except OSError as error:
    print("none", error.errno)
"""
    with board(tmp_path, main, PLAIN) as bare:
        bare.run(2)
        assert bare.lines == ["(0, 0, 65536, 2031616, 'factory', False) ['factory'] []", "none 2"]


def test_the_flash_below_is_nor_and_takes_its_time(tmp_path):
    main = """
import time
from esp32 import Partition
p = Partition("ota_1")
a = time.ticks_us()
p.ioctl(6, 3)
b = time.ticks_us()
p.writeblocks(3, b"\\xf0" * 256, 256)
c = time.ticks_us()
p.writeblocks(3, b"\\x3f" * 256, 256)
got = bytearray(257)
p.readblocks(3, got, 255)
print(got[0], set(got[1:]), b - a > 44000, 600 < c - b < 2000)
p.writeblocks(3, b"\\xaa" * 4096)
p.readblocks(3, got, 0)
print(set(got))
for wrong in (lambda: p.writeblocks(3, b"short"), lambda: p.writeblocks(384, bytes(4096)), lambda: Partition("nowhere")):
    try:
        wrong()
    except OSError as error:
        print(error.errno)
"""
    with board(tmp_path, main) as bare:
        bare.run(2)
        assert bare.lines == ["255 {48} True True", "{170}", "-260", "-260", "2"], bare.lines
        assert bare.partitions.nor.flash.erases[0x190000 // 4096 + 3] == 2


@pytest.mark.parametrize("at", [1, 2])
def test_a_supply_that_fails_while_the_choice_is_written_leaves_one_that_starts(tmp_path, at):
    main = FLASH + """
if machine.reset_cause() == machine.PWRON_RESET:
    install()
    machine.reset()
"""
    with board(tmp_path, main) as bare:
        left = 3 + len(NEW) // 256 + 1 + at  # erases, pages, then the choice

        def cut(block, offset, data):
            nonlocal left
            left -= 1
            if not left:
                bare.device.power_off()
                raise PowerLost
            return 0

        bare.partitions.nor.flash.faults.append(cut)
        bare.run(3)
        assert not left and bare.lines == ["runs ota_0"]
        bare.partitions.nor.flash.faults.clear()
        bare.device.power_on()
        bare.run(3)
        assert bare.lines[1:] == ["runs ota_0", "next ota_1", "runs ota_1"], bare.lines


def test_an_interpreter_that_cannot_read_the_files_is_left_after_a_minute(tmp_path):
    main = FLASH + """
import os
install()
os.mkdir("/slots")
open("/slots/selector", "w").close()
with open("/stage0.mpy", "wb") as f:
    f.write(b"M\\x05\\x00\\x1f" + bytes(40))  # compiled for another one
machine.reset()
"""
    with board(tmp_path, main, firmware=True) as bare:
        bare.run(50)
        assert bare.partitions.running.label == "ota_1" and bare.lines[-1].startswith("kerb fault stage0 ValueError"), bare.lines
        bare.run(20)
        assert bare.partitions.running.label == "ota_0" and bare.partitions.data.state(1) == otadata.ABORTED
