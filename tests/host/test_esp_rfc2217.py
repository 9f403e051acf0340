"""Virtual boards behind RFC 2217: esptool's default reset works there, and no client can bring a board down."""

import concurrent.futures
import random
import socket
import time

import pytest
import serial

import esp_bench
from esp_bench import BOARDS, blob, succeed
from kerbstone.bench.esp.board import State
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.errors import BenchError


@pytest.fixture
def board(tmp_path):
    made = VirtualBoard(BOARDS["esp32"], tmp_path / "state")
    yield made
    made.close()


def test_esptool_resets_flashes_and_boots_both_chips_without_a_hand_on_the_board(tmp_path):
    """pyserial's client waits 50 ms for every change of a time-out, so this takes most of a minute; both chips run at once."""
    data = blob(30_000)
    (tmp_path / "data").write_bytes(data)
    boards = {chip: VirtualBoard(name, tmp_path / chip) for chip, name in BOARDS.items()}

    def flash(chip):
        return succeed(boards[chip].url, "--baud", 460800, "write-flash", "0x20000", tmp_path / "data", before=None, timeout=300)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        said = dict(zip(boards, pool.map(flash, boards), strict=True))
    for chip, board in boards.items():
        assert "Hash of data verified" in said[chip] and "WARNING" not in said[chip]
        assert board.board.flash.read(0x20000, len(data)) == data
        assert board.board.state is State.FAILING  # reset by RTS; there is nothing to boot
        board.close()


def test_the_console_is_there_and_a_second_client_is_turned_away(board):
    with serial.serial_for_url(board.url, 115200, timeout=1) as console:
        assert b"invalid header" in console.read(200)
        host, port = board.url.removeprefix("rfc2217://").partition("?")[0].split(":")
        with socket.create_connection((host, int(port))) as second:
            assert second.recv(1) == b""


def test_a_port_number_in_use_is_named(board, tmp_path):
    port = int(board.url.partition("?")[0].rpartition(":")[2])
    with pytest.raises(BenchError, match=f"TCP port {port} is not free"):
        VirtualBoard(BOARDS["esp32"], tmp_path / "other", tcp_port=port)
    VirtualBoard(BOARDS["esp32"], tmp_path / "other").close()  # and the state directory is free again


def test_no_bytes_from_the_network_bring_a_board_down(board):
    chance = random.Random(7)
    host, port = board.url.removeprefix("rfc2217://").partition("?")[0].split(":")
    telnet = bytes((255, 250, 44, 240, 1, 5, 6, 253, 251))
    for _ in range(40):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(bytes(chance.choice(telnet) if chance.random() < 0.7 else chance.randrange(256) for _ in range(300)))
    time.sleep(0.2)
    board.thread.call(board.board.power_on)
    assert board.board.state is State.FAILING
    assert "MAC:" in succeed(board.port, "--chip", "esp32", "read-mac")


def test_a_client_that_leaves_with_reset_asserted_does_not_keep_the_board_in_reset(board):
    with serial.serial_for_url(board.url, 115200, timeout=0.2) as console:
        console.dtr = False
        console.rts = True
        time.sleep(0.2)
        assert board.board.state is State.HELD
    end = time.monotonic() + 5
    while board.board.state is State.HELD and time.monotonic() < end:
        time.sleep(0.02)
    assert board.board.state is State.FAILING


assert esp_bench  # importing it skips this file when esptool is missing
