"""The failures people meet, recognised by the words of the tools and by what a computer shows, each with its cure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import serial

import esp_bench
from kerbstone.bench.rp2 import Rp2Board
from kerbstone.bench.virtual import VirtualBoard
from kerbstone.build.node import load_node
from kerbstone.build.package import pack
from kerbstone.errors import FlashError
from kerbstone.flash import doctor, drive, esp, images, job, spots
from kerbstone.flash.spots import Spot
from kerbstone.flash.troubles import TROUBLES, Refused, recognise, sentence

# What esptool 5.6, mpremote 1.29 and pyserial 3.5 print, shortened.
_OPEN = "Could not open /dev/ttyUSB0, the port is busy or doesn't exist."
SAID = {
    "permission": f"{_OPEN}\n([Errno 13] could not open port: Permission denied)",
    "missing": f"{_OPEN}\n([Errno 2] could not open port: No such file or directory)",
    "busy": f"{_OPEN}\n([Errno 11] Could not exclusively lock port: Resource temporarily"
            " unavailable)",
    "wrong-chip": "A fatal error occurred: This chip is ESP32, not ESP32-S3. Wrong chip argument?",
    "image-chip": "A fatal error occurred: 'fw.bin' is not an ESP32-S3 image. Use the force argument to flash anyway.",
    "too-large": "A fatal error occurred: File 'fw.bin' (length 99) at offset 0 will not fit in 4194304 bytes of flash.",
    "boot-mode": "A fatal error occurred: Failed to connect to ESP32: Wrong boot mode detected (0x13)!",
    "deaf": "Download mode successfully detected, but getting no sync reply: The serial TX path seems to be down.",
    "no-flash": "WARNING: Failed to communicate with the flash chip, read/write operations will fail.",
    "bad-flash": "A fatal error occurred: MD5 of file does not match data in flash!",
    "unplugged": "A serial exception error occurred: write failed: [Errno 5] Input/output error",
    "corrupt": "A fatal error occurred: Serial data stream stopped: Possible serial noise or corruption.",
    "no-answer": "A fatal error occurred: Failed to connect to ESP32: No serial data received.",
    "no-prompt": "mpremote: could not enter raw repl",
}


@pytest.mark.parametrize("row", TROUBLES, ids=lambda row: row.kind)
def test_every_row_is_recognised_by_what_the_tools_print(row):
    assert recognise(SAID[row.kind]) is row
    told = sentence(SAID[row.kind])
    assert told.endswith(".") and row.cure in told and "\n" not in told


def test_what_nobody_knows_is_told_in_the_tools_own_words():
    assert recognise("a new complaint") is None and "'a new complaint'" in sentence("\n a new complaint \n")
    assert "kerbstone doctor" in sentence("")


def ladder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answers: list[str | None]) -> list[int]:
    """The rates tried when esptool fails with these words, None being success."""
    tried: list[int] = []

    def run(port, baud, words, mcu, tell):
        tried.append(baud)
        if (said := answers[len(tried) - 1]) is not None:
            raise Refused(said)
        return "Wrote 3 bytes"

    monkeypatch.setattr(esp, "_run", run)
    path = tmp_path / "fw.bin"
    path.write_bytes(esp_bench.firmware("esp32"))
    try:
        esp.write("port", images.read(path), lambda text: None)
    except Refused as refused:
        assert refused.trouble is not None
        tried.append(-1)
    return tried


@pytest.mark.parametrize(("answers", "tried"), [
    ([None], [921_600]),
    (["corrupt", None], [921_600, 460_800]),
    (["corrupt", "corrupt", None], [921_600, 460_800, 115_200]),
    (["corrupt", "bad-flash", "bad-flash"], [921_600, 460_800, 115_200, -1]),
    (["wrong-chip"], [921_600, -1]),
    (["busy"], [921_600, -1]),
    (["corrupt", "no-answer"], [921_600, 460_800, -1]),
    (["no-answer", "no-answer", None], [921_600, 460_800, 115_200]),
])
def test_the_ladder_goes_down_when_bytes_are_lost_and_stops_when_that_does_not_help(answers, tried, monkeypatch, tmp_path):
    assert ladder(monkeypatch, tmp_path, [SAID[word] if word else None for word in answers]) == tried


def examine(*words: str, root: Path = Path("/nowhere")) -> list[tuple[str, str]]:
    found = doctor.examine([spots.named(word) for word in words], root)
    assert all(bool(finding.cure) != finding.well for finding in found)
    return [(finding.kind, finding.seen) for finding in found]


def test_boards_as_they_come_are_told_apart(tmp_path: Path):
    board = VirtualBoard("olimex_esp32_poe", tmp_path / "esp")
    try:
        assert examine(board.port) == [("blank", "an ESP32 without firmware")]
        verdict = job.run(Spot(board.port), job.Order([job.Load(pack(load_node("air")))]), lambda text: None)
        assert verdict.reason == "the board has no MicroPython: name an image with --micropython."
        with serial.Serial(board.port, exclusive=True):
            assert examine(board.port)[0][0] == "busy"
        script = "import serial,sys; s=serial.Serial(sys.argv[1],exclusive=True); print('ready',flush=True); input()"
        with subprocess.Popen([sys.executable, "-c", script, board.port], stdin=-1, stdout=-1, text=True) as other:
            assert other.stdout and other.stdout.readline() == "ready\n"
            kind, seen = examine(board.port)[0]
            assert kind == "busy" and f"({other.pid})" in seen
            other.communicate("\n")
        board.thread.call(lambda: board.board.power_on(download=True))
        assert examine(board.port)[0] in (
            ("download", "an ESP32 in download mode"), ("ok", "an ESP32 that says nothing: it sleeps, or runs a program of its own")
        )
        board.thread.call(board.board.power_off)
        assert examine(board.port)[0][0] == "no-answer"
    finally:
        board.close()
    assert examine(str(tmp_path / "none"))[0][0] == "missing"
    rp2 = Rp2Board("pico", tmp_path / "rp2")
    rp2.start()
    try:
        assert examine(str(tmp_path / "rp2"))[0][1].startswith("an RP2040 in its boot loader")
    finally:
        rp2.stop()


def usb(root: Path, name: str, vid: str, pid: str, inside: str = "") -> None:
    device = root / "sys/bus/usb/devices" / name
    (device / f"{name}:1.0" / inside).mkdir(parents=True)
    (device / "idVendor").write_text(f"{vid}\n")
    (device / "idProduct").write_text(f"{pid}\n")


def test_boards_without_a_port_are_seen_on_usb(tmp_path: Path):
    assert examine(root=tmp_path) == [("nothing", "no board, and nothing that looks like one on USB")]
    usb(tmp_path, "1-1", "10c4", "ea60", "ttyUSB0")
    usb(tmp_path, "1-2", "046d", "c52b")
    (tmp_path / "sys/bus/usb/devices/1-9").mkdir()
    assert examine(root=tmp_path)[0][0] == "nothing"
    usb(tmp_path, "1-3", "1a86", "7523")
    finding = doctor.examine([], tmp_path)[0]
    assert finding.kind == "no-driver" and "CH340" in finding.seen and "brltty" in finding.cure
    label = tmp_path / "dev/disk/by-label"
    label.mkdir(parents=True)
    (label / "RPI-RP2").write_text("")
    assert [finding.kind for finding in doctor.examine([], tmp_path)] == ["drive-not-mounted", "no-driver"]
    mounted = tmp_path / "media/me/RPI-RP2"
    mounted.mkdir(parents=True)
    (mounted / drive.MARK).write_text("UF2 Bootloader v3.0\r\nBoard-ID: RPI-RP2\r\n")
    assert [finding.kind for finding in doctor.examine([], tmp_path)] == ["no-driver"]
    assert drive.mounted(root=tmp_path) == [mounted]


def test_a_drive_of_another_chip_is_none(tmp_path: Path):
    (tmp_path / drive.MARK).write_text("Board-ID: RP2350\r\n")
    assert not drive.is_drive(tmp_path)
    with pytest.raises(FlashError, match="no drive of a boot loader"):
        spots.named(str(tmp_path))


def test_a_spot_has_a_port_a_drive_or_both(tmp_path: Path):
    assert spots.named("/dev/ttyACM0=/media/a/RPI-RP2") == Spot("/dev/ttyACM0", Path("/media/a/RPI-RP2"))
    assert spots.named("rfc2217://127.0.0.1:4000?ign_set_control") == Spot("rfc2217://127.0.0.1:4000?ign_set_control")
    assert spots.usb_name(0x303A, 0x1001) == "Espressif, native USB" and spots.usb_name(None, None) is None
