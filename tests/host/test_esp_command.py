"""`kerbstone board`: prints its ports, keeps its state, says in one sentence why it does not start."""

import json
import signal
import subprocess
import sys
from functools import partial

import pytest
import serial

COMMAND = [sys.executable, "-m", "kerbstone", "board"]


def refused(*words):
    done = subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("kerbstone: "), done.stderr
    return lines[0]


@pytest.fixture
def running(tmp_path):
    started = []

    def start(*words):
        # A test run in the background of a shell has Ctrl-C ignored, and so would all it starts.
        with_ctrl_c = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(
            [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=with_ctrl_c
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_prints_ports_that_work_and_ends_with_ctrl_c(running, tmp_path):
    process = running("olimex_esp32_poe", "--state", tmp_path / "state", "--json")
    facts = json.loads(process.stdout.readline())
    assert facts["chip"] == "ESP32" and facts["flash_bytes"] == 4 << 20 and facts["url"].startswith("rfc2217://127.0.0.1:")
    with serial.Serial(facts["port"], 115200, timeout=5) as console:
        assert b"invalid header" in console.read(150)
    said = refused("olimex_esp32_poe", "--state", tmp_path / "state")
    assert "in use by another virtual board" in said
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=20)
    assert process.returncode == 0 and complaints == ""
    assert (tmp_path / "state" / "flash.bin").stat().st_size == 4 << 20 and (tmp_path / "state" / "flash.wear.json").exists()
    again = running("olimex_esp32_poe", "--state", tmp_path / "state", "--json")
    assert json.loads(again.stdout.readline())["mac"] == facts["mac"]
    again.send_signal(signal.SIGTERM)
    again.communicate(timeout=20)
    assert again.returncode == 0


def test_started_in_download_mode_it_says_so(running):
    process = running("xiao_esp32s3_wio_sx1262", "--download")
    lines = [process.stdout.readline() for _ in range(8)]
    port = next(line.split()[1] for line in lines if line.startswith("port"))
    with serial.Serial(port, 115200, timeout=0.5) as console:
        assert console.read(100) == b""  # no boot loop: it waits


def test_unknown_board_and_a_board_without_a_loader():
    assert "'olimex_esp32_poe'" in refused("olimex_esp32_pow")
    assert "esp32c3" in refused("xiao_esp32c3_wio_sx1262_header")


def test_unusable_state(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be used as a state directory" in refused("olimex_esp32_poe", "--state", tmp_path / "file")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "flash.bin").write_bytes(b"x")
    assert "flash.bin holds 1 bytes" in refused("olimex_esp32_poe", "--state", tmp_path / "state")
