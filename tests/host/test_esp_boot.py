"""From reset to the application: the complaints of ROM and bootloader, the choice of the slot, where the file system lies."""

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import esp_bench
from esp_bench import FatalError, LoadFirmwareImage
from kerbstone.bench.esp import boot, image, partitions
from kerbstone.bench.esp.board import EspBoard, State
from kerbstone.bench.esp.chips import CHIPS
from kerbstone.bench.esp.partitions import Partition
from kerbstone.bench.nor import NorChip

FLASH = 4 << 20


@pytest.fixture(params=list(esp_bench.BOARDS))
def chip(request):
    return request.param


@pytest.fixture
def flash(tmp_path):
    made = NorChip(tmp_path / "flash.bin", FLASH)
    yield made
    made.close()


def start(chip, flash, firmware=None):
    if firmware is not None:
        flash.erase(0, FLASH)
        flash.program(CHIPS[chip].boot_offset, firmware)
    return boot.start(CHIPS[chip], flash)


def test_an_empty_chip_has_an_invalid_header(chip, flash):
    result = start(chip, flash)
    assert set(result.lines) == {"invalid header: 0xffffffff"} and result.file_system is None


def test_a_whole_image_boots_and_the_file_system_follows_the_last_partition(chip, flash):
    result = start(chip, flash, esp_bench.firmware(chip))
    assert result.file_system == (esp_bench.FS_AT, FLASH - esp_bench.FS_AT), result.lines


def test_a_table_that_names_the_file_system_is_followed(chip, flash):
    table = [*esp_bench.TABLE, Partition("vfs", partitions.DATA, partitions.FAT, 0x210000, 0x100000)]
    assert start(chip, flash, esp_bench.firmware(chip, table=table)).file_system == (0x210000, 0x100000)


def test_a_corrupt_bootloader_fails_its_check_byte(chip, flash):
    whole = bytearray(esp_bench.firmware(chip))
    whole[100] ^= 1
    result = start(chip, flash, bytes(whole))
    assert result.lines[0].startswith("csum err:0x") and result.file_system is None


def test_no_partition_table(chip, flash):
    result = start(chip, flash, esp_bench.application(chip, 4000))
    assert "E (46) flash_parts: partition 0 invalid magic number 0xffff" in result.lines and result.file_system is None


def test_a_table_with_a_flipped_bit_fails_its_md5(chip, flash):
    whole = bytearray(esp_bench.firmware(chip))
    whole[0x8000 - CHIPS[chip].boot_offset + 9] ^= 0x10
    result = start(chip, flash, bytes(whole))
    assert any("invalid magic number 0xebeb" in line for line in result.lines) and result.file_system is None


def test_no_application(chip, flash):
    result = start(chip, flash, esp_bench.firmware(chip, app=b""))
    assert "E (52) esp_image: image at 0x10000 has invalid magic byte (nothing flashed here?)" in result.lines
    assert result.lines[-1] == "E (52) boot: No bootable app partitions in the partition table" and result.file_system is None


def test_an_application_of_the_other_chip(chip, flash):
    other = next(name for name in esp_bench.BOARDS if name != chip)
    result = start(chip, flash, esp_bench.firmware(chip, app=esp_bench.application(other)))
    expected = f"mismatch chip ID, expected {CHIPS[chip].image_id}, found {CHIPS[other].image_id}"
    assert any(expected in line for line in result.lines) and result.file_system is None


def test_a_wrong_digest_is_not_a_wrong_check_byte(chip, flash):
    app = bytearray(esp_bench.application(chip))
    app[-1] ^= 1
    assert any("Image hash failed" in line for line in start(chip, flash, esp_bench.firmware(chip, app=bytes(app))).lines)
    app[-33] ^= 1
    assert any("Checksum failed" in line for line in start(chip, flash, esp_bench.firmware(chip, app=bytes(app))).lines)


def _esptool_accepts(name, data):
    """esptool's own verdict: it raises for what it cannot read and keeps check byte and digest to compare."""
    silence = io.StringIO()
    try:
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            loaded = LoadFirmwareImage(name, data)
            digest = not loaded.append_digest or loaded.stored_digest == loaded.calc_digest
            return loaded.checksum == loaded.calculate_checksum() and digest
    except (FatalError, struct.error, TypeError):
        return False


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(esp_bench.BOARDS)), st.integers(0, 30), st.integers(24, 4103), st.integers(0, 255))
def test_a_byte_changed_anywhere_behind_the_header_is_judged_as_esptool_judges_it(name, spread, at, value):
    data = bytearray(esp_bench.application(name, 4000))
    data[min(at + spread, len(data) - 1)] = value
    padded = bytes(data).ljust(0x4000, b"\xff")
    try:
        image.load(lambda offset, size: padded[offset : offset + size], 0, len(padded))
        accepted = True
    except image.ImageFault:
        accepted = False
    assert accepted == _esptool_accepts(name, bytes(data))


@pytest.mark.parametrize("size", [4, 8, 12, 16, 4000])
def test_images_of_every_alignment_are_accepted_as_esptool_accepts_them(chip, size):
    data = esp_bench.application(chip, size)
    assert _esptool_accepts(chip, data)
    assert image.load(lambda at, length: data[at : at + length], 0, len(data)).size == len(data)


