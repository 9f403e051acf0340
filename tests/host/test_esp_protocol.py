"""The serial protocol: framing against esptool's own reader and writer, and any bytes at all."""

import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import esp_bench  # skips this file when esptool is missing
from esp_bench import ESPLoader, slip_reader
from kerbstone.bench.esp import slip
from kerbstone.bench.esp.board import EspBoard, State
from kerbstone.bench.esp.chips import CHIPS
from kerbstone.bench.esp.frames import SYNC_DATA, Op, checksum
from kerbstone.bench.nor import NorChip

FLASH = 1 << 20
bodies = st.lists(st.sampled_from([0xC0, 0xDB, 0xDC, 0xDD, 0x00, 0x41]), min_size=1, max_size=40).map(bytes) | st.binary(min_size=1)


class Wire:
    """The least of a serial port that esptool's reader and writer need."""

    def __init__(self, data=b""):
        self.data = bytearray(data)

    def inWaiting(self):
        return len(self.data)

    def read(self, size=1):
        taken, self.data = bytes(self.data[:size]), self.data[size:]
        return taken

    def write(self, data):
        self.data += data


class Host:
    """A board without ports: what it sends is kept."""

    def __init__(self, chip, folder):
        self.board = EspBoard(CHIPS[chip], NorChip(Path(folder) / "flash.bin", FLASH), b"\x02KS\0\0\1")
        self.sent = b""
        self.board.emit = self._keep
        self.board.power_on(download=True)
        self.sent = b""

    def _keep(self, data, baud):
        self.sent += data

    def ask(self, op, data=b"", check=0):
        """The replies to one request: (op, value, data with status) each."""
        self.sent = b""
        self.board.receive(slip.encode(struct.pack("<BBHI", 0, op, len(data), check) + data), 115200)
        frames = [frame for frame in slip.Decoder().feed(self.sent) if frame != b"OHAI"]
        # Shorter ones are the data of READ_FLASH.
        return [(frame[1], struct.unpack_from("<I", frame, 4)[0], frame[8:]) for frame in frames if len(frame) >= 8]

    def stub(self):
        self.ask(Op.SYNC, SYNC_DATA)
        self.ask(Op.MEM_BEGIN, struct.pack("<IIII", 4, 1, 4, 0x40080000))
        self.ask(Op.MEM_DATA, struct.pack("<IIII", 4, 0, 0, 0) + b"code", checksum(b"code"))
        self.ask(Op.MEM_END, struct.pack("<II", 0, 0x40080000))
        assert self.sent.endswith(slip.encode(b"OHAI"))


@pytest.fixture(params=list(esp_bench.BOARDS))
def host(request, tmp_path):
    made = Host(request.param, tmp_path)
    yield made
    made.board.close()


@given(st.lists(bodies, max_size=6), st.integers(1, 50))
def test_frames_that_esptool_writes_are_read_in_any_pieces(frames, piece):
    wire = Wire()
    writer = ESPLoader.__new__(ESPLoader)
    writer._port, writer._trace_enabled = wire, False
    for frame in frames:
        writer.write(frame)
    decoder, found = slip.Decoder(), []
    for at in range(0, len(wire.data), piece):
        found += decoder.feed(bytes(wire.data[at : at + piece]))
    assert found == frames


@given(st.lists(bodies, min_size=1, max_size=6))
def test_esptool_reads_the_frames_written_here(frames):
    reader = slip_reader(Wire(b"".join(map(slip.encode, frames))), lambda message: None)
    assert [next(reader) for _ in frames] == frames


@given(st.binary(max_size=5000))
def test_the_check_byte_is_esptools(data):
    assert checksum(data) == ESPLoader.checksum(data)


@given(st.binary(max_size=300), bodies)
def test_the_decoder_finds_a_frame_after_any_noise(noise, frame):
    decoder = slip.Decoder()
    decoder.feed(noise)
    assert decoder.feed(slip.END + slip.encode(frame))[-1] == frame


def test_a_frame_without_end_does_not_grow_for_ever():
    decoder = slip.Decoder()
    decoder.feed(slip.END)
    for _ in range(100):
        decoder.feed(b"x" * 10_000)
    assert len(decoder._body) <= slip.LONGEST
    assert decoder.feed(slip.encode(b"next")) == [b"next"]


