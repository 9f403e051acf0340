"""The unmodified esptool command line against virtual boards on a pseudo-terminal: every byte compared."""

import concurrent.futures
import time

import pytest
import serial

import esp_bench
from esp_bench import BOARDS, FS_AT, blob, esptool, firmware, succeed
from kerbstone.bench.esp.board import State
from kerbstone.bench.esp.chips import CHIPS
from kerbstone.bench.virtual import VirtualBoard


@pytest.fixture(params=list(BOARDS))
def chip(request):
    return request.param


@pytest.fixture
def board(chip, tmp_path):
    made = VirtualBoard(BOARDS[chip], tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def files(tmp_path):
    """Writes bytes to a file and gives its path."""

    def write(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


def contents(board, at, size):
    return board.board.flash.read(at, size)


def test_read_mac_names_the_chip_and_its_address(board, chip):
    said = succeed(board.port, "read-mac")
    assert f"Connected to {CHIPS[chip].name} on" in said and board.mac.hex(":") in said and "Crystal frequency:  40MHz" in said


def test_flash_id_sees_the_boards_flash(board, chip):
    for options in ([], ["--no-stub"]):
        said = succeed(board.port, "--chip", chip, *options, "flash-id")
        assert f"Detected flash size: {board.flash_bytes >> 20}MB" in said and "Manufacturer: ef" in said


@pytest.mark.parametrize(
    ("baud", "loader", "write"),
    [(115200, [], []), (921600, [], []), (460800, [], ["-u"]), (230400, ["--no-stub"], []), (921600, ["--no-stub"], ["-u"])],
)
def test_what_was_written_is_there_and_is_read_back(board, chip, files, tmp_path, baud, loader, write):
    data = blob(70_001)
    common = ["--chip", chip, "--baud", baud, *loader]
    said = succeed(board.port, *common, "write-flash", *write, "0x20000", files("data", data))
    assert "Hash of data verified" in said
    assert contents(board, 0x1F000, 0x1000) == b"\xff" * 0x1000
    assert contents(board, 0x20000, len(data) + 3) == data + b"\xff" * 3
    assert "digest matched" in succeed(board.port, *common, "verify-flash", "0x20000", files("data", data))
    size = 2000 if loader else len(data)  # the ROM reads 64 bytes at a time
    succeed(board.port, *common, "read-flash", "0x20000", size, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data[:size]


def test_verify_flash_sees_one_wrong_bit(board, chip, files):
    data = bytearray(blob(9000))
    succeed(board.port, "--chip", chip, "write-flash", "0x20000", files("data", bytes(data)))
    data[4321] ^= 4
    done = esptool(board.port, "--chip", chip, "verify-flash", "0x20000", files("data", bytes(data)))
    assert done.returncode != 0 and "Verification failed" in done.stdout + done.stderr


@pytest.mark.parametrize("loader", [[], ["--no-stub"]])
def test_erase_region_erases_that_region_alone(board, chip, files, loader):
    succeed(board.port, "--chip", chip, "write-flash", "0x20000", files("data", b"\0" * 0x4000))
    succeed(board.port, "--chip", chip, *loader, "erase-region", "0x21000", "0x2000")
    assert contents(board, 0x20000, 0x4000) == b"\0" * 0x1000 + b"\xff" * 0x2000 + b"\0" * 0x1000
    assert [board.board.flash.erases[sector] for sector in range(0x1F, 0x25)] == [0, 1, 2, 2, 1, 0]


def test_erase_flash_needs_the_stub_and_wears_every_sector(board, chip, files):
    succeed(board.port, "--chip", chip, "write-flash", "0x20000", files("data", b"\0" * 0x2000))
    refused = esptool(board.port, "--chip", chip, "--no-stub", "erase-flash")
    assert refused.returncode == 2 and "does not support function erase_flash" in refused.stdout + refused.stderr
    succeed(board.port, "--chip", chip, "erase-flash")
    assert contents(board, 0, board.flash_bytes) == b"\xff" * board.flash_bytes
    assert min(board.board.flash.erases) == 1 and max(board.board.flash.erases) == 2


def test_the_wrong_chip_is_esptools_own_complaint(board, chip):
    other = next(name for name in BOARDS if name != chip)
    done = esptool(board.port, "--chip", other, "flash-id")
    said = done.stdout + done.stderr
    assert done.returncode == 2 and f"This chip is {CHIPS[chip].name}, not {CHIPS[other].name}. Wrong chip argument?" in said


def test_an_image_of_the_wrong_chip_is_refused_and_nothing_is_written(board, chip, files):
    other = next(name for name in BOARDS if name != chip)
    image = files("image", esp_bench.application(other))
    done = esptool(board.port, "--chip", chip, "write-flash", hex(CHIPS[chip].boot_offset), image)
    assert done.returncode == 2 and "is not an" in done.stdout + done.stderr
    assert sum(board.board.flash.erases) == 0


def test_an_image_larger_than_the_flash_is_refused_and_nothing_is_written(board, chip, files):
    done = esptool(board.port, "--chip", chip, "write-flash", hex(board.flash_bytes - 0x1000), files("data", b"\0" * 0x2000))
    assert done.returncode == 2 and "will not fit" in done.stdout + done.stderr
    assert sum(board.board.flash.erases) == 0


def test_no_reset_keeps_the_rom_loader_and_anything_else_boots_when_the_port_closes(board, chip):
    succeed(board.port, "--chip", chip, "--after", "no-reset", "flash-id")
    assert settles(board, State.DOWNLOAD)
    succeed(board.port, "--chip", chip, "flash-id")
    assert settles(board, State.FAILING)


def settles(board, state, seconds=5):
    """Whether the board reaches a state and is still there a moment later."""
    end = time.monotonic() + seconds
    while board.board.state is not state and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.1)
    return board.board.state is state


@pytest.mark.parametrize("loader", [[], ["--no-stub"]])
def test_a_cut_in_the_middle_of_write_flash_leaves_a_board_that_flashes_again(board, chip, files, loader):
    start, whole = hex(CHIPS[chip].boot_offset), firmware(chip)
    old = files("old", firmware(chip, app=esp_bench.application(chip, seed=9)))
    succeed(board.port, "--chip", chip, "write-flash", start, old)
    assert settles(board, State.RUNNING)
    flash = board.board.flash
    flash.cut_at = flash.operations + 60
    new = files("new", whole)
    done = esptool(board.port, "--chip", chip, *loader, "write-flash", start, new)
    assert done.returncode != 0 and board.board.state is State.OFF
    assert contents(board, CHIPS[chip].boot_offset, len(whole)) != whole
    board.thread.call(board.board.power_on)
    assert settles(board, State.FAILING)
    succeed(board.port, "--chip", chip, *loader, "write-flash", start, new)
    assert contents(board, CHIPS[chip].boot_offset, len(whole)) == whole
    assert settles(board, State.RUNNING)


def read_until(port, words, seconds=10):
    said, end = b"", time.monotonic() + seconds
    while words not in said and time.monotonic() < end:
        said += port.read(max(1, port.in_waiting))
    return said


def test_a_flashed_board_boots_its_interpreter_on_its_file_system_and_the_console_is_its(chip, tmp_path, files):
    interpreter = esp_bench.EchoInterpreter()
    board = VirtualBoard(BOARDS[chip], tmp_path / "state", interpreter=interpreter)
    with serial.Serial(board.port, 115200, timeout=0.1) as console:
        assert b"invalid header: 0xffffffff" in read_until(console, b"invalid header")
    images = [hex(CHIPS[chip].boot_offset), files("fw", firmware(chip)), hex(FS_AT), files("fs", b"littlefs")]
    succeed(board.port, "--chip", chip, "write-flash", *images)
    assert settles(board, State.RUNNING)
    assert interpreter.starts == [(FS_AT, board.flash_bytes - FS_AT, b"littlefs")]
    with serial.Serial(board.port, 115200, timeout=0.1) as console:
        console.write(b"\x01print(1)\x04\xff\x00")
        assert b"\x01print(1)\x04\xff\x00" in read_until(console, b"\xff\x00")
        console.write(b"reset")
        said = read_until(console, b">>>")
        assert CHIPS[chip].words.causes["software"].encode() in said and b"file system at 0x200000" in said
    board.close()
    assert interpreter.stopped == 2
    again = VirtualBoard(BOARDS[chip], tmp_path / "state", interpreter=interpreter)
    assert settles(again, State.RUNNING) and again.mac == board.mac and sum(again.board.flash.erases) > 0
    again.close()


def test_eight_boards_are_flashed_at_once_each_with_its_own_image(tmp_path):
    size = 300_000
    chips = [list(BOARDS)[number % 2] for number in range(8)]
    boards = [VirtualBoard(BOARDS[chip], tmp_path / str(number)) for number, chip in enumerate(chips)]
    images = [blob(size, seed) for seed in range(8)]
    for number, data in enumerate(images):
        (tmp_path / f"{number}.bin").write_bytes(data)

    def flash(number):
        common = ["--chip", chips[number], "--baud", 921600]
        succeed(boards[number].port, *common, "write-flash", "0x20000", tmp_path / f"{number}.bin", timeout=300)
        succeed(boards[number].port, *common, "read-flash", "0x20000", size, tmp_path / f"{number}.back", timeout=300)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(flash, range(8)))
    for number, (board, data) in enumerate(zip(boards, images, strict=True)):
        assert contents(board, 0x20000, size) == data == (tmp_path / f"{number}.back").read_bytes()
        board.close()