def _ota(*sequences):
    """Two OTA data sectors; None is an erased one."""
    sectors = []
    for sequence in sequences:
        if sequence is None:
            sectors.append(b"\xff" * 0x1000)
            continue
        word = struct.pack("<I", sequence)
        sectors.append((word + b"\xff" * 24 + struct.pack("<I", zlib.crc32(word, 0xFFFFFFFF))).ljust(0x1000, b"\xff"))
    return b"".join(sectors)


OTA_TABLE = [
    Partition("nvs", partitions.DATA, 0x02, 0x9000, 0x4000),
    Partition("otadata", partitions.DATA, partitions.OTA_DATA, 0xD000, 0x2000),
    Partition("ota_0", partitions.APP, 0x10, 0x10000, 0x180000),
    Partition("ota_1", partitions.APP, 0x11, 0x190000, 0x180000),
]


@pytest.mark.parametrize(
    ("data", "first"),
    [(_ota(None, None), "ota_0"), (_ota(1, None), "ota_0"), (_ota(1, 2), "ota_1"), (_ota(3, 2), "ota_0"), (b"\0" * 0x2000, "ota_0")],
)
def test_the_ota_data_choose_the_slot(flash, data, first):
    flash.program(0xD000, data)
    assert partitions.boot_order(OTA_TABLE, boot.ota_data(flash, OTA_TABLE).slot())[0].label == first


def test_a_slot_that_fails_gives_way_to_the_other_and_the_file_system_stays(chip, flash):
    whole = bytearray(esp_bench.firmware(chip, table=OTA_TABLE).ljust(0x200000, b"\xff"))
    at = 0xD000 - CHIPS[chip].boot_offset
    whole[at : at + 0x2000] = _ota(1, 2)
    result = start(chip, flash, bytes(whole))
    assert any("ota_1 app partition is not bootable" in line for line in result.lines)
    assert result.file_system == (0x310000, FLASH - 0x310000)


def test_a_table_that_reaches_beyond_the_chip_does_not_bring_the_board_down(chip, flash):
    table = [Partition("factory", partitions.APP, partitions.FACTORY, 0xFFFF0000, 0x10000)]
    result = start(chip, flash, esp_bench.firmware(chip, table=table))
    assert any("lies beyond the flash chip" in line for line in result.lines) and result.file_system is None


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.sampled_from([0, 0x7000, 0xF000]))
def test_no_contents_of_the_flash_bring_the_boot_chain_down(tmp_path_factory, noise, at):
    flash = NorChip(tmp_path_factory.mktemp("noise") / "flash.bin", 1 << 20)
    whole = bytearray(esp_bench.firmware("esp32"))
    whole[at : at + len(noise)] = noise
    flash.program(0x1000, bytes(whole))
    boot.start(CHIPS["esp32"], flash)
    flash.close()


def board_with_console(chip, flash, interpreter=None):
    board = EspBoard(CHIPS[chip], flash, b"\x02KS\0\0\1", interpreter)
    said = []
    board.emit = lambda data, baud: said.append(data)
    return board, said


def test_a_board_without_an_image_complains_over_and_over(chip, flash):
    board, said = board_with_console(chip, flash)
    board.power_on()
    assert board.state is State.FAILING and board.tick() > 0
    board._due -= 10
    board.tick()
    first, second = (starts.decode() for starts in said)
    assert CHIPS[chip].words.causes["power"] in first and CHIPS[chip].words.causes["watchdog"] in second


# DTR and RTS as esptool's reset sequences move them over a network port, one line at a time.
CLASSIC = [(False, False), (False, True), (True, True), (True, False), (False, False)]
HARD = [(False, False), (False, True), (False, False)]


def test_the_reset_circuit_knows_esptools_sequences(chip, flash):
    board, said = board_with_console(chip, flash)
    board.power_on()
    for dtr, rts in CLASSIC:
        board.lines(dtr, rts)
    assert board.state is State.DOWNLOAD and b"waiting for download" in said[-1]
    for dtr, rts in HARD:
        board.lines(dtr, rts)
    assert board.state is State.FAILING
    said.clear()
    for dtr, rts in [(True, False), (True, True), (True, False), (False, False)]:  # a terminal that opens and closes the port
        board.lines(dtr, rts)
    assert said == []


def test_an_application_that_ends_is_started_again(chip, flash):
    start(chip, flash, esp_bench.firmware(chip))
    interpreter = esp_bench.EchoInterpreter()
    board, _ = board_with_console(chip, flash, interpreter)
    board.power_on()
    board.receive(b"reset", 115200)
    while board.state is State.RUNNING and board.fileno() >= 0:
        board.console()
    board._due -= 10
    board.tick()
    assert board.state is State.RUNNING and len(interpreter.starts) == 2 and interpreter.stopped == 1
    board.power_off()


def test_firmware_that_asks_for_the_loader_gets_it(chip, flash):
    start(chip, flash, esp_bench.firmware(chip))
    board, said = board_with_console(chip, flash, esp_bench.EchoInterpreter())
    board.power_on()
    board.receive(b"loader", 115200)
    while board.state is State.RUNNING:
        board.console()
    assert board.state is State.DOWNLOAD and b"waiting for download" in said[-1]
    board.power_off()