words = st.lists(st.sampled_from([0, 1, 4, 64, 4096, FLASH - 1, FLASH, 2**32 - 1]), max_size=8)
operations = (st.sampled_from([int(op) for op in Op]) | st.integers(0, 255)).filter(lambda op: op != Op.CHANGE_BAUDRATE)
payloads = st.binary(max_size=40) | words.map(lambda numbers: struct.pack(f"<{len(numbers)}I", *numbers))
requests = st.tuples(operations, payloads, st.integers(0, 255))


@pytest.mark.parametrize("stub", [False, True])
@pytest.mark.parametrize("chip", list(esp_bench.BOARDS))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(requests | st.binary(max_size=100), max_size=12))
def test_no_request_however_wrong_brings_a_loader_down(chip, stub, script):
    with tempfile.TemporaryDirectory() as folder:
        host = Host(chip, folder)
        if stub:
            host.stub()
        for step in script:
            if isinstance(step, bytes):
                host.board.receive(step, 115200)
            else:
                host.ask(*step)
        host.board.receive(slip.END, 115200)  # ends a frame that noise has begun
        host.board.receive(slip.encode(b"an abandoned read ends here"), 115200)
        if host.board.state is State.DOWNLOAD:
            assert [op for op, _, _ in host.ask(Op.SYNC, SYNC_DATA)] == [Op.SYNC] * 8
        host.board.close()


def test_an_esp32_refuses_security_info_as_its_rom_does_and_an_s3_answers(host):
    host.ask(Op.SYNC, SYNC_DATA)
    replies = host.ask(Op.GET_SECURITY_INFO)
    if host.board.chip.security_info:
        assert [op for op, _, _ in replies] == [Op.GET_SECURITY_INFO] and struct.unpack_from("<I", replies[0][2], 12)[0] == 9
    else:
        assert len(replies) == 8 and all(op != Op.GET_SECURITY_INFO and data == b"\x01\x05\0\0" for op, _, data in replies)


def test_a_wrong_check_byte_is_refused_and_the_block_may_come_again(host):
    host.stub()
    host.ask(Op.FLASH_BEGIN, struct.pack("<IIIII", 4, 1, 4, 0x1000, 0))
    block = struct.pack("<IIII", 4, 0, 0, 0) + b"good"
    assert host.ask(Op.FLASH_DATA, block, checksum(b"bad"))[0][2] == b"\x01\xc1"
    assert host.board.flash.read(0x1000, 4) == b"\xff" * 4
    assert host.ask(Op.FLASH_DATA, block, checksum(b"good"))[0][2] == b"\0\0"
    assert host.board.flash.read(0x1000, 4) == b"good"


def test_a_loader_hears_only_its_own_baud_rate(host):
    host.stub()
    host.ask(Op.CHANGE_BAUDRATE, struct.pack("<II", 921600, 115200))
    assert host.ask(Op.READ_REG, struct.pack("<I", 0x40001000)) == []
    host.board.receive(slip.encode(struct.pack("<BBHII", 0, Op.READ_REG, 4, 0, 0x40001000)), 921600)
    assert struct.unpack_from("<I", slip.Decoder().feed(host.sent)[0], 4)[0] == host.board.chip.magic


def test_the_rom_undoes_esptools_scaling_of_the_baud_rate(host):
    host.ask(Op.SYNC, SYNC_DATA)
    asked = 460800 * 39_993_750 // 40_000_000 if host.board.chip.drifting_baud else 460800
    host.ask(Op.CHANGE_BAUDRATE, struct.pack("<II", asked, 0))
    assert abs(host.board._loader.baud - 460800) <= 1


def test_flash_is_out_of_reach_before_the_rom_is_told_of_it(host):
    host.ask(Op.SYNC, SYNC_DATA)
    read = struct.pack("<II", 0, 64)
    assert host.ask(Op.READ_FLASH_SLOW, read)[0][2][0] == 1
    host.ask(Op.SPI_ATTACH, struct.pack("<II", 0, 0))
    assert host.ask(Op.READ_FLASH_SLOW, read)[0][2] == b"\xff" * 64 + bytes(4)
